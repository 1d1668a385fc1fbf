"""Target: what a server answers to a client of ours."""

from __future__ import annotations

from fuzzing.source import Source
from sennit.engine.deflate import Deflate
from sennit.engine.handshake import ClientHandshake
from sennit.engine.head import HeadReader
from sennit.errors import HandshakeError

__all__ = ["check"]

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
RIGHT = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %s\r\n" % ACCEPT
)
DEFLATES = (None, Deflate(), Deflate(server_max_window_bits=8, client_no_context_takeover=True))


def check(data: bytes) -> None:
    """Any bytes are an answer or a failure, the same however they are cut."""
    settings, wire = data[-6:], data[:-6]
    source = Source(settings[::-1])
    deflate = source.choice(DEFLATES)
    if source.flag():
        # Behind a right answer's first fields, so that the others are looked at.
        wire = RIGHT + wire
    whole = _outcome([wire], deflate)
    assert _outcome(source.pieces(wire), deflate) == whole
    assert _outcome([bytes([byte]) for byte in wire], deflate) == whole


def _outcome(pieces: list[bytes], deflate: Deflate | None) -> object:
    client = ClientHandshake("a", "/", subprotocols=("chat", "b"), key=KEY, deflate=deflate)
    reader = HeadReader(2000)
    for piece in pieces:
        try:
            complete = reader.receive(piece)
            if complete is None:
                continue
            subprotocol = client.check_response(complete[0])
        except HandshakeError as error:
            return error.status, error.reason, error.headers
        assert ACCEPT in complete[0], "taken without the right key"
        assert subprotocol in (None, "chat", "b")
        agreement = client.agreement
        assert agreement is None or deflate is not None
        if agreement is not None:
            assert 8 <= agreement.send_bits <= 15
            assert deflate is None or agreement.receive_bits <= deflate.server_max_window_bits
        return subprotocol, agreement is None
    return None
