"""Decisions made by bytes, so that a fuzzer that changes bytes changes decisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Source"]

T = TypeVar("T")


class Source:
    """Reads decisions from bytes; where they have run out, every decision is the first one.

    Args:
        data: the bytes.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._index = 0

    def __bool__(self) -> bool:
        return self._index < len(self._data)

    def take(self, size: int) -> bytes:
        """Return so many bytes, or those that are left."""
        taken = self._data[self._index : self._index + size]
        self._index += len(taken)
        return taken

    def rest(self) -> bytes:
        """Return all that is left."""
        return self.take(len(self._data))

    def number(self, bound: int) -> int:
        """Return a number from 0 to ``bound - 1``, of at most two bytes."""
        if bound <= 1:
            return 0
        return int.from_bytes(self.take(1 if bound <= 256 else 2), "big") % bound

    def flag(self) -> bool:
        """Return yes or no."""
        return bool(self.number(2))

    def choice(self, options: Sequence[T]) -> T:
        """Return one of several."""
        return options[self.number(len(options))]

    def pieces(self, data: bytes) -> list[bytes]:
        """Return other data cut into pieces, by a few sizes that take turns."""
        # Thousands of pieces would take too long.
        scale = 1 + len(data) // 4096
        sizes = [scale * (1 + size) for size in self.take(1 + self.number(4))] or [scale]
        cut = []
        index = turn = 0
        while index < len(data):
            cut.append(data[index : index + sizes[turn % len(sizes)]])
            index += len(cut[-1])
            turn += 1
        return cut
