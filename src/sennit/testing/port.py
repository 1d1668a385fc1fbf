"""A listening port in memory."""

# ruff: noqa: N802 - Twisted's names
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.base import BasePort
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.main import CONNECTION_DONE
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from sennit.testing.address import Address, tcp_address
from sennit.testing.machine import Machine
from sennit.testing.socket import Backlog, Socket
from sennit.testing.transport import Server

__all__ = ["Port"]


@implementer(IListeningPort)
class Port(BasePort):
    """Accepts connections: in each turn all that wait.

    Args:
        network: the reactor.
        machine: where to listen.
        factory: builds a protocol for each connection.
        bind: makes the machine put connections into a backlog, and returns the address.
        interface: what to call it in an error.
        port: likewise.
    """

    def __init__(
        self,
        network: Any,
        machine: Machine,
        factory: Any,
        bind: Callable[[Backlog], Address],
        interface: Any,
        port: Any,
    ) -> None:
        super().__init__(network)
        self.factory = factory
        self._network = network
        self.socket = Backlog()
        self._machine = machine
        self._bind = bind
        self._where = (interface, port)
        self._address: Address | None = None
        self._closed: Deferred[None] | None = None

    def __repr__(self) -> str:
        return f"<Port of {self.factory!r} on {self._address or 'nothing'}>"

    def startListening(self) -> None:
        """Listen.

        Raises:
            CannotListenError: somebody else does so there, or there is no such interface.
            OverflowError: there is no such port.
        """
        try:
            self._address = self._bind(self.socket)
        except OSError as error:
            raise CannotListenError(*self._where, error) from error
        self.factory.doStart()
        self.connected = 1
        self.startReading()

    def doRead(self) -> None:
        """Accept."""
        waiting = self.socket.sockets
        for _ in range(len(waiting)):
            if self.disconnecting:
                return
            self._accept(waiting.popleft())

    def _accept(self, socket: Socket) -> None:
        host, peer = self._seen(socket.address), self._seen(socket.other.address)
        try:
            protocol = self.factory.buildProtocol(peer)
            if protocol is None:
                socket.close()
                return
            protocol.makeConnection(Server(socket, host, peer, protocol, self._network))
        except Exception:
            self._network.report(Failure())

    def _seen(self, address: Address) -> Address:
        """Return an address as this port's sockets have it: one of IPv6 has no other."""
        if isinstance(address, IPv4Address) and isinstance(self._address, IPv6Address):
            return tcp_address(f"::ffff:{address.host}", address.port)
        return address

    def stopListening(self) -> Deferred[None]:
        """Listen no more, from the next turn on. Connections that nobody has accepted are reset."""
        self.loseConnection()
        return self._closed if self._closed is not None else succeed(None)

    def loseConnection(self) -> None:
        """Do the same."""
        self.stopReading()
        if self.connected and not self.disconnecting:
            self.disconnecting = 1
            self._closed = deferLater(
                self._network, 0, self.connectionLost, Failure(CONNECTION_DONE)
            )

    def connectionLost(self, reason: Failure) -> None:
        """Let it go."""
        address, self._address = self._address, None
        if address is None:
            return
        super().connectionLost(reason)
        self._machine.release(address)
        while self.socket.sockets:
            self.socket.sockets.popleft().abort()
        try:
            self.factory.doStop()
        finally:
            self.disconnecting = 0

    def getHost(self) -> Address:
        """Return where it listens.

        Raises:
            OSError: it does not.
        """
        if self._address is None:
            raise OSError("this port does not listen")
        return self._address
