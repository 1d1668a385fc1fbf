"""Twisted's own transports, over sockets in memory."""

# ruff: noqa: N802 - Twisted's names
from __future__ import annotations

import errno
from typing import Any, NoReturn, Protocol, cast

from twisted.internet import tcp
from twisted.internet.address import UNIXAddress
from twisted.internet.base import BaseConnector
from twisted.internet.defer import Deferred

from sennit.testing.address import Address, tcp_address
from sennit.testing.socket import Socket

__all__ = ["Client", "Connector", "Dialer", "Server"]


class Dialer(Protocol):
    """What connects sockets; a reactor, too."""

    def resolve(self, name: str) -> Deferred[str]:
        """Return the address of a name."""

    def dial(self, socket: Socket, destination: Address, binding: Any) -> int:
        """Begin to connect a socket, and return an error's number.

        Args:
            socket: which one.
            destination: where to.
            binding: where from, as in Twisted's ``bindAddress``.
        """


class _Transport(tcp.Connection):
    """What both ends have in common; everything that matters is Twisted's own code."""

    _host: Address
    _peer: Address

    def getHost(self) -> Address:
        """Return this end's address."""
        return self._host

    def getPeer(self) -> Address:
        """Return the other end's address."""
        return self._peer

    def startTLS(self, _context: object, _normal: bool = True) -> NoReturn:
        """Refuse: Twisted would have the global reactor write what is to be encrypted.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "a connection in memory cannot change to TLS: use TLS from its beginning, or wrap the "
            "protocol's factory in a TLSMemoryBIOFactory with clock=network"
        )


class Server(_Transport):
    """The transport at the end that listened.

    Args:
        socket: its socket.
        host: its address, as the port sees it.
        peer: the other end's, likewise.
        protocol: what the port's factory has built.
        network: the reactor.
    """

    def __init__(
        self, socket: Socket, host: Address, peer: Address, protocol: Any, network: Any
    ) -> None:
        super().__init__(cast("Any", socket), protocol, network)
        self._host = host
        self._peer = peer
        self.logstr = f"{self._getLogPrefix(protocol)},server"
        self.connected = 1
        self.startReading()


class Client(_Transport, tcp.BaseClient):
    """The transport at the end that connects.

    Args:
        connector: whose attempt it is.
        network: the reactor.
    """

    def __init__(self, connector: Connector, network: Any) -> None:
        self.connector: Any = connector
        self.realAddress = ()
        self._peer = connector.getDestination()
        self._network: Dialer = network
        self._binding = connector.binding
        self._finishInit(self._begin, Socket(self._dial), None, network)

    def _begin(self) -> None:
        peer = self._peer
        if isinstance(peer, UNIXAddress):
            self.doConnect()
            return
        resolved = self._network.resolve(peer.host)
        resolved.addCallback(self._resolved, peer.port)
        resolved.addErrback(self.failIfNotConnected)

    def _resolved(self, host: str, port: int) -> None:
        self._peer = tcp_address(host, port)
        self.doConnect()

    def _dial(self, socket: Socket) -> int:
        number = self._network.dial(socket, self._peer, self._binding)
        if number == errno.EINPROGRESS:
            self._host = socket.address
        return number


class Connector(BaseConnector):
    """A client's attempts to connect, one after the other.

    Args:
        destination: where to.
        factory: builds the protocol.
        timeout: seconds for an attempt.
        network: the reactor.
        binding: where from, as in Twisted's ``bindAddress``.
    """

    def __init__(
        self,
        destination: Address,
        factory: Any,
        timeout: float,
        network: Any,
        binding: Any = None,
    ) -> None:
        super().__init__(factory, timeout, network)
        self.binding = binding
        self._destination = destination

    def getDestination(self) -> Address:
        """Return where to."""
        return self._destination

    def _makeTransport(self) -> Any:
        return Client(self, self.reactor)
