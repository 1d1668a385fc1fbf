"""Addresses of both kinds, as Twisted has them."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

__all__ = ["Address", "describe", "host_and_port", "tcp_address"]

Address = IPv4Address | IPv6Address | UNIXAddress


def tcp_address(host: str, port: int) -> IPv4Address | IPv6Address:
    """Return an address of the family that the host is of."""
    return IPv6Address("TCP", host, port) if ":" in host else IPv4Address("TCP", host, port)


def describe(address: Address) -> str:
    """Return an address as text: ``"127.0.0.1:8000"``, ``"[::1]:8000"``, a path, or ``"unix"``."""
    if isinstance(address, UNIXAddress):
        return address.name.decode(errors="replace") if address.name else "unix"
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"


def host_and_port(binding: Any) -> tuple[str, int]:
    """Return what Twisted's ``bindAddress`` says; no host and port 0 for any.

    Args:
        binding: a host and a port, what ``twisted.internet.tcp.makeBinding`` returns, or ``None``.
    """
    if isinstance(binding, tuple):
        host, port = binding
        return host, port
    if binding is None:
        return "", 0
    return binding._address or "", binding._port  # noqa: SLF001 - there is no public name
