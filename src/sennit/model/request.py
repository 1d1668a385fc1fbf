"""How a client came in: the request that opened its connection."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Closed", "ConnectionRequest"]


@dataclass(frozen=True, slots=True)
class ConnectionRequest:
    """The HTTP request that a connection began with.

    Attributes:
        path: the decoded path, without the query.
        query: the decoded query parameters, each with all its values, in order.
        headers: header fields with lower-case names; a repeated one is joined by ``", "``, the
            field ``cookie`` by ``"; "``.
        address: the peer's address as text (``"127.0.0.1:5000"``, ``"unix"``); where a trusted
            proxy tells it, mostly without a port (``"203.0.113.7"``).
        secure: whether TLS protects the connection, as the client sees it.
        subprotocols: what the client offered, in its order.
    """

    path: str
    query: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    secure: bool = False
    subprotocols: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """The peer's address without the port."""
        address = self.address
        if address.startswith("["):
            return address[1:].partition("]")[0]
        # An IPv6 address without brackets has no port.
        return address if address.count(":") > 1 else address.partition(":")[0]

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies, by name, read as leniently as browsers send them (RFC 6265, 5.4).

        Of several with one name the first counts: browsers send the one with the longest path
        first. Quotes around a value are not part of it; what has no name is left out. Values are
        taken for UTF-8, or else for Latin-1. Made anew at every call.
        """
        found: dict[str, str] = {}
        for pair in self.headers.get("cookie", "").split(";"):
            name, equals, value = pair.partition("=")
            name = name.strip(" \t")
            if equals and name:
                found.setdefault(_decode(name), _decode(_unquote(value.strip(" \t"))))
        return found

    @property
    def basic_auth(self) -> tuple[str, str] | None:
        """User and password by the header ``Authorization: Basic`` (RFC 7617), or ``None``.

        Compare the password, in bytes, by ``hmac.compare_digest``: it takes the same time for any.
        """
        scheme, _, credentials = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            decoded = base64.b64decode(credentials.strip(" "), validate=True)
        except ValueError:
            return None
        user, colon, password = _decode(decoded.decode("latin-1")).partition(":")
        return (user, password) if colon else None


def _unquote(value: str) -> str:
    quoted = len(value) >= 2 and value[0] == value[-1] == '"'
    return value[1:-1] if quoted else value


def _decode(text: str) -> str:
    """Return text that was sent as UTF-8 and read as Latin-1, as headers are."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


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
