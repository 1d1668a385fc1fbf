"""A network in memory, which is a reactor as well."""

# ruff: noqa: ARG002, N802, N803 - Twisted's names
from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IConnector,
    IHostnameResolver,
    IListeningPort,
    IReactorCore,
    IReactorPluggableNameResolver,
    IReactorSSL,
    IReactorTCP,
    IReactorUNIX,
)
from zope.interface import implementer

from sennit.testing.address import Address, describe, host_and_port, tcp_address
from sennit.testing.flow import Chunk, Conditions
from sennit.testing.link import Link
from sennit.testing.loop import Loop
from sennit.testing.machine import Machine
from sennit.testing.port import Port
from sennit.testing.resolver import NameResolver, first_address
from sennit.testing.socket import Socket
from sennit.testing.transport import Connector

__all__ = ["Network"]


@implementer(IReactorCore, IReactorTCP, IReactorUNIX, IReactorSSL, IReactorPluggableNameResolver)
class Network(Loop):
    """Servers and clients in one process, without sockets, on a clock that a test moves.

    It is given to whatever wants a reactor, and stands still until it is told to move::

        network = Network()
        network.result(websocket.listen(network, "tcp:8000", echo))
        ws = network.result(websocket.connect(network, "ws://localhost:8000/"))
        ws.send("hello")
        assert network.result(ws.recv()) == "hello"

    The transports are Twisted's own, over kernels of our making: bytes arrive in order or the
    connection ends, buffers are bounded, writes are partial, halves close. What goes wrong with
    connections in life can be made to go wrong at the line where a test wants it to: every one
    has a :class:`Link`, found in :attr:`links` or by :meth:`link`.

    Nothing is left to chance: two networks with one seed and the same calls do the same.

    Args:
        seed: of whatever is random.
        delay: seconds from one end of a link to the other.
        jitter: up to so many seconds more, each time.
        chunk: bytes that one read brings at most; ``"random"`` for pieces of random sizes.
        send_buffer: bytes that a socket takes before they arrive, in each direction.
        receive_buffer: bytes that wait to be read, in each direction.

    Attributes:
        conditions: the same, for the links to come; each link can be changed by itself.
        names: the addresses of each name. ``localhost`` is there; a name that is not does not
            exist. Every address is in this network: ``tcp:443`` listens at all of IPv4.
        on_link: called with each new :class:`Link` before anything passes it, if set:
            ``network.on_link = Link.drop`` for a host that does not answer.
        nameResolver: what Twisted's endpoints ask.
    """

    def __init__(
        self,
        seed: int | str = 0,
        *,
        delay: float = 0.0,
        jitter: float = 0.0,
        chunk: Chunk = None,
        send_buffer: int = 64 * 1024,
        receive_buffer: int = 64 * 1024,
    ) -> None:
        super().__init__(seed)
        self.conditions = Conditions(
            delay=delay,
            jitter=jitter,
            chunk=chunk,
            send_buffer=send_buffer,
            receive_buffer=receive_buffer,
        )
        self.names: dict[str, str | Sequence[str]] = {"localhost": "127.0.0.1"}
        self.on_link: Callable[[Link], object] | None = None
        self._machine = Machine(self.names)
        self._links: dict[Link, None] = {}
        self.nameResolver: IHostnameResolver = NameResolver(
            self._machine.lookup, self.callFromThread
        )

    # -- for tests -------------------------------------------------------------------------------

    @property
    def links(self) -> tuple[Link, ...]:
        """The links of all connections that are open at one end at least, the oldest first."""
        return tuple(self._links)

    def link(self, where: int | str | Address | None = None) -> Link:
        """Return the only link there is; or the only one with this address at one of its ends.

        Args:
            where: a port, ``"127.0.0.1:8000"`` (as in a request's ``address``), a host, a path,
                or an address of Twisted's.

        Raises:
            LookupError: there is none, or more than one.
        """
        found = [link for link in self._links if where is None or _is_at(link, where)]
        if len(found) != 1:
            at = "" if where is None else f" at {where}"
            there = "; ".join(str(link) for link in self._links) or "none at all"
            raise LookupError(f"there are {len(found)} links{at}, not one; there are: {there}")
        return found[0]

    def _hint(self) -> str:
        stuck = [str(link) for link in self._links if link.held or link.dropped]
        return (f"; links that let nothing through: {'; '.join(stuck)}" if stuck else "") + (
            super()._hint()
        )

    # -- connecting ------------------------------------------------------------------------------

    def dial(self, socket: Socket, destination: Address, binding: Any) -> int:
        """Begin to connect a socket; for the transports.

        Args:
            socket: which one.
            destination: where to.
            binding: where from, as in Twisted's ``bindAddress``.

        Returns:
            The number of the error, which is that it takes a while, if nothing else.
        """
        if isinstance(destination, UNIXAddress) and self._machine.find(destination) is None:
            return errno.ENOENT
        server = Socket()
        link = Link(
            self,
            (socket, self._machine.client_address(destination, binding)),
            (server, destination),
            self.conditions,
            self._closed,
        )
        self._links[link] = None
        if self.on_link is not None:
            self.on_link(link)
        link.to_server.signal(lambda: self._asked(link, socket, server))
        return errno.EINPROGRESS

    def _asked(self, link: Link, client: Socket, server: Socket) -> None:
        """A connection is asked for at the server's end."""
        if client.closed:
            return
        backlog = self._machine.find(server.address)
        if backlog is None:
            server.closed = True
            link.to_client.signal(client.reset_arrived)
            return
        server.connected = True
        backlog.sockets.append(server)
        self.stir(backlog)
        link.to_client.signal(client.established)

    def _closed(self, link: Link) -> None:
        if not link.open:
            self._links.pop(link, None)

    # -- IReactorTCP -----------------------------------------------------------------------------

    def listenTCP(
        self, port: Any, factory: Any, backlog: int = 50, interface: str = ""
    ) -> IListeningPort:
        """Listen on a port of an address, or of all; see ``IReactorTCP``."""
        number = port
        if not isinstance(number, int):  # What a new Twisted calls a binding says both.
            interface, number = host_and_port(port)
        made = Port(
            self,
            self._machine,
            factory,
            lambda waiting: self._machine.bind(interface, number, waiting),
            interface,
            number,
        )
        made.startListening()
        return made

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: Any,
        timeout: float = 30.0,
        bindAddress: Any = None,
    ) -> IConnector:
        """Connect to a port; see ``IReactorTCP``.

        With ``bindAddress=("192.0.2.7", 0)``, which Twisted's endpoints take as well, the
        connection comes from that address.
        """
        connector = Connector(tcp_address(host, port), factory, timeout, self, bindAddress)
        connector.connect()
        return connector

    # -- IReactorSSL -----------------------------------------------------------------------------

    def listenSSL(
        self,
        port: int,
        factory: Any,
        contextFactory: Any,
        backlog: int = 50,
        interface: str = "",
    ) -> IListeningPort:
        """Listen for TLS; see ``IReactorSSL``."""
        return self.listenTCP(
            port, self._encrypt(contextFactory, factory, False), backlog, interface
        )

    def connectSSL(
        self,
        host: str,
        port: int,
        factory: Any,
        contextFactory: Any,
        timeout: float = 30.0,
        bindAddress: Any = None,
    ) -> IConnector:
        """Connect with TLS; see ``IReactorSSL``."""
        encrypted = self._encrypt(contextFactory, factory, True)
        return self.connectTCP(host, port, encrypted, timeout, bindAddress)

    def _encrypt(self, context: Any, factory: Any, client: bool) -> Any:
        from twisted.protocols.tls import TLSMemoryBIOFactory  # noqa: PLC0415 - OpenSSL is heavy

        return TLSMemoryBIOFactory(context, client, factory, clock=self)

    # -- IReactorUNIX ----------------------------------------------------------------------------

    def listenUNIX(
        self,
        address: str | bytes,
        factory: Any,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: bool = False,
    ) -> IListeningPort:
        """Listen on a path, which is in this network only; see ``IReactorUNIX``."""
        path = os.fsencode(address)
        made = Port(
            self,
            self._machine,
            factory,
            lambda waiting: self._machine.bind_path(path, waiting),
            None,
            path,
        )
        made.startListening()
        return made

    def connectUNIX(
        self,
        address: str | bytes,
        factory: Any,
        timeout: float = 30,
        checkPID: bool = False,
    ) -> IConnector:
        """Connect to a path; see ``IReactorUNIX``."""
        connector = Connector(UNIXAddress(os.fsencode(address)), factory, timeout, self)
        connector.connect()
        return connector

    # -- names -----------------------------------------------------------------------------------

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """Ask another resolver; see ``IReactorPluggableNameResolver``."""
        before, self.nameResolver = self.nameResolver, resolver
        return before

    def resolve(self, name: str, timeout: Sequence[int] = (1, 3, 11, 45)) -> Deferred[str]:
        """Return the first IPv4 address of a name; see ``IReactorCore``."""
        if isIPAddress(name) or isIPv6Address(name):
            return succeed(self._machine.lookup(name)[0])
        return first_address(self.nameResolver, name)


def _is_at(link: Link, where: int | str | Address) -> bool:
    for address in (link.client, link.server):
        port, host = getattr(address, "port", None), getattr(address, "host", None)
        if where in (address, port, host) or where == describe(address):
            return True
    return False
