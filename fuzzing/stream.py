"""Target: raw bytes after the handshake, in both roles."""

from __future__ import annotations

from fuzzing.outcome import check_chunking
from fuzzing.source import Source
from sennit.engine.build import CLIENT, SERVER, Connection
from sennit.engine.deflate import Agreement, Deflate

__all__ = ["check", "choose_connection"]

LIMITS = (400, 20, 70_000, 1 << 20)


def choose_connection(source: Source) -> tuple[Connection, int]:
    """Return a connection as the source wants it, and its limit."""
    role = source.choice((SERVER, CLIENT))
    limit = source.choice(LIMITS)
    fragments = source.choice((100, 2))
    deflate = None
    if source.flag():
        # zlib may let a reference beyond a smaller window pass, if it is to what came out of the
        # same read: then what a peer may not send means something else in other pieces.
        takeover = source.flag()
        deflate = Agreement(Deflate(), 15, 15, takeover, takeover, is_server=role == SERVER)
    connection = Connection(
        role,
        max_message=limit,
        max_fragments=fragments,
        new_mask=lambda: b"mask",
        deflate=deflate,
        streaming=source.flag(),
    )
    if source.flag():
        connection.close(4000, "first")
    return connection, limit


def check(data: bytes) -> None:
    """Any bytes are events or a failure, the same however they are cut."""
    # The choices stand at the end, so that a capture is an input as it is.
    settings, wire = data[-12:], data[:-12]
    _, limit = choose_connection(Source(settings))
    pieces = Source(settings[::-1]).pieces(wire)
    check_chunking(lambda: choose_connection(Source(settings))[0], wire, pieces, limit)
