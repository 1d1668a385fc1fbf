"""The opening handshake meets the mounts."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.task import Clock

from sennit.engine.handshake import accept_response, parse_request
from sennit.errors import HandshakeError
from sennit.net.opening import describe_address, open_stream
from sennit.net.setting import WebSocketSettings
from tests.double import LogKeeper
from tests.net.double import KEY, RecordingMount, refusal, upgrade_request

PEER = IPv4Address("TCP", "192.0.2.1", 54321)


def open_at(mount: RecordingMount, head: bytes, **settings: Any) -> Any:
    return open_stream(
        Clock(),
        mount,
        parse_request(head),
        WebSocketSettings(**settings),
        address=PEER,
        secure=True,
    )


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (PEER, "192.0.2.1:54321"),
        (IPv6Address("TCP", "2001:db8::1", 80), "[2001:db8::1]:80"),
        (UNIXAddress(None), "unix"),
        ("elsewhere", "elsewhere"),
    ],
)
def test_addresses_as_text(address: object, text: str) -> None:
    """As a person writes them."""
    assert describe_address(address) == text


def test_a_mount_is_told_how_the_client_came_in() -> None:
    """Path and query decoded, headers joined, offers in order."""
    mount = RecordingMount()
    head = upgrade_request(
        "/r%C3%A9/x?room=a%20b&room=c&empty=",
        Sec_WebSocket_Protocol="chat, superchat",
        Cookie="a=1",
    ).replace(b"Cookie: a=1", b"X-Two: 1\r\nX-Two: 2")
    stream = open_at(mount, head)
    (request,) = mount.requests
    assert request.path == "/ré/x"
    assert request.query == {"room": ("a b", "c"), "empty": ("",)}
    assert request.headers["x-two"] == "1, 2"
    assert request.headers["host"] == "example.com"
    assert (request.address, request.secure) == ("192.0.2.1:54321", True)
    assert request.subprotocols == ("chat", "superchat")
    assert stream.handler is mount.handlers[0]


def test_the_mounts_choice_is_in_the_greeting() -> None:
    """Its subprotocol and headers."""
    mount = RecordingMount()
    mount.subprotocol = "chat"
    mount.headers = (("X-Node", "a"),)
    stream = open_at(mount, upgrade_request(Sec_WebSocket_Protocol="chat"))
    assert stream._greeting == accept_response(KEY, "chat", mount.headers)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Upgrade": None}, 426),
        ({"Sec_WebSocket_Version": "8"}, 426),
        ({"Sec_WebSocket_Key": "short"}, 400),
        ({"Origin": "https://evil.example"}, 403),
        ({"Content_Length": "5"}, 400),
        ({"Transfer_Encoding": "chunked"}, 400),
    ],
)
def test_a_wrong_handshake_does_not_reach_the_mount(changes: Any, status: int) -> None:
    """Each with its status."""
    mount = RecordingMount()
    with pytest.raises(HandshakeError) as caught:
        open_at(mount, upgrade_request(**changes))
    assert caught.value.status == status
    assert mount.requests == []


def test_allowed_origins_come_from_the_settings() -> None:
    """One that is listed passes."""
    mount = RecordingMount()
    head = upgrade_request(Origin="https://app.example", Content_Length="0")
    open_at(mount, head, allowed_origins=("https://app.example",))
    assert len(mount.handlers) == 1


def test_a_mount_may_refuse() -> None:
    """With a status and headers of its own."""
    mount = RecordingMount()
    mount.error = refusal(401)
    with pytest.raises(HandshakeError) as caught:
        open_at(mount, upgrade_request())
    assert caught.value is mount.error


@pytest.mark.parametrize("fault", ["raises", "subprotocol", "header"])
def test_a_failing_mount_is_500_and_logged(fault: str) -> None:
    """What it raised, an answer that nobody offered, a header that is none."""
    mount = RecordingMount()
    if fault == "raises":
        mount.error = ZeroDivisionError("a bug")
    elif fault == "subprotocol":
        mount.subprotocol = "chat"
    else:
        mount.headers = (("X-Split", "a\r\nb"),)
    with LogKeeper() as log, pytest.raises(HandshakeError) as caught:
        open_at(mount, upgrade_request())
    assert caught.value.status == 500
    assert "bug" not in caught.value.reason
    assert len(log.failures()) == 1
