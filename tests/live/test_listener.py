"""Servers of WebSockets on real sockets: every kind of endpoint, the hook, limits, the end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.error import ConnectionDone
from twisted.internet.task import deferLater
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data

from sennit import websocket
from sennit.errors import ConnectionClosedOK, HandshakeError
from sennit.websocket import Accept, ConnectionRequest, WebSocket
from tests.certificate import make_certificate, make_pem
from tests.live.loop import Loop
from tests.live.process import Process
from tests.live.visitor import visit
from tests.net.double import header_of, status_of, upgrade_request

Run = Callable[..., Any]


async def echo(ws: WebSocket) -> None:
    """Say how the client came in, then echo."""
    await ws.send(f"{ws.request.address} {ws.request.secure} {ws.state}")
    async for message in ws:
        await ws.send(message)


def number_of(port: Any) -> int:
    number: int = port.getHost().port
    return number


# -- endpoints -----------------------------------------------------------------------------------


def test_tcp_with_a_hook_that_takes_its_time(reactor: Any, run: Run) -> None:
    """Cookies in, headers and state out; what is sent meanwhile is not lost."""

    async def check(request: ConnectionRequest) -> Accept:
        await deferLater(reactor, 0.05, lambda: None)
        return Accept(state=request.cookies["user"], headers={"X-Node": "a"})

    async def scenario() -> None:
        where = "tcp:0:interface=127.0.0.1"
        port = await websocket.listen(reactor, where, echo, on_handshake=check)
        url = f"ws://127.0.0.1:{number_of(port)}/any"
        ws = await websocket.connect(reactor, url, headers=[("Cookie", "user=ada")])
        address, secure, state = str(await ws.recv()).split()
        assert address.startswith("127.0.0.1:")
        assert (secure, state) == ("False", "ada")
        await ws.send("hi")
        assert await ws.recv() == "hi"
        (mine,) = port.connections
        assert mine.state == "ada"
        await port.close()

    run(scenario())


def test_a_unix_socket_with_a_proxy_in_front(reactor: Any, loop: Loop, tmp_path: Path) -> None:
    """Which says who is behind it."""
    path = tmp_path / "echo.sock"
    port = loop.run(
        websocket.listen(
            reactor, f"unix:{path}", echo, trusted_proxies=("unix",), max_per_address=1
        )
    )
    request = upgrade_request(X_Forwarded_For="203.0.113.7", X_Forwarded_Proto="https")
    first = visit(loop, f"unix:{path}").say(request)
    loop.wait_until(lambda: b"None" in first.heard)
    second = visit(loop, f"unix:{path}").say(request)
    loop.wait_until(lambda: second.ended)
    assert status_of(first.heard) == 101
    assert first.heard.endswith(b"203.0.113.7 True None")
    assert status_of(second.heard) == 429
    first.line.abortConnection()
    second.line.abortConnection()
    loop.run(port.close())
    assert not path.exists()


def test_tls(reactor: Any, loop: Loop, tmp_path: Path) -> None:
    """The handler knows; a silent client beyond the limit costs nothing for long."""
    pem = tmp_path / "server.pem"
    pem.write_bytes(make_pem("127.0.0.1"))
    trusted = make_certificate("127.0.0.1")
    where = f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}"
    port = loop.run(websocket.listen(reactor, where, echo, max_handshakes=1, close_timeout=0.3))
    silent, refused = (visit(loop, f"tcp:127.0.0.1:{number_of(port)}") for _ in range(2))
    loop.wait_until(lambda: refused.lost is not None)
    assert silent.lost is None
    silent.line.loseConnection()
    loop.wait_until(lambda: port.limits.handshakes == 0)

    async def scenario() -> None:
        url = f"wss://127.0.0.1:{number_of(port)}/"
        ws = await websocket.connect(reactor, url, tls=trusted)
        assert str(await ws.recv()).endswith("True None")
        await ws.close()

    loop.run(scenario())
    loop.run(port.close())


def test_a_socket_that_another_has_opened(reactor: Any, run: Run) -> None:
    """As systemd hands it over: ``systemd:`` makes the same endpoint of it."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    number = listening.getsockname()[1]
    # The endpoint closes what it is given, once it has its own.
    endpoint = AdoptedStreamServerEndpoint(reactor, listening.detach(), socket.AF_INET)

    async def scenario() -> None:
        port = await websocket.listen(reactor, endpoint, echo)
        ws = await websocket.connect(reactor, f"ws://127.0.0.1:{number}/")
        assert await ws.recv()
        await port.close()

    run(scenario())


def test_beside_pages(reactor: Any, loop: Loop) -> None:
    """A site's pages and WebSockets over one kept-alive connection, with a hook that waits."""

    async def check(_request: ConnectionRequest) -> None:
        await deferLater(reactor, 0.05, lambda: None)

    root = Resource()
    root.putChild(b"page", Data(b"a page", "text/plain"))
    root.putChild(b"ws", websocket.resource(reactor, echo, on_handshake=check))
    port = reactor.listenTCP(0, Site(root, reactor=reactor), interface="127.0.0.1")
    visitor = visit(loop, f"tcp:127.0.0.1:{number_of(port)}")
    visitor.say(b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n" + b"GET /ws HTTP/1.1\r\nHost: a\r\n\r\n")
    visitor.say(upgrade_request() + b"\x89\x80\x00\x00\x00\x00")
    loop.wait_until(lambda: b"\x8a\x00" in visitor.heard)
    assert visitor.heard.index(b" 200 ") < visitor.heard.index(b" 426 ")
    assert visitor.heard.index(b" 426 ") < visitor.heard.index(b" 101 ")
    visitor.line.abortConnection()
    loop.run(port.stopListening())


# -- clients that go away ------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["closes", "closes its half", "resets"])
@pytest.mark.parametrize("way", ["port", "resource"])
def test_a_client_that_goes_away_cancels_the_hook(
    reactor: Any, loop: Loop, how: str, way: str
) -> None:
    """However it goes, and whichever way it came."""
    ended: list[BaseException] = []

    async def hang(_request: ConnectionRequest) -> None:
        try:
            await Deferred()
        except (CancelledError, asyncio.CancelledError) as error:
            ended.append(error)  # Which of them depends on the reactor.
            raise

    if way == "port":
        where = "tcp:0:interface=127.0.0.1"
        made: Any = loop.run(websocket.listen(reactor, where, echo, on_handshake=hang))
        port = made
    else:
        made = websocket.resource(reactor, echo, on_handshake=hang)
        root = Resource()
        root.putChild(b"ws", made)
        port = reactor.listenTCP(0, Site(root, reactor=reactor), interface="127.0.0.1")
    visitor = visit(loop, f"tcp:127.0.0.1:{number_of(port)}").say(upgrade_request())
    loop.wait_until(lambda: made.limits.connections == 1)
    if how == "closes":
        visitor.line.loseConnection()
    elif how == "resets":
        visitor.line.abortConnection()
    else:
        visitor.line.loseWriteConnection()
    loop.wait_until(lambda: ended and made.limits.handshakes == 0)
    loop.wait_until(lambda: visitor.ended)
    assert made.limits.connections == 0
    assert visitor.heard == b""
    visitor.line.abortConnection()
    loop.run(made.close())
    loop.run(port.stopListening())


# -- limits --------------------------------------------------------------------------------------


def test_who_gets_no_place_gets_an_answer(reactor: Any, loop: Loop) -> None:
    """Though it was sent before the request, no reset destroys it."""
    where = "tcp:0:interface=127.0.0.1"
    port = loop.run(websocket.listen(reactor, where, echo, max_handshakes=5))
    at = f"tcp:127.0.0.1:{number_of(port)}"
    silent = [visit(loop, at) for _ in range(5)]
    loop.wait_until(lambda: port.limits.handshakes == 5)
    more = [visit(loop, at).say(upgrade_request()) for _ in range(20)]
    loop.wait_until(lambda: all(visitor.ended for visitor in more))
    for visitor in more:
        assert (status_of(visitor.heard), header_of(visitor.heard, "Retry-After")) == (503, "5")
        visitor.line.loseConnection()
    loop.wait_until(lambda: all(visitor.lost for visitor in more))
    assert all(visitor.lost and visitor.lost.check(ConnectionDone) for visitor in more)
    for visitor in silent:
        visitor.line.abortConnection()
    loop.wait_until(lambda: port.limits.handshakes == 0)
    assert port.limits.refused["max_handshakes"] == 20
    loop.run(port.close())


def test_a_full_server_says_so_to_a_client(reactor: Any, run: Run) -> None:
    """And takes the next one when there is room."""

    async def scenario() -> None:
        where = "tcp:0:interface=127.0.0.1"
        port = await websocket.listen(reactor, where, echo, max_connections=1)
        url = f"ws://127.0.0.1:{number_of(port)}/"
        first = await websocket.connect(reactor, url)
        with pytest.raises(HandshakeError) as caught:
            await websocket.connect(reactor, url)
        assert caught.value.status == 503
        await first.close()
        second = await websocket.connect(reactor, url)
        assert await second.recv()
        await port.close()

    run(scenario())


# -- the end -------------------------------------------------------------------------------------


def test_a_graceful_end(reactor: Any, loop: Loop) -> None:
    """1001 for those who answer, 503 for a handshake, the cut for who is deaf."""
    where = "tcp:0:interface=127.0.0.1"
    port = loop.run(websocket.listen(reactor, where, echo, close_timeout=0.5))
    at = f"tcp:127.0.0.1:{number_of(port)}"
    polite = loop.run(websocket.connect(reactor, f"ws://127.0.0.1:{number_of(port)}/"))
    loop.run(polite.recv())
    deaf = visit(loop, at).say(upgrade_request())
    half = visit(loop, at).say(upgrade_request()[:30])
    loop.wait_until(lambda: len(port.connections) == 2 and port.limits.handshakes == 1)
    gone = port.close()
    loop.wait_until(lambda: half.ended)
    assert status_of(half.heard) == 503
    half.line.loseConnection()

    async def listen_to_the_end() -> None:
        with pytest.raises(ConnectionClosedOK) as caught:
            await polite.recv()
        assert (caught.value.code, caught.value.reason) == (1001, "going away")

    loop.run(listen_to_the_end())
    assert not gone.called
    loop.run(gone)
    loop.wait_until(lambda: deaf.lost is not None)
    assert deaf.heard.endswith(b"\x88\x0c\x03\xe9going away")
    assert len(port.connections) == 0


def test_twist_websocket(start_process: Callable[..., Process], loop: Loop, new_port: Any) -> None:
    """From the command line to its end by a signal, which closes with 1001."""
    number = new_port()
    process = start_process(
        [
            *("-m", "twisted", "websocket", "--listen", f"tcp:{number}:interface=127.0.0.1"),
            *("--on-handshake", "tests.live.echo:check", "tests.live.echo"),
        ],
        port=number,
    )
    reactor = loop.reactor
    url = f"ws://127.0.0.1:{number}/"

    async def refused() -> None:
        with pytest.raises(HandshakeError, match="401"):
            await websocket.connect(reactor, url)

    loop.run(refused())
    ws = loop.run(websocket.connect(reactor, url, headers=[("Cookie", "user=ada")]))
    assert loop.run(ws.recv()) == "hello ada"
    process.signal(signal.SIGTERM)
    loop.run(ws.wait_closed())
    assert ws.close_code == 1001
    # As other programs do, Twisted ends by the signal that has stopped it.
    assert process.wait() in (0, -signal.SIGTERM), process.output


def test_twist_websocket_says_what_is_wrong(start_process: Callable[..., Process]) -> None:
    """In a line, with the exit status of a wrong command line."""
    process = start_process(["-m", "twisted", "websocket", "no_such_module"])
    assert process.wait() == os.EX_USAGE
    assert "there is no module 'no_such_module'" in process.output
    assert "Traceback" not in process.output
