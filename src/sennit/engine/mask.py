"""Masking (RFC 6455, 5.3): exclusive or with a key of four bytes, repeated."""

from __future__ import annotations

__all__ = ["apply_mask", "unmask", "unmask_whole"]

_BLOCK = 4096


def apply_mask(data: bytes | bytearray | memoryview, key: bytes, offset: int = 0) -> bytes:
    """Return the data masked, or unmasked, which is the same.

    Args:
        data: any number of bytes.
        key: four bytes.
        offset: how many bytes of the same payload came before.
    """
    turn = offset & 3
    if turn:
        key = key[turn:] + key[:turn]
    size = len(data)
    if size <= _BLOCK:
        # One big number instead of many small ones.
        repeated = (key * ((size + 3) >> 2))[:size]
        return (int.from_bytes(data, "little") ^ int.from_bytes(repeated, "little")).to_bytes(
            size, "little"
        )
    # Blocks save making a number of the key for each of them, and stay in the cache.
    pattern = int.from_bytes(key * (_BLOCK >> 2), "little")
    end = size - size % _BLOCK
    blocks = []
    for start in range(0, end, _BLOCK):
        number = int.from_bytes(data[start : start + _BLOCK], "little")
        blocks.append((number ^ pattern).to_bytes(_BLOCK, "little"))
    blocks.append(apply_mask(data[end:], key))
    return b"".join(blocks)


def unmask(buffer: bytes, start: int, stop: int, key: bytes, turn: int) -> bytes:
    """Return a piece of a payload; ``turn`` bytes of it, modulo 4, came before.

    An empty key means that it is not masked.
    """
    piece = buffer[start:stop]
    return apply_mask(piece, key, turn) if key else piece


def unmask_whole(buffer: bytes, start: int, stop: int) -> bytes:
    """Return a whole masked payload; its key is right before it."""
    return apply_mask(buffer[start:stop], buffer[start - 4 : start])
