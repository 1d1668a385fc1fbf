"""Target: frames that are mostly right, so that what is behind the first checks is reached."""

from __future__ import annotations

import zlib

from fuzzing.outcome import check_chunking
from fuzzing.source import Source
from fuzzing.stream import choose_connection
from sennit.engine.build import SERVER, encode_frame
from tests.engine.wire import KEY, frame

__all__ = ["check"]

OPCODES = (1, 0, 2, 9, 10, 8, 0, 0, 1, 2, 3, 11)
TEXTS = (b"", b"\xe2\x82\xac", b"\xed\xa0\x80", b"\xf4\x8f\xbf\xbf", b"\xf0\x9f", b"\x92\xa9")
SIZES = (0, 1, 125, 126, 127, 400, 65_535, 65_536)


def check(data: bytes) -> None:
    """Whatever a peer makes of frames, it is events or a failure, the same however it is cut."""
    source = Source(data)
    settings = source.take(8)
    connection, limit = choose_connection(Source(settings))
    masked = connection.role == SERVER
    cutting = source.take(5)
    wire = b""
    while source and len(wire) < 20_000:
        wire += _frame(source, masked, compressed=connection.deflate is not None)
    check_chunking(
        lambda: choose_connection(Source(settings))[0], wire, Source(cutting).pieces(wire), limit
    )


def _frame(source: Source, masked: bool, *, compressed: bool) -> bytes:
    opcode = source.choice(OPCODES)
    shape = source.number(256)
    fin = bool(shape & 1) or opcode >= 8
    rsv = 4 if compressed and opcode in (1, 2) and shape & 2 else 0
    payload = _payload(source, deflated=bool(rsv) or (compressed and not opcode))
    if opcode == 8 and shape & 4:
        payload = (900 + source.number(4200)).to_bytes(2, "big") + payload
    if opcode >= 8 and not shape & 8:
        payload = payload[:125]
    if shape >> 4 != 15:
        return encode_frame(opcode, payload, fin=fin, rsv=rsv, mask=KEY if masked else None)
    return frame(
        opcode,
        payload[:400],
        fin=source.flag(),
        rsv=source.number(8),
        masked=source.flag(),
        form=source.choice((3, 9)),
    )


def _payload(source: Source, *, deflated: bool) -> bytes:
    kind = source.number(6)
    if kind == 0:
        payload = source.take(source.number(60))
    elif kind == 1:
        payload = source.choice(TEXTS)
    elif kind == 2:
        payload = source.choice((b"a", b"\x00", b"\xff")) * source.choice(SIZES)
    else:
        payload = source.take(source.number(8))
    if not deflated or kind == 5:
        return payload
    level, flush = source.number(10), source.choice((zlib.Z_SYNC_FLUSH, zlib.Z_FINISH))
    deflater = zlib.compressobj(level, zlib.DEFLATED, -9 - source.number(7))
    packed = deflater.compress(payload) + deflater.flush(flush)
    return packed.removesuffix(b"\x00\x00\xff\xff") if source.flag() else packed
