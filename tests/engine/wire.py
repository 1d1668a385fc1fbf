"""Frames as a peer would write them, right or wrong: an encoder of the tests' own."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

__all__ = ["KEY", "chunked", "frame", "naive_mask"]

KEY = b"\x12\x34\x56\x78"


def naive_mask(data: bytes, key: bytes, offset: int = 0) -> bytes:
    """Mask byte by byte, as RFC 6455, 5.3 puts it."""
    return bytes(byte ^ key[(offset + index) % 4] for index, byte in enumerate(data))


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    masked: bool = True,
    form: int | None = None,
    size: int | None = None,
) -> bytes:
    """Return a frame.

    Args:
        opcode: any.
        payload: what follows the head.
        fin: the first bit.
        rsv: the next three.
        masked: whether it is a client's.
        form: bytes of the length field, 1, 3 or 9, if not the shortest.
        size: the length to announce, if not the payload's.
    """
    length = len(payload) if size is None else size
    if form is None:
        form = 1 if length < 126 else 3 if length < 0x10000 else 9
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    bit = 0x80 if masked else 0
    if form == 1:
        head = bytes((first, bit | length))
    elif form == 3:
        head = bytes((first, bit | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((first, bit | 127)) + length.to_bytes(8, "big")
    return head + KEY + naive_mask(payload, KEY) if masked else head + payload


@st.composite
def chunked(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """Return the data cut into pieces anywhere."""
    cuts = draw(st.lists(st.integers(0, len(data)), max_size=12).map(sorted))
    edges = [0, *cuts, len(data)]
    return [data[start:end] for start, end in pairwise(edges)]
