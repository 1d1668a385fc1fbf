"""An HTTP proxy, and the tunnel through it (RFC 9110, 9.3.6)."""

# ruff: noqa: N803 - Twisted names what it passes
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from twisted.internet.address import HostnameAddress
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer

from sennit.engine.handshake import parse_response
from sennit.errors import HandshakeError
from sennit.net.address import Address, split_url, user_of
from sennit.net.answer import AnswerReader
from sennit.net.connector import native_reactor
from sennit.net.credential import basic_authorization
from sennit.net.exchange import Exchange
from sennit.net.setting import WebSocketSettings
from sennit.net.tls import TlsEndpoint, creator_for

__all__ = ["Proxy", "TunnelEndpoint"]

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy's address.

    Attributes:
        secure: whether the way to the proxy itself is TLS, too.
        host: a name in ASCII, or an IP address.
        port: the URL's, or that of the scheme.
        authorization: the header's value for whom the proxy knows, or ``None``.
    """

    secure: bool
    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> Proxy:
        """Read a URL, ``http://user:password@host:port``.

        Raises:
            ValueError: it is not one of an HTTP proxy. The password is not in the sentence.
        """
        parts, host, port = split_url(url, _PORTS)
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError("a proxy's URL ends with its host and port")
        user = user_of(parts)
        return cls(
            parts.scheme == "https",
            host,
            port,
            None if user is None else basic_authorization(*user),
        )

    def endpoint(
        self, reactor: Any, address: Address, settings: WebSocketSettings
    ) -> IStreamClientEndpoint:
        """Return what connects to an address through the proxy.

        Args:
            reactor: the reactor.
            address: where to.
            settings: bounds and times.
        """
        way: IStreamClientEndpoint
        plain = not self.secure and not address.secure
        by = native_reactor(reactor) if plain else reactor
        way = HostnameEndpoint(by, self.host, self.port, settings.open_timeout)
        if self.secure:
            way = TlsEndpoint(creator_for(None, self.host, self.port), way, reactor)
        return TunnelEndpoint(way, address, self.authorization, settings.max_head)


@implementer(IStreamClientEndpoint)
class TunnelEndpoint:
    """Connects through a proxy.

    Args:
        proxy: connects to the proxy.
        address: where to.
        authorization: the header's value for whom the proxy knows, or ``None``.
        max_head: bytes in the head of the proxy's answer.
    """

    def __init__(
        self,
        proxy: IStreamClientEndpoint,
        address: Address,
        authorization: str | None,
        max_head: int,
    ) -> None:
        self._proxy = proxy
        self._max_head = max_head
        self._end = HostnameAddress(address.host.encode(), address.port)
        host = address.host.partition("%")[0]
        where = f"[{host}]:{address.port}" if ":" in host else f"{host}:{address.port}"
        shown = f"Proxy-Authorization: {authorization}\r\n" if authorization is not None else ""
        self._question = f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n{shown}\r\n".encode(
            "latin-1"
        )

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect.

        Returns:
            Fires with the protocol, connected to where the tunnel ends. Fails with
            :class:`HandshakeError` if the proxy refuses.
        """

        def take_over(_: None) -> tuple[IProtocol, IProtocol]:
            protocol: Any = protocolFactory.buildProtocol(self._end)
            return protocol, protocol

        answer = AnswerReader("the proxy", _check, self._max_head)
        return Exchange(self._question, answer, take_over).begin(self._proxy)


def _check(head: bytes) -> None:
    status, line, headers = parse_response(head, "the proxy")
    if not 200 <= status < 300:
        raise HandshakeError(status, f"the proxy refused to connect: {line}", headers)
