"""Where a client connects to: what a URL says of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

__all__ = ["Address", "split_url", "user_of"]

PORTS = {"ws": 80, "wss": 443}

_SAFE = "/%:@!$&'()*+,;=~-._?"
_HTTP = {"http": "ws", "https": "wss"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(%[\x21-\x7e]+)?")
_USER = re.compile(r"//[^/?#]*@")


@dataclass(frozen=True, slots=True)
class Address:
    """A WebSocket's address (RFC 6455, 3).

    Attributes:
        secure: whether it is ``wss``.
        host: a name in ASCII, or an IP address; of IPv6 without brackets, and maybe with a zone.
        port: the URL's, or that of the scheme.
        target: path and query, percent-encoded.
        user: name and password, decoded, if the URL has them.
    """

    secure: bool
    host: str
    port: int
    target: str
    user: tuple[str, str] | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read a URL.

        Raises:
            ValueError: it is not one of a WebSocket. The password is not in the sentence.
        """
        parts, host, port = split_url(url, PORTS)
        if "#" in url:
            raise ValueError(f"{_shown(url)} has a fragment, which no WebSocket's address has")
        target = quote(parts.path or "/", safe=_SAFE)
        if parts.query:
            target += "?" + quote(parts.query, safe=_SAFE)
        return cls(parts.scheme == "wss", host, port, target, user_of(parts))

    @property
    def scheme(self) -> str:
        """``"ws"`` or ``"wss"``."""
        return "wss" if self.secure else "ws"

    @property
    def authority(self) -> str:
        """Host and port for the header ``Host``: without the scheme's own port, and any zone."""
        host = self.host.partition("%")[0]
        host = f"[{host}]" if ":" in host else host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[bool, str, int]:
        """What two addresses have in common whose server is the same (RFC 6454, 4)."""
        return self.secure, self.host, self.port

    def follow(self, location: str) -> Address:
        """Return where a header ``Location`` of this address leads to (RFC 9110, 10.2.2).

        Of HTTP's schemes it takes those of the WebSocket's, since servers redirect a handshake
        as they do pages. A fragment and a user in it are passed over.

        Args:
            location: the header, its bytes as latin-1.

        Raises:
            ValueError: that is not the address of a WebSocket.
        """
        base = f"{self.scheme}://{self.authority}{self.target}"
        url = urljoin(base, quote(location.encode("latin-1"), safe=_SAFE + "#[]"))
        scheme, colon, rest = url.partition("#")[0].partition(":")
        return replace(Address.parse(_HTTP.get(scheme.lower(), scheme) + colon + rest), user=None)


def split_url(url: str, ports: Mapping[str, int]) -> tuple[SplitResult, str, int]:
    """Return the parts of a URL, its host in ASCII, and its port.

    Args:
        url: the URL.
        ports: the schemes it may have, and their own ports.

    Raises:
        ValueError: it is not a URL with a host and one of these schemes.
    """
    if _CONTROL.search(url):
        raise ValueError("a URL has no control characters")
    parts = urlsplit(url)
    if parts.scheme not in ports:
        schemes = " or ".join(f"{scheme}://" for scheme in ports)
        raise ValueError(f"{_shown(url)} does not begin with {schemes}")
    host = parts.hostname
    if not host:
        raise ValueError(f"{_shown(url)} has no host")
    if not host.isascii():
        host = host.encode("idna").decode()
    if ":" in host:
        host = unquote(host)  # A zone's percent sign is encoded (RFC 6874, 2).
    if not _HOST.fullmatch(host):
        raise ValueError(f"{host!r} cannot be a host")
    port = ports[parts.scheme] if parts.port is None else parts.port
    if port == 0:
        raise ValueError(f"{_shown(url)} has a port that nobody can connect to")
    return parts, host, port


def user_of(parts: SplitResult) -> tuple[str, str] | None:
    """Return the name and the password of a URL, decoded.

    Raises:
        ValueError: they are not percent-encoded UTF-8.
    """
    name, password = parts.username or "", parts.password or ""
    if not name and not password:
        return None
    try:
        return unquote(name, errors="strict"), unquote(password, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("the user in a URL is not percent-encoded UTF-8") from None


def _shown(url: str) -> str:
    return repr(_USER.sub("//", url))
