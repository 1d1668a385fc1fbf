"""TLS of a server as Twisted has it: around whom it is, and how it goes on with what has begun."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLServerConnectionCreator,
    IReactorTime,
)
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory
from zope.interface import implementer

__all__ = ["Resumption", "is_tunnel_to"]


def is_tunnel_to(factory: object, outer: object) -> bool:
    """Return whether a factory is that of Twisted's TLS around another one, and nothing more.

    Args:
        factory: what is in it.
        outer: the factory of a port.
    """
    return (
        type(outer) is TLSMemoryBIOFactory
        and outer.wrappedFactory is factory
        and outer.protocol is BufferingTLSTransport
        and callable(getattr(outer, "_creatorCallable", None))
    )


class Resumption(TLSMemoryBIOFactory):
    """Builds what goes on with a TLS connection over a transport of Twisted's.

    Args:
        clock: the time.
        connection: the connection of pyOpenSSL, which is through its handshake.
        unsent: records that go out before others.
        factory: builds the protocol that has it from then on.
    """

    def __init__(self, clock: IReactorTime, connection: Any, unsent: bytes, factory: Any) -> None:
        super().__init__(_Creator(connection), False, factory, clock=clock)
        self._unsent = unsent

    def buildProtocol(self, addr: IAddress | None) -> _Tunnel:
        """Return TLS around the protocol."""
        return _Tunnel(self, self.wrappedFactory.buildProtocol(addr), self._unsent)


class _Tunnel(BufferingTLSTransport):
    """TLS that has begun elsewhere."""

    def __init__(self, factory: Resumption, inner: Any, unsent: bytes) -> None:
        super().__init__(factory, inner)
        self._unsent = unsent

    def makeConnection(self, transport: Any) -> None:
        """Send what is left of before, and go on."""
        if self._unsent:
            transport.write(self._unsent)
            self._unsent = b""
        super().makeConnection(transport)  # type: ignore[no-untyped-call]  # Twisted's


@implementer(IOpenSSLServerConnectionCreator)
class _Creator:
    """Makes the one connection that is there already."""

    def __init__(self, connection: Any) -> None:
        # Twisted would tell it to begin, which it did.
        connection.set_accept_state = lambda: None
        self._connection = connection

    def serverConnectionForTLS(self, _protocol: object) -> Any:
        """Return it."""
        return self._connection
