"""HTTP proxies: their addresses, and the tunnels through them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.error import ConnectionRefusedError as RefusedError
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from zope.interface import implementer

from sennit.engine.build import SERVER, Connection
from sennit.errors import HandshakeError
from sennit.net.client import connect
from sennit.net.proxy import Proxy
from tests.certificate import make_certificate
from tests.double import outcome
from tests.net.network import FakeNetwork, SecureServer
from tests.net.test_client import error_of

PROXY = "http://proxy.example:3128"


def through(url: str, proxy: str = PROXY, **options: Any) -> tuple[FakeNetwork, Any, Any]:
    """Return the network, the proxy's end of the connection to it, and the result."""
    network = FakeNetwork()
    result = connect(network, url, proxy=proxy, **options)
    return network, network.connect(), result


@pytest.mark.parametrize(
    ("url", "asked", "host"),
    [
        ("ws://example.com/x", "example.com:80", "example.com"),
        ("ws://example.com:8000/x", "example.com:8000", "example.com:8000"),
        ("ws://[2001:db8::1]/x", "[2001:db8::1]:80", "[2001:db8::1]"),
    ],
)
def test_a_tunnel(url: str, asked: str, host: str) -> None:
    """The proxy is asked for host and port; then all bytes are the server's."""
    network, proxy, result = through(url)
    assert network.asked == [("proxy.example", 3128)]
    assert proxy.take().decode() == f"CONNECT {asked} HTTP/1.1\r\nHost: {asked}\r\n\r\n"
    for byte in b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n":
        proxy.send(bytes([byte]))
    engine = Connection(SERVER)
    request = proxy.accept(engine.send(b"hi", binary=True))
    assert (request.target, request.header("host")) == ("/x", host)
    ws = outcome(result)
    ws.send("thanks")
    assert len(engine.receive(proxy.take())) == 1
    proxy.send(engine.send(b"again", binary=True))
    received = [outcome(Deferred.fromCoroutine(ws.recv())) for _ in range(2)]
    assert received == [b"hi", b"again"]
    proxy.hang_up(ConnectionLost())
    assert ws.close_code == 1006


def test_tls_is_inside_the_tunnel() -> None:
    """The proxy sees nothing of it but bytes; the certificate is the server's."""
    certificate = make_certificate("example.com")
    network, proxy, result = through("wss://example.com/x", tls=certificate)
    assert proxy.take().startswith(b"CONNECT example.com:443 ")
    proxy.send(b"HTTP/1.1 200 OK\r\n\r\n")
    server = SecureServer(proxy.transport, certificate, network)
    assert server.accept().header("host") == "example.com"
    assert outcome(result).request.secure


def test_a_user_of_the_proxy() -> None:
    """The proxy hears of it, the server does not."""
    _, proxy, _ = through("ws://example.com/", "http://us%C3%A9r:s%3Acret@proxy.example")
    head = proxy.take().decode()
    credentials = base64.b64encode("usér:s:cret".encode()).decode()
    assert f"\r\nProxy-Authorization: Basic {credentials}\r\n" in head
    proxy.send(b"HTTP/1.1 200 OK\r\n\r\n")
    assert proxy.request().header("proxy-authorization") is None


@pytest.mark.parametrize(
    ("answer", "status", "why"),
    [
        (b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic\r\n\r\n", 407, "407 Who are you"),
        (b"HTTP/1.1 502 No\r\nContent-Length: 500\r\n\r\n", 502, "502 No"),
        (b"HTTP/1.1 302 No\r\nLocation: ws://evil.example/\r\n\r\n", 302, "302 No"),
        (b"HTTP/1.1 101 No\r\n\r\n", 101, "101 No"),
        (b"SSH-2.0-x\r\n\r\n", 0, "not one of HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000, 0, "head over 16384 bytes"),
    ],
)
def test_a_refusal_says_that_it_was_the_proxy(answer: bytes, status: int, why: str) -> None:
    """With its status and headers; it redirects nobody, and nothing is left."""
    network, proxy, result = through("wss://example.com/")
    proxy.send(answer)
    error = error_of(result)
    assert isinstance(error, HandshakeError)
    assert error.status == status
    assert "the proxy" in error.reason
    assert why in error.reason
    if status == 407:
        assert error.headers == (("proxy-authenticate", "Basic"),)
    assert proxy.let_go
    network.check_quiet()


def test_a_proxy_that_hangs_up() -> None:
    """Before its answer: it is said whose."""
    network, proxy, result = through("ws://example.com/")
    proxy.hang_up(ConnectionLost())
    error = error_of(result)
    assert isinstance(error, HandshakeError)
    assert (error.status, type(error.__cause__)) == (0, ConnectionLost)
    assert "before the proxy's answer" in error.reason
    network.check_quiet()


def test_a_server_that_hangs_up_in_the_tunnel() -> None:
    """Is the server again."""
    network, proxy, result = through("ws://example.com/")
    proxy.send(b"HTTP/1.1 200 OK\r\n\r\n")
    proxy.hang_up()
    assert "before the server's answer" in str(error_of(result))
    network.check_quiet()


def test_a_proxy_that_is_not_there() -> None:
    """Fails as any host that is not there."""
    network = FakeNetwork()
    result = connect(network, "ws://example.com/", proxy=PROXY)
    network.fail(RefusedError())
    assert isinstance(error_of(result), RefusedError)
    network.check_quiet()


def test_what_cannot_be_secured_in_the_tunnel() -> None:
    """A creator that fails is the program's mistake, and its attempt fails with it."""

    @implementer(IOpenSSLClientConnectionCreator)
    class Creator:
        def clientConnectionForTLS(self, tlsProtocol: Any) -> Any:  # noqa: N802, N803
            raise ZeroDivisionError

    network, proxy, result = through("wss://example.com/", tls=Creator())
    proxy.send(b"HTTP/1.1 200 OK\r\n\r\n")
    assert isinstance(error_of(result), ZeroDivisionError)
    assert proxy.let_go
    network.check_quiet()


def test_redirects_go_through_the_proxy() -> None:
    """Each in a tunnel of its own."""
    network, proxy, result = through("ws://example.com/")
    proxy.send(b"HTTP/1.1 200 OK\r\n\r\n")
    proxy.take()
    proxy.refuse(307, "Location: ws://other.example:81/")
    proxy = network.connect()
    assert proxy.take().startswith(b"CONNECT other.example:81 ")
    proxy.send(b"HTTP/1.1 200 OK\r\n\r\n")
    proxy.accept()
    assert not outcome(result).closed
    assert network.asked == [("proxy.example", 3128)] * 2


def test_a_proxy_behind_tls() -> None:
    """Its certificate is to be one for it, from whom the platform trusts."""
    network, proxy, result = through("ws://example.com/", "https://proxy.example")
    assert network.asked == [("proxy.example", 443)]
    server = SecureServer(proxy.transport, make_certificate("proxy.example"), network)
    server.pump()
    proxy.hang_up()
    error = error_of(result)
    assert isinstance(error, HandshakeError)
    assert "before the proxy's answer: its certificate is not trusted" in error.reason
    network.check_quiet()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a", Proxy(False, "a", 80)),
        ("https://a/", Proxy(True, "a", 443)),
        ("http://[::1]:3128", Proxy(False, "::1", 3128)),
        ("http://u:p@a:8", Proxy(False, "a", 8, "Basic dTpw")),
    ],
)
def test_addresses(url: str, expected: Proxy) -> None:
    """Of proxies."""
    assert Proxy.parse(url) == expected


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("a:3128", "http:// or https://"),
        ("socks5://me:secret@a", "http:// or https://"),
        ("http://a/path", "host and port"),
        ("http://a?x", "host and port"),
        ("http://a#x", "host and port"),
        ("http://a%3Ab:secret@a", "colon"),
        ("http://", "no host"),
    ],
)
def test_what_is_no_proxy(url: str, why: str) -> None:
    """Is refused, without a word of a password."""
    with pytest.raises(ValueError, match=why) as caught:
        Proxy.parse(url)
    assert "secret" not in str(caught.value)


def test_a_password_is_not_shown() -> None:
    """Nor what it is encoded as."""
    assert "Basic" not in repr(Proxy.parse("http://u:p@a"))
