"""The network's bounds and times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from sennit.engine.deflate import Deflate
from sennit.net.peer import parse_proxies

__all__ = ["WebSocketOptions", "WebSocketSettings"]

_DEFLATE = Deflate()
"""One for all: connections with the same settings share what is compressed for many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketSettings:
    """Bounds of a WebSocket connection, and of the HTTP requests on its port.

    Attributes:
        max_message: bytes in a message; a larger one ends the connection with 1009.
        max_fragments: frames in a message; more end the connection with 1009.
        max_head: bytes in a request's head; a larger one gets 431. In a response's to a client.
        head_timeout: seconds for a request's head in all; a slower one gets 408.
        max_body: bytes in the body of an HTTP request; a larger one gets 413.
        body_timeout: seconds for the body of an HTTP request in all; a slower one gets 408.
        handshake_timeout: seconds for ``on_handshake`` to decide; then the client gets 503.
        max_connections: WebSockets and streamed responses at a time, those included about which
            is being decided; one more gets 503, with ``Retry-After``. ``None`` for any number.
        max_handshakes: connections at a time whose head, or what decides about it, is not done;
            one more gets 503.
        max_per_address: the same of one address, which is an IPv4 address or the /64
            network of an IPv6 one; one more gets 429. Unix sockets have no address to count.
        trusted_proxies: addresses (``"127.0.0.1"``), networks (``"10.0.0.0/8"``) or ``"unix"``
            of proxies in front, whose ``X-Forwarded-For``, ``-Proto`` and ``-Host`` say who the
            peer is (the right-most address that is no trusted proxy's), whether it came over TLS,
            and for which host. Each proxy must set or add to all three.
        open_timeout: seconds for a client's connect and handshake in all.
        close_timeout: seconds for the peer to finish the closing, then it is cut off.
        write_high: bytes given to a connection and not taken by the operating system yet, from
            which on further frames are refused.
        write_low: the same, down to which it has to come for frames to be taken again. Over TLS
            bytes are counted as they are sent, in records. Where the transport is no socket of ours
            and no plain one (TLS of a client, or without native code) the marks are Twisted's own:
            64 KiB, and nothing.
        read_high: bytes that wait for ``recv``, from which on the socket is not read.
        read_low: the same, down to which it has to come for the socket to be read again.
        compression: whether permessage-deflate is agreed on with peers that know it, or how.
        streaming: whether messages come in pieces: see ``WebSocket.recv_streaming``.
        ping_interval: seconds between pings of the WebSocket protocol, or ``None``.
        ping_timeout: seconds for anything to arrive after a ping, then the peer is cut off.
        allowed_origins: origins whose pages may connect: exact, ``"https://*.example.com"`` or
            ``"*"``; ``None`` for pages of the same host only.

    Raises:
        ConfigurationError: an entry of ``trusted_proxies`` is neither of the three.
    """

    max_message: int = 64 * 1024
    max_fragments: int = 64 * 1024
    max_head: int = 16 * 1024
    head_timeout: float = 10.0
    max_body: int = 1024 * 1024
    body_timeout: float = 30.0
    handshake_timeout: float = 10.0
    max_connections: int | None = None
    max_handshakes: int = 1024
    max_per_address: int | None = None
    trusted_proxies: tuple[str, ...] = ()
    open_timeout: float = 10.0
    close_timeout: float = 5.0
    write_high: int = 64 * 1024
    write_low: int = 16 * 1024
    read_high: int = 64 * 1024
    read_low: int = 32 * 1024
    compression: bool | Deflate = False
    streaming: bool = False
    ping_interval: float | None = None
    ping_timeout: float = 20.0
    allowed_origins: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.trusted_proxies:
            parse_proxies(tuple(self.trusted_proxies))

    @property
    def deflate(self) -> Deflate | None:
        """How to compress; ``None`` for not at all."""
        compression = self.compression
        if isinstance(compression, Deflate):
            return compression
        return _DEFLATE if compression else None


class WebSocketOptions(TypedDict, total=False):
    """The same, as keyword arguments of the toolkit's functions."""

    max_message: int
    max_fragments: int
    max_head: int
    head_timeout: float
    max_body: int
    body_timeout: float
    handshake_timeout: float
    max_connections: int | None
    max_handshakes: int
    max_per_address: int | None
    trusted_proxies: tuple[str, ...]
    open_timeout: float
    close_timeout: float
    write_high: int
    write_low: int
    read_high: int
    read_low: int
    compression: bool | Deflate
    streaming: bool
    ping_interval: float | None
    ping_timeout: float
    allowed_origins: tuple[str, ...] | None
