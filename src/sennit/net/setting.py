"""The network's bounds and times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

__all__ = ["WebSocketOptions", "WebSocketSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketSettings:
    """Bounds of a WebSocket connection, and of the HTTP requests on its port.

    Attributes:
        max_message: bytes in a message; a larger one ends the connection with 1009.
        max_fragments: frames in a message; more end the connection with 1009.
        max_head: bytes in a request's head; a larger one gets 431. In a response's to a client.
        head_timeout: seconds for a request's head in all; a slower one gets 408.
        open_timeout: seconds for a client's connect and handshake in all.
        close_timeout: seconds for the peer to finish the closing, then it is cut off.
        write_high: bytes given to a connection and not taken by the operating system yet, from
            which on further frames are refused.
        ping_interval: seconds between pings of the WebSocket protocol, or ``None``.
        ping_timeout: seconds for anything to arrive after a ping, then the peer is cut off.
        allowed_origins: origins whose pages may connect: exact, ``"https://*.example.com"`` or
            ``"*"``; ``None`` for pages of the same host only.
    """

    max_message: int = 64 * 1024
    max_fragments: int = 64 * 1024
    max_head: int = 16 * 1024
    head_timeout: float = 10.0
    open_timeout: float = 10.0
    close_timeout: float = 5.0
    write_high: int = 64 * 1024
    ping_interval: float | None = None
    ping_timeout: float = 20.0
    allowed_origins: tuple[str, ...] | None = None


class WebSocketOptions(TypedDict, total=False):
    """The same, as keyword arguments of the toolkit's functions."""

    max_message: int
    max_fragments: int
    max_head: int
    head_timeout: float
    open_timeout: float
    close_timeout: float
    write_high: int
    ping_interval: float | None
    ping_timeout: float
    allowed_origins: tuple[str, ...] | None
