"""Target: what a client sends before it is let in."""

from __future__ import annotations

from fuzzing.source import Source
from sennit.engine.build import plain_request
from sennit.engine.deflate import Deflate
from sennit.engine.handshake import (
    ClientHandshake,
    Request,
    accept_deflate,
    accept_response,
    check_origin,
    check_upgrade,
    offered_subprotocols,
    parse_request,
    refuse_response,
)
from sennit.engine.head import HeadReader
from sennit.errors import HandshakeError

__all__ = ["check"]

LIMIT = 2000
DEFLATES = (None, Deflate(), Deflate(server_max_window_bits=8, server_no_context_takeover=True))


def check(data: bytes) -> None:
    """Any bytes are a request or a refusal, the same however they are cut, and cost no more."""
    settings, wire = data[-6:], data[:-6]
    source = Source(settings[::-1])
    deflate = source.choice(DEFLATES)
    whole = _outcome([wire], deflate)
    assert _outcome(source.pieces(wire), deflate) == whole
    assert _outcome([bytes([byte]) for byte in wire], deflate) == whole


def _check_plain(head: bytes) -> None:
    """What is read in machine code means what it means here."""
    quick = plain_request(head)
    if quick is None:
        return
    slow = parse_request(head)
    assert quick.key == check_upgrade(slow)
    assert (quick.path, quick.query, quick.fields) == (slow.path, slow.query, slow.fields)
    for name in (*slow.fields, "origin", "sec-websocket-protocol", "sec-websocket-extensions"):
        assert quick.header(name) == slow.header(name)
    if quick.same_origin:
        check_origin(slow, None, secure=False)


def _outcome(pieces: list[bytes], deflate: Deflate | None) -> object:
    reader = HeadReader(LIMIT)
    for index, piece in enumerate(pieces):
        try:
            complete = reader.receive(piece)
        except HandshakeError as error:
            return _refused(error)
        # What was never taken for a head may be a piece longer than the limit at most.
        assert len(reader.buffered) <= LIMIT + len(piece)
        if complete is not None:
            head, rest = complete
            assert len(head) <= LIMIT
            _check_plain(head)
            return _answer(head, deflate), rest + b"".join(pieces[index + 1 :])
    return None


def _answer(head: bytes, deflate: Deflate | None) -> object:
    try:
        request = parse_request(head)
        assert isinstance(request.path + request.query, str)
        check_origin(request, None, secure=False)
        check_origin(request, ("https://*.example.com", "http://a"), secure=True)
        key = check_upgrade(request)
        offered = offered_subprotocols(request)
        agreement, extensions = accept_deflate(request, deflate)
    except HandshakeError as error:
        return _refused(error)
    response = accept_response(key, offered[-1] if offered else None, (), extensions)
    _check_accepted(request, key, offered, response)
    return response, agreement is None


def _check_accepted(request: Request, key: str, offered: tuple[str, ...], response: bytes) -> None:
    """A client that sent this takes that for an answer."""
    client = ClientHandshake("a", "/", subprotocols=offered, key=key)
    text = response.decode("latin-1")
    without = "\r\n".join(
        line for line in text.split("\r\n") if not line.startswith("Sec-WebSocket-Extensions")
    )
    assert client.check_response(without.encode("latin-1")) == (offered[-1] if offered else None)
    assert request.method == "GET"


def _refused(error: HandshakeError) -> object:
    assert 400 <= error.status <= 505
    assert refuse_response(error).startswith(b"HTTP/1.1 %d " % error.status)
    return error.status, error.reason
