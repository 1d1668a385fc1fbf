"""Connections that clients make on the poll group.

Twisted's endpoints remain who finds the addresses of a name, tries one after the other, and gives
up in time. They are given a reactor that makes the connections itself: sockets of the group, of
which the factory and whoever waits hear just what they would hear of Twisted's.
"""

# ruff: noqa: N802, N803 - Twisted calls these methods, and names what they take
from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING, Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.base import BaseConnector
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    UNIXClientEndpoint,
    clientFromString,
)
from twisted.internet.error import ConnectBindError, ConnectError, getConnectError
from twisted.internet.interfaces import IConnector, IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import directlyProvides, providedBy

from sennit.net.native import adopt_connection, group_for_clients, wait_for_connection

if TYPE_CHECKING:
    from sennit.net._client import Waiter
    from sennit.net._group import Group

__all__ = ["endpoint_of_words", "native_reactor"]

Destination = IPv4Address | IPv6Address | UNIXAddress

_log = Logger(namespace="sennit.net")

_PLAIN = (HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint, UNIXClientEndpoint)
"""What asks its reactor for plain connections, and for nothing else."""
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
_AGAIN = 0.02
"""Seconds until the next try at a Unix socket whose listener has too many waiting."""


def native_reactor(reactor: Any) -> Any:
    """Return a reactor whose plain connections are the group's; where there is none, the same.

    It is for an endpoint that wants nothing else of a transport than :class:`sennit.net._socket`
    has: TLS wants more.
    """
    group = group_for_clients(reactor)
    return reactor if group is None else NativeReactor(reactor, group)


def endpoint_of_words(reactor: Any, words: str) -> IStreamClientEndpoint:
    """Return the endpoint that a text describes; a plain one connects by the group where it can.

    Raises:
        ValueError: it describes none.
    """
    made = clientFromString(reactor, words)
    if type(made) in _PLAIN:
        made = clientFromString(native_reactor(reactor), words)
    endpoint: IStreamClientEndpoint = made
    return endpoint


class NativeReactor:
    """A reactor as an endpoint sees it, whose connections are the group's.

    Args:
        reactor: what it is in everything else.
        group: of that reactor.
    """

    def __init__(self, reactor: Any, group: Group) -> None:
        self._reactor = reactor
        self._group = group
        directlyProvides(self, providedBy(reactor))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def connectTCP(
        self, host: str, port: Any, factory: Any, timeout: float = 30, bindAddress: Any = None
    ) -> IConnector:
        """Connect to a host, which is a name or an address."""
        if not isinstance(port, int) or not isinstance(bindAddress, tuple | None):
            connector: IConnector = self._reactor.connectTCP(
                host, port, factory, timeout, bindAddress
            )
            return connector
        kind = IPv6Address if isIPv6Address(host) else IPv4Address
        return self._connect(kind("TCP", host, port), factory, timeout, bindAddress)

    def connectUNIX(
        self, address: Any, factory: Any, timeout: float = 30, checkPID: Any = False
    ) -> IConnector:
        """Connect to a path."""
        if checkPID:
            connector: IConnector = self._reactor.connectUNIX(address, factory, timeout, checkPID)
            return connector
        return self._connect(UNIXAddress(address), factory, timeout, None)

    def _connect(
        self, destination: Destination, factory: Any, timeout: float, binding: Any
    ) -> IConnector:
        connector = _Connector(self._reactor, self._group, factory, timeout, destination, binding)
        connector.connect()
        return connector


class _Connector(BaseConnector):
    """Connects, as Twisted's do: tells the factory, and gives up when told to, or after a time.

    Args:
        reactor: the time, and who knows names.
        group: whose socket it is to become.
        factory: a client's.
        timeout: seconds, or ``None``.
        destination: where to.
        binding: where from, a host and a port, or ``None``.
    """

    def __init__(
        self,
        reactor: Any,
        group: Group,
        factory: Any,
        timeout: float,
        destination: Destination,
        binding: tuple[str, int] | None,
    ) -> None:
        super().__init__(factory, timeout, reactor)
        self.group = group
        self.binding = binding
        self._destination = destination

    def getDestination(self) -> Destination:
        """Return where to."""
        return self._destination

    def _makeTransport(self) -> Any:
        return _Attempt(self)


class _Attempt:
    """A socket on its way to be connected; the connector's transport until it is.

    Nothing comes of it within the call that makes it.

    Args:
        connector: what makes it, and is told.
    """

    def __init__(self, connector: _Connector) -> None:
        self._connector = connector
        self._socket: Any = None
        self._address: Any = None
        self._waiter: Waiter | None = None
        self._over = False
        try:
            self._socket = _open(connector.getDestination(), connector.binding)
        except OSError as error:
            failed = ConnectBindError(*error.args[:2])
            self._call = connector.reactor.callLater(0, self.failIfNotConnected, failed)
        else:
            self._call = connector.reactor.callLater(0, self._begin)

    def failIfNotConnected(self, error: BaseException) -> None:
        """Give up, unless it is too late for that."""
        if self._over:
            return
        self._over = True
        if self._call.active():
            self._call.cancel()
        if self._waiter is not None:
            self._waiter.stop()
        if self._socket is not None:
            self._socket.close()
        self._connector.connectionFailed(Failure(error))

    def _begin(self) -> None:
        destination = self._connector.getDestination()
        if isinstance(destination, UNIXAddress):
            self._connect(destination.name)
        elif isIPAddress(destination.host) or isIPv6Address(destination.host):
            self._connect((destination.host, destination.port))
        else:
            port = destination.port
            self._connector.reactor.resolve(destination.host).addCallbacks(
                lambda found: self._connect((found, port)),
                lambda failure: self.failIfNotConnected(failure.value),
            )

    def _connect(self, address: Any) -> None:
        if not self._over:  # Else that was while the name was looked up.
            self._address = address
            self._try()

    def _try(self) -> None:
        """Connect, or see whether it is connected."""
        try:
            self._advance()
        except OSError as error:
            self.failIfNotConnected(getConnectError(error))
        except Exception as error:  # A port that is none, a path that is none.
            self.failIfNotConnected(error)

    def _advance(self) -> None:
        sock = self._socket
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        number = number or sock.connect_ex(_with_zone(self._address))
        if number in (0, errno.EISCONN):
            self._connected(sock)
        elif number in (errno.EINPROGRESS, errno.EALREADY, errno.EINTR):
            self._waiter = wait_for_connection(self._connector.group, sock.fileno(), self._ready)
        elif number == errno.EAGAIN:
            self._call = self._connector.reactor.callLater(_AGAIN, self._try)
        else:
            self.failIfNotConnected(getConnectError((number, os.strerror(number))))

    def _ready(self, reason: Failure | None) -> None:
        if reason is not None:
            self.failIfNotConnected(ConnectError(string=reason.getErrorMessage()))
        else:
            self._try()

    def _connected(self, sock: socket.socket) -> None:
        connector: Any = self._connector
        destination = connector.getDestination()
        peer = destination if isinstance(destination, UNIXAddress) else None
        made = adopt_connection(connector.group, sock.fileno(), peer, connector.connectionLost)
        sock.detach()
        self._over = True
        connector.transport = made
        # Of a factory that gives none, and for as long as it makes one.
        made.protocol = Protocol()
        try:
            protocol: Any = connector.buildProtocol(made.getPeer())
            if protocol is None:
                made.loseConnection()
                return
            made.protocol = protocol
            protocol.makeConnection(made)
        except Exception:
            _log.failure("a connection could not be begun")
            made.abortConnection()


def _open(destination: Destination, binding: tuple[str, int] | None) -> socket.socket:
    """Return a socket that can connect to a destination, bound to where it has to be."""
    if isinstance(destination, UNIXAddress):
        made = socket.socket(socket.AF_UNIX)
    else:
        six = isinstance(destination, IPv6Address)
        made = socket.socket(socket.AF_INET6 if six else socket.AF_INET)
    try:
        made.setblocking(False)
        if made.family != socket.AF_UNIX:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if binding is not None:
            made.bind(_with_zone(binding))
    except BaseException:
        made.close()
        raise
    return made


def _with_zone(address: Any) -> Any:
    """Return an address with its zone in a place of its own, if it has one (RFC 4007, 11)."""
    if not isinstance(address, tuple) or not isIPv6Address(address[0]):
        return address
    host, port = address
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=_NUMERIC)[0][4]
