"""The head of an HTTP message, read with a bound."""

from __future__ import annotations

from sennit.errors import HandshakeError

__all__ = ["HeadReader"]

_END = b"\r\n\r\n"


class HeadReader:
    """Collects bytes until the empty line that ends a head.

    Args:
        max_size: bytes in a head, its last empty line included.
    """

    __slots__ = ("_buffer", "_max_size", "_searched")

    def __init__(self, max_size: int = 16 * 1024) -> None:
        self._max_size = max_size
        self._buffer = bytearray()
        self._searched = 0

    @property
    def buffered(self) -> bytes:
        """What was received so far."""
        return bytes(self._buffer)

    def receive(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Take bytes in.

        Returns:
            The head with its empty line, and what follows it; ``None`` until it is complete.

        Raises:
            HandshakeError: 431, the head is too long.
        """
        self._buffer += data
        end = self._buffer.find(_END, self._searched)
        size = len(self._buffer) if end < 0 else end + len(_END)
        if size > self._max_size:
            raise HandshakeError(431, f"the request's head has over {self._max_size} bytes")
        if end < 0:
            self._searched = max(0, len(self._buffer) - len(_END) + 1)
            return None
        return bytes(self._buffer[:size]), bytes(self._buffer[size:])
