"""The client on real sockets: TLS, proxies, redirects, other kinds of sockets, and giving up."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

import base64
import gc
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint, UNIXClientEndpoint, wrapServerTLS
from twisted.internet.error import ConnectionRefusedError as RefusedError
from twisted.internet.error import TimeoutError as ConnectTimeoutError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions, optionsForClientTLS
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from sennit import websocket
from sennit.net.native import native_group
from tests.certificate import make_certificate, make_pem
from tests.double import LogKeeper
from tests.live.loop import Loop
from tests.live.proxy import ConnectProxy

Run = Callable[..., Any]
HOSTS = ("localhost", "127.0.0.1", "::1")
HERE = "interface=127.0.0.1"


async def echo(ws: websocket.WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


class Place:
    """Servers on free ports of this machine, and what they need to end."""

    def __init__(self, loop: Loop) -> None:
        self.reactor = loop.reactor
        self.run = loop.run
        self.ports: list[Any] = []

    def serve(self, endpoint: Any = f"tcp:0:{HERE}", **options: Any) -> int:
        """Serve WebSockets that echo, and return the port."""
        port = self.run(websocket.listen(self.reactor, endpoint, echo, **options))
        self.ports.append(port)
        return getattr(port.getHost(), "port", 0)

    def serve_later(self, endpoint: str) -> None:
        """Serve, from within what runs already."""
        websocket.listen(self.reactor, endpoint, echo).addCallback(self.ports.append)

    def serve_tls(self, *hosts: str, **options: Any) -> int:
        """The same behind TLS."""
        certificate = make_certificate(*(hosts or HOSTS))
        plain = TCP4ServerEndpoint(self.reactor, 0, interface="127.0.0.1")
        return self.serve(wrapServerTLS(certificate.options(), plain), **options)

    def listen(self, factory: Any, certificate: Any = None) -> int:
        """Let any Twisted factory listen, and return the port."""
        endpoint: Any = TCP4ServerEndpoint(self.reactor, 0, interface="127.0.0.1")
        if certificate is not None:
            endpoint = wrapServerTLS(certificate.options(), endpoint)
        port = self.run(endpoint.listen(factory))
        self.ports.append(port)
        number: int = port.getHost().port
        return number

    def connect(self, url: str, **options: Any) -> websocket.WebSocket:
        """Connect, and see that the other end echoes."""
        return self.run(self._try(url, **options))

    async def _try(self, url: str, **options: Any) -> websocket.WebSocket:
        ws = await websocket.connect(self.reactor, url, **options)
        await ws.send("hello")
        await ws.send(b"x" * 50_000)
        assert await ws.recv() == "hello"
        assert await ws.recv() == b"x" * 50_000
        await ws.close()
        assert ws.close_code == 1000
        return ws

    def refusal(self, url: str, **options: Any) -> websocket.HandshakeError:
        """Connect, and return the refusal."""
        with pytest.raises(websocket.HandshakeError) as caught:
            self.run(websocket.connect(self.reactor, url, **options))
        return caught.value

    async def end(self) -> None:
        for port in self.ports:
            await (port.close() if hasattr(port, "close") else port.stopListening())


@pytest.fixture
def place(loop: Loop) -> Iterator[Place]:
    """Return where servers live, and see that nothing of the client's stays behind."""
    reactor = loop.reactor
    before = set(reactor.getDelayedCalls())
    with LogKeeper() as log:
        made = Place(loop)
        yield made
        loop.run(made.end())
        loop.wait_until(lambda: not _clients(reactor))
        gc.collect()
    assert set(reactor.getDelayedCalls()) <= before
    assert log.failures() == []


def _clients(reactor: Any) -> list[Any]:
    """Return the client's sockets that the reactor still has, the poll group being one of them."""
    built_in = getattr(reactor, "poll_group", ())
    descriptors = [*reactor.getReaders(), *reactor.getWriters(), *([built_in] if built_in else [])]
    return [one for one in descriptors if hasattr(one, "connector") or _is_group(one)]


def _is_group(descriptor: Any) -> bool:
    group = native_group()
    return group is not None and isinstance(descriptor, group)


# -- TLS -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [False, True])
def test_plain_and_with_tls(place: Place, compression: bool) -> None:
    """By name and by address."""
    port = place.serve(compression=compression)
    secure = place.serve_tls(compression=compression)
    for host in ("localhost", "127.0.0.1"):
        place.connect(f"ws://{host}:{port}/", compression=compression)
        ws = place.connect(
            f"wss://{host}:{secure}/", tls=make_certificate(*HOSTS), compression=compression
        )
        assert ws.request.secure


def test_kinds_of_trust(place: Place) -> None:
    """As Twisted's users have them."""
    mine = make_certificate(*HOSTS)
    port = place.serve_tls()
    for tls in (
        optionsForClientTLS("localhost", trustRoot=mine),
        CertificateOptions(trustRoot=mine),
        CertificateOptions(),
    ):
        place.connect(f"wss://localhost:{port}/", tls=tls)


def test_certificates_that_are_not_trusted(place: Place) -> None:
    """It is said why, at once."""
    port, other = place.serve_tls(), place.serve_tls("other.example")
    error = place.refusal(f"wss://localhost:{port}/")
    assert "its certificate is not trusted" in error.reason
    assert not websocket.worth_retrying(error)
    error = place.refusal(f"wss://localhost:{other}/", tls=make_certificate("other.example"))
    assert "its certificate is for another host" in error.reason
    assert not websocket.worth_retrying(error)


def test_a_server_without_tls(place: Place) -> None:
    """The port is the wrong one."""
    error = place.refusal(f"wss://localhost:{place.serve(head_timeout=0.2)}/")
    assert "it does not speak TLS at this port" in error.reason
    assert not websocket.worth_retrying(error)


def test_tls_by_an_endpoints_description(place: Place, tmp_path: Path) -> None:
    """The server's side in words, with a file."""
    pem = tmp_path / "localhost.pem"
    pem.write_bytes(make_pem(*HOSTS))
    port = place.serve(f"ssl:0:{HERE}:privateKey={pem}:certKey={pem}")
    place.connect(f"wss://localhost:{port}/", tls=make_certificate(*HOSTS))


# -- other sockets -------------------------------------------------------------------------------


def test_ipv6(place: Place) -> None:
    """Plain and with TLS, where the machine has it."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no ::1")
    port = place.serve(r"tcp:0:interface=\:\:1")
    ws = place.connect(f"ws://[::1]:{port}/")
    assert ws.request.address == f"[::1]:{port}"


def test_unix_sockets(place: Place, tmp_path: Path) -> None:
    """By an endpoint in words or an object, for a host that the server hears of."""
    path = tmp_path / "chat.sock"
    place.serve(f"unix:{path}")
    place.connect("ws://chat.example/", endpoint=f"unix:{path}")
    place.connect("ws://chat.example/", endpoint=UNIXClientEndpoint(place.reactor, str(path)))


# -- proxies -------------------------------------------------------------------------------------


def test_through_a_proxy(place: Place) -> None:
    """With a password; what is TLS, the proxy cannot read."""
    user = base64.b64encode(b"me:secret").decode()
    proxy = ConnectProxy(place.reactor, user)
    at = f"http://me:secret@127.0.0.1:{place.listen(proxy)}"
    place.connect(f"ws://127.0.0.1:{place.serve()}/", proxy=at)
    assert b"GET / HTTP/1.1" in proxy.carried
    proxy.carried = b""
    place.connect(f"wss://localhost:{place.serve_tls()}/", proxy=at, tls=make_certificate(*HOSTS))
    assert len(proxy.carried) > 100_000
    assert b"GET / HTTP/1.1" not in proxy.carried
    assert len(proxy.heads) == 2


def test_a_proxy_that_refuses(place: Place, free_port: int) -> None:
    """A stranger, or for a server that is not there: it is said whose refusal it is."""
    at = f"127.0.0.1:{place.listen(ConnectProxy(place.reactor, 'nobody'))}"
    error = place.refusal("ws://127.0.0.1:1/", proxy=f"http://me:wrong@{at}")
    assert error.status == 407
    assert "the proxy refused" in error.reason
    at = f"127.0.0.1:{place.listen(ConnectProxy(place.reactor))}"
    error = place.refusal(f"ws://127.0.0.1:{free_port}/", proxy=f"http://{at}")
    assert error.status == 502
    assert websocket.worth_retrying(error)


def test_tls_within_tls(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy behind TLS is trusted as the platform says; the tunnel to the server is TLS, too."""
    pem = tmp_path / "trusted.pem"
    pem.write_bytes(make_pem(*HOSTS))
    proxy = ConnectProxy(place.reactor)
    at = f"https://localhost:{place.listen(proxy, make_certificate(*HOSTS))}"
    port = place.serve_tls()
    error = place.refusal(f"wss://localhost:{port}/", proxy=at)
    assert "before the proxy's answer: its certificate is not trusted" in error.reason
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    place.connect(f"wss://localhost:{port}/", proxy=at)
    assert proxy.heads == [f"CONNECT localhost:{port} HTTP/1.1\r\nHost: localhost:{port}".encode()]


# -- refusals and redirects ----------------------------------------------------------------------


def test_a_refusal_of_our_server(place: Place) -> None:
    """Its status, headers and body arrive."""

    def refuse(_: websocket.ConnectionRequest) -> None:
        raise websocket.HandshakeError(403, "members only", [("X-Why", "because")])

    error = place.refusal(f"ws://127.0.0.1:{place.serve(on_handshake=refuse)}/")
    assert (error.status, error.body) == (403, b"members only\n")
    assert ("x-why", "because") in error.headers


def test_redirects(place: Place) -> None:
    """From plain to TLS, as servers do; credentials stay behind, and are used where they belong."""
    seen: list[tuple[str, str, bool]] = []

    def note(request: websocket.ConnectionRequest) -> None:
        seen.append((request.path, request.headers["host"], "authorization" in request.headers))
        if request.path == "/old":
            raise websocket.HandshakeError(302, "moved", [("Location", "new")])
        if not request.secure:
            raise websocket.HandshakeError(
                301, "use TLS", [("Location", f"https://localhost:{secure}/there")]
            )

    secure = place.serve_tls(on_handshake=note)
    port = place.serve(on_handshake=note)
    ws = place.connect(f"ws://me:secret@127.0.0.1:{port}/old", tls=make_certificate(*HOSTS))
    assert ws.request.path == "/there"
    assert seen == [
        ("/old", f"127.0.0.1:{port}", True),
        ("/new", f"127.0.0.1:{port}", True),
        ("/there", f"localhost:{secure}", False),
    ]


# -- giving up -----------------------------------------------------------------------------------


class Mute(Protocol):
    """Accepts and says what it is told to, byte by byte, or nothing."""

    transport: Any
    made: list[Mute]

    def __init__(self, reactor: Any, text: bytes) -> None:
        self.reactor = reactor
        self.text = text
        self.next: Any = None
        self.heard = False
        self.gone: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.made.append(self)
        self.drip()

    def drip(self) -> None:
        if self.text:
            self.transport.write(self.text[:1])
            self.text = self.text[1:]
            self.next = self.reactor.callLater(0.01, self.drip)

    def dataReceived(self, data: bytes) -> None:
        self.heard = True

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.next is not None:
            self.next.cancel()
        self.gone.callback(None)


def mute(place: Place, text: bytes = b"") -> int:
    Mute.made = []
    return place.listen(Factory[Any].forProtocol(lambda: Mute(place.reactor, text)))


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.parametrize("late", [False, True])
def test_giving_up_on_a_mute_server(place: Place, loop: Loop, scheme: str, late: bool) -> None:
    """In the middle of TLS or of the handshake, it hears that the client is gone."""
    url, patience = f"{scheme}://127.0.0.1:{mute(place)}/", 0.2 if late else 10
    result = websocket.connect(place.reactor, url, open_timeout=patience)
    # On uvloop, who hears something and the end of it in one turn only hears the first.
    loop.wait_until(lambda: Mute.made and Mute.made[0].heard)
    if not late:
        result.cancel()
    with pytest.raises(ConnectTimeoutError if late else CancelledError):
        place.run(result)
    place.run(Mute.made[0].gone, 5)


@pytest.mark.parametrize("proxied", [False, True])
def test_a_peer_that_drips(place: Place, proxied: bool) -> None:
    """Its time is limited in all, not from byte to byte."""
    at = f"127.0.0.1:{mute(place, b'HTTP/1.1 200 OK' + b'x' * 10_000)}"
    url, proxy = ("ws://127.0.0.1:1/", f"http://{at}") if proxied else (f"ws://{at}/", None)
    with pytest.raises(ConnectTimeoutError):
        place.run(websocket.connect(place.reactor, url, open_timeout=0.3, proxy=proxy), 5)
    place.run(Mute.made[0].gone, 5)


def test_cancelling_before_the_name_is_known(place: Place) -> None:
    """The resolver's thread comes to nothing."""
    result = websocket.connect(place.reactor, "ws://localhost:1/")
    result.cancel()
    with pytest.raises(CancelledError):
        place.run(result)
    place.run(deferLater(place.reactor, 0.1, lambda: None))


def test_nobody_there(place: Place, free_port: int) -> None:
    """Fails at once, with Twisted's own error."""
    with pytest.raises(RefusedError):
        place.run(websocket.connect(place.reactor, f"ws://127.0.0.1:{free_port}/"))


# -- again and again -----------------------------------------------------------------------------


def test_a_server_that_comes_back(place: Place, free_port: int) -> None:
    """The loop goes on with the next server on the same port."""
    at = f"tcp:{free_port}:{HERE}"
    backoff = websocket.Backoff(first=0.05, most=0.2)

    async def scene() -> list[object]:
        received: list[object] = []
        again = websocket.reconnect(place.reactor, f"ws://127.0.0.1:{free_port}/", backoff=backoff)
        server: Any = None
        place.reactor.callLater(0.3, place.serve_later, at)
        async for ws in again:
            await ws.send(f"connection {len(received)}")
            received.append(await ws.recv())
            if len(received) == 3:
                break
            server = place.ports.pop()
            await server.close(1012, "restart")
            await ws.wait_closed()
            received[-1] = (received[-1], ws.close_code, ws.close_reason)
            place.reactor.callLater(0.1, place.serve_later, at)
        return received

    assert place.run(scene()) == [
        ("connection 0", 1012, "restart"),
        ("connection 1", 1012, "restart"),
        "connection 2",
    ]
