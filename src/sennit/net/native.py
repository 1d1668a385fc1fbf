"""The native poll group, where there is one: who may use it, accepting, and broadcasting.

The extension is optional: without it, or with ``SENNIT_NO_EXTENSIONS=group`` (or ``1``, which turns
the engine's native code off as well), everything goes through Twisted's own transports, and behaves
alike.
"""

from __future__ import annotations

import os
import socket
from functools import cache
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from twisted.internet import tcp
from twisted.internet.interfaces import IListeningPort, IReactorFDSet, IReactorSocket
from twisted.internet.posixbase import PosixReactorBase

from sennit.engine.build import EXTENSIONS
from sennit.net.openssl import find_openssl
from sennit.net.tunnel import Resumption, is_tunnel_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IAddress
    from twisted.python.failure import Failure

    from sennit.net._client import ClientSocket, Waiter
    from sennit.net._group import Group
    from sennit.net._port import Door, Listener
    from sennit.net._socket import Socket

__all__ = [
    "accept_natively",
    "adopt_connection",
    "group_for_clients",
    "is_native",
    "move",
    "native_group",
    "native_tls",
    "send_to_all",
    "wait_for_connection",
]

_group: Any = None
_socket: Any = None
_port: Any = None
_broadcast: Any = None
_client: Any = None
_libssl: Any = None
_tls: Any = None
if EXTENSIONS == "all":
    try:
        from sennit.net import _broadcast, _client, _group, _libssl, _port, _socket, _tls
    except ImportError:
        _group = None  # All of them, or none.

_groups: WeakKeyDictionary[Any, Group] = WeakKeyDictionary()


def native_group() -> type[Group] | None:
    """Return the class of poll groups, or ``None`` where there is none."""
    return None if _group is None else _group.Group


@cache
def native_tls() -> bool:
    """Return whether the group speaks TLS: where OpenSSL is as it expects it."""
    openssl = None if _tls is None else find_openssl()
    if openssl is None:
        return False
    _libssl.bind(openssl.functions)
    _tls.bind(openssl.ffi, openssl.ssl)
    return True


def is_native(transport: object) -> bool:
    """Return whether a transport is a socket of the group."""
    return _socket is not None and isinstance(transport, _socket.Socket)


def accept_natively(reactor: Any, port: IListeningPort, door: Door) -> Listener | None:
    """Accept a port's connections by the group instead of Twisted's transports, where that can be.

    It takes the extension, a reactor that takes descriptors, and a TCP or Unix port that builds
    its protocols by this very factory, or over TLS by Twisted's factory around it. The port remains
    the socket's owner.

    Args:
        reactor: whose port it is.
        port: a listening one.
        door: its factory, to whom each new connection is brought.

    Returns:
        What is to be stopped before the port is; ``None`` where all stays as it was.
    """
    able = IReactorFDSet.providedBy(reactor) and IReactorSocket.providedBy(reactor)
    if _group is None or not able:
        return None
    if not isinstance(port, tcp.Port) or port.fileno() < 0:
        return None
    tls = None
    built_by: Any = port.factory
    if built_by is not door:
        tls = built_by
        if not is_tunnel_to(door, tls) or not native_tls():
            return None
    port.stopReading()
    listener: Listener = _port.listen(_group_of(reactor), port, door, tls)
    return listener


def group_for_clients(reactor: Any) -> Group | None:
    """Return the group that a reactor's clients can connect by, if there is one.

    It takes the extension, and a reactor that takes descriptors and makes connections just as
    Twisted's own do: one that is a double, or goes other ways, has to be asked for each.

    Args:
        reactor: whose clients they are.
    """
    if _group is None or not IReactorFDSet.providedBy(reactor):
        return None
    made_by = (getattr(reactor, name, None) for name in ("connectTCP", "connectUNIX"))
    ours = (PosixReactorBase.connectTCP, PosixReactorBase.connectUNIX)
    if tuple(getattr(one, "__func__", None) for one in made_by) != ours:
        return None
    return _group_of(reactor)


def _group_of(reactor: Any) -> Group:
    """Return the only group of a reactor; that of ``sennit.net.reactor`` has one built in."""
    built_in: Group | None = getattr(reactor, "poll_group", None)
    if built_in is not None:
        return built_in
    group = _groups.get(reactor)
    if group is None:
        group = _groups[reactor] = cast("Group", _group.Group(reactor))
    return group


def move(reactor: Any, transport: Socket, factory: Any) -> None:
    """Give a connection, on which nothing is queued, to a transport of Twisted's own.

    Args:
        reactor: the reactor.
        transport: the connection so far.
        factory: builds the protocol that has it from then on.

    Raises:
        OSError: it is not connected any more.
    """
    if _tls is not None and isinstance(transport, _tls.TlsSocket):
        fd, connection, unsent = transport.release()
        factory = Resumption(reactor, connection, unsent, factory)
    else:
        fd = transport.detach()
    try:
        with socket.socket(fileno=os.dup(fd)) as probe:
            family = probe.family
        reactor.adoptStreamConnection(fd, family, factory)
    finally:
        os.close(fd)


def send_to_all(sockets: list[Socket], frame: bytes) -> list[int]:
    """Give one frame to many sockets, and return the indices of those that refused it."""
    refused: list[int] = _broadcast.broadcast(sockets, frame)
    return refused


def wait_for_connection(group: Group, fd: int, ready: Callable[[Failure | None], object]) -> Waiter:
    """Wait until a socket that is being connected can be written to, or has failed.

    Args:
        group: what waits.
        fd: the socket, which stays the caller's.
        ready: called once: with ``None``, or with why the group waits no more.

    Returns:
        What is to be stopped before the socket is closed, if that is earlier.
    """
    waiter: Waiter = _client.wait(group, fd, ready)
    return waiter


def adopt_connection(
    group: Group, fd: int, peer: IAddress | None, ended: Callable[[Failure], object]
) -> ClientSocket:
    """Make a transport of a socket that this side has connected, and be its new owner.

    Args:
        group: what it belongs to.
        fd: connected, non-blocking.
        peer: the address of its other end, ``None`` for what the system says.
        ended: called with the reason when the connection is gone, after its protocol.

    Returns:
        The connection; set its protocol before the loop goes on.
    """
    made: ClientSocket = _client.adopt_client(group, fd, peer, ended)
    return made
