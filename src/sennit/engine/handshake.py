"""The opening handshake, both sides (RFC 6455, 4; the head by RFC 9112, 2 to 5; RFC 7692, 5)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import SplitResult, urlsplit

from sennit.engine.deflate import Agreement, Deflate
from sennit.engine.extension import parse_extensions
from sennit.errors import HandshakeError

__all__ = [
    "ClientHandshake",
    "Request",
    "accept_deflate",
    "accept_response",
    "check_origin",
    "check_upgrade",
    "is_upgrade",
    "offered_subprotocols",
    "parse_request",
    "parse_response",
    "reason_phrase",
    "refuse_response",
]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_WELCOME = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\n"
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_FIELD = _TOKEN.pattern + ":" + _FIELD_VALUE.pattern
_FIELDS = re.compile(rf"{_FIELD}(?:\r\n{_FIELD})*")
_REQUEST_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP/(\d)\.(\d)")
_STATUS_LINE = re.compile(r"HTTP/1\.\d (\d{3})(?: [\t\x20-\x7e\x80-\xff]*)?")
_ONCE = ("host", "sec-websocket-key", "sec-websocket-version", "origin", "content-length")
_OWN = ("host", "upgrade", "connection", "content-length", "transfer-encoding", "expect")
"""What a client's request says by itself, besides ``Sec-WebSocket-*``, or must not say."""
_FRAMING = ("connection", "content-length", "transfer-encoding")
"""What a refusal says by itself, whatever its headers are."""
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}

Headers = tuple[tuple[str, str], ...]


class Request:
    """The head of a request.

    Attributes:
        method: as sent.
        target: the request target, as sent.
        version: ``(1, 1)`` for HTTP/1.1.
        headers: names in lower case and values, in order.
        fields: the same by name; repeats are joined by ``", "``, those of ``cookie`` by ``"; "``.
        key: the key of a request that :func:`check_upgrade` would take; ``None`` if it is not
            known to be one.
        same_origin: whether it is known to come from a page of the very host that it asks.
    """

    __slots__ = ("_parts", "fields", "headers", "method", "target", "version")

    # Of what is read in machine code more is known: see ``_plain.pyx``.
    key: str | None = None
    same_origin = False

    def __init__(
        self, method: str, target: str, version: tuple[int, int], headers: Headers
    ) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self._parts: SplitResult | None = None
        self.fields: dict[str, str] = {}
        fields = self.fields
        for name, value in headers:
            if name not in fields:
                fields[name] = value
            else:
                # Cookies have a separator of their own (RFC 6265, 4.2.1; RFC 9113, 8.2.3).
                separator = "; " if name == "cookie" else ", "
                fields[name] = f"{fields[name]}{separator}{value}"

    def header(self, name: str) -> str | None:
        """Return a field by its lower-case name."""
        return self.fields.get(name)

    @property
    def path(self) -> str:
        """The path of the target, still percent-encoded."""
        return self._split().path

    @property
    def query(self) -> str:
        """The query of the target, without its question mark."""
        return self._split().query

    def _split(self) -> SplitResult:
        if self._parts is None:
            target = self.target
            # A path may begin with two slashes, which must not be read as an authority.
            self._parts = urlsplit("//-" + target if target.startswith("/") else target)
        return self._parts


def parse_request(head: bytes) -> Request:
    """Read a request's head.

    Raises:
        HandshakeError: 400, it is not one; 505, its version is not HTTP/1.
    """
    line, headers = _parse_head(head)
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise HandshakeError(400, "the request line is not one of HTTP/1.1")
    method, target, major, minor = match.groups()
    if major != "1":
        raise HandshakeError(505, "only HTTP/1 is spoken here")
    try:
        urlsplit(target)
    except ValueError as error:
        raise HandshakeError(400, "the request target is not an address") from error
    seen: set[str] = set()
    for name, _ in headers:
        if name in seen and name in _ONCE:
            raise HandshakeError(400, f"the header {name} is there twice")
        seen.add(name)
    return Request(method, target, (1, int(minor)), headers)


def parse_response(head: bytes, who: str = "the server") -> tuple[int, str, Headers]:
    """Read a response's head.

    Args:
        head: the head.
        who: whose response it is, for the sentence that says that it is none.

    Returns:
        The status, the whole first line, and the headers.

    Raises:
        HandshakeError: with the status 0: it is not one of HTTP/1.
    """
    try:
        line, headers = _parse_head(head)
    except HandshakeError as error:
        raise HandshakeError(0, f"{who}'s answer is not HTTP: {error.reason}") from None
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise HandshakeError(0, f"{who}'s answer is not one of HTTP/1.1")
    return int(match[1]), line, headers


def _parse_head(head: bytes) -> tuple[str, Headers]:
    line, end, fields = head.decode("latin-1").removesuffix("\r\n\r\n").partition("\r\n")
    if end and not _FIELDS.fullmatch(fields):
        raise HandshakeError(400, "a header field is malformed")
    headers = []
    for field in fields.split("\r\n") if end else ():
        name, _, value = field.partition(":")
        headers.append((name.lower(), value.strip(" \t")))
    return line, tuple(headers)


def _field(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    values = [value for field, value in headers if field == name]
    return ", ".join(values) if values else None


def _tokens(value: str | None) -> list[str]:
    return [token.strip(" \t").lower() for token in (value or "").split(",")]


def is_upgrade(request: Request) -> bool:
    """Return whether a request wants to become a WebSocket."""
    return "websocket" in _tokens(request.header("upgrade"))


def check_upgrade(request: Request) -> str:
    """Check a request against RFC 6455, 4.2.1, and return its key.

    Raises:
        HandshakeError: 405, not GET; 426, no upgrade to a WebSocket or another version than 13;
            400, anything else.
    """
    if not is_upgrade(request):
        raise HandshakeError(
            426,
            "this address speaks WebSocket only: send an upgrade request",
            (("Upgrade", "websocket"), ("Connection", "Upgrade")),
        )
    if request.method != "GET":
        raise HandshakeError(405, "a WebSocket handshake is a GET", (("Allow", "GET"),))
    if request.version < (1, 1):
        raise HandshakeError(400, "a WebSocket handshake is HTTP/1.1")
    if request.header("host") is None:
        raise HandshakeError(400, "the header Host is missing")
    if "upgrade" not in _tokens(request.header("connection")):
        raise HandshakeError(400, "the header Connection does not say Upgrade")
    if request.header("sec-websocket-version") != "13":
        raise HandshakeError(
            426,
            "only version 13 of the WebSocket protocol is spoken here",
            (
                ("Sec-WebSocket-Version", "13"),
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
            ),
        )
    return _check_key(request.header("sec-websocket-key"))


def _check_key(key: str | None) -> str:
    if key is None:
        raise HandshakeError(400, "the header Sec-WebSocket-Key is missing")
    try:
        nonce = base64.b64decode(key.encode("latin-1"), validate=True)
    except binascii.Error:
        nonce = b""
    if len(nonce) != 16:
        raise HandshakeError(400, "the header Sec-WebSocket-Key is not 16 bytes in base64")
    return key


def offered_subprotocols(request: Request) -> tuple[str, ...]:
    """Return the subprotocols that a client offers, in its order of preference (4.1, 11.3.4).

    An empty header offers none: some clients send one.

    Raises:
        HandshakeError: 400, one is not a token, or is offered twice.
    """
    header = request.header("sec-websocket-protocol")
    if not header:
        return ()
    offered = [name for part in header.split(",") if (name := part.strip(" \t"))]
    if len(set(offered)) != len(offered) or not all(map(_TOKEN.fullmatch, offered)):
        raise HandshakeError(400, "the header Sec-WebSocket-Protocol is malformed")
    return tuple(offered)


def accept_deflate(request: Request, settings: Deflate | None) -> tuple[Agreement | None, str]:
    """Choose among the extensions that a client offers (RFC 6455, 9.1; RFC 7692, 5.1).

    Args:
        request: the handshake.
        settings: how the server compresses; ``None`` if it does not.

    Returns:
        What is agreed on about compression, and the header of the answer; ``None`` and nothing
        where there is none.

    Raises:
        HandshakeError: 400, the header is malformed.
    """
    header = request.header("sec-websocket-extensions")
    return _agree(header, settings) if header else (None, "")


@lru_cache(maxsize=64)
def _agree(header: str, settings: Deflate | None) -> tuple[Agreement | None, str]:
    try:
        offers = parse_extensions(header)
    except ValueError as error:
        raise HandshakeError(400, str(error)) from error
    accepted = None if settings is None else settings.accept(offers)
    return accepted or (None, "")


def check_origin(request: Request, allowed: Sequence[str] | None, *, secure: bool) -> None:
    """Check where a browser's page comes from (10.2).

    A request without the header is none of a browser's page, and passes.

    Args:
        request: the handshake.
        allowed: origins (``https://example.com``), patterns with one leading ``*`` in the host
            (``https://*.example.com``), or ``*`` for any; ``None`` for the host that the
            request is for, and no other.
        secure: whether the request came over TLS.

    Raises:
        HandshakeError: 403, the origin is not allowed.
    """
    origin = request.header("origin")
    if origin is None:
        return
    if allowed is None:
        parsed = _origin(origin)
        host = _origin(("https://" if secure else "http://") + (request.header("host") or ""))
        # A proxy in front may have taken TLS off, so only the host and port must agree; a
        # default port counts as that of the origin's own scheme.
        if parsed is not None and host is not None and _same_site(parsed, host):
            return
    elif any(_matches(origin, entry) for entry in allowed):
        return
    raise HandshakeError(403, "pages of this origin may not connect here")


def _origin(text: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(text.lower())
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname or port is None:
        return None
    return parts.scheme, parts.hostname, port


def _same_site(one: tuple[str, str, int], other: tuple[str, str, int]) -> bool:
    usual = (80, 443)
    return one[1] == other[1] and (one[2] == other[2] or (one[2] in usual and other[2] in usual))


def _matches(origin: str, entry: str) -> bool:
    if entry == "*":
        return True
    scheme, separator, host = entry.partition("://*.")
    parsed = _origin(origin)
    if not separator:
        return parsed is not None and parsed == _origin(entry)
    wanted = _origin(f"{scheme}://{host}")
    return (
        parsed is not None
        and wanted is not None
        and (parsed[0], parsed[2]) == (wanted[0], wanted[2])
        and parsed[1].endswith("." + wanted[1])
    )


def _accept(key: str) -> str:
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()  # noqa: S324


def _encode_fields(headers: Iterable[tuple[str, str]]) -> bytes:
    fields = []
    for name, value in headers:
        if not _TOKEN.fullmatch(name) or not _FIELD_VALUE.fullmatch(value):
            raise ValueError(f"{name!r}: {value!r} cannot be a header field")
        fields.append(f"{name}: {value}\r\n")
    return f"{''.join(fields)}\r\n".encode("latin-1")


def _encode_head(line: str, headers: Iterable[tuple[str, str]]) -> bytes:
    return f"{line}\r\n".encode("latin-1") + _encode_fields(headers)


def accept_response(
    key: str,
    subprotocol: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    extensions: str = "",
) -> bytes:
    """Return the response that takes a client in (4.2.2).

    Args:
        key: the client's.
        subprotocol: the one chosen.
        headers: further headers.
        extensions: the header of those agreed on; empty for none.

    Raises:
        ValueError: a header has characters that a header cannot have.
    """
    fields = []
    if subprotocol is not None:
        fields.append(("Sec-WebSocket-Protocol", subprotocol))
    if extensions:
        fields.append(("Sec-WebSocket-Extensions", extensions))
    return _WELCOME % _accept(key).encode() + _encode_fields([*fields, *headers])


def refuse_response(error: HandshakeError) -> bytes:
    """Return the response that refuses a client: the status, and the reason as its body.

    The body is plain text, unless the headers say otherwise.

    Raises:
        ValueError: a header has characters that a header cannot have.
    """
    body = (error.reason + "\n").encode()
    names = {name.lower() for name, _ in error.headers}
    fields = [field for field in error.headers if field[0].lower() not in _FRAMING]
    fields.append(("Connection", "Upgrade, close" if "connection" in names else "close"))
    if "content-type" not in names:
        fields.append(("Content-Type", "text/plain; charset=utf-8"))
    fields.append(("Content-Length", str(len(body))))
    return _encode_head(f"HTTP/1.1 {error.status} {reason_phrase(error.status)}", fields) + body


def reason_phrase(status: int) -> str:
    """Return what a status is called."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Refused"


def _check_subprotocols(names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise ValueError("subprotocols are a sequence of names, not one name")  # noqa: TRY004
    for name in names:
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} cannot be the name of a subprotocol")
    if len(set(names)) != len(names):
        raise ValueError("a subprotocol is offered twice")
    return tuple(names)


def _check_fields(fields: Iterable[tuple[str, str]], origin: str | None) -> None:
    for name, _ in fields:
        lowered = name.lower()
        if lowered in _OWN or lowered.startswith("sec-websocket-"):
            raise ValueError(f"the header {name} is for the handshake itself to say")
        if lowered == "origin" and origin is not None:
            raise ValueError("the origin is said twice")


class ClientHandshake:
    """The client's side (4.1).

    Args:
        host: for the header ``Host``: with the port, unless it is the scheme's own.
        target: path and query.
        subprotocols: to offer, in order of preference.
        origin: for the header ``Origin``, which browsers send.
        headers: further headers.
        key: 16 random bytes in base64; made if ``None``.
        deflate: how to compress, to be offered; ``None`` for no compression.

    Attributes:
        agreement: what was agreed on about compression, once the response was checked.

    Raises:
        ValueError: a subprotocol is none or is there twice, or a header is for this handshake
            to say.
    """

    __slots__ = ("_deflate", "_fields", "_key", "_subprotocols", "_target", "agreement")

    def __init__(
        self,
        host: str,
        target: str,
        *,
        subprotocols: Sequence[str] = (),
        origin: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        key: str | None = None,
        deflate: Deflate | None = None,
    ) -> None:
        self._deflate = deflate
        self.agreement: Agreement | None = None
        self._key = key or base64.b64encode(os.urandom(16)).decode()
        self._target = target
        self._subprotocols = _check_subprotocols(subprotocols)
        further = tuple(headers)
        _check_fields(further, origin)
        self._fields = [
            ("Host", host),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", self._key),
            ("Sec-WebSocket-Version", "13"),
        ]
        if subprotocols:
            self._fields.append(("Sec-WebSocket-Protocol", ", ".join(subprotocols)))
        if deflate is not None:
            self._fields.append(("Sec-WebSocket-Extensions", deflate.offer()))
        if origin is not None:
            self._fields.append(("Origin", origin))
        self._fields.extend(further)

    def request(self) -> bytes:
        """Return the request.

        Raises:
            ValueError: a header has characters that a header cannot have.
        """
        return _encode_head(f"GET {self._target} HTTP/1.1", self._fields)

    def check_response(self, head: bytes) -> str | None:
        """Check the server's response and return the subprotocol it has chosen, if any.

        Raises:
            HandshakeError: it refused, with its status; or its answer is not one to this request,
                with the status 101, or 0 if it is not HTTP.
        """
        status, line, headers = parse_response(head)
        if status != 101:
            raise HandshakeError(status, f"the server refused the handshake: {line}", headers)
        if _tokens(_field(headers, "upgrade")) != ["websocket"]:
            raise HandshakeError(status, "the server's answer does not upgrade to websocket")
        if "upgrade" not in _tokens(_field(headers, "connection")):
            raise HandshakeError(status, "the server's header Connection does not say Upgrade")
        if _field(headers, "sec-websocket-accept") != _accept(self._key):
            raise HandshakeError(status, "the server's Sec-WebSocket-Accept is wrong")
        self.agreement = self._agree(status, _field(headers, "sec-websocket-extensions") or "")
        subprotocol = _field(headers, "sec-websocket-protocol")
        if subprotocol is not None and subprotocol not in self._subprotocols:
            raise HandshakeError(status, f"the server chose {subprotocol!r}, not offered")
        return subprotocol

    def _agree(self, status: int, header: str) -> Agreement | None:
        try:
            answer = parse_extensions(header)
            if self._deflate is not None:
                return self._deflate.agree(answer)
        except ValueError as error:
            raise HandshakeError(status, str(error)) from error
        if answer:
            raise HandshakeError(status, "the server chose an extension that was not offered")
        return None
