"""A message in progress: what came of it so far."""

from __future__ import annotations

from sennit.engine.mask import unmask
from sennit.engine.utf8 import Utf8Checker

__all__ = ["Draft"]


class Draft:
    """A message in progress, unmasked: one buffer, however small its pieces.

    Args:
        text: whether it has to be UTF-8.
    """

    __slots__ = ("_checker", "_data")

    def __init__(self, text: bool) -> None:
        self._data = bytearray()
        self._checker = Utf8Checker() if text else None

    def add(self, buffer: bytes, start: int, stop: int, key: bytes, turn: int, final: bool) -> bool:
        """Take a piece of a payload out of a buffer.

        Args:
            buffer: what it is in.
            start: its first byte.
            stop: the first one after it.
            key: the four bytes that it is masked with; empty if it is not.
            turn: how many bytes of the same payload came before, modulo 4.
            final: whether the message ends with it.

        Returns:
            Whether a text is still, or with ``final`` is, UTF-8.
        """
        piece = unmask(buffer, start, stop, key, turn)
        self._data += piece
        return self._checker is None or self._checker.check(piece, final)

    def take(self) -> bytes:
        """Return the message, once, when it is whole."""
        return bytes(self._data)
