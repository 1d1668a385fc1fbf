"""A network in memory as a client sees it: names, attempts to connect, and sockets."""

# ruff: noqa: N802, N803 - Twisted calls these methods, and names what it passes
from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHostnameResolver, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import PrivateCertificate
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from sennit.engine.handshake import Request, accept_response, check_upgrade, parse_request
from tests.net.double import FakeSocket, FakeTransport

__all__ = ["FakeEndpoint", "FakeNetwork", "SecureServer", "Server"]


class Server:
    """What a server sees of one connection.

    Attributes:
        transport: the client's.
    """

    def __init__(self, transport: Any) -> None:
        self.transport = transport

    def take(self) -> bytes:
        """Return what the client has written since the last call."""
        if not isinstance(self.transport, FakeSocket):
            taken: bytes = self.transport.take()
            return taken
        self.transport.drain()
        written = bytes(self.transport.taken)
        self.transport.taken.clear()
        return written

    def request(self) -> Request:
        """Read the client's request."""
        return parse_request(self.take())

    def send(self, data: bytes) -> None:
        """Send bytes to the client."""
        self.transport.protocol.dataReceived(data)

    def accept(self, rest: bytes = b"", subprotocol: str | None = None) -> Request:
        """Read the client's request, answer it, and return it."""
        request = self.request()
        self.send(accept_response(check_upgrade(request), subprotocol) + rest)
        return request

    def refuse(self, status: int, *headers: str, body: bytes = b"") -> None:
        """Refuse the client's handshake."""
        lines = [f"HTTP/1.1 {status} No", f"Content-Length: {len(body)}", *headers, "", ""]
        self.send("\r\n".join(lines).encode("latin-1") + body)

    def hang_up(self, reason: Exception | None = None) -> None:
        """End the connection, if it has not ended."""
        if isinstance(self.transport, FakeSocket) and self.transport.disconnected:
            return
        self.transport.connectionLost(Failure(reason or ConnectionDone()))

    @property
    def let_go(self) -> bool:
        """Whether the client has nothing to do with the connection any more."""
        transport = self.transport
        return bool(transport.aborted or transport.disconnecting or transport.disconnected)


@implementer(IStreamClientEndpoint)
class FakeEndpoint:
    """Connects when it is told to."""

    def __init__(self) -> None:
        self.attempt: Deferred[Any] = Deferred(lambda _: setattr(self, "cancelled", True))
        self.cancelled = False
        self.factory: Any = None

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        self.factory = protocolFactory
        return self.attempt

    def succeed(self, transport: Any = None) -> Server:
        transport = FakeSocket() if transport is None else transport
        transport.protocol = self.factory.buildProtocol(None)
        transport.protocol.makeConnection(transport)
        self.attempt.callback(transport.protocol)
        return Server(transport)


@implementer(IHostnameResolver)
class Resolver:
    """Knows every name, once it may answer: a name is its own address."""

    def __init__(self) -> None:
        self.held = False
        self.unknown: set[str] = set()
        self._waiting: list[Any] = []

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> Any:
        resolutionReceiver.resolutionBegan(self)

        def answer() -> None:
            if hostName not in self.unknown:
                resolutionReceiver.addressResolved(IPv4Address("TCP", hostName, portNumber))
            resolutionReceiver.resolutionComplete()

        if self.held:
            self._waiting.append(answer)
        else:
            answer()
        return self

    def answer(self) -> None:
        """Answer what was asked."""
        waiting, self._waiting = self._waiting, []
        for answer in waiting:
            answer()


class FakeNetwork(MemoryReactorClock):
    """A reactor whose attempts to connect succeed or fail when they are told to.

    Attributes:
        names: the resolver.
        servers: the connections that there were.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: Any = Resolver()
        self.installNameResolver(self.names)
        self.servers: list[Server] = []
        self._decided = 0

    @property
    def asked(self) -> list[tuple[str, int]]:
        """The hosts and ports that were connected to, or are being."""
        return [(host, port) for host, port, *_ in self.tcpClients]

    def connect(self, certificate: PrivateCertificate | None = None) -> Any:
        """Let the first undecided attempt succeed, and return the server at its other end."""
        factory = self._decide()
        transport = FakeSocket()
        transport.protocol = factory.buildProtocol(None)
        transport.protocol.makeConnection(transport)
        server = Server(transport)
        if certificate is not None:
            server = SecureServer(transport, certificate, self)
        self.servers.append(server)
        return server

    def fail(self, error: Exception) -> None:
        """Let the first undecided attempt fail, and no other follow."""
        connector = self.connectors[self._decided]
        self._decide().clientConnectionFailed(connector, Failure(error))
        self.advance(0.375)  # Then Twisted would try the host's next address.

    def _decide(self) -> Any:
        factory = self.tcpClients[self._decided][2]
        self._decided += 1
        return factory

    def check_quiet(self) -> None:
        """Assert that nothing is left: no call, no attempt, no connection."""
        assert self.getDelayedCalls() == []
        assert all(connector.stoppedConnecting for connector in self.connectors[self._decided :])
        assert all(server.let_go for server in self.servers)


class Inside(Protocol):
    """What is within TLS."""

    def __init__(self) -> None:
        self.received = b""

    def dataReceived(self, data: bytes) -> None:
        self.received += data


class SecureServer(Server):
    """The same behind TLS.

    Args:
        transport: the client's.
        certificate: the server's.
        clock: the time.
    """

    def __init__(self, transport: Any, certificate: PrivateCertificate, clock: Any) -> None:
        super().__init__(transport)
        self._clock = clock
        self._inner: Any = Inside()
        factory = TLSMemoryBIOFactory(
            certificate.options(), False, Factory.forProtocol(lambda: self._inner), clock=clock
        )
        self._tls = factory.buildProtocol(None)
        self._below = FakeTransport()
        self._tls.makeConnection(self._below)

    @property
    def name(self) -> str | None:
        """The host that the client has asked for."""
        name = self._tls.getHandle().get_servername()
        return None if name is None else name.decode()

    def pump(self) -> None:
        """Carry bytes to and fro until nobody has any."""
        while True:
            self._clock.advance(0)
            written, answered = super().take(), self._below.take()
            if not written and not answered:
                return
            if written:
                self._tls.dataReceived(written)
            if answered:
                super().send(answered)

    def take(self) -> bytes:
        self.pump()
        received: bytes = self._inner.received
        self._inner.received = b""
        return received

    def send(self, data: bytes) -> None:
        self._inner.transport.write(data)
        self.pump()
