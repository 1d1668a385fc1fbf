"""The addresses and names that there are in a network, and who listens where."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Any

from twisted.internet.address import UNIXAddress

from sennit.testing.address import Address, host_and_port, tcp_address
from sennit.testing.socket import Backlog

__all__ = ["Machine"]

ANY4, ANY6 = "0.0.0.0", "::"  # noqa: S104 - nobody can connect from outside
FIRST_PORT, LAST_PORT = 49152, 65535
"""Those that are given to who does not ask for one."""
VISITOR4, VISITOR6 = "192.0.2.100", "2001:db8::100"
"""Where a client is who connects to another address than the loopback's, and does not say."""

Names = dict[str, str | Sequence[str]]


class Machine:
    """Owns every address of a network. Who listens on all of them listens on each.

    Args:
        names: the addresses of each name.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self._backlogs: dict[tuple[str, int] | bytes, Backlog] = {}
        self._port = FIRST_PORT - 1

    def lookup(self, name: str) -> tuple[str, ...]:
        """Return the addresses of a name, or of what is an address; empty if there is none."""
        try:
            return (str(ip_address(name)),)
        except ValueError:
            found = self.names.get(name.lower().rstrip("."), ())
        return (found,) if isinstance(found, str) else tuple(found)

    def bind(self, interface: str, port: int, backlog: Backlog) -> Address:
        """Listen on a port.

        Args:
            interface: an address or a name of one; empty for all of IPv4, ``"::"`` for all.
            port: its number, 0 for any that is free.
            backlog: gets the connections.

        Returns:
            The address that it has become.

        Raises:
            OSError: there is no such interface, or somebody listens there.
            OverflowError: there is no such port.
        """
        if not 0 <= port <= LAST_PORT:
            raise OverflowError("bind(): port must be 0-65535.")
        hosts = self.lookup(interface or ANY4)
        if not hosts:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        host = hosts[0]
        port = port or self._free_port(host)
        if self._in_use(host, port):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        self._backlogs[host, port] = backlog
        return tcp_address(host, port)

    def bind_path(self, path: bytes, backlog: Backlog) -> Address:
        """Listen on a path.

        Raises:
            OSError: somebody does.
        """
        if path in self._backlogs:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        self._backlogs[path] = backlog
        return UNIXAddress(path)

    def release(self, address: Address) -> None:
        """Listen there no more."""
        del self._backlogs[_key(address)]

    def find(self, address: Address) -> Backlog | None:
        """Return who listens for connections to an address."""
        if isinstance(address, UNIXAddress):
            return self._backlogs.get(_key(address))
        found = (self._backlogs.get((host, address.port)) for host in _covering(address.host))
        return next((backlog for backlog in found if backlog is not None), None)

    def client_address(self, destination: Address, binding: Any) -> Address:
        """Return where a client is that connects to an address.

        Args:
            destination: where to.
            binding: where from, as in Twisted's ``bindAddress``.
        """
        if isinstance(destination, UNIXAddress):
            return UNIXAddress(None)
        host, port = host_and_port(binding)
        if host in ("", ANY4, ANY6):
            near = ip_address(destination.host).is_loopback
            if ":" in destination.host:
                host = "::1" if near else VISITOR6
            else:
                host = "127.0.0.1" if near else VISITOR4
        return tcp_address(host, port or self._next_port())

    def _in_use(self, host: str, port: int) -> bool:
        return any(
            number == port and (taken in _covering(host) or host in _covering(taken))
            for taken, number in self._addresses()
        )

    def _addresses(self) -> Iterator[tuple[str, int]]:
        return (key for key in self._backlogs if isinstance(key, tuple))

    def _free_port(self, host: str) -> int:
        port = self._next_port()
        while self._in_use(host, port):
            port = self._next_port()
        return port

    def _next_port(self) -> int:
        self._port = self._port + 1 if self._port < LAST_PORT else FIRST_PORT
        return self._port


def _key(address: Address) -> tuple[str, int] | bytes:
    if isinstance(address, UNIXAddress):
        return address.name or b""
    return address.host, address.port


def _covering(host: str) -> tuple[str, ...]:
    """Return where one has to listen to get connections to an address, the nearest first.

    Who listens on every address of IPv6 gets those of IPv4, too, as by default on Linux.
    """
    return (host, ANY6) if ":" in host else (host, ANY4, ANY6)
