"""The opening handshake, both sides."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sennit.engine.handshake import (
    ClientHandshake,
    Request,
    accept_response,
    check_origin,
    check_upgrade,
    is_upgrade,
    offered_subprotocols,
    parse_request,
    refuse_response,
)
from sennit.errors import HandshakeError

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The example of RFC 6455, 1.3."""

FIELDS = {
    "Host": "example.com",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def head(line: str = "GET /chat HTTP/1.1", **changes: str | None) -> bytes:
    """Return a handshake's head; a change names a field, ``None`` takes it out."""
    fields: dict[str, str | None] = {**FIELDS}
    fields.update({name.replace("_", "-"): value for name, value in changes.items()})
    lines = [line, *(f"{name}: {value}" for name, value in fields.items() if value is not None)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def request(line: str = "GET /chat HTTP/1.1", **changes: str | None) -> Request:
    """Return the same, parsed."""
    return parse_request(head(line, **changes))


def refusal(call: Any, *args: Any, **options: Any) -> HandshakeError:
    """Return the error that a call is refused with."""
    with pytest.raises(HandshakeError) as refused:
        call(*args, **options)
    assert refused.value.reason
    return refused.value


# -- the request's head --------------------------------------------------------------------------


def test_a_request() -> None:
    """Its line and its fields; names do not mind their case, repeats are joined."""
    parsed = parse_request(b"GET /a%20b?c=d HTTP/1.1\r\nX-One:1\r\nx-one: \t2 \r\nEmpty:\r\n\r\n")
    assert (parsed.method, parsed.target, parsed.version) == ("GET", "/a%20b?c=d", (1, 1))
    assert (parsed.path, parsed.query) == ("/a%20b", "c=d")
    assert parsed.header("x-one") == "1, 2"
    assert parsed.header("empty") == ""
    assert parsed.header("none") is None


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", ""),
        ("//evil.example/x?y", "//evil.example/x", "y"),
        ("http://example.com/x?y", "/x", "y"),
        ("*", "*", ""),
    ],
)
def test_targets(target: str, path: str, query: str) -> None:
    """Origin form, also with two slashes, and absolute form."""
    parsed = parse_request(f"GET {target} HTTP/1.1\r\n\r\n".encode())
    assert (parsed.path, parsed.query) == (path, query)


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1 \r\n\r\n",
        b"G\x00T / HTTP/1.1\r\n\r\n",
        b"GET /\x7f HTTP/1.1\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\n: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\nY: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\rY: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nX Y: a\r\n\r\n",
    ],
)
def test_heads_that_are_none(wire: bytes) -> None:
    """400: bad lines, white space before a colon, folding, bare CR or LF, NUL."""
    assert refusal(parse_request, wire).status == 400


@pytest.mark.parametrize(
    "name", ["Host", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Origin", "Content-Length"]
)
def test_fields_that_may_be_there_once(name: str) -> None:
    """400, since who reads the other one sees another request."""
    wire = f"GET / HTTP/1.1\r\n{name}: 1\r\n{name.upper()}: 1\r\n\r\n".encode()
    assert refusal(parse_request, wire).status == 400


@pytest.mark.parametrize("version", ["2.0", "0.9"])
def test_another_http(version: str) -> None:
    """505."""
    assert refusal(parse_request, f"GET / HTTP/{version}\r\n\r\n".encode()).status == 505


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode()))
def test_any_bytes_are_a_request_or_a_refusal(wire: bytes) -> None:
    """And everything that is asked of such a request is answered or refused."""
    for start in (b"", b"GET / HTTP/1.1\r\n", b"GET "):
        try:
            parsed = parse_request(start + wire + b"\r\n\r\n")
            check_origin(parsed, None, secure=False)
            offered_subprotocols(parsed)
            assert isinstance(parsed.path + parsed.query, str)
            check_upgrade(parsed)
        except HandshakeError as error:
            assert 400 <= error.status <= 505  # noqa: PT017 - either outcome is right


# -- the server's side ---------------------------------------------------------------------------


def test_a_handshake() -> None:
    """The key is returned; tokens do not mind their case or their company."""
    assert check_upgrade(request()) == KEY
    changed = request(Upgrade="h2c, WebSocket", Connection="keep-alive, UPGRADE")
    assert is_upgrade(changed)
    assert check_upgrade(changed) == KEY


@pytest.mark.parametrize(
    ("changes", "status", "header"),
    [
        ({"Upgrade": None}, 426, ("Upgrade", "websocket")),
        ({"Upgrade": "h2c"}, 426, ("Upgrade", "websocket")),
        ({"line": "POST /chat HTTP/1.1"}, 405, ("Allow", "GET")),
        ({"line": "GET /chat HTTP/1.0"}, 400, None),
        ({"Host": None}, 400, None),
        ({"Connection": None}, 400, None),
        ({"Connection": "keep-alive"}, 400, None),
        ({"Sec_WebSocket_Version": None}, 426, ("Sec-WebSocket-Version", "13")),
        ({"Sec_WebSocket_Version": "8"}, 426, ("Sec-WebSocket-Version", "13")),
        ({"Sec_WebSocket_Version": "13, 8"}, 426, ("Sec-WebSocket-Version", "13")),
        ({"Sec_WebSocket_Key": None}, 400, None),
        ({"Sec_WebSocket_Key": ""}, 400, None),
        ({"Sec_WebSocket_Key": "c2hvcnQ="}, 400, None),
        ({"Sec_WebSocket_Key": KEY[:-1]}, 400, None),
        ({"Sec_WebSocket_Key": "*" + KEY[1:]}, 400, None),
        ({"Sec_WebSocket_Key": "\xe4" + KEY[1:]}, 400, None),
    ],
)
def test_handshakes_that_are_refused(
    changes: dict[str, Any], status: int, header: tuple[str, str] | None
) -> None:
    """Each with its status, a sentence, and the header that says what would be right."""
    error = refusal(check_upgrade, request(**changes))
    assert error.status == status
    if header is not None:
        assert header in error.headers


@pytest.mark.parametrize(
    ("value", "offered"),
    [
        (None, ()),
        ("", ()),
        ("chat", ("chat",)),
        ("chat, superchat", ("chat", "superchat")),
        ("a ,\tb,,c", ("a", "b", "c")),
    ],
)
def test_offered_subprotocols(value: str | None, offered: tuple[str, ...]) -> None:
    """In the client's order; an empty header offers none, as one old SDK sends it."""
    assert offered_subprotocols(request(Sec_WebSocket_Protocol=value)) == offered


@pytest.mark.parametrize("value", ["a b", "a, a", "ä", "a;b"])
def test_subprotocols_that_are_none(value: str) -> None:
    """400: no tokens, or one twice."""
    error = refusal(offered_subprotocols, request(Sec_WebSocket_Protocol=value))
    assert error.status == 400


@pytest.mark.parametrize(
    ("origin", "host", "allowed", "secure"),
    [
        (None, "example.com", (), False),
        ("http://example.com", "example.com", None, False),
        ("http://EXAMPLE.com:80", "example.com", None, False),
        ("https://example.com", "example.com", None, True),
        ("https://example.com", "example.com", None, False),
        ("http://example.com:8000", "example.com:8000", None, False),
        ("http://[::1]:8000", "[::1]:8000", None, False),
        ("https://a.example", "example.com", ("*",), False),
        ("https://a.example", "example.com", ("https://a.example",), False),
        ("https://a.example:443", "example.com", ("https://a.example",), False),
        ("https://x.y.example", "example.com", ("https://*.y.example",), False),
        ("null", "example.com", ("*",), False),
    ],
)
def test_origins_that_pass(
    origin: str | None, host: str, allowed: tuple[str, ...] | None, secure: bool
) -> None:
    """The same host, also behind a proxy that takes TLS off; an allowed one; no browser's page."""
    check_origin(request(Origin=origin, Host=host), allowed, secure=secure)


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://evil.example", "example.com", None),
        ("http://example.com.evil.example", "example.com", None),
        ("http://example.com:8001", "example.com:8000", None),
        ("http://example.com", None, None),
        ("null", "example.com", None),
        ("", "example.com", None),
        ("http://[", "example.com", None),
        ("http://example.com:x", "example.com", None),
        ("foo://example.com", "example.com", None),
        ("http://example.com", "example.com", ()),
        ("http://a.example", "example.com", ("https://a.example",)),
        ("https://y.example", "example.com", ("https://*.y.example",)),
        ("https://evily.example", "example.com", ("https://*.y.example",)),
        ("https://x.y.example:8443", "example.com", ("https://*.y.example",)),
        ("https://x.y.example", "example.com", ("https://*.:x",)),
        ("null", "example.com", ("https://*.y.example",)),
    ],
)
def test_foreign_origins(origin: str, host: str | None, allowed: tuple[str, ...] | None) -> None:
    """403."""
    assert refusal(
        check_origin, request(Origin=origin, Host=host), allowed, secure=False
    ).status == (403)


def test_the_accepting_response() -> None:
    """The example of the RFC, with a subprotocol and a header."""
    assert accept_response(KEY, "chat", [("X-Node", "a")]) == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + ACCEPT.encode() + b"\r\nSec-WebSocket-Protocol: chat\r\n"
        b"X-Node: a\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("name", "value"), [("X", "a\r\nY: b"), ("X\r\n", "a"), ("", "a"), ("X", "\0")]
)
def test_no_header_smuggles_another(name: str, value: str) -> None:
    """What cannot be a field is refused, in answers and in requests."""
    with pytest.raises(ValueError, match="header"):
        accept_response(KEY, headers=[(name, value)])
    with pytest.raises(ValueError, match="header"):
        ClientHandshake("example.com", "/", headers=[(name, value)]).request()


def test_the_refusing_response() -> None:
    """The status, its headers, the reason as text, and the end of the connection."""
    response = refuse_response(HandshakeError(403, "no", [("X-Why", "because")]))
    top, _, body = response.partition(b"\r\n\r\n")
    assert top.split(b"\r\n") == [
        b"HTTP/1.1 403 Forbidden",
        b"X-Why: because",
        b"Connection: close",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Length: 3",
    ]
    assert body == b"no\n"


def test_the_response_that_asks_for_an_upgrade() -> None:
    """Connection names both the upgrade and the end."""
    response = refuse_response(refusal(check_upgrade, request(Upgrade=None)))
    assert response.startswith(b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n")
    assert response.count(b"Connection:") == 1
    assert b"\r\nConnection: Upgrade, close\r\n" in response


def test_a_status_without_a_name() -> None:
    """It is sent all the same."""
    assert refuse_response(HandshakeError(499, "no")).startswith(b"HTTP/1.1 499 Refused\r\n")


# -- the client's side ---------------------------------------------------------------------------


def answer(line: str = "HTTP/1.1 101 Switching Protocols", **changes: str | None) -> bytes:
    """Return a server's answer."""
    fields: dict[str, str | None] = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": ACCEPT,
    }
    fields.update({name.replace("_", "-"): value for name, value in changes.items()})
    lines = [line, *(f"{name}: {value}" for name, value in fields.items() if value is not None)]
    return "\r\n".join([*lines, "", ""]).encode()


def test_our_request_is_one_that_we_accept() -> None:
    """With a new key each time."""
    keys = set()
    for _ in range(10):
        client = ClientHandshake(
            "example.com:8000",
            "/chat?a=b",
            subprotocols=("chat", "superchat"),
            origin="http://example.com:8000",
            headers=[("X-Token", "t")],
        )
        parsed = parse_request(client.request())
        key = check_upgrade(parsed)
        check_origin(parsed, None, secure=False)
        keys.add(key)
        assert (parsed.path, parsed.query, parsed.header("x-token")) == ("/chat", "a=b", "t")
        assert offered_subprotocols(parsed) == ("chat", "superchat")
        assert client.check_response(accept_response(key, "chat")) == "chat"
        assert client.check_response(accept_response(key)) is None
    assert len(keys) == 10


def test_a_plain_request_has_no_more_than_it_needs() -> None:
    """No origin, no subprotocols."""
    parsed = parse_request(ClientHandshake("a", "/", key=KEY).request())
    assert parsed.header("origin") is None
    assert parsed.header("sec-websocket-protocol") is None
    assert check_upgrade(parsed) == KEY


@pytest.mark.parametrize(
    ("wire", "status", "why"),
    [
        (answer("HTTP/1.1 404 Not Found"), 404, "404 Not Found"),
        (answer("HTTP/1.1 503"), 503, "503"),
        (answer("SSH-2.0"), 0, "HTTP/1.1"),
        (answer("HTTP/1.1 403 \x1b[31mNo"), 0, "HTTP/1.1"),
        (answer("HTTP/2 101 Hi"), 0, "HTTP/1.1"),
        (answer(Upgrade=None), 101, "upgrade"),
        (answer(Upgrade="h2c"), 101, "upgrade"),
        (answer(Connection="close"), 101, "Connection"),
        (answer(Sec_WebSocket_Accept="wrong"), 101, "Accept"),
        (answer(Sec_WebSocket_Extensions="permessage-deflate"), 101, "extension"),
        (answer(Sec_WebSocket_Protocol="other"), 101, "other"),
        (b"HTTP/1.1 101 Hi\r\nbroken\r\n\r\n", 0, "malformed"),
    ],
)
def test_answers_that_are_refused(wire: bytes, status: int, why: str) -> None:
    """With the server's status, 0 if it has none, and what was wrong (4.1)."""
    client = ClientHandshake("a", "/", subprotocols=("chat",), key=KEY)
    error = refusal(client.check_response, wire)
    assert error.status == status
    assert why in error.reason


def test_a_refusals_headers_are_kept() -> None:
    """For who wants to know where to go instead."""
    client = ClientHandshake("a", "/", key=KEY)
    error = refusal(client.check_response, answer("HTTP/1.1 302 Found", Location="/there"))
    assert ("location", "/there") in error.headers


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"subprotocols": "chat"}, "sequence"),
        ({"subprotocols": ["a b"]}, "'a b'"),
        ({"subprotocols": [""]}, "''"),
        ({"subprotocols": ["a", "b", "a"]}, "twice"),
        ({"headers": [("HOST", "a")]}, "HOST"),
        ({"headers": [("Upgrade", "h2c")]}, "Upgrade"),
        ({"headers": [("Connection", "close")]}, "Connection"),
        ({"headers": [("Content-Length", "5")]}, "Content-Length"),
        ({"headers": [("Sec-WebSocket-Key", KEY)]}, "Sec-WebSocket-Key"),
        ({"headers": [("sec-websocket-extensions", "x")]}, "sec-websocket-extensions"),
        ({"headers": [("Origin", "a")], "origin": "http://a"}, "origin"),
    ],
)
def test_what_a_client_may_not_say(options: dict[str, Any], why: str) -> None:
    """A mistake of the caller's is said to the caller; the server would see two of a header."""
    with pytest.raises(ValueError, match=why):
        ClientHandshake("a", "/", **options)


def test_an_origin_among_the_headers() -> None:
    """Is as good as the argument."""
    client = ClientHandshake("a", "/", headers=[("Origin", "http://a")])
    assert parse_request(client.request()).header("origin") == "http://a"
