"""A protocol that writes down what it meets, and how to have two of them talk."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ServerEndpoint
from twisted.internet.interfaces import IHalfCloseableProtocol, IListeningPort
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

__all__ = ["HalfRecorder", "Pair", "Recorder", "pair", "stop"]


class Recorder(Protocol):
    """Keeps what arrives, and in which pieces, and what happens.

    Attributes:
        lost: how the connection ended; empty while it has not.
    """

    def __init__(self) -> None:
        self.transport: Any = None
        self.pieces: list[bytes] = []
        self.events: list[str] = []
        self.lost = ""
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)

    def until(self, condition: Callable[[], bool]) -> Deferred[None]:
        """Return what fires once something is so."""
        deferred: Deferred[None] = Deferred()
        self._waiting.append((condition, deferred))
        self._look()
        return deferred

    def until_data(self, size: int) -> Deferred[None]:
        return self.until(lambda: len(self.data) >= size)

    def until_lost(self) -> Deferred[None]:
        return self.until(lambda: bool(self.lost))

    def connectionMade(self) -> None:
        self.events.append("made")
        self._look()

    def dataReceived(self, data: bytes) -> None:
        self.pieces.append(data)
        self._look()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        assert reason.type is not None
        self.lost = reason.type.__name__
        self.events.append(self.lost)
        self._look()

    def _look(self) -> None:
        for waiting in self._waiting[:]:
            condition, deferred = waiting
            if condition():
                self._waiting.remove(waiting)
                deferred.callback(None)


@implementer(IHalfCloseableProtocol)
class HalfRecorder(Recorder):
    """The same, for connections of which one half may close."""

    def readConnectionLost(self) -> None:
        self.events.append("read lost")
        self._look()

    def writeConnectionLost(self) -> None:
        self.events.append("write lost")
        self._look()


class Pair:
    """Two recorders with a connection between them."""

    def __init__(self, client: Recorder, server: Recorder, port: IListeningPort) -> None:
        self.client = client
        self.server = server
        self.port = port

    async def stop(self) -> None:
        """Listen no more."""
        await stop(self.port)


async def stop(port: IListeningPort) -> None:
    """Stop to listen, and wait until that is done."""
    stopping = port.stopListening()
    assert stopping is not None
    await stopping


async def pair(
    reactor: Any, client: type[Recorder] = Recorder, server: type[Recorder] = Recorder
) -> Pair:
    """Return a connection, on any reactor, over a port that the system chooses."""
    accepted: Deferred[Recorder] = Deferred()

    class Accepting(Factory[Recorder]):
        noisy = False

        def buildProtocol(self, addr: Any) -> Recorder:
            made = server()
            made.until(lambda: "made" in made.events).addCallback(lambda _: accepted.callback(made))
            return made

    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(Accepting())
    connecting = Factory.forProtocol(client)
    connecting.noisy = False
    where: Any = port.getHost()
    made: Any = await HostnameEndpoint(reactor, "127.0.0.1", where.port).connect(connecting)
    return Pair(made, await accepted, port)
