"""Doubles for tests of ``net`` without sockets: a socket, its reactor, handlers, and a peer."""

# ruff: noqa: N802, ARG005 - Twisted calls these methods
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ISSLTransport, ITCPTransport
from twisted.internet.main import CONNECTION_LOST
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from sennit.engine.build import CLIENT, SERVER, Connection, Event
from sennit.engine.deflate import Agreement
from sennit.errors import HandshakeError
from sennit.interfaces import Accepted, Transport
from sennit.model.request import Closed, ConnectionRequest
from sennit.net.setting import WebSocketSettings
from sennit.net.stream_transport import StreamTransport

__all__ = [
    "PLENTY",
    "FakeSecureTransport",
    "FakeSocket",
    "FakeTransport",
    "RecordingHandler",
    "RecordingMount",
    "Wire",
    "upgrade_request",
]

PLENTY = 1 << 40
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
PEER = IPv4Address("TCP", "192.0.2.1", 54321)


class FakeSelector:
    """The part of a reactor that a descriptor uses."""

    def __init__(self) -> None:
        self.writers: set[object] = set()
        self.readers: set[object] = set()

    def addWriter(self, descriptor: object) -> None:
        self.writers.add(descriptor)

    def removeWriter(self, descriptor: object) -> None:
        self.writers.discard(descriptor)

    def addReader(self, descriptor: object) -> None:
        self.readers.add(descriptor)

    def removeReader(self, descriptor: object) -> None:
        self.readers.discard(descriptor)


class TcpOptions:
    """The options of a TCP connection."""

    no_delay = False

    def getTcpNoDelay(self) -> bool:
        return self.no_delay

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled

    def getTcpKeepAlive(self) -> bool:
        return False

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Nothing here dies unnoticed."""


@implementer(ITCPTransport)
class FakeSocket(TcpOptions, FileDescriptor):
    """A TCP connection whose kernel takes as many bytes as it is told to.

    Attributes:
        room: bytes that the kernel still takes.
        taken: what it has taken, and calls of ``send`` that it was taken in.
    """

    def __init__(self, protocol: Any = None, room: int = PLENTY) -> None:
        self.selector = FakeSelector()
        super().__init__(self.selector)  # type: ignore[arg-type]  # as much of one as is needed
        self.protocol = protocol
        self.room = room
        self.taken = bytearray()
        self.sends = 0
        self.connected = 1
        self.broken = False
        self.aborted = False
        self.half_closed = False
        self.startReading()

    @property
    def reading(self) -> bool:
        return self in self.selector.readers

    def writeSomeData(self, data: bytes) -> Any:
        if self.broken:
            return CONNECTION_LOST
        size = min(self.room, len(data))
        self.room -= size
        self.taken += data[:size]
        self.sends += 1
        return size

    def drain(self, room: int = PLENTY) -> None:
        """Take more, and let the descriptor write as long as it wants to and can."""
        self.room += room
        while self in self.selector.writers:
            before = len(self.taken)
            why = self.doWrite()
            if why is not None:
                self.connectionLost(Failure(why))
                return
            if self in self.selector.writers and len(self.taken) == before:
                return

    def getPeer(self) -> IPv4Address:
        return PEER

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "192.0.2.2", 80)

    def abortConnection(self) -> None:
        self.aborted = True

    def _closeWriteConnection(self) -> None:
        self.half_closed = True

    def connectionLost(self, reason: Failure) -> None:
        super().connectionLost(reason)
        self.protocol.connectionLost(reason)

    def deliver(self, data: bytes) -> None:
        """Bring bytes from the peer."""
        self.protocol.dataReceived(data)


class FakeTransport(StringTransport):
    """A transport that is no socket."""

    def __init__(self) -> None:
        super().__init__(peerAddress=PEER, lenient=True)
        self.protocol: Any = None
        self.aborted = False

    def abortConnection(self) -> None:
        self.aborted = True

    def take(self) -> bytes:
        """Return what was written since the last call."""
        value: bytes = self.value()
        self.clear()
        return value


@implementer(ISSLTransport)
class FakeSecureTransport(TcpOptions, FakeTransport):
    """The same over TLS, as far as it can be seen."""

    half_closed = False

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def getPeerCertificate(self) -> None:
        return None


class RecordingHandler:
    """A message handler that keeps what it was told, and does what a test tells it."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.messages: list[tuple[bytes, bool]] = []
        self.writables = 0
        self.closed: Closed | None = None
        self.on_made: Callable[[], object] = lambda: None
        self.on_message: Callable[[bytes], object] = lambda data: None
        self.on_writable: Callable[[], object] = lambda: None
        self.on_lost: Callable[[], object] = lambda: None

    def connection_made(self, transport: Transport) -> None:
        assert self.transport is None
        self.transport = transport
        self.on_made()

    def message_received(self, data: bytes, is_text: bool) -> None:
        assert self.closed is None
        self.messages.append((data, is_text))
        self.on_message(data)

    def writable(self) -> None:
        self.writables += 1
        self.on_writable()

    def connection_lost(self, closed: Closed) -> None:
        assert self.closed is None
        self.closed = closed
        self.on_lost()


class RecordingMount:
    """A mount that takes, refuses, or fails, as it is told."""

    def __init__(self) -> None:
        self.requests: list[ConnectionRequest] = []
        self.handlers: list[RecordingHandler] = []
        self.error: Exception | None = None
        self.subprotocol: str | None = None
        self.headers: tuple[tuple[str, str], ...] = ()
        self.waiting: list[Deferred[Accepted]] | None = None
        """With a list in it the mount takes its time: its answers are there."""

    def open(self, request: ConnectionRequest) -> Accepted | Deferred[Accepted]:
        self.requests.append(request)
        if self.waiting is not None:
            self.waiting.append(Deferred())
            return self.waiting[-1]
        if self.error is not None:
            raise self.error
        return self.accepted()

    def accepted(self) -> Accepted:
        """Return an answer that takes the client."""
        handler = RecordingHandler()
        self.handlers.append(handler)
        return Accepted(handler, self.subprotocol, headers=self.headers)


def upgrade_request(path: str = "/ws", **changes: str | None) -> bytes:
    """Return an upgrade request; ``Header_name=None`` leaves a header out."""
    headers: dict[str, str | None] = {
        "Host": "example.com",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
    }
    headers.update({name.replace("_", "-"): value for name, value in changes.items()})
    lines = [f"GET {path} HTTP/1.1", *(f"{n}: {v}" for n, v in headers.items() if v is not None)]
    return "\r\n".join([*lines, "", ""]).encode()


class Wire:
    """A connection of ours over a transport in memory, and its peer's end of the engine.

    Attributes:
        stream: ours. handler: what it notifies. transport: below it.
        peer: the engine at the other end. heard: what that has understood.
    """

    def __init__(
        self,
        role: int = SERVER,
        transport: Any = None,
        clock: Clock | None = None,
        greeting: bytes = b"",
        binary: bool = False,
        deflate: tuple[Agreement, Agreement] | None = None,
        **settings: Any,
    ) -> None:
        ours, theirs = deflate or (None, None)
        self.clock = clock or Clock()
        self.handler = RecordingHandler()
        self.ended: list[StreamTransport] = []
        options = WebSocketSettings(**settings)
        self.stream: Any = StreamTransport(
            self.clock,
            Connection(role, max_message=options.max_message, deflate=ours),
            self.handler,
            options,
            binary=binary,
            greeting=greeting,
            fresh=True,
            on_end=self.ended.append,
        )
        other = CLIENT if role == SERVER else SERVER
        self.peer = Connection(other, max_message=PLENTY, deflate=theirs)
        self.heard: list[Event] = []
        self.transport: Any = FakeSocket() if transport is None else transport
        self.transport.protocol = self.stream
        self._seen = 0

    def begin(self) -> Wire:
        self.stream.makeConnection(self.transport)
        return self

    def text(self, *messages: str) -> bytes:
        """Return the peer's frames for some messages."""
        return b"".join(self.peer.send(message.encode(), binary=False) for message in messages)

    def receive(self, data: bytes) -> None:
        """Bring bytes from the peer."""
        self.stream.dataReceived(data)

    def new(self) -> list[Event]:
        """Return what the peer understands of what the kernel has taken since the last call."""
        transport = self.transport
        written = bytes(transport.taken) if hasattr(transport, "taken") else transport.value()
        fresh, self._seen = written[self._seen :], len(written)
        events = self.peer.receive(fresh)
        self.heard += events
        return events

    def lose(self, reason: Exception) -> None:
        """Lose the connection below."""
        self.stream.connectionLost(Failure(reason))


def body_of(response: bytes) -> str:
    """Return the body of a response."""
    return response.partition(b"\r\n\r\n")[2].decode()


def status_of(response: bytes) -> int:
    """Return the status of a response."""
    return int(response.split(b" ", 2)[1])


def header_of(response: bytes, name: str) -> str | None:
    """Return a header of a response."""
    head = response.partition(b"\r\n\r\n")[0].decode("latin-1")
    for line in head.split("\r\n")[1:]:
        field, _, value = line.partition(": ")
        if field.lower() == name.lower():
            return value
    return None


def refusal(status: int) -> HandshakeError:
    """Return an error with which a mount refuses."""
    return HandshakeError(status, "not you", (("X-Why", json.dumps("because")),))
