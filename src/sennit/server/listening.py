"""Where a server listens, and what to say when it cannot."""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    SSL4ServerEndpoint,
    TCP4ServerEndpoint,
    TCP6ServerEndpoint,
    serverFromString,
)
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint

from sennit.errors import ConfigurationError
from sennit.server.configuration import Configuration

__all__ = ["ListenError", "Listening"]

BACKLOG = 1024
"""Connections that may wait to be accepted, where the endpoint does not say."""


class ListenError(ConfigurationError):
    """The server cannot listen where it was told to; the message says why, in one line.

    Args:
        message: the sentence.
        in_use: whether somebody else listens there.
    """

    def __init__(self, message: str, in_use: bool = False) -> None:
        super().__init__(message)
        self.in_use = in_use


class Listening:
    """An endpoint, and the port it has become.

    Args:
        reactor: the reactor.
        endpoint: a Twisted endpoint, or its description; ``None`` for the configuration's.
        configuration: says it otherwise.

    Raises:
        ConfigurationError: the description is not one of an endpoint.
    """

    def __init__(
        self,
        reactor: Any,
        endpoint: str | IStreamServerEndpoint | None,
        configuration: Configuration,
    ) -> None:
        where = endpoint if endpoint is not None else configuration.endpoint
        self._words = where if isinstance(where, str) else "the endpoint"
        if where is None:
            host, port = configuration.host, configuration.port
            self._words = _where(host, port)
            kind = TCP6ServerEndpoint if ":" in host else TCP4ServerEndpoint
            self._endpoint: Any = kind(reactor, port, backlog=BACKLOG, interface=host)
        elif isinstance(where, str):
            self._endpoint = _parse(reactor, where)
        else:
            self._endpoint = where
        self._port: IListeningPort | None = None

    async def listen(self, factory: IProtocolFactory) -> IListeningPort:
        """Begin to listen, and return the port.

        Raises:
            ListenError: it is not possible.
        """
        try:
            listening: Deferred[IListeningPort] = self._endpoint.listen(factory)
            self._port = port = await listening
        except CannotListenError as error:
            raise _explain(error) from error
        except (OSError, OverflowError, ValueError) as error:
            # Not every step is behind Twisted's own exception: a port out of range, a name with
            # letters that no host has.
            in_use = getattr(error, "errno", None) == errno.EADDRINUSE
            raise ListenError(f"cannot listen on {self._words}: {error}", in_use) from error
        return port

    async def stop(self) -> None:
        """Listen no more; connections go on. Fine if it does not listen."""
        port, self._port = self._port, None
        if port is not None:
            stopping: Any = port.stopListening()
            if isinstance(stopping, Deferred):
                await stopping

    @property
    def port(self) -> int | None:
        """The TCP port, or ``None`` where it does not listen on one."""
        address = self._address
        return address.port if isinstance(address, IPv4Address | IPv6Address) else None

    @property
    def addresses(self) -> tuple[str, ...]:
        """What to type into a browser; of a UNIX socket its endpoint."""
        address = self._address
        if isinstance(address, UNIXAddress):
            return (f"unix:{address.name.decode(errors='replace')}" if address.name else "unix:",)
        if not isinstance(address, IPv4Address | IPv6Address):
            return ()
        secure = self._words.startswith("ssl:") or isinstance(self._endpoint, SSL4ServerEndpoint)
        scheme = "https" if secure else "http"
        return tuple(f"{scheme}://{host}:{address.port}/" for host in _hosts(address.host))

    @property
    def _address(self) -> object:
        return None if self._port is None else self._port.getHost()


def _where(host: str, port: int) -> str:
    return f"port {port} on {host or 'every address'}"


def _hosts(host: str) -> tuple[str, ...]:
    if host == "0.0.0.0":  # noqa: S104 - it was chosen by who configured it
        return "127.0.0.1", socket.gethostname()
    if host == "::":
        return "[::1]", socket.gethostname()
    return (f"[{host}]" if ":" in host else host,)


def _parse(reactor: Any, description: str) -> Any:
    try:
        return serverFromString(reactor, description)
    except Exception as error:
        # Twisted's parsers raise whatever their steps do: TypeError, IndexError, KeyError…
        raise ConfigurationError(
            f"{description!r} is not the description of a Twisted endpoint, like "
            f'"tcp:8000:interface=127.0.0.1" or "unix:/run/sennit.sock" ({error})'
        ) from error


def _explain(error: CannotListenError) -> ListenError:
    host, port, why = error.interface, error.port, error.socketError
    # What it calls the port is a path where the socket is a UNIX one.
    where = port.decode(errors="replace") if isinstance(port, bytes) else _where(host, port)
    number = getattr(why, "errno", None)
    if number == errno.EADDRINUSE or why == "Cannot acquire lock":
        return ListenError(f"{where} is in use", in_use=True)
    if number in (errno.EACCES, errno.EPERM):
        return ListenError(f"{where} needs more rights than this user has")
    if isinstance(why, socket.gaierror):
        return ListenError(f"{host!r} is not an address or a name of this machine")
    if number == errno.EADDRNOTAVAIL:
        return ListenError(f"{host} is not an address of this machine")
    return ListenError(f"cannot listen on {where}: {getattr(why, 'strerror', None) or why}")
