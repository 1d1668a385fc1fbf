"""A reactor without sockets: ports that can fail or be slow to close, and triggers that fire."""

# ruff: noqa: A002, N802, N803 - Twisted's names
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from zope.interface import implementer

from sennit.engine.build import CLIENT, Close, Connection, Event, Message
from tests.net.double import FakeSocket, status_of, upgrade_request

__all__ = ["FakePort", "FakeReactor", "Visitor"]


@implementer(IListeningPort)
class FakePort:
    """A port that knows where it listens, and whether it still does.

    Attributes:
        closing: what ``stopListening`` returns; ``None`` closes at once.
    """

    def __init__(self, address: IAddress, factory: Any, backlog: int) -> None:
        self.address = address
        self.factory = factory
        self.backlog = backlog
        self.listening = True
        self.closing: Deferred[None] | None = None
        factory.doStart()

    def startListening(self) -> None:
        """It does from the beginning."""

    def stopListening(self) -> Deferred[None] | None:
        assert self.listening
        self.listening = False
        self.factory.doStop()
        return self.closing

    def getHost(self) -> IAddress:
        return self.address

    def connect(self) -> FakeSocket:
        """Return a connection to it."""
        assert self.listening
        socket = FakeSocket()
        socket.protocol = self.factory.buildProtocol(None)
        socket.protocol.makeConnection(socket)
        return socket

    def ask(self, data: bytes) -> FakeSocket:
        """Say something over a new connection, and return it with the answer."""
        socket = self.connect()
        socket.deliver(data)
        socket.drain()
        return socket

    def health(self) -> tuple[int, bytes]:
        """Return the status and the body of ``/health``."""
        socket = self.ask(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        taken = bytes(socket.taken)
        socket.connectionLost(Failure(ConnectionDone()))
        return status_of(taken), taken.partition(b"\r\n\r\n")[2]

    def visit(self, path: str = "/connection/websocket") -> Visitor:
        """Return somebody with an open WebSocket, on which nothing was said yet."""
        socket = self.ask(upgrade_request(path))
        assert status_of(bytes(socket.taken)) == 101
        socket.taken.clear()
        return Visitor(socket)


class Visitor:
    """A client over a FakeSocket, who understands frames.

    Args:
        socket: its end of an open WebSocket.
    """

    def __init__(self, socket: FakeSocket) -> None:
        self.socket = socket
        self._engine = Connection(CLIENT)

    def say(self, text: str) -> None:
        """Send one text message."""
        self.socket.deliver(self._engine.send(text.encode(), binary=False))

    def connect(self) -> None:
        """Connect as the SDKs do."""
        self.say('{"id": 1, "connect": {}}')
        (reply,) = self.hear()
        assert isinstance(reply, Message)
        assert "connect" in json.loads(reply.data)

    def hear(self) -> list[Event]:
        """Return what has arrived since the last call."""
        self.socket.drain()
        data = bytes(self.socket.taken)
        self.socket.taken.clear()
        return self._engine.receive(data)

    def close(self, code: int) -> None:
        """Answer a close frame that was heard, and go."""
        (event,) = self.hear()
        assert isinstance(event, Close)
        assert event.code == code
        self.socket.deliver(event.reply)
        self.lose()

    def lose(self) -> None:
        """Lose the connection."""
        self.socket.connectionLost(Failure(ConnectionDone()))


class FakeReactor(MemoryReactorClock):
    """A reactor in memory.

    Attributes:
        ports: what was listened on.
        refusal: what listening raises.
    """

    def __init__(self) -> None:
        MemoryReactorClock.__init__(self)
        self.ports: list[FakePort] = []
        self.refusal: Exception | None = None
        self._before_shutdown: dict[int, Callable[[], Any]] = {}
        self._count = 0

    @property
    def port(self) -> FakePort:
        """The only port."""
        (port,) = self.ports
        return port

    def _listen(self, address: IAddress, factory: Any, backlog: int) -> FakePort:
        if self.refusal is not None:
            raise self.refusal
        self.ports.append(FakePort(address, factory, backlog))
        return self.ports[-1]

    def listenTCP(
        self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = ""
    ) -> Any:
        port = port or 49152
        address: IAddress = IPv4Address("TCP", interface or "0.0.0.0", port)  # noqa: S104
        if ":" in interface:
            address = IPv6Address("TCP", interface, port)
        return self._listen(address, factory, backlog)

    def listenSSL(
        self,
        port: int,
        factory: IProtocolFactory,
        contextFactory: Any,
        backlog: int = 50,
        interface: str = "",
    ) -> Any:
        return self.listenTCP(port, factory, backlog, interface)

    def listenUNIX(
        self,
        address: Any,
        factory: IProtocolFactory,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: int = 0,
    ) -> Any:
        return self._listen(UNIXAddress(address), factory, backlog)

    def addSystemEventTrigger(
        self, phase: str, eventType: str, callable: Callable[..., Any], *args: Any, **kw: Any
    ) -> Any:
        assert (phase, eventType, args, kw) == ("before", "shutdown", (), {})
        self._count += 1
        self._before_shutdown[self._count] = callable
        return self._count

    def removeSystemEventTrigger(self, triggerID: Any) -> None:
        del self._before_shutdown[triggerID]

    @property
    def triggers_left(self) -> int:
        """How many wait for the shutdown."""
        return len(self._before_shutdown)

    def shut_down(self) -> list[Any]:
        """Fire what waits for the shutdown, and return what it answers."""
        calls = list(self._before_shutdown.values())
        self._before_shutdown.clear()
        return [call() for call in calls]

    def begin(self) -> None:
        """Run, from the point of view of those who wait for it."""
        self.hasRun = self.running = True
        hooks, self.whenRunningHooks = self.whenRunningHooks, []
        for hook, args, options in hooks:
            hook(*args, **options)
