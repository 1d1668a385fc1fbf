"""Who is at the other end of a connection: its address, and what trusted proxies say of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from sennit.engine.handshake import Request
from sennit.errors import ConfigurationError

__all__ = ["Peer", "TrustedProxies", "counted_address", "describe_address", "parse_proxies"]

Address = IPv4Address | IPv6Address

UNIX = "unix"
"""What peers on Unix sockets are called."""
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_HOP = re.compile(r"\[(?P<six>[^\]]+)\](?::(?P<port6>\d{1,5}))?|(?P<four>[^:]+):(?P<port4>\d{1,5})")
_SECURE = {"https": True, "wss": True, "http": False, "ws": False}


class Peer(NamedTuple):
    """Who has sent a request.

    Attributes:
        address: as text, with the port where it is known.
        counted: what stands for it where connections are counted by address; ``None`` if it is
            not counted.
        secure: whether TLS protects the connection, as the client sees it.
        authority: the host, and maybe port, that the client asked a proxy for, if a trusted one
            says so.
    """

    address: str
    counted: bytes | None
    secure: bool
    authority: str | None = None


def describe_address(address: object) -> str:
    """Return a peer's address as text: ``"127.0.0.1:5000"``, ``"[::1]:5000"`` or ``"unix"``."""
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if host is None:
        return UNIX if hasattr(address, "name") else str(address)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def counted_address(address: object) -> bytes | None:
    """Return what stands for a peer's address where connections are counted by address.

    That is an IPv4 address, or the /64 network of an IPv6 one: whoever has one of these has all
    of them. On a Unix socket there is none.
    """
    host = getattr(address, "host", None)
    return None if host is None else _counted(_parse_address(host))


def _counted(address: Address | None) -> bytes | None:
    return None if address is None else address.packed[:8]


def _parse_address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A socket for IPv6 that takes IPv4 too has addresses like ::ffff:192.0.2.1.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@lru_cache(maxsize=64)
def parse_proxies(entries: tuple[str, ...]) -> TrustedProxies:
    """Return whom a list of addresses, networks and ``"unix"`` means.

    Raises:
        ConfigurationError: an entry is none of these.
    """
    networks = []
    for entry in entries:
        if entry == UNIX:
            continue
        try:
            networks.append(ip_network(entry))
        except ValueError as error:
            raise ConfigurationError(
                f'trusted_proxies: {entry!r} is neither an address like "127.0.0.1", nor a '
                f'network like "10.0.0.0/8", nor "unix" ({error})'
            ) from error
    return TrustedProxies(networks, unix=UNIX in entries)


class TrustedProxies:
    """The proxies in front whose ``X-Forwarded-…`` headers are believed.

    Each proxy must set or add to all three of them, since what it lets through would be believed
    as well. A header that makes no sense is passed over, as if it were not there: what a client
    makes up stands to the left of what the proxies say, and is not looked at anyway; and a proxy
    that does not know an address should not cost the client its connection.

    Args:
        networks: addresses of trusted proxies.
        unix: whether whoever comes by a Unix socket is one.
    """

    def __init__(self, networks: Sequence[IPv4Network | IPv6Network], *, unix: bool) -> None:
        self._networks = tuple(networks)
        self._unix = unix

    def trusts(self, address: object) -> bool:
        """Return whether a peer, by its Twisted address, is one of them."""
        host = getattr(address, "host", None)
        if host is None:
            return self._unix and hasattr(address, "name")
        parsed = _parse_address(host)
        return parsed is not None and self._trusts(parsed)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)

    def peer(self, address: object, request: Request, *, secure: bool) -> Peer:
        """Return who is behind a trusted proxy.

        The address is the right-most one in ``X-Forwarded-For`` that is not a trusted proxy's, or
        the left-most if all are. The scheme and the host are those at the same place from the
        right in their headers, or the left-most where there are fewer. Without a usable header
        the proxy stands for itself, and is not counted.

        Args:
            address: the proxy's.
            request: what it has sent.
            secure: whether TLS protects its connection to us.
        """
        text, counted, place = describe_address(address), None, 0
        for index, hop in enumerate(reversed(_values(request, "x-forwarded-for"))):
            parsed, port = _parse_hop(hop)
            if parsed is None:
                break
            text = _describe(parsed, port)
            counted, place = _counted(parsed), index
            if not self._trusts(parsed):
                break
        scheme = _told(request, "x-forwarded-proto", place)
        authority = _told(request, "x-forwarded-host", place)
        return Peer(
            text,
            counted,
            _SECURE.get(scheme.lower(), secure),
            authority if _AUTHORITY.fullmatch(authority) else None,
        )


def _values(request: Request, name: str) -> list[str]:
    header = request.header(name)
    return [] if header is None else [value.strip(" \t") for value in header.split(",")]


def _told(request: Request, name: str, place: int) -> str:
    values = _values(request, name)
    return values[max(0, len(values) - 1 - place)] if values else ""


def _parse_hop(text: str) -> tuple[Address | None, str | None]:
    if "%" in text:
        return None, None  # A zone means nothing on another machine, and may hold anything.
    match = _HOP.fullmatch(text)
    if match is None:
        return _parse_address(text), None
    return _parse_address(match["six"] or match["four"]), match["port6"] or match["port4"]


def _describe(address: Address, port: str | None) -> str:
    if port is None:
        return str(address)
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
