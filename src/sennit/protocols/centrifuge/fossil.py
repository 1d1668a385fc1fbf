"""Differences between two payloads, in the format of the Fossil version control system (section 7).

A delta says how to make the target of the base: its size, then commands to copy a stretch of the
base or to insert bytes, then a checksum. Numbers are in base 64.

::

    delta   = size LF *( copy / insert ) checksum ";"
    copy    = length "@" offset ","
    insert  = length ":" bytes
"""

from __future__ import annotations

import struct
from functools import lru_cache

__all__ = ["DeltaError", "apply_delta", "create_delta"]

_DIGITS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_BLOCK = 16
"""Bytes that have to be the same for a copy to be found."""
_STRIDE = 64
"""Bytes that are compared at once when a match is made longer."""


class DeltaError(ValueError):
    """Not a delta, or not one of this base."""


@lru_cache(maxsize=4)
def create_delta(base: bytes, target: bytes) -> bytes:
    """Return what makes the target of the base.

    The base is cut into blocks, which are then looked for at every place of the target; a match
    is made as long as it goes, in both directions. The last few deltas are remembered, since the
    same publication goes out in more than one format.
    """
    parts = [_number(len(target)), b"\n"]
    blocks: dict[bytes, int] = {}
    for offset in range(len(base) // _BLOCK * _BLOCK - _BLOCK, -1, -_BLOCK):
        blocks[base[offset : offset + _BLOCK]] = offset
    written = at = 0
    last = len(target) - _BLOCK
    while at <= last:
        found = blocks.get(target[at : at + _BLOCK])
        if found is None:
            at += 1
            continue
        back = _common_end(base, found, target, at, at - written)
        ahead = _common_start(base, found + _BLOCK, target, at + _BLOCK)
        start, length = at - back, back + _BLOCK + ahead
        if start > written:
            parts += (_number(start - written), b":", target[written:start])
        parts += (_number(length), b"@", _number(found - back), b",")
        written = at = start + length
    if written < len(target):
        parts += (_number(len(target) - written), b":", target[written:])
    parts += (_number(_checksum(target)), b";")
    return b"".join(parts)


def apply_delta(base: bytes, delta: bytes) -> bytes:
    """Return the target.

    Raises:
        DeltaError: it is not a delta, or the base is not the one that it was made with.
    """
    reader = _Reader(delta)
    size = reader.number(b"\n")
    parts: list[bytes] = []
    made = 0
    while True:
        count, command = reader.command()
        if command == b";":
            break
        if command == b":":
            part = reader.take(count)
        else:
            offset = reader.number(b",")
            part = base[offset : offset + count]
        if len(part) != count:
            raise DeltaError("a command goes beyond the end")
        made += count
        if made > size:
            raise DeltaError("the target is longer than it says")
        parts.append(part)
    target = b"".join(parts)
    if made != size or count != _checksum(target) or reader.left:
        raise DeltaError("the target is not what it says")
    return target


class _Reader:
    """Reads a delta from its beginning to its end."""

    def __init__(self, delta: bytes) -> None:
        self._delta = delta
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._delta) - self._at

    def command(self) -> tuple[int, bytes]:
        """Return a number, and the byte behind it that says what it is for."""
        value = 0
        for at in range(self._at, len(self._delta)):
            digit = _VALUES.get(self._delta[at])
            if digit is None:
                self._at = at + 1
                mark = self._delta[at : at + 1]
                if mark not in (b"@", b":", b";", b",", b"\n"):
                    break
                return value, mark
            value = value * 64 + digit
        raise DeltaError("not a delta")

    def number(self, end: bytes) -> int:
        """Return a number that ends so."""
        value, mark = self.command()
        if mark != end:
            raise DeltaError("not a delta")
        return value

    def take(self, count: int) -> bytes:
        """Return so many bytes, or what is left."""
        taken = self._delta[self._at : self._at + count]
        self._at += count
        return taken


def _number(value: int) -> bytes:
    digits = bytearray()
    while True:
        value, digit = divmod(value, 64)
        digits.append(_DIGITS[digit])
        if not value:
            digits.reverse()
            return bytes(digits)


def _checksum(data: bytes) -> int:
    """Return the sum of the big-endian words of four bytes, zeros added at the end."""
    padded = data + bytes(-len(data) % 4)
    words: tuple[int, ...] = struct.unpack(f">{len(padded) // 4}I", padded)
    return sum(words) & 0xFFFFFFFF


def _common_start(base: bytes, of_base: int, target: bytes, of_target: int) -> int:
    """Return how many bytes are the same from two places on."""
    most = min(len(base) - of_base, len(target) - of_target)
    same = 0
    while (
        same + _STRIDE <= most
        and base[of_base + same : of_base + same + _STRIDE]
        == target[of_target + same : of_target + same + _STRIDE]
    ):
        same += _STRIDE
    while same < most and base[of_base + same] == target[of_target + same]:
        same += 1
    return same


def _common_end(base: bytes, of_base: int, target: bytes, of_target: int, most: int) -> int:
    """Return how many bytes are the same before two places, up to a bound."""
    most = min(most, of_base)
    same = 0
    while same < most and base[of_base - same - 1] == target[of_target - same - 1]:
        same += 1
    return same
