"""Masking (RFC 6455, 5.3): exclusive or with a key of four bytes, repeated."""

from __future__ import annotations

__all__ = ["apply_mask", "unmask", "unmask_whole"]


def apply_mask(data: bytes | bytearray | memoryview, key: bytes, offset: int = 0) -> bytes:
    """Return the data masked, or unmasked, which is the same.

    Args:
        data: any number of bytes.
        key: four bytes.
        offset: how many bytes of the same payload came before.
    """
    size = len(data)
    turn = offset & 3
    if turn:
        key = key[turn:] + key[:turn]
    # One big number instead of many small ones: exclusive or at the speed of memory.
    repeated = (key * ((size + 3) >> 2))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(repeated, "little")).to_bytes(
        size, "little"
    )


def unmask(buffer: bytes, start: int, stop: int, key: bytes, turn: int) -> bytes:
    """Return a piece of a masked payload; ``turn`` bytes of it, modulo 4, came before."""
    return apply_mask(buffer[start:stop], key, turn)


def unmask_whole(buffer: bytes, start: int, stop: int) -> bytes:
    """Return a whole masked payload; its key is right before it."""
    return apply_mask(buffer[start:stop], buffer[start - 4 : start])
