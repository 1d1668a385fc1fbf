"""Servers over TLS on the poll group: WebSockets, pages on the same port, and who gets in."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.endpoints import (
    SSL4ServerEndpoint,
    TCP4ServerEndpoint,
    UNIXServerEndpoint,
)
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.ssl import Certificate, CertificateOptions
from twisted.internet.threads import deferToThread
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site
from twisted.web.static import Data

from sennit import websocket
from sennit.engine.build import encode_frame
from sennit.engine.frame import CLOSE, TEXT
from sennit.net import native
from sennit.net.coroutine import runner_for
from sennit.net.front_door import FrontDoor
from sennit.net.mount import HandlerMount
from sennit.net.native import native_tls
from sennit.net.setting import WebSocketSettings
from tests.certificate import make_certificate, make_pem
from tests.double import LogKeeper
from tests.live.loop import Loop
from tests.live.secure import HOST, SecurePeer, client_context
from tests.net.double import status_of, upgrade_request

pytestmark = pytest.mark.skipif(not native_tls(), reason="there is no TLS in the group")

TRUSTED = make_certificate(HOST)
LARGE = bytes(range(256)) * 20_000
STREAM = [bytes([number]) * 50_000 for number in range(40)]


def number_of(port: Any) -> int:
    number: int = port.getHost().port
    return number


async def _echo(ws: websocket.WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


class _Told:
    """Echoes, in the style that is notified."""

    def __init__(self, ws: websocket.WebSocket) -> None:
        self.ws = ws

    def message_received(self, data: bytes, is_text: bool) -> None:
        assert self.ws.send_nowait(data, text=is_text)


class Mirror(Resource):
    """Says what was posted, and over what."""

    isLeaf = True  # noqa: N815 - Twisted reads it

    def render_POST(self, request: Request) -> bytes:
        assert request.content is not None
        return b"%d %s" % (request.isSecure(), request.content.read())


class Stream(Resource):
    """Sends more than a connection takes at once, as fast as it is asked for it."""

    isLeaf = True  # noqa: N815 - Twisted reads it

    def render_GET(self, request: Request) -> int:
        left = list(STREAM)

        class Producer:
            def resumeProducing(self) -> None:
                if left:
                    request.write(left.pop(0))
                else:
                    request.unregisterProducer()
                    request.finish()

            def stopProducing(self) -> None:
                """The client is gone."""

        request.registerProducer(Producer(), False)
        return NOT_DONE_YET


class Place:
    """A port over TLS, with WebSockets at ``/ws`` and pages elsewhere."""

    def __init__(self, loop: Loop, **options: Any) -> None:
        self.loop = loop
        root = Resource()
        root.putChild(b"hello", Data(b"<p>hello", "text/html"))
        root.putChild(b"large", Data(LARGE, "application/octet-stream"))
        for name, made in ((b"mirror", Mirror), (b"stream", Stream)):
            page: Any = made
            root.putChild(name, page())
        settings = WebSocketSettings(**options)
        mount = HandlerMount(loop.reactor, _echo, runner_for(loop.reactor), (), None)
        self.door = FrontDoor(loop.reactor, {"/ws": mount}, Site(root), settings)
        endpoint = SSL4ServerEndpoint(loop.reactor, 0, TRUSTED.options(), interface="127.0.0.1")
        self.port: Any = loop.run(endpoint.listen(self.door))
        self.door.accept_on(self.port)
        self.number: int = self.port.getHost().port

    def peer(self, context: ssl.SSLContext | None = None) -> SecurePeer:
        """Return a client that is connected, and has said nothing."""
        line = socket.create_connection(("127.0.0.1", self.number))
        return SecurePeer(line, context or client_context(), HOST)

    def ask(self, context: ssl.SSLContext | None = None) -> SecurePeer:
        """Return one with TLS."""
        peer = self.peer(context)
        self.loop.wait_until(peer.shake)
        return peer

    def close(self) -> None:
        self.door.stop_accepting()
        gone = self.door.close_all(1001, "going away")
        self.loop.run(self.port.stopListening())
        self.loop.run(gone)


@pytest.fixture(name="place")
def _place(loop: Loop) -> Iterator[Place]:
    place = Place(loop, close_timeout=0.3, head_timeout=0.5)
    with LogKeeper() as log:
        yield place
        place.close()
    assert log.failures() == []


# -- WebSockets ----------------------------------------------------------------------------------


@pytest.mark.parametrize("handler", [_echo, _Told])
@pytest.mark.parametrize("options", [{}, {"compression": True}, {"streaming": True}])
def test_a_server(loop: Loop, tmp_path: Path, handler: Any, options: dict[str, Any]) -> None:
    """Its connections are the group's; messages of every size come and go."""
    if options == {"streaming": True} and handler is _Told:
        options = {}
    pem = tmp_path / "server.pem"
    pem.write_bytes(make_pem(HOST))
    where = f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}"

    async def scenario() -> None:
        port = await websocket.listen(
            loop.reactor, where, handler, max_message=1 << 20, max_fragments=100, **options
        )
        ws = await websocket.connect(
            loop.reactor,
            f"wss://{HOST}:{number_of(port)}/",
            max_message=1 << 20,
            compression=options.get("compression", False),
            tls=TRUSTED,
        )
        (ours,) = port.connections
        assert ours._transport.socket is not None
        assert ours.request.secure
        assert ISSLTransport.providedBy(ours._transport.transport)
        for size in (0, 1, 125, 126, 16_370, 16_384, 65_535, 65_536, 300_000):
            for message in ("x" * size, b"y" * size):
                await ws.send(message)
                assert await ws.recv() == message
        for number in range(500):
            await ws.send(str(number))
        assert [await ws.recv() for _ in range(500)] == [str(number) for number in range(500)]
        await ws.send_streaming(["a", "é", "c"])
        assert await ws.recv() == "aéc"
        assert await ws.ping() >= 0
        assert websocket.broadcast(port.connections, "to all") == []
        assert await ws.recv() == "to all"
        await ws.close(4000, "done")
        await ours.wait_closed()
        assert (ws.close_code, ours.close_code, ours.close_reason) == (4000, 4000, "done")
        await port.close()

    loop.run(scenario())


def test_a_violation(loop: Loop, place: Place) -> None:
    """The close frame that says why comes through, and TLS's farewell behind it."""
    peer = place.ask()
    peer.say(upgrade_request("/ws", Host=f"{HOST}:{place.number}"))
    loop.wait_until(lambda: b"\r\n\r\n" in peer.hear())
    peer.say(b"\x81\x81abcd" + bytes([0xFF ^ ord("a")]) + b"and more")
    loop.wait_until(lambda: peer.hear() and peer.ended)
    assert peer.heard.split(b"\r\n\r\n", 1)[1].startswith(b"\x88")
    assert (1007).to_bytes(2, "big") in peer.heard
    assert peer.farewell


def test_a_peer_that_ends_without_a_close_frame(loop: Loop) -> None:
    """By TLS's farewell or without, it is an end to the handler, once."""
    told: list[Any] = []

    class Receiver:
        def __init__(self, ws: websocket.WebSocket) -> None:
            """Nothing to keep."""

        def message_received(self, data: bytes, _is_text: bool) -> None:
            told.append(data)

        def connection_lost(self, closed: websocket.Closed) -> None:
            told.append((closed.code, closed.reason))

    endpoint = SSL4ServerEndpoint(loop.reactor, 0, TRUSTED.options(), interface="127.0.0.1")
    port = loop.run(websocket.listen(loop.reactor, endpoint, Receiver))
    number = number_of(port)
    for farewell in (True, False):
        peer = SecurePeer(socket.create_connection(("127.0.0.1", number)), client_context(), HOST)
        loop.wait_until(peer.shake)
        peer.say(upgrade_request("/", Host=f"{HOST}:{number}"))
        loop.wait_until(lambda peer=peer: b"\r\n\r\n" in peer.hear())  # type: ignore[misc]
        peer.say(b"\x82\x81" + bytes(4) + b"x")
        if farewell:
            with contextlib.suppress(ssl.SSLError):
                peer.leave()
        peer.line.close()
        loop.wait_until(lambda: len(told) == 2)
        assert told[0] == b"x"
        assert told[1][0] == 1006
        told.clear()
    loop.run(port.close())


# -- pages ---------------------------------------------------------------------------------------


def test_pages(loop: Loop, place: Place) -> None:
    """One connection, kept alive: small, large, posted, streamed, and one that is not there."""

    def ask() -> list[bytes]:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", place.number, timeout=5, context=client_context()
        )
        answers = []
        for path, body in (
            ("/hello", None),
            ("/large", None),
            ("/mirror", b"x" * 5000),
            ("/stream", None),
            ("/nothing", None),
            ("/hello", None),
        ):
            connection.request("GET" if body is None else "POST", path, body)
            answers.append(connection.getresponse().read())
        connection.close()
        return answers

    got = loop.run(deferToThread(ask))
    assert got[0] == got[5] == b"<p>hello"
    assert got[1] == LARGE
    assert got[2] == b"1 " + b"x" * 5000
    assert got[3] == b"".join(STREAM)
    assert b"No Such Resource" in got[4]


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_requests_in_a_row(loop: Loop, place: Place, version: str) -> None:
    """Sent without waiting, in records that end anywhere; the answers come in order."""
    peer = place.ask(client_context(version))
    request = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"
    wanted = b"".join(request % path for path in (b"hello", b"large", b"stream", b"hello"))
    for start in range(0, len(wanted), 7):
        peer.tls.write(wanted[start : start + 7])
        record = peer.records()
        peer.send(record[:3])
        loop.pause(0.001)
        peer.send(record[3:])
    loop.wait_until(lambda: peer.hear().count(b"<p>hello") == 2)
    assert LARGE in peer.heard
    assert peer.heard.rindex(b"<p>hello") > peer.heard.index(LARGE)
    peer.leave()
    loop.wait_until(lambda: peer.hear() and peer.ended)


def test_an_answer_that_is_read_slowly(loop: Loop, place: Place) -> None:
    """It waits for the reader, and is whole."""
    peer = place.ask()
    peer.say(b"GET /stream HTTP/1.0\r\n\r\n")
    loop.pause(0.1)
    sizes = set()

    def read() -> bool:
        sizes.add(len(peer.heard))
        if len(sizes) % 2:
            peer.hear()
        return peer.farewell

    loop.wait_until(read)
    assert peer.heard.endswith(b"".join(STREAM))


def test_an_upgrade_behind_a_page(loop: Loop, place: Place) -> None:
    """Over a kept-alive connection, as proxies send it."""
    peer = place.ask()
    peer.say(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
    loop.wait_until(lambda: b"<p>hello" in peer.hear())
    peer.say(upgrade_request("/ws", Host=f"{HOST}:{place.number}"))
    loop.wait_until(lambda: b"101 Switching" in peer.hear())
    peer.say(encode_frame(TEXT, b"hello", mask=b"abcd"))
    loop.wait_until(lambda: peer.hear().endswith(b"\x81\x05hello"))
    peer.say(encode_frame(CLOSE, b"\x03\xe8", mask=b"abcd"))
    loop.wait_until(lambda: peer.hear().endswith(b"\x88\x02\x03\xe8"))
    peer.line.close()


# -- who gets in ---------------------------------------------------------------------------------


def test_time_for_a_handshake(loop: Loop, place: Place) -> None:
    """Whoever stalls in it, or behind it, does so for as long as a head may take, and no longer."""
    silent, halfway, stalled = place.peer(), place.peer(), place.ask()
    with contextlib.suppress(ssl.SSLWantReadError):
        halfway.tls.do_handshake()
    halfway.send(halfway.records()[:100])
    stalled.say(b"GET / HT")
    loop.wait_until(lambda: place.door.limits.handshakes == 3)
    loop.wait_until(lambda: stalled.hear() and stalled.ended)
    assert status_of(stalled.heard) == 408
    assert stalled.farewell
    stalled.line.close()
    for peer in (silent, halfway):
        loop.wait_until(lambda peer=peer: not peer.take() and peer.ended)  # type: ignore[misc]
    assert place.door.limits.handshakes == 0


def test_no_room(loop: Loop) -> None:
    """Who is one too many is told so, when TLS is there."""
    place = Place(loop, max_handshakes=1, close_timeout=0.3)
    first = place.peer()
    loop.wait_until(lambda: place.door.limits.handshakes == 1)
    second = place.ask()
    loop.wait_until(lambda: second.hear() and second.ended)
    assert status_of(second.heard) == 503
    first.line.close()
    second.line.close()
    place.close()


def test_what_a_browser_asks_for(loop: Loop, place: Place) -> None:
    """Protocols by ALPN: the one that there is, and not without it."""
    context = client_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    peer = place.ask(context)
    assert peer.tls.selected_alpn_protocol() == "http/1.1"
    peer.say(upgrade_request("/ws", Host=f"{HOST}:{place.number}"))
    loop.wait_until(lambda: b"101 Switching" in peer.hear())
    (stream,) = place.door.connections
    transport: Any = stream.transport
    assert transport.negotiatedProtocol == b"http/1.1"
    context = client_context()
    context.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLError, match="ALERT"):
        place.ask(context)
    peer.line.close()


def test_who_the_client_is(loop: Loop, tmp_path: Path) -> None:
    """A program may ask for the certificate that its client has shown."""
    theirs = make_certificate("client")
    options = CertificateOptions(
        privateKey=TRUSTED.privateKey.original, certificate=TRUSTED.original, trustRoot=theirs
    )
    endpoint = SSL4ServerEndpoint(loop.reactor, 0, options, interface="127.0.0.1")
    port = loop.run(websocket.listen(loop.reactor, endpoint, _echo))
    pem = tmp_path / "client.pem"
    pem.write_bytes(make_pem("client"))
    context = client_context()
    context.load_cert_chain(pem)
    line = socket.create_connection(("127.0.0.1", number_of(port)))
    peer = SecurePeer(line, context, HOST)
    loop.wait_until(peer.shake)
    peer.say(upgrade_request("/", Host=f"{HOST}:{number_of(port)}"))
    loop.wait_until(lambda: b"101 Switching" in peer.hear())
    (ours,) = port.connections
    assert Certificate.peerFromTransport(ours._transport.transport) == Certificate(theirs.original)
    line.close()
    loop.run(port.close())


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_clients_that_go_anywhere_in_between(loop: Loop, place: Place, version: str) -> None:
    """In the handshakes of TLS and of WebSocket, in a page, and in a message."""
    whole = place.ask(client_context(version))
    whole.say(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
    for round_ in range(40):
        peer = place.peer(client_context(version))
        for _ in range(round_ % 4):
            loop.pause(0.001)
            with contextlib.suppress(ssl.SSLError):
                peer.shake()
        if peer.secured:
            page = b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n"
            upgrade = upgrade_request("/ws", Host=f"{HOST}:{place.number}")
            peer.tls.write((page, upgrade + b"\x81\xfe")[round_ % 2])
            records = peer.records()
            peer.send(records[: len(records) - round_ % 3])
            loop.pause(0.001 * (round_ % 5))
        if round_ % 3 == 0:
            peer.line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.line.close()
    loop.wait_until(lambda: b"<p>hello" in whole.hear())
    loop.wait_until(lambda: place.door.limits.handshakes == 0)
    loop.wait_until(lambda: place.door.limits.connections == 0)
    whole.line.close()


# -- where it is used ----------------------------------------------------------------------------


class Wrapped:
    """An endpoint with TLS around another, as there are several."""

    def __init__(self, inner: Any, kind: type[TLSMemoryBIOFactory] = TLSMemoryBIOFactory) -> None:
        self.inner = inner
        self.kind = kind

    def listen(self, factory: Any) -> Any:
        return self.inner.listen(self.kind(TRUSTED.options(), False, factory))


def test_another_endpoint(loop: Loop, tmp_path: Path) -> None:
    """TLS over a Unix socket, for example."""
    path = tmp_path / "echo"
    endpoint = Wrapped(UNIXServerEndpoint(loop.reactor, str(path)))
    port = loop.run(websocket.listen(loop.reactor, endpoint, _echo))  # type: ignore[arg-type]
    line = socket.socket(socket.AF_UNIX)
    line.connect(str(path))
    peer = SecurePeer(line, client_context(), HOST)
    loop.wait_until(peer.shake)
    peer.say(upgrade_request("/", Host=HOST))
    loop.wait_until(lambda: b"101 Switching" in peer.hear())
    (ours,) = port.connections
    assert ours._transport.socket is not None
    line.close()
    loop.run(port.close())


@pytest.mark.parametrize("why", ["factory", "openssl"])
def test_where_twisted_keeps_it(loop: Loop, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    """Where something is of another kind than is known here, all is as it is without the group."""

    class Other(TLSMemoryBIOFactory):
        """Who knows what it does."""

    inner = TCP4ServerEndpoint(loop.reactor, 0, interface="127.0.0.1")
    kind = TLSMemoryBIOFactory
    if why == "factory":
        kind = Other
    else:
        monkeypatch.setattr(native, "native_tls", lambda: False)

    async def scenario() -> None:
        port = await websocket.listen(
            loop.reactor,
            Wrapped(inner, kind),  # type: ignore[arg-type]  # it listens
            _echo,
        )
        url = f"wss://{HOST}:{number_of(port)}/"
        ws = await websocket.connect(loop.reactor, url, tls=TRUSTED)
        await ws.send("hello")
        assert await ws.recv() == "hello"
        (ours,) = port.connections
        assert ours._transport.socket is None
        assert isinstance(ours._transport.transport, BufferingTLSTransport)
        await ws.close()
        await port.close()

    loop.run(scenario())
