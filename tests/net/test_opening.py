"""The opening handshake in pieces: what is checked, what a mount is told, what is answered."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from sennit.engine.deflate import Deflate
from sennit.engine.handshake import accept_response, parse_request
from sennit.errors import HandshakeError
from sennit.interfaces import Accepted
from sennit.net.opening import Handshake, check_handshake, check_refusal, open_stream
from sennit.net.peer import Peer
from sennit.net.setting import WebSocketSettings
from sennit.net.stream_transport import StreamTransport
from tests.net.double import KEY, RecordingHandler, upgrade_request

PEER = Peer("192.0.2.1:54321", None, secure=True)


def check(head: bytes, peer: Peer = PEER, **settings: Any) -> Handshake:
    return check_handshake(parse_request(head), WebSocketSettings(**settings), peer)


def stream_of(accepted: Accepted, head: bytes | None = None, **settings: Any) -> StreamTransport:
    handshake = check(head or upgrade_request(Sec_WebSocket_Protocol="chat"), **settings)
    return open_stream(Clock(), handshake, accepted, WebSocketSettings(**settings))


def test_a_mount_is_told_how_the_client_came_in() -> None:
    """Path and query decoded, headers joined, offers in order."""
    head = upgrade_request(
        "/r%C3%A9/x?room=a%20b&room=c&empty=",
        Sec_WebSocket_Protocol="chat, superchat",
        X_Two="1\r\nX-Two: 2",
        Cookie="a=1; b=2\r\nCookie: c=3",
    )
    request = check(head).request
    assert request.path == "/ré/x"
    assert request.query == {"room": ("a b", "c"), "empty": ("",)}
    assert request.headers["x-two"] == "1, 2"
    assert request.headers["host"] == "example.com"
    assert (request.address, request.secure) == ("192.0.2.1:54321", True)
    assert request.subprotocols == ("chat", "superchat")
    assert request.cookies == {"a": "1", "b": "2", "c": "3"}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Upgrade": None}, 426),
        ({"Sec_WebSocket_Version": "8"}, 426),
        ({"Sec_WebSocket_Key": "short"}, 400),
        ({"Sec_WebSocket_Extensions": "permessage-deflate; ;"}, 400),
        ({"Sec_WebSocket_Protocol": "chat, chat"}, 400),
        ({"Origin": "https://evil.example"}, 403),
        ({"Content_Length": "5"}, 400),
        ({"Transfer_Encoding": "chunked"}, 400),
    ],
)
def test_a_wrong_handshake_does_not_reach_the_mount(changes: Any, status: int) -> None:
    """Each with its status."""
    with pytest.raises(HandshakeError) as caught:
        check(upgrade_request(**changes))
    assert caught.value.status == status


def test_allowed_origins_come_from_the_settings() -> None:
    """One that is listed passes; and a body of nothing is none."""
    head = upgrade_request(Origin="https://app.example", Content_Length="0")
    assert check(head, allowed_origins=("https://app.example",)).key == KEY


def test_the_host_behind_a_proxy_is_what_an_origin_is_compared_with() -> None:
    """With its port, and whether it is TLS there."""
    head = upgrade_request(Origin="https://app.example:8443")
    behind = PEER._replace(authority="app.example:8443")
    assert check(head, behind).request.headers["host"] == "example.com"
    with pytest.raises(HandshakeError):
        check(upgrade_request(Origin="https://example.com"), behind)


def test_the_mounts_answer_is_in_the_response() -> None:
    """Its subprotocol, headers and settings."""
    handler = RecordingHandler()
    headers = (("X-Node", "a"), ("Set-Cookie", "seen=1"))
    stream = stream_of(Accepted(handler, "chat", headers=headers, ping_interval=7.0))
    assert stream._greeting == accept_response(KEY, "chat", headers)
    assert stream.handler is handler
    assert stream.settings.ping_interval == 7.0


def test_compression_is_agreed_on_if_it_is_wanted() -> None:
    """And both are told."""
    head = upgrade_request(Sec_WebSocket_Extensions="permessage-deflate")
    accepted = Accepted(RecordingHandler())
    plain = stream_of(accepted, head)
    assert plain.connection.deflate is None
    assert b"Extensions" not in plain._greeting
    compressed = stream_of(accepted, head, compression=Deflate(server_max_window_bits=10))
    assert compressed.connection.deflate is not None
    assert b"Sec-WebSocket-Extensions: permessage-deflate" in compressed._greeting


@pytest.mark.parametrize(
    ("accepted", "complaint"),
    [
        (Accepted(RecordingHandler(), "other"), "'other' was chosen, which was not offered"),
        (Accepted(RecordingHandler(), headers=(("UPGRADE", "x"),)), "UPGRADE is for the handshake"),
        (
            Accepted(RecordingHandler(), headers=(("Sec-WebSocket-Protocol", "chat"),)),
            "Sec-WebSocket-Protocol is for the handshake itself",
        ),
        (Accepted(RecordingHandler(), headers=(("Transfer-Encoding", "x"),)), "for the handshake"),
        (Accepted(RecordingHandler(), headers=(("X-Split", "a\r\nb"),)), "cannot be a header"),
        (Accepted(RecordingHandler(), headers=(("X Name", "a"),)), "cannot be a header"),
    ],
)
def test_an_answer_that_cannot_be(accepted: Accepted, complaint: str) -> None:
    """The error says why, for the log."""
    with pytest.raises(ValueError, match=complaint):
        stream_of(accepted)


@pytest.mark.parametrize(
    ("error", "complaint"),
    [
        (HandshakeError(101, "come in"), "300 to 599, not 101"),
        (HandshakeError(200, "fine"), "300 to 599, not 200"),
        (HandshakeError(600, "beyond"), "300 to 599, not 600"),
        (HandshakeError(401, "no", (("X-Split", "a\r\nb"),)), "cannot be a header"),
        (HandshakeError(401, "\ud800"), "surrogates not allowed"),
    ],
)
def test_a_refusal_that_cannot_be(error: HandshakeError, complaint: str) -> None:
    """It would let the client in, or break the answer."""
    with pytest.raises(ValueError, match=complaint):
        check_refusal(error)


def test_a_refusal_that_can_be() -> None:
    """Redirects too."""
    check_refusal(HandshakeError(302, "there", (("Location", "/there"),)))
    check_refusal(HandshakeError(599, "no"))
