"""Names, for who asks a reactor for them."""

# ruff: noqa: ARG002, N802, N803 - Twisted's names
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from zope.interface import implementer

from sennit.testing.address import tcp_address

__all__ = ["NameResolver", "first_address"]


@implementer(IHostResolution)
class _Resolution:
    """A lookup under way."""

    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> NoReturn:
        """Twisted's own cannot be cancelled either."""
        raise NotImplementedError


@implementer(IHostnameResolver)
class NameResolver:
    """Answers in the next turn.

    Args:
        lookup: returns a name's addresses.
        call_soon: calls something in the next turn.
    """

    def __init__(
        self,
        lookup: Callable[[str], Sequence[str]],
        call_soon: Callable[[Callable[[], None]], None],
    ) -> None:
        self._lookup = lookup
        self._call_soon = call_soon

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Look a name up."""
        resolution = _Resolution(hostName)

        def answer() -> None:
            resolutionReceiver.resolutionBegan(resolution)
            for host in self._lookup(hostName):
                address = tcp_address(host, portNumber)
                if addressTypes is None or type(address) in addressTypes:
                    resolutionReceiver.addressResolved(address)
            resolutionReceiver.resolutionComplete()

        self._call_soon(answer)
        return resolution


@implementer(IResolutionReceiver)
class _FirstAddress:
    """Fires with the first address found, once there are no more."""

    def __init__(self, name: str) -> None:
        self.found: Deferred[str] = Deferred()
        self._name = name
        self._hosts: list[str] = []

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """There is nothing to note."""

    def addressResolved(self, address: IAddress) -> None:
        """Keep an address."""
        if isinstance(address, IPv4Address):
            self._hosts.append(address.host)

    def resolutionComplete(self) -> None:
        """Answer."""
        if self._hosts:
            self.found.callback(self._hosts[0])
        else:
            self.found.errback(DNSLookupError(f"no results for hostname lookup: {self._name}"))


def first_address(resolver: IHostnameResolver, name: str) -> Deferred[str]:
    """Return the first of a name's IPv4 addresses, as what is older than IPv6 asks for it."""
    receiver = _FirstAddress(name)
    resolver.resolveHostName(receiver, name, 0, [IPv4Address])
    return receiver.found
