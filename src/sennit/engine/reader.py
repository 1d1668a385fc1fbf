"""The reader: bytes to frames to messages, strictly (RFC 6455, 5; RFC 7692, 6.2).

Written to be compiled from this source: no generators, integer states, slots, one buffer with an
index. It is asked for one item after the other, so that nothing is unmasked or decompressed before
somebody wants it. A whole unfragmented message costs one pass.
"""

from __future__ import annotations

from sennit.engine.close import INVALID_DATA, MESSAGE_TOO_BIG, PROTOCOL_ERROR
from sennit.engine.deflate import Decompressor
from sennit.engine.frame import CONTROL_LIMIT, PONG, TEXT
from sennit.engine.mask import apply_mask
from sennit.engine.utf8 import Utf8Checker, is_utf8
from sennit.errors import RemoteProtocolError

__all__ = ["CLIENT", "SERVER", "Item", "Reader"]

CLIENT = 1
SERVER = 2

CHUNK = 64 * 1024
"""Bytes that are decompressed at once."""

_HEAD = 0
_PAYLOAD = 1
_INFLATING = 2

Item = tuple[int, bytes, bool]
"""An opcode (TEXT, BINARY, CLOSE, PING, PONG), a payload, and whether the message ends with it."""


class Reader:
    """Reads what one peer sends.

    Args:
        role: ``SERVER`` demands masked frames, ``CLIENT`` unmasked ones (5.1).
        max_message: bytes in a message, decompressed; more is refused when a frame's head
            announces it, or as soon as so much has come out (1009).
        max_fragments: frames in a message; more is refused (1009).
        decompressor: for messages with RSV1; ``None`` if that bit is not agreed on.
        streaming: hand messages out in pieces, as they come.
    """

    __slots__ = (
        "_buffer",
        "_checker",
        "_compressed",
        "_compression",
        "_control",
        "_decompressor",
        "_fin",
        "_fragments",
        "_index",
        "_key",
        "_left",
        "_masked",
        "_max_fragments",
        "_max_message",
        "_message",
        "_opcode",
        "_parts",
        "_read",
        "_role",
        "_size",
        "_state",
        "_streaming",
    )

    def __init__(
        self,
        role: int,
        max_message: int,
        max_fragments: int,
        decompressor: Decompressor | None = None,
        streaming: bool = False,
    ) -> None:
        self._role = role
        self._max_message = max_message
        self._max_fragments = max_fragments
        self._compression = decompressor is not None
        self._decompressor: Decompressor
        if decompressor is not None:
            self._decompressor = decompressor
        self._streaming = streaming
        self._buffer = b""
        self._index = 0
        self._state = _HEAD
        self._message = 0
        """The opcode of the message in progress, 0 between messages."""
        self._compressed = False
        """Whether the message in progress is."""
        self._fragments = 0
        self._size = 0
        """Bytes of the message in progress, decompressed."""
        self._parts = bytearray()
        """The message in progress, unmasked: one buffer, however small its fragments."""
        self._checker: Utf8Checker | None = None
        self._opcode = 0
        self._fin = False
        self._masked = False
        self._key = b""
        self._left = 0
        self._read = 0
        self._control = bytearray()

    def feed(self, data: bytes) -> None:
        """Take more bytes in."""
        self._buffer = self._buffer[self._index :] + data if self._buffer else data
        self._index = 0

    def next_item(self) -> Item | None:
        """Return the next item; ``None`` when more bytes are needed for one.

        The payload of a text is UTF-8, checked; a piece of it may end within a character.

        Raises:
            RemoteProtocolError: the peer broke the protocol; nothing may be asked any more.
        """
        while True:
            state = self._state
            if state == _HEAD:
                if not self._read_head():
                    break
                continue
            if state == _PAYLOAD:
                if self._left and self._index == len(self._buffer):
                    break
                item = self._read_payload()
            else:
                item = self._inflate()
            if item is not None:
                return item
        if self._index == len(self._buffer):
            self._buffer = b""
            self._index = 0
        return None

    # -- the head of a frame ---------------------------------------------------------------------

    def _read_head(self) -> bool:  # noqa: C901 - one pass over the head, for speed
        buffer = self._buffer
        index = self._index
        available = len(buffer) - index
        if available < 2:
            if available:
                self._check_first(buffer[index])
            return False
        first = buffer[index]
        second = buffer[index + 1]
        self._check_first(first)
        self._check_second(first & 0x0F, second)
        size = second & 0x7F
        index += 2
        if size == 126:
            if available < 4:
                return False
            size = buffer[index] << 8 | buffer[index + 1]
            index += 2
            if size < 126:
                raise RemoteProtocolError(PROTOCOL_ERROR, "a length is in its shortest form")
        elif size == 127:
            if available < 10:
                return False
            size = int.from_bytes(buffer[index : index + 8], "big")
            index += 8
            if size < 0x10000:
                raise RemoteProtocolError(PROTOCOL_ERROR, "a length is in its shortest form")
            if size >> 63:
                raise RemoteProtocolError(PROTOCOL_ERROR, "a length has 63 bits")
        if second & 0x80:
            if len(buffer) - index < 4:
                return False
            self._key = buffer[index : index + 4]
            index += 4
        self._index = index
        self._begin(first, size, masked=bool(second & 0x80))
        return True

    def _check_first(self, first: int) -> None:
        opcode = first & 0x0F
        if first & 0x70:
            self._check_reserved(first, opcode)
        if opcode & 0x8:
            if opcode > PONG:
                raise RemoteProtocolError(PROTOCOL_ERROR, f"opcode {opcode:#x} is reserved")
            if not first & 0x80:
                raise RemoteProtocolError(PROTOCOL_ERROR, "a control frame is not fragmented")
        elif opcode > 2:
            raise RemoteProtocolError(PROTOCOL_ERROR, f"opcode {opcode:#x} is reserved")
        elif opcode == 0:
            if not self._message:
                raise RemoteProtocolError(PROTOCOL_ERROR, "there is no message to continue")
        elif self._message:
            raise RemoteProtocolError(PROTOCOL_ERROR, "the message before is not finished")

    def _check_reserved(self, first: int, opcode: int) -> None:
        if first & 0x70 != 0x40 or not self._compression:
            raise RemoteProtocolError(PROTOCOL_ERROR, "a reserved bit is set without an extension")
        if opcode & 0x8 or not opcode:
            # RFC 7692, 6.1: it belongs to messages, and stands in their first frame.
            raise RemoteProtocolError(
                PROTOCOL_ERROR, "only the first frame of a message says that it is compressed"
            )

    def _check_second(self, opcode: int, second: int) -> None:
        if self._role == SERVER:
            if not second & 0x80:
                raise RemoteProtocolError(PROTOCOL_ERROR, "a client masks its frames")
        elif second & 0x80:
            raise RemoteProtocolError(PROTOCOL_ERROR, "a server does not mask its frames")
        if opcode & 0x8 and second & 0x7F > CONTROL_LIMIT:
            raise RemoteProtocolError(PROTOCOL_ERROR, "a control frame has at most 125 bytes")

    def _begin(self, first: int, size: int, *, masked: bool) -> None:
        opcode = first & 0x0F
        self._opcode = opcode
        self._fin = bool(first & 0x80)
        self._masked = masked
        self._left = size
        self._read = 0
        self._state = _PAYLOAD
        if opcode & 0x8:
            return
        if opcode:
            self._message = opcode
            self._compressed = bool(first & 0x40)
            self._fragments = 0
            self._size = 0
        self._fragments += 1
        if self._fragments > self._max_fragments:
            raise RemoteProtocolError(
                MESSAGE_TOO_BIG, f"a message has at most {self._max_fragments} fragments"
            )
        if not self._compressed:
            self._grow(size)

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._max_message:
            raise RemoteProtocolError(
                MESSAGE_TOO_BIG, f"a message has at most {self._max_message} bytes"
            )

    # -- the payload -----------------------------------------------------------------------------

    def _read_payload(self) -> Item | None:
        index = self._index
        size = min(self._left, len(self._buffer) - index)
        data = self._buffer[index : index + size]
        if self._masked:
            data = apply_mask(data, self._key, self._read)
        self._index = index + size
        self._left -= size
        self._read += size
        whole = self._left == 0
        if self._opcode & 0x8:
            return self._take_control(data, whole)
        final = whole and self._fin
        if self._compressed:
            self._decompressor.feed(data, final=final)
            self._state = _INFLATING
            return None
        if whole:
            self._state = _HEAD
        return self._take_data(data, final)

    def _inflate(self) -> Item | None:
        decompressor = self._decompressor
        room = self._max_message - self._size
        # One byte over the limit shows that there is more.
        data = decompressor.read(min(CHUNK, room + 1))
        if data:
            if len(data) > room and self._message == TEXT:
                # Wrong text before the limit is wrong text, however it was cut on its way.
                self._check_text(data[:room], final=False)
            self._grow(len(data))
            return self._take_data(data, final=False)
        self._state = _PAYLOAD if self._left else _HEAD
        if self._left or not self._fin:
            return None
        decompressor.end()
        return self._take_data(b"", final=True)

    def _take_control(self, data: bytes, whole: bool) -> Item | None:
        self._control += data
        if not whole:
            return None
        payload = bytes(self._control)
        self._control.clear()
        self._state = _HEAD
        return self._opcode, payload, True

    def _take_data(self, data: bytes, final: bool) -> Item | None:
        message = self._message
        if message == TEXT:
            self._check_text(data, final)
        if final:
            self._message = 0
            self._checker = None
        if self._streaming:
            return (message, data, final) if data or final else None
        if not final:
            self._parts += data
            return None
        if self._parts:
            self._parts += data
            data = bytes(self._parts)
            self._parts = bytearray()
        return message, data, True

    def _check_text(self, data: bytes, final: bool) -> None:
        checker = self._checker
        if checker is None:
            if final:
                # The usual case, a whole message at once, needs nothing that remembers.
                if not is_utf8(data):
                    raise RemoteProtocolError(INVALID_DATA, "the text is not UTF-8")
                return
            checker = self._checker = Utf8Checker()
        if not checker.check(data, final=final):
            raise RemoteProtocolError(INVALID_DATA, "the text is not UTF-8")
