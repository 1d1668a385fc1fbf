"""A server as a program has it: its port or resource, its connections, and its end."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import Site
from zope.interface import implementer
from zope.interface.verify import verifyObject

from sennit.engine.build import CLIENT, Close, Connection
from sennit.errors import ConnectionClosedOK, LocalProtocolError
from sennit.net.coroutine import runner_for
from sennit.net.front_door import FrontDoor
from sennit.net.listener import resource
from sennit.net.mount import HandlerMount
from sennit.net.port import WebSocketPort
from sennit.net.setting import WebSocketSettings
from sennit.net.websocket import WebSocket
from tests.double import outcome
from tests.net.double import FakeSocket, header_of, status_of, upgrade_request


@implementer(IListeningPort)
class FakePort:
    """A port that notes whether it listens."""

    def __init__(self) -> None:
        self.factory: Any = None
        self.listening = False
        self.stopping: Deferred[None] | None = succeed(None)

    def startListening(self) -> None:  # noqa: N802 - Twisted names it
        self.factory.doStart()
        self.listening = True

    def stopListening(self) -> Deferred[None] | None:  # noqa: N802
        self.factory.doStop()
        self.listening = False
        return self.stopping

    def getHost(self) -> IPv4Address:  # noqa: N802
        return IPv4Address("TCP", "127.0.0.1", 8000)


class Harbour:
    """A port of ours on Twisted's, with a handler that keeps what it has and heard."""

    def __init__(self, on_handshake: Any = None, **settings: Any) -> None:
        self.clock = Clock()
        self.opened: list[WebSocket] = []
        self.ended: list[BaseException] = []
        mount = HandlerMount(
            self.clock, self.handle, runner_for(self.clock), on_handshake=on_handshake
        )
        self.door = FrontDoor(self.clock, {"*": mount}, None, WebSocketSettings(**settings))
        self.below = FakePort()
        self.below.factory = self.door
        self.below.startListening()
        self.port = WebSocketPort(self.below, self.door)

    async def handle(self, ws: WebSocket) -> None:
        self.opened.append(ws)
        try:
            await ws.recv()
        except Exception as error:
            self.ended.append(error)
            raise

    def ask(self, data: bytes) -> Any:
        socket = FakeSocket(self.door.buildProtocol(None))
        socket.protocol.makeConnection(socket)
        socket.deliver(data)
        socket.drain()
        return socket


def close_of(taken: bytes) -> Close:
    """Return the close frame behind a response."""
    (event,) = Connection(CLIENT).receive(bytes(taken).partition(b"\r\n\r\n")[2])
    assert isinstance(event, Close)
    return event


def lose(socket: Any) -> None:
    socket.connectionLost(Failure(ConnectionDone()))


def test_it_is_a_port_of_twisteds() -> None:
    """It says where it listens, stops, and starts again; connections go on."""
    harbour = Harbour()
    assert verifyObject(IListeningPort, harbour.port)
    assert harbour.port.getHost() == IPv4Address("TCP", "127.0.0.1", 8000)
    socket = harbour.ask(upgrade_request())
    outcome(harbour.port.stopListening())
    assert not harbour.below.listening
    assert socket.connected
    harbour.port.startListening()
    assert harbour.below.listening
    harbour.below.stopping = None
    assert outcome(harbour.port.stopListening()) is None


def test_its_connections_are_those_that_handlers_have() -> None:
    """In the order they came; others, and what is gone, are not among them."""
    harbour = Harbour()
    port = harbour.port
    sockets = [harbour.ask(upgrade_request()) for _ in range(3)]
    assert list(port.connections) == harbour.opened
    assert len(port.connections) == 3
    assert harbour.opened[1] in port.connections
    lose(sockets[1])
    assert list(port.connections) == [harbour.opened[0], harbour.opened[2]]
    assert harbour.opened[1] not in port.connections
    assert repr(port.connections) == "<2 WebSocket connections>"
    assert repr(port).endswith("with 2 connections>")
    assert (port.limits.connections, port.limits.accepted) == (2, 3)


def test_closing_is_graceful() -> None:
    """It listens no more, and every peer gets 1001 and the time to answer it."""
    harbour = Harbour(close_timeout=5)
    polite, deaf = harbour.ask(upgrade_request()), harbour.ask(upgrade_request())
    gone = harbour.port.close()
    assert not harbour.below.listening
    for socket in (polite, deaf):
        close = close_of(socket.taken)
        assert (close.code, close.reason) == (1001, "going away")
    polite.deliver(close_of(polite.taken).reply)
    polite.drain()
    assert not polite.connected
    harbour.clock.advance(4.9)
    assert not gone.called
    assert not deaf.aborted
    harbour.clock.advance(0.1)
    assert deaf.aborted
    lose(deaf)
    assert outcome(gone) is None
    assert len(harbour.port.connections) == 0
    assert isinstance(harbour.ended[0], ConnectionClosedOK)
    assert len(harbour.ended) == 2
    assert harbour.clock.getDelayedCalls() == []


def test_closing_may_say_something_else() -> None:
    """Within what may be on the wire."""
    harbour = Harbour()
    socket = harbour.ask(upgrade_request())
    with pytest.raises(LocalProtocolError):
        harbour.port.close(1006)
    with pytest.raises(LocalProtocolError):
        harbour.port.close(4000, "x" * 124)
    assert harbour.below.listening
    harbour.port.close(4000, "moving house")
    close = close_of(socket.taken)
    assert (close.code, close.reason) == (4000, "moving house")


def test_closing_refuses_handshakes_that_are_not_done() -> None:
    """Be it the head or the hook that is missing; they are waited for."""
    waiting: Deferred[None] = Deferred()
    harbour = Harbour(lambda _: waiting, close_timeout=5)
    silent, half = harbour.ask(b""), harbour.ask(b"GET / HTTP/1.1\r\n")
    undecided = harbour.ask(upgrade_request())
    gone = harbour.port.close()
    for socket in (silent, half, undecided):
        socket.drain()
        assert (status_of(socket.taken), header_of(socket.taken, "Retry-After")) == (503, "5")
        assert socket.half_closed
        assert not gone.called
        lose(socket)
    assert outcome(gone) is None
    assert harbour.opened == []
    assert harbour.clock.getDelayedCalls() == []


def test_who_comes_while_it_closes_is_refused() -> None:
    """Until it listens again."""
    harbour = Harbour()
    harbour.below.stopping = Deferred()
    gone = harbour.port.close()
    late = harbour.ask(upgrade_request())
    assert status_of(late.taken) == 503
    assert not gone.called
    harbour.below.stopping.callback(None)
    assert outcome(gone) is None
    harbour.port.startListening()
    assert status_of(harbour.ask(upgrade_request()).taken) == 101


def test_closing_twice_is_closing_once() -> None:
    """Both calls wait for the end; the first code stands, and its deadline."""
    harbour = Harbour(close_timeout=5)
    socket, refused = harbour.ask(upgrade_request()), harbour.ask(b"")
    first = harbour.port.close()
    harbour.clock.advance(3)
    second = harbour.port.close(4000, "again")
    assert close_of(socket.taken).code == 1001
    harbour.clock.advance(2)
    for one in (socket, refused):
        assert one.aborted
        lose(one)
    assert outcome(first) is outcome(second) is None


def test_a_port_that_cannot_stop_says_so() -> None:
    """The connections are closed all the same."""
    harbour = Harbour()
    socket = harbour.ask(upgrade_request())
    harbour.below.stopping = Deferred()
    gone = harbour.port.close()
    harbour.below.stopping.errback(OSError("busy"))
    with pytest.raises(OSError, match="busy"):
        outcome(gone)
    assert close_of(socket.taken).code == 1001


# -- the resource --------------------------------------------------------------------------------


def test_a_resource_has_the_same() -> None:
    """Connections, and a graceful end, after which everybody is refused."""
    clock: Any = Clock()
    opened: list[WebSocket] = []

    async def handle(ws: WebSocket) -> None:
        opened.append(ws)
        await ws.recv()

    made = resource(clock, handle, max_connections=1)
    assert verifyObject(IResource, made)
    root = Resource()
    root.putChild(b"ws", made)
    site = Site(root, reactor=clock)

    def ask() -> Any:
        socket = FakeSocket(site.buildProtocol(None))
        socket.protocol.makeConnection(socket)
        socket.deliver(upgrade_request())
        socket.drain()
        return socket

    socket = ask()
    assert list(made.connections) == opened
    assert status_of(ask().taken) == 503
    assert made.limits.refused["max_connections"] == 1
    with pytest.raises(LocalProtocolError):
        made.close(1005)
    gone = made.close()
    assert close_of(socket.taken).code == 1001
    lose(socket)
    assert outcome(gone) is None
    assert status_of(ask().taken) == 503
