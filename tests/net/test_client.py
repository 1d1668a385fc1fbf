"""Clients: URLs, handshakes, and every way an attempt can end."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.error import ConnectionRefusedError as RefusedError
from twisted.internet.error import TimeoutError as ConnectTimeoutError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from zope.interface import implementer

from sennit.engine.connection import SERVER, Connection
from sennit.engine.event import Message
from sennit.engine.handshake import Request, accept_response, check_upgrade, parse_request
from sennit.errors import HandshakeError
from sennit.net.client import _Address, connect
from sennit.net.websocket import WebSocket
from tests.double import outcome
from tests.net.double import FakeSocket, FakeTransport


@implementer(IStreamClientEndpoint)
class Endpoint:
    """Connects when it is told to."""

    def __init__(self) -> None:
        self.attempt: Deferred[Any] = Deferred(lambda _: setattr(self, "cancelled", True))
        self.cancelled = False
        self.factory: Any = None
        self.transport: Any = FakeSocket()

    def connect(self, protocolFactory: Any) -> Deferred[Any]:  # noqa: N803 - Twisted names it
        self.factory = protocolFactory
        return self.attempt

    def succeed(self) -> None:
        self.transport.protocol = self.factory.buildProtocol(None)
        self.transport.protocol.makeConnection(self.transport)
        self.attempt.callback(self.transport.protocol)
        if isinstance(self.transport, FakeSocket):
            self.transport.drain()

    def request(self) -> Request:
        return parse_request(bytes(self.transport.taken))

    def answer(self, rest: bytes = b"", subprotocol: str | None = None) -> None:
        key = check_upgrade(self.request())
        self.transport.taken.clear()
        self.transport.deliver(accept_response(key, subprotocol) + rest)


class Attempt:
    """A call of ``connect`` in memory."""

    def __init__(self, url: str = "ws://example.com/chat?room=a", **options: Any) -> None:
        self.clock = Clock()
        self.endpoint = Endpoint()
        self.result = connect(self.clock, url, endpoint=self.endpoint, **options)

    def error(self) -> BaseException:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - the caller looks
            outcome(self.result)
        return caught.value


def test_an_open_connection() -> None:
    """With what the server sent right behind its answer."""
    attempt = Attempt(
        subprotocols=("chat", "superchat"),
        origin="https://example.com",
        headers={"Authorization": "Bearer x"},
        ping_interval=None,
    )
    attempt.endpoint.succeed()
    request = attempt.endpoint.request()
    assert (request.target, request.header("host")) == ("/chat?room=a", "example.com")
    assert request.header("origin") == "https://example.com"
    assert request.header("authorization") == "Bearer x"
    assert request.header("sec-websocket-protocol") == "chat, superchat"
    server = Connection(SERVER)
    attempt.endpoint.answer(server.send(b"welcome", binary=False), "superchat")
    ws = outcome(attempt.result)
    assert ws.subprotocol == "superchat"
    assert ws.request.query == {"room": ("a",)}
    assert ws.request.headers == {"authorization": "Bearer x"}
    assert outcome(Deferred.fromCoroutine(ws.recv())) == "welcome"
    ws.send("thanks")
    attempt.endpoint.transport.drain()
    assert server.receive(bytes(attempt.endpoint.transport.taken)) == [Message(b"thanks", True)]
    assert attempt.endpoint.transport.no_delay
    assert attempt.clock.getDelayedCalls() == []
    attempt.endpoint.transport.connectionLost(Failure(ConnectionLost()))
    assert (ws.close_code, ws.close_reason) == (1006, "the connection was reset")


def test_an_answer_in_pieces_over_any_transport() -> None:
    """Byte by byte, no socket."""
    attempt = Attempt()
    attempt.endpoint.transport = transport = FakeTransport()
    attempt.endpoint.succeed()
    key = check_upgrade(parse_request(transport.take()))
    for byte in accept_response(key):
        transport.protocol.dataReceived(bytes([byte]))
    assert not outcome(attempt.result).closed


def test_the_other_style() -> None:
    """A receiver object is notified of the very first message."""
    received: list[bytes] = []

    class Receiver:
        def __init__(self, ws: WebSocket) -> None:
            self.ws = ws

        def message_received(self, data: bytes, is_text: bool) -> None:
            received.append(data)

    attempt = Attempt(handler=Receiver)
    attempt.endpoint.succeed()
    attempt.endpoint.answer(Connection(SERVER).send(b"hi", binary=True))
    assert received == [b"hi"]
    assert attempt.result.called


def test_pings_are_sent_unless_told_otherwise() -> None:
    """A dead server is noticed."""
    attempt = Attempt()
    attempt.endpoint.succeed()
    attempt.endpoint.answer()
    assert outcome(attempt.result) is not None
    for _ in range(45):
        attempt.clock.advance(1)
    assert attempt.endpoint.transport.aborted


@pytest.mark.parametrize(
    ("answer", "status", "why"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nX-Why: no\r\n\r\n", 403, "403 Forbidden"),
        (b"HTTP/1.1 200 OK\r\n\r\n", 200, "200 OK"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", 400, "HTTP/1.1"),
        (
            (
                b"HTTP/1.1 101 Hi\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: wrong\r\n\r\n"
            ),
            101,
            "Accept",
        ),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000, 0, "16384"),
    ],
)
def test_a_wrong_answer_says_what_was_wrong(answer: bytes, status: int, why: str) -> None:
    """And nothing is left of the connection."""
    attempt = Attempt()
    attempt.endpoint.succeed()
    attempt.endpoint.transport.deliver(answer)
    error = attempt.error()
    assert isinstance(error, HandshakeError)
    assert error.status == status
    assert why in error.reason
    assert attempt.endpoint.transport.aborted
    attempt.endpoint.transport.deliver(b"more")
    attempt.endpoint.transport.connectionLost(Failure(ConnectionLost()))
    assert attempt.clock.getDelayedCalls() == []


def test_a_refusals_headers_are_there() -> None:
    """For ``Retry-After`` and its like."""
    attempt = Attempt()
    attempt.endpoint.succeed()
    attempt.endpoint.transport.deliver(b"HTTP/1.1 503 Busy\r\nRetry-After: 5\r\n\r\n")
    error = attempt.error()
    assert isinstance(error, HandshakeError)
    assert ("retry-after", "5") in error.headers


def test_a_server_that_hangs_up_before_its_answer() -> None:
    """Status 0, and the cause."""
    attempt = Attempt()
    attempt.endpoint.succeed()
    attempt.endpoint.transport.connectionLost(Failure(ConnectionLost()))
    error = attempt.error()
    assert isinstance(error, HandshakeError)
    assert error.status == 0
    assert isinstance(error.__cause__, ConnectionLost)
    assert attempt.clock.getDelayedCalls() == []


def test_a_connect_that_fails_fails_with_the_same() -> None:
    """Refused, or an unknown host."""
    attempt = Attempt()
    attempt.endpoint.attempt.errback(RefusedError())
    assert isinstance(attempt.error(), RefusedError)
    assert attempt.clock.getDelayedCalls() == []


@pytest.mark.parametrize("connected", [False, True])
def test_the_open_timeout_is_for_all_of_it(connected: bool) -> None:
    """Connecting and shaking hands; nothing is left."""
    attempt = Attempt(open_timeout=3)
    attempt.clock.advance(2)
    if connected:
        attempt.endpoint.succeed()
    attempt.clock.advance(1)
    error = attempt.error()
    assert isinstance(error, ConnectTimeoutError)
    assert "3 seconds" in str(error)
    assert attempt.endpoint.cancelled is not connected
    assert attempt.endpoint.transport.aborted is connected
    if connected:
        attempt.endpoint.transport.connectionLost(Failure(ConnectionLost()))
    assert attempt.clock.getDelayedCalls() == []


@pytest.mark.parametrize("connected", [False, True])
def test_cancelling_leaves_nothing(connected: bool) -> None:
    """Neither an attempt, nor a connection, nor a timer."""
    attempt = Attempt()
    if connected:
        attempt.endpoint.succeed()
    attempt.result.cancel()
    assert isinstance(attempt.error(), CancelledError)
    assert attempt.endpoint.cancelled is not connected
    assert attempt.endpoint.transport.aborted is connected
    assert attempt.clock.getDelayedCalls() == []


def test_a_connection_that_comes_after_the_cancellation_is_cut() -> None:
    """Some endpoints cannot stop in time."""
    attempt = Attempt()
    attempt.endpoint.attempt = Deferred()
    attempt.result.cancel()
    assert isinstance(attempt.error(), CancelledError)
    attempt.endpoint.succeed()
    assert attempt.endpoint.transport.aborted


@pytest.mark.parametrize(
    ("url", "expected", "authority"),
    [
        ("ws://a", _Address(False, "a", 80, "/"), "a"),
        ("wss://a/", _Address(True, "a", 443, "/"), "a"),
        ("ws://a:443/x", _Address(False, "a", 443, "/x"), "a:443"),
        ("wss://[::1]:8/é?q=ü#"[:-1], _Address(True, "::1", 8, "/%C3%A9?q=%C3%BC"), "[::1]:8"),
        ("ws://bücher.example/a%20b", _Address(False, "xn--bcher-kva.example", 80, "/a%20b"), None),
    ],
)
def test_addresses(url: str, expected: _Address, authority: str | None) -> None:
    """RFC 6455, 3."""
    address = _Address.parse(url)
    assert address == expected
    assert address.authority == (authority or expected.host)


@pytest.mark.parametrize(
    "url", ["http://a/", "ws:///path", "ws://a/#here", "ws://a/#", "ws://me:secret@a/", "ws://a:x/"]
)
def test_what_is_no_address(url: str) -> None:
    """Is refused before anything is done, without a word of a password."""
    with pytest.raises(ValueError, match=r".") as caught:
        connect(Clock(), url)
    assert "secret" not in str(caught.value)


def test_a_header_that_is_none_is_refused() -> None:
    """Nothing is connected."""
    with pytest.raises(ValueError, match="header"):
        connect(Clock(), "ws://a/", headers=[("X", "a\r\nb")])


def test_the_urls_host_is_connected_to() -> None:
    """Plain, or with TLS over it: the platform's trust, or another."""
    reactor: Any = MemoryReactorClock()
    for url in ("ws://192.0.2.1:8000/", "wss://192.0.2.1:8001/"):
        result = connect(reactor, url)
        result.addErrback(lambda failure: failure.trap(CancelledError))
        reactor.advance(0)
        result.cancel()
    # Twisted's memory reactor resolves every name to the same address.
    assert [client[1] for client in reactor.tcpClients] == [8000, 8001]
