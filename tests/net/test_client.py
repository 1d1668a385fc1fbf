"""Clients: what they ask, and every way an attempt can end."""

from __future__ import annotations

import base64
import gc
from collections.abc import Callable
from typing import Any, get_type_hints

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost, DNSLookupError
from twisted.internet.error import ConnectionRefusedError as RefusedError
from twisted.internet.error import TimeoutError as ConnectTimeoutError
from twisted.internet.task import Clock

from sennit.engine.build import SERVER, Connection, Message
from sennit.engine.deflate import Deflate
from sennit.engine.handshake import (
    accept_deflate,
    accept_response,
    check_upgrade,
    parse_request,
)
from sennit.errors import HandshakeError
from sennit.net.client import ConnectOptions, connect
from sennit.net.websocket import WebSocket
from tests.certificate import make_certificate
from tests.double import LogKeeper, outcome
from tests.net.double import FakeTransport
from tests.net.network import FakeEndpoint, FakeNetwork, Server

URL = "ws://example.com/chat?room=a"


class Attempt:
    """A call of ``connect`` in memory."""

    def __init__(self, url: str = URL, **options: Any) -> None:
        self.network = FakeNetwork()
        self.result = connect(self.network, url, **options)

    def error(self) -> BaseException:
        return error_of(self.result)


def error_of(result: Deferred[Any]) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the caller looks
        outcome(result)
    return caught.value


def connected(**options: Any) -> tuple[Attempt, Server]:
    attempt = Attempt(**options)
    return attempt, attempt.network.connect()


# -- what is asked, and what comes of it ---------------------------------------------------------


def test_an_open_connection() -> None:
    """With what the server sent right behind its answer."""
    attempt, server = connected(
        subprotocols=("chat", "superchat"),
        origin="https://example.com",
        headers={"Authorization": "Bearer x"},
        ping_interval=None,
    )
    assert attempt.network.asked == [("example.com", 80)]
    engine = Connection(SERVER)
    request = server.accept(engine.send(b"welcome", binary=False), "superchat")
    assert (request.target, request.header("host")) == ("/chat?room=a", "example.com")
    assert request.header("origin") == "https://example.com"
    assert request.header("authorization") == "Bearer x"
    assert request.header("sec-websocket-protocol") == "chat, superchat"
    ws = outcome(attempt.result)
    assert ws.subprotocol == "superchat"
    assert (ws.request.path, ws.request.query) == ("/chat", {"room": ("a",)})
    assert (ws.request.address, ws.request.secure) == ("example.com", False)
    assert ws.request.headers == {"authorization": "Bearer x"}
    assert outcome(Deferred.fromCoroutine(ws.recv())) == "welcome"
    ws.send("thanks")
    assert engine.receive(server.take()) == [Message(b"thanks", True)]
    assert server.transport.no_delay
    assert attempt.network.getDelayedCalls() == []
    server.hang_up(ConnectionLost())
    assert (ws.close_code, ws.close_reason) == (1006, "the connection was reset")


def test_an_answer_in_pieces_over_any_transport() -> None:
    """Byte by byte, no socket, with what may come before the answer that counts."""
    endpoint, clock = FakeEndpoint(), Clock()
    result = connect(clock, URL, endpoint=endpoint)
    server = endpoint.succeed(FakeTransport())
    key = check_upgrade(server.request())
    for byte in b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + accept_response(key):
        server.send(bytes([byte]))
    assert not outcome(result).closed


def test_the_other_style() -> None:
    """A receiver object is notified of the very first message."""
    received: list[bytes] = []

    class Receiver:
        def __init__(self, ws: WebSocket) -> None:
            self.ws = ws

        def message_received(self, data: bytes, is_text: bool) -> None:
            received.append(data)

    attempt, server = connected(handler=Receiver)
    server.accept(Connection(SERVER).send(b"hi", binary=True))
    assert received == [b"hi"]
    assert attempt.result.called


def test_a_handler_that_gives_the_attempt_up() -> None:
    """While it is called with the connection: that is cut, and nothing is called twice."""

    async def handler(_: WebSocket) -> None:
        attempt.result.cancel()

    attempt, server = connected(handler=handler)
    server.accept()
    assert isinstance(attempt.error(), CancelledError)
    assert server.let_go


def test_pings_are_sent_unless_told_otherwise() -> None:
    """A dead server is noticed."""
    attempt, server = connected()
    server.accept()
    assert outcome(attempt.result) is not None
    for _ in range(45):
        attempt.network.advance(1)
    assert server.let_go


def test_a_user_and_cookies() -> None:
    """Each in its header, and the program's own headers before."""
    _, server = connected(
        headers=[("X-One", "1"), ("X-One", "2")],
        auth=("Zoë", "pässword:1"),
        cookies={"session": "abc", "empty": ""},
    )
    request = server.request()
    scheme, _, credentials = (request.header("authorization") or "").partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(credentials).decode() == "Zoë:pässword:1"
    assert request.header("cookie") == "session=abc; empty="
    assert request.header("x-one") == "1, 2"


def test_the_user_of_the_url() -> None:
    """Decoded; another one given beside it goes first. The address has none of it."""
    attempt, server = connected(url="ws://me:a%20secret@example.com/")
    request = server.accept()
    assert base64.b64decode((request.header("authorization") or "")[6:]) == b"me:a secret"
    assert request.header("host") == "example.com"
    assert "secret" not in repr(outcome(attempt.result))
    _, server = connected(url="ws://me@example.com/", auth=("you", ""))
    assert base64.b64decode((server.request().header("authorization") or "")[6:]) == b"you:"


def test_what_the_program_has_of_its_request() -> None:
    """Repeated headers are joined, as those of a server's requests."""
    attempt, server = connected(headers=[("X-One", "1"), ("x-one", "2")])
    server.accept()
    assert outcome(attempt.result).request.headers == {"x-one": "1, 2"}


def test_compression_is_offered_and_used() -> None:
    """If it was asked for."""
    attempt, server = connected(compression=True)
    request = server.request()
    agreement, extensions = accept_deflate(request, Deflate())
    assert agreement is not None
    server.send(accept_response(check_upgrade(request), extensions=extensions))
    ws = outcome(attempt.result)
    ws.send("x" * 10_000)
    written = server.take()
    assert len(written) < 200
    engine = Connection(SERVER, deflate=agreement)
    assert engine.receive(written) == [Message(b"x" * 10_000, True)]


def test_the_options_are_those_of_connect() -> None:
    """What is said for ``reconnect`` is what ``connect`` takes, type by type."""
    hints = get_type_hints(connect)
    own = get_type_hints(ConnectOptions)
    taken = hints.keys() - {"reactor", "url", "options", "return"}
    assert {name: hints[name] for name in taken} == {name: own[name] for name in taken}
    assert {"max_message", "ping_interval"} <= own.keys() - taken


# -- what is refused before anything is connected ------------------------------------------------


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"headers": [("X", "a\r\nb")]}, "header"),
        ({"headers": {"Host": "b"}}, "Host"),
        ({"headers": {"sec-websocket-KEY": "b"}}, "sec-websocket-KEY"),
        ({"subprotocols": "chat"}, "sequence"),
        ({"headers": {"authorization": "x"}, "auth": ("a", "b")}, "Authorization"),
        ({"headers": {"cookie": "x=y"}, "cookies": {"a": "b"}}, "Cookie"),
        ({"auth": ("a:b", "secret")}, "colon"),
        ({"cookies": {"a": "b;c"}}, "cookie a"),
        ({"proxy": "socks5://a"}, "https://"),
        ({"endpoint": FakeEndpoint(), "proxy": "http://a"}, "proxy"),
        ({"endpoint": FakeEndpoint(), "tls": make_certificate("a")}, "TLS"),
        ({"max_redirects": -1}, "redirects"),
        ({"url": "http://a/"}, "ws://"),
    ],
)
def test_what_cannot_be_asked(options: dict[str, Any], why: str) -> None:
    """Is said at once, without a word of a password."""
    network = FakeNetwork()
    with pytest.raises(ValueError, match=why) as caught:
        connect(network, **{"url": "ws://a/", **options})
    assert "secret" not in str(caught.value)
    assert network.asked == []
    network.check_quiet()


@pytest.mark.parametrize("options", [{"tls": "trust me"}, {"max_mesage": 5}])
def test_what_connect_does_not_know(options: dict[str, Any]) -> None:
    """Is a mistake of the program's."""
    with pytest.raises(TypeError):
        connect(FakeNetwork(), "wss://a/", **options)


# -- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "status", "why"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 403, "403 Forbidden"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, "204 No Content"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", 0, "HTTP/1.1"),
        (
            (
                b"HTTP/1.1 101 Hi\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: wrong\r\n\r\n"
            ),
            101,
            "Accept",
        ),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000, 0, "the server's answer has a head over 16384"),
        (b"HTTP/1.1 102 Wait\r\n\r\n" * 9, 0, "interim"),
    ],
)
def test_a_wrong_answer_says_what_was_wrong(answer: bytes, status: int, why: str) -> None:
    """And nothing is left of the connection."""
    attempt, server = connected()
    server.send(answer)
    error = attempt.error()
    assert isinstance(error, HandshakeError)
    assert error.status == status
    assert why in error.reason
    assert server.let_go
    server.send(b"more")
    server.hang_up(ConnectionLost())
    attempt.network.check_quiet()


def test_a_refusal_has_its_headers_and_its_body() -> None:
    """For ``Retry-After`` and its like, and for what the page says."""
    attempt, server = connected()
    server.send(b"HTTP/1.1 503 Busy\r\nRetry-After: 5\r\nContent-Length: 12\r\n\r\ncome ")
    assert not attempt.result.called
    server.send(b"againX and no more")
    error = attempt.error()
    assert isinstance(error, HandshakeError)
    assert ("retry-after", "5") in error.headers
    assert error.body == b"come again" + b"X "
    attempt.network.check_quiet()


def test_a_body_that_ends_with_the_connection() -> None:
    """Is waited for."""
    attempt, server = connected()
    server.send(b"HTTP/1.1 404 No\r\n\r\nnot here")
    assert not attempt.result.called
    server.hang_up()
    error = attempt.error()
    assert isinstance(error, HandshakeError)
    assert (error.status, error.body) == (404, b"not here")
    attempt.network.check_quiet()


def test_a_body_without_end() -> None:
    """No more of it is read than is kept."""
    attempt, server = connected()
    server.send(b"HTTP/1.1 500 No\r\nContent-Length: 1000000000\r\n\r\n")
    for _ in range(17):
        server.send(b"x" * 1000)
    error = attempt.error()
    assert isinstance(error, HandshakeError)
    assert error.body == b"x" * 16 * 1024
    assert server.let_go


def test_a_body_that_does_not_come_in_time() -> None:
    """The refusal is known: it, and not the timeout, is what the attempt fails with."""
    attempt, server = connected(open_timeout=3)
    server.send(b"HTTP/1.1 401 Who\r\nContent-Length: 100\r\n\r\nwho")
    attempt.network.advance(3)
    error = attempt.error()
    assert isinstance(error, HandshakeError)
    assert (error.status, error.body) == (401, b"who")
    attempt.network.check_quiet()


def test_a_server_that_hangs_up_before_its_answer() -> None:
    """Status 0, and the cause."""
    attempt, server = connected()
    server.send(b"HTTP/1.1 10")
    server.hang_up(ConnectionLost())
    error = attempt.error()
    assert isinstance(error, HandshakeError)
    assert error.status == 0
    assert "before the server's answer" in str(error)
    assert isinstance(error.__cause__, ConnectionLost)
    attempt.network.check_quiet()


def test_a_connect_that_fails_fails_with_the_same() -> None:
    """Refused, or an unknown host."""
    attempt = Attempt()
    attempt.network.fail(RefusedError())
    assert isinstance(attempt.error(), RefusedError)
    attempt.network.check_quiet()
    network = FakeNetwork()
    network.names.unknown.add("nowhere.example")
    assert isinstance(error_of(connect(network, "ws://nowhere.example/")), DNSLookupError)
    network.check_quiet()


# -- every moment --------------------------------------------------------------------------------
#
# Each of these brings an attempt to one moment of its way.


def resolving(**options: Any) -> Attempt:
    network = FakeNetwork()
    network.names.held = True
    attempt = Attempt.__new__(Attempt)
    attempt.network = network
    attempt.result = connect(network, URL, **options)
    return attempt


def connecting(**options: Any) -> Attempt:
    attempt = Attempt(**options)
    attempt.network.advance(1)
    return attempt


def asked(**options: Any) -> Attempt:
    return connected(**options)[0]


def in_the_head(**options: Any) -> Attempt:
    attempt, server = connected(**options)
    server.send(b"HTTP/1.1 101 Switch")
    return attempt


def securing(**options: Any) -> Attempt:
    return connected(url="wss://example.com/", **options)[0]


def secured(**options: Any) -> Attempt:
    certificate = make_certificate("example.com")
    attempt = Attempt("wss://example.com/", tls=certificate, **options)
    assert attempt.network.connect(certificate).request().header("host") == "example.com"
    return attempt


def to_the_proxy(**options: Any) -> Attempt:
    return Attempt(proxy="http://proxy.example:3128", **options)


def at_the_proxy(**options: Any) -> Attempt:
    return connected(proxy="http://proxy.example:3128", **options)[0]


def in_the_tunnel(**options: Any) -> Attempt:
    attempt, proxy = connected(proxy="http://proxy.example:3128", **options)
    proxy.send(b"HTTP/1.1 200 OK\r\n\r\n")
    return attempt


def securing_in_the_tunnel(**options: Any) -> Attempt:
    return in_the_tunnel(url="wss://example.com/", **options)


def redirected(**options: Any) -> Attempt:
    attempt, server = connected(**options)
    server.refuse(302, "Location: ws://other.example/")
    assert attempt.network.asked == [("example.com", 80), ("other.example", 80)]
    return attempt


def asked_again(**options: Any) -> Attempt:
    attempt = redirected(**options)
    attempt.network.connect()
    return attempt


MOMENTS = [
    resolving,
    connecting,
    asked,
    in_the_head,
    securing,
    secured,
    to_the_proxy,
    at_the_proxy,
    in_the_tunnel,
    securing_in_the_tunnel,
    redirected,
    asked_again,
]


def lose(network: FakeNetwork) -> None:
    """Let every connection that was cut be gone."""
    for server in network.servers:
        server.hang_up()


@pytest.mark.parametrize("moment", MOMENTS)
def test_cancelling_leaves_nothing(moment: Callable[..., Attempt]) -> None:
    """Neither an attempt, nor a connection, nor a timer, nor a line in the log."""
    with LogKeeper() as log:
        attempt = moment()
        attempt.result.cancel()
        assert isinstance(attempt.error(), CancelledError)
        attempt.network.names.answer()
        assert all(server.let_go for server in attempt.network.servers)
        lose(attempt.network)
        attempt.network.check_quiet()
        del attempt
        gc.collect()  # What nobody has handled is logged when it is forgotten.
    assert log.failures() == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_open_timeout_is_for_all_of_it(moment: Callable[..., Attempt]) -> None:
    """Names, connecting, TLS, proxies, redirects, and the handshake; nothing is left."""
    with LogKeeper() as log:
        attempt = moment(open_timeout=3)
        attempt.network.advance(1.9)
        assert not attempt.result.called
        attempt.network.advance(1.1)
        error = attempt.error()
        assert isinstance(error, ConnectTimeoutError)
        assert "not open after 3 seconds" in str(error)
        attempt.network.names.answer()
        assert all(server.let_go for server in attempt.network.servers)
        lose(attempt.network)
        attempt.network.check_quiet()
        del attempt
        gc.collect()  # What nobody has handled is logged when it is forgotten.
    assert log.failures() == []


def test_cancelling_while_a_refusal_is_read() -> None:
    """Is a cancellation still."""
    attempt, server = connected()
    server.send(b"HTTP/1.1 401 Who\r\nContent-Length: 100\r\n\r\nwho")
    attempt.result.cancel()
    assert isinstance(attempt.error(), CancelledError)
    attempt.network.check_quiet()


def test_a_connection_that_comes_after_the_cancellation_is_cut() -> None:
    """Some endpoints cannot stop in time."""
    endpoint, clock = FakeEndpoint(), Clock()
    endpoint.attempt = Deferred()
    result = connect(clock, URL, endpoint=endpoint)
    result.cancel()
    assert isinstance(error_of(result), CancelledError)
    server = endpoint.succeed()
    assert server.let_go
    server.send(b"HTTP/1.1 200 OK\r\n\r\n")
    assert server.take() == b""
    assert clock.getDelayedCalls() == []


# -- other ways there ----------------------------------------------------------------------------


def test_an_endpoint_in_words() -> None:
    """A Unix socket, as text, with the URL's host in the request."""
    network = FakeNetwork()
    result = connect(network, "ws://chat.example/", endpoint="unix:/run/chat.sock")
    path, factory, *_ = network.unixClients[0]
    assert path == "/run/chat.sock"
    transport = FakeTransport()
    transport.protocol = factory.buildProtocol(None)
    transport.protocol.makeConnection(transport)
    server = Server(transport)
    assert server.accept().header("host") == "chat.example"
    assert not outcome(result).closed


@pytest.mark.parametrize(
    ("url", "asked", "host"),
    [
        ("ws://[2001:db8::1]/", ("2001:db8::1", 80), "[2001:db8::1]"),
        ("ws://[2001:db8::1]:8000/", ("2001:db8::1", 8000), "[2001:db8::1]:8000"),
        ("ws://[fe80::1%25eth0]:8000/", ("fe80::1%eth0", 8000), "[fe80::1]:8000"),
        ("ws://192.0.2.7:443/", ("192.0.2.7", 443), "192.0.2.7:443"),
        ("ws://bücher.example/", ("bücher.example", 80), "xn--bcher-kva.example"),
    ],
)
def test_hosts(url: str, asked: tuple[str, int], host: str) -> None:
    """Each as the network needs it, and as the server does."""
    attempt, server = connected(url=url)
    assert attempt.network.asked[0][1] == asked[1]
    assert parse_request(server.take()).header("host") == host
