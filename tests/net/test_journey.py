"""Redirects: which are followed, how many, and with what."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from sennit.errors import HandshakeError
from sennit.net.client import connect
from sennit.net.websocket import WebSocket
from tests.certificate import make_certificate
from tests.double import outcome
from tests.net.network import FakeEndpoint, FakeNetwork, Server
from tests.net.test_client import error_of

HERE = "ws://here.example/a?x=1"


class Trip:
    """A call of ``connect`` whose server redirects."""

    def __init__(self, url: str = HERE, **options: Any) -> None:
        self.network = FakeNetwork()
        self.result: Deferred[WebSocket] = connect(self.network, url, **options)
        self.server: Server = self.network.connect()

    def redirect(self, location: str, status: int = 302) -> None:
        """Redirect the client, and let it come."""
        server = self.server
        server.refuse(status, f"Location: {location}", body=b"moved")
        assert server.let_go
        server.hang_up()
        self.server = self.network.connect()

    def refusal(self) -> HandshakeError:
        error = error_of(self.result)
        assert isinstance(error, HandshakeError)
        self.network.check_quiet()
        return error


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(status: int) -> None:
    """Each of HTTP's kinds: a handshake is a GET, and stays one."""
    trip = Trip(subprotocols=("chat",), origin="http://a", headers={"X-One": "1"})
    trip.redirect("ws://there.example:8000/b?y=2", status)
    request = trip.server.accept(subprotocol="chat")
    assert trip.network.asked == [("here.example", 80), ("there.example", 8000)]
    assert (request.method, request.target) == ("GET", "/b?y=2")
    assert request.header("host") == "there.example:8000"
    assert (request.header("origin"), request.header("x-one")) == ("http://a", "1")
    ws = outcome(trip.result)
    assert (ws.subprotocol, ws.request.path) == ("chat", "/b")
    assert ws.request.address == "there.example:8000"


def test_a_key_for_each_handshake() -> None:
    """Nobody hears the one that another was given."""
    trip = Trip()
    first = trip.server.request().header("sec-websocket-key")
    trip.redirect("/b")
    second = trip.server.request().header("sec-websocket-key")
    assert None not in (first, second)
    assert first != second


def test_a_relative_redirect() -> None:
    """Stays at the host."""
    trip = Trip("ws://here.example:8/a/b?x=1")
    trip.redirect("../c")
    assert trip.server.accept().target == "/c"
    assert trip.network.asked == [("here.example", 8)] * 2
    assert not outcome(trip.result).closed


SECRETS: dict[str, Any] = {
    "auth": ("me", "secret"),
    "cookies": {"a": "b"},
    "headers": {"X-One": "1"},
}


def shown(trip: Trip) -> tuple[bool, bool, bool]:
    request = trip.server.request()
    return (
        request.header("authorization") is not None,
        request.header("cookie") is not None,
        request.header("x-one") is not None,
    )


def test_credentials_stay_with_their_server() -> None:
    """Another path of it gets them, another server does not, nor does this one after that."""
    trip = Trip(**SECRETS)
    trip.redirect("/b")
    assert shown(trip) == (True, True, True)
    trip.redirect("ws://there.example/")
    assert shown(trip) == (False, False, True)
    trip.redirect(HERE)
    assert shown(trip) == (False, False, True)


@pytest.mark.parametrize("location", ["ws://here.example:81/", "ws://sub.here.example/"])
def test_another_port_or_host_is_another_server(location: str) -> None:
    """However like it is."""
    trip = Trip(**SECRETS)
    trip.redirect(location)
    assert shown(trip) == (False, False, True)


def test_from_plain_to_tls() -> None:
    """As servers redirect who comes without: credentials have to be said again, there."""
    certificate = make_certificate("here.example")
    trip = Trip(tls=certificate, **SECRETS)
    trip.server.refuse(301, "Location: https://here.example/a?x=1")
    trip.server.hang_up()
    trip.server = trip.network.connect(certificate)
    request = trip.server.accept()
    assert request.header("authorization") is None
    assert request.header("cookie") is None
    assert outcome(trip.result).request.secure
    assert trip.network.asked[1] == ("here.example", 443)


@pytest.mark.parametrize("location", ["ws://here.example/", "http://here.example/"])
def test_from_tls_to_plain_is_refused(location: str) -> None:
    """Nobody asked for less than TLS."""
    certificate = make_certificate("here.example")
    network = FakeNetwork()
    result = connect(network, "wss://here.example/", tls=certificate)
    server = network.connect(certificate)
    server.request()
    server.refuse(307, f"Location: {location}")
    error = error_of(result)
    assert isinstance(error, HandshakeError)
    assert error.status == 307
    assert "from wss:// to ws://" in error.reason
    assert ("location", location) in error.headers
    assert len(network.asked) == 1
    server.hang_up()
    network.check_quiet()


def test_too_many_redirects() -> None:
    """A circle has an end, too."""
    trip = Trip()
    for _ in range(5):
        trip.redirect(HERE)
    trip.server.refuse(302, f"Location: {HERE}")
    error = trip.refusal()
    assert (error.status, error.reason) == (302, "the server redirects more than 5 times")
    assert len(trip.network.asked) == 6


def test_as_many_redirects_as_are_allowed() -> None:
    """And the next answer is the one that counts."""
    trip = Trip(max_redirects=2)
    trip.redirect("/b")
    trip.redirect("/c")
    trip.server.accept()
    assert not outcome(trip.result).closed


def test_no_redirects() -> None:
    """Then it is a refusal, and its headers say where to go."""
    trip = Trip(max_redirects=0)
    trip.server.refuse(302, "Location: /b")
    error = trip.refusal()
    assert error.status == 302
    assert ("location", "/b") in error.headers


@pytest.mark.parametrize(
    ("status", "headers"), [(302, ()), (300, ("Location: /b",)), (304, ("Location: /b",))]
)
def test_what_is_no_redirect(status: int, headers: tuple[str, ...]) -> None:
    """Is a refusal like any other."""
    trip = Trip()
    trip.server.refuse(status, *headers)
    assert "refused the handshake" in trip.refusal().reason


@pytest.mark.parametrize("location", ["mailto:me@a", "wss://", "http://a:x/", "gopher://a/"])
def test_a_redirect_to_nowhere(location: str) -> None:
    """Says what was wrong with it."""
    trip = Trip()
    trip.server.refuse(302, f"Location: {location}")
    error = trip.refusal()
    assert error.status == 302
    assert "redirects to what is no WebSocket's address" in error.reason


def test_with_an_endpoint() -> None:
    """Another path goes there, another server does not."""
    network, endpoint = FakeNetwork(), FakeEndpoint()
    result = connect(network, HERE, endpoint=endpoint)
    server = endpoint.succeed()
    endpoint.attempt = Deferred()
    server.refuse(302, "Location: /b")
    server = endpoint.succeed()
    assert server.request().target == "/b"
    server.refuse(302, "Location: ws://there.example/")
    error = error_of(result)
    assert isinstance(error, HandshakeError)
    assert "endpoint" in error.reason
    assert server.let_go
    network.check_quiet()
