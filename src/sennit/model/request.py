"""How a client came in: the request that opened its connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Closed", "ConnectionRequest"]


@dataclass(frozen=True, slots=True)
class ConnectionRequest:
    """The HTTP request that a connection began with.

    Attributes:
        path: the decoded path, without the query.
        query: the decoded query parameters, each with all its values, in order.
        headers: header fields with lower-case names; a repeated one is joined by ``", "``.
        address: the peer's address as text (``"127.0.0.1:5000"``, ``"unix"``).
        secure: whether TLS protects the connection.
        subprotocols: what the client offered, in its order.
    """

    path: str
    query: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    secure: bool = False
    subprotocols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Closed:
    """How a connection ended.

    Attributes:
        code: the close code that arrived, or 1005 (none given) or 1006 (no close frame);
            RFC 6455, 7.1.5.
        reason: the reason that arrived, or for 1006 what was seen.
        sent_code: the code we sent, ``None`` if none was.
        sent_reason: the reason we sent.
    """

    code: int
    reason: str = ""
    sent_code: int | None = None
    sent_reason: str = ""
