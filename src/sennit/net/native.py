"""The native poll group, where there is one: accepting on it, and broadcasting through it.

The extension is optional: without it, or with ``SENNIT_NO_EXTENSIONS=group`` (or ``1``, which turns
the engine's native code off as well), everything goes through Twisted's own transports, and behaves
alike.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from twisted.internet import tcp
from twisted.internet.interfaces import IListeningPort, IReactorFDSet, IReactorSocket

from sennit.engine.build import EXTENSIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from sennit.net._group import Group
    from sennit.net._port import Listener
    from sennit.net._socket import Socket

__all__ = ["accept_natively", "is_native", "move", "native_group", "send_to_all"]

_group: Any = None
_socket: Any = None
_port: Any = None
_broadcast: Any = None
if EXTENSIONS == "all":
    try:
        from sennit.net import _broadcast, _group, _port, _socket
    except ImportError:
        _group = None  # All of them, or none.

_groups: WeakKeyDictionary[Any, Group] = WeakKeyDictionary()


def native_group() -> type[Group] | None:
    """Return the class of poll groups, or ``None`` where there is none."""
    return None if _group is None else _group.Group


def is_native(transport: object) -> bool:
    """Return whether a transport is a socket of the group."""
    return _socket is not None and isinstance(transport, _socket.Socket)


def accept_natively(
    reactor: Any, port: IListeningPort, factory: object, accepted: Callable[[Socket], None]
) -> Listener | None:
    """Accept a port's connections by the group instead of Twisted's transports, where that can be.

    It takes the extension, a reactor that takes descriptors, and a plain TCP or Unix port that
    builds its protocols by this very factory. The port remains the socket's owner.

    Args:
        reactor: whose port it is.
        port: a listening one.
        factory: that of the port.
        accepted: called with each new connection.

    Returns:
        What is to be stopped before the port is; ``None`` where all stays as it was.
    """
    able = IReactorFDSet.providedBy(reactor) and IReactorSocket.providedBy(reactor)
    if _group is None or not able:
        return None
    if not isinstance(port, tcp.Port) or port.factory is not factory or port.fileno() < 0:
        return None
    group = _groups.get(reactor)
    if group is None:
        group = _groups[reactor] = _group.Group(reactor)
    port.stopReading()
    listener: Listener = _port.listen(group, port, accepted)
    return listener


def move(reactor: Any, transport: Socket, factory: Any) -> None:
    """Give a connection, on which nothing is queued, to a transport of Twisted's own.

    Args:
        reactor: the reactor.
        transport: the connection so far.
        factory: builds the protocol that has it from then on.

    Raises:
        OSError: it is not connected any more.
    """
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
