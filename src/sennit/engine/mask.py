"""Masking (RFC 6455, 5.3): exclusive or with a key of four bytes, repeated."""

from __future__ import annotations

__all__ = ["apply_mask"]


def apply_mask(data: bytes | bytearray | memoryview, key: bytes, offset: int = 0) -> bytes:
    """Return the data masked, or unmasked, which is the same.

    Args:
        data: any number of bytes.
        key: four bytes.
        offset: how many bytes of the same payload came before.
    """
    size = len(data)
    if not size:
        return b""
    turn = offset & 3
    if turn:
        key = key[turn:] + key[:turn]
    # One big number instead of many small ones: exclusive or at the speed of memory.
    repeated = (key * ((size + 3) >> 2))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(repeated, "little")).to_bytes(
        size, "little"
    )
