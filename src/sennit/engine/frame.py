"""Frames on their way out (RFC 6455, 5.2)."""

from __future__ import annotations

from sennit.engine.mask import apply_mask

__all__ = [
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "CONTROL_LIMIT",
    "PING",
    "PONG",
    "RSV1",
    "TEXT",
    "encode_frame",
]

CONTINUATION = 0x0
TEXT = 0x1
BINARY = 0x2
CLOSE = 0x8
PING = 0x9
PONG = 0xA

RSV1 = 4
"""The bit of a message's first frame that says that it is compressed (RFC 7692, 6)."""

CONTROL_LIMIT = 125
"""Bytes in the payload of a control frame (5.5)."""


def encode_frame(
    opcode: int, payload: bytes, *, fin: bool = True, rsv: int = 0, mask: bytes | None = None
) -> bytes:
    """Return a frame.

    Args:
        opcode: one of the six.
        payload: not masked yet.
        fin: whether it is the last of its message.
        rsv: RSV1 to RSV3 as a number of three bits, RSV1 being 4; for extensions.
        mask: four bytes for a client's frame, ``None`` for a server's.
    """
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    masked = 0 if mask is None else 0x80
    size = len(payload)
    if size < 126:
        head = bytes((first, masked | size))
    elif size < 0x10000:
        head = bytes((first, masked | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, masked | 127)) + size.to_bytes(8, "big")
    if mask is None:
        return head + payload
    return head + mask + apply_mask(payload, mask)
