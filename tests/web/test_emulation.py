"""The addresses of HTTP streaming, SSE and uplinks: who is let in, and each way to be refused."""

from __future__ import annotations

from typing import Any

import pytest

from sennit.errors import HandshakeError
from tests.double import LogKeeper
from tests.web.reader import EVENTS, STREAM, UPLINK, Door, Reader

ORIGIN = "http://example.com"
ELSEWHERE = "https://elsewhere.test"
ALL = (STREAM, EVENTS, UPLINK)


# -- what is there -------------------------------------------------------------------------------


def test_the_head_of_a_stream() -> None:
    """Nobody on the way may keep the answer, or hold it back."""
    found = Door().stream()
    assert found.headers.pop("date")
    assert found.headers == {
        "server": "Sennit",
        "vary": "Origin",
        "content-type": "application/json",
        "cache-control": "no-store, no-transform",
        "x-accel-buffering": "no",
        "x-content-type-options": "nosniff",
        "transfer-encoding": "chunked",
    }
    assert (found.take(), found.complete) == (b"", False)


@pytest.mark.parametrize(
    ("kind", "binary"),
    [
        ("application/octet-stream", True),
        ("Application/Octet-Stream; charset=binary", True),
        ("application/json", False),
        ("text/plain", False),
        ("application/x-www-form-urlencoded", False),
        (None, False),
    ],
)
def test_the_formats_of_a_stream(kind: str | None, binary: bool) -> None:
    """Protobuf by its media type, else JSON; the body is left alone."""
    door = Door()
    door.stream(b"a=1&b", **({} if kind is None else {"Content_Type": kind}))
    assert door.handler.messages == [(b"a=1&b", not binary)]


def test_events() -> None:
    """They begin with a blank line, so that the browser says that it is open."""
    door = Door()
    found = door.events('{"a": "ü & b"}')
    assert found.headers["content-type"] == "text/event-stream"
    assert found.take() == b"\n"
    assert door.handler.messages == [('{"a": "ü & b"}'.encode(), True)]
    transport = door.handler.transport
    transport.send(transport.framing.prepare(b'{"b":1}'))
    assert found.take() == b'data: {"b":1}\n\n'
    transport.disconnect(3001, "shutdown")
    assert found.take() == b"data: bye 3001 shutdown\n\n"
    assert found.complete


def test_events_by_post() -> None:
    """For those who can, so that nothing of it is in an address. They are JSON in any case."""
    door = Door()
    reader = Reader(door.connect())
    reader.send(EVENTS, body=b"hello", Content_Type="application/octet-stream")
    assert (reader.status, reader.headers["content-type"]) == (200, "text/event-stream")
    assert door.handler.messages == [(b"hello", True)]


def test_what_the_mount_learns() -> None:
    """The request as handlers see it, and what the client is to be told."""
    door = Door(trusted_proxies=("192.0.2.1",))
    door.stream(Cookie="a=1", X_Forwarded_For="203.0.113.7", X_Forwarded_Proto="https")
    door.events()
    first, second = door.mount.requests
    assert (first.path, first.address, first.secure) == (STREAM, "203.0.113.7", True)
    assert dict(first.cookies) == {"a": "1"}
    assert second.query == {"cf_connect": ("hello",)}
    assert door.mount.sessions == ["s1@here", "s2@here"]


def test_sessions_cannot_be_guessed() -> None:
    """They are made of 24 random bytes, unless a test makes them."""
    from sennit.web.relay import Relay  # noqa: PLC0415 - its own defaults, which the door hides

    relay = Relay("here", Door().clock)
    made = {relay.new_session() for _ in range(100)}
    assert len(made) == 100
    assert {len(one) for one in made} == {32}


# -- who is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "PATCH", "GET"])
def test_other_methods(path: str, method: str) -> None:
    """They are told which ones there are."""
    if (path, method) == (EVENTS, "GET"):
        return
    door = Door()
    status, headers, _ = door.ask(path, method)
    assert status == 405
    assert headers["allow"] == ("GET, POST, OPTIONS" if path == EVENTS else "POST, OPTIONS")
    assert door.mount.requests == []


@pytest.mark.parametrize(
    ("path", "method"),
    [(STREAM, "POST"), (EVENTS, "POST"), (EVENTS, "GET"), (f"{EVENTS}?cf_connect=", "GET")],
)
def test_nothing_to_begin_with(path: str, method: str) -> None:
    """A connection without a first frame could say nothing at all."""
    door = Door()
    status, headers, body = door.ask(path, method)
    assert (status, body) == (400, b"there is no command to begin with\n")
    assert headers["cache-control"] == "no-store"
    assert door.mount.requests == []
    assert door.reception.limits.connections == 0


@pytest.mark.parametrize("path", ALL)
def test_a_body_that_is_too_long(path: str) -> None:
    """It gets 413; one byte less is taken."""
    door = Door()
    door.stream()
    frame = b"s1@here:".ljust(64 * 1024, b"x")
    status, _, body = door.ask(path, body=frame + b"x")
    assert (status, body) == (413, b"the request's body has over 65536 bytes\n")
    assert len(door.mount.handlers) == 1
    assert len(door.handler.messages) == 1
    assert door.ask(path, body=frame)[0] == (204 if path == UPLINK else 200)


@pytest.mark.parametrize("path", [STREAM, EVENTS])
def test_a_mount_that_refuses(path: str) -> None:
    """The client gets its status, reason and headers, and a page may read them."""
    door = Door()
    door.mount.error = HandshakeError(503, "the server is starting", (("Retry-After", "1"),))
    status, headers, body = door.ask(path, body=b"hello", Origin=ORIGIN)
    assert (status, body) == (503, b"the server is starting\n")
    assert (headers["retry-after"], headers["access-control-allow-origin"]) == ("1", ORIGIN)
    assert (len(door.relay), door.reception.limits.connections) == (0, 0)


def test_a_mount_that_fails() -> None:
    """That is logged, and the client learns nothing of it."""
    door = Door()
    door.mount.error = RuntimeError("a mistake")
    with LogKeeper() as log:
        status, _, body = door.ask(STREAM, body=b"hello")
    assert (status, body) == (500, b"internal server error\n")
    assert [failure.type for failure in log.failures()] == [RuntimeError]
    assert door.reception.limits.connections == 0


def test_the_limits_of_connections() -> None:
    """They are those of WebSockets: one more gets 503, and the place is free again in the end."""
    door = Door(max_connections=2)
    first = door.stream()
    door.events()
    status, headers, _ = door.ask(STREAM, body=b"hello")
    assert (status, headers["retry-after"]) == (503, "5")
    assert dict(door.reception.limits.refused)["max_connections"] == 1
    first.lose()
    last = door.stream()
    door.handler.transport.disconnect(3001, "shutdown")
    door.clock.advance(0)
    last.read()
    door.stream()
    assert (door.reception.limits.connections, door.reception.limits.accepted) == (2, 4)


def test_the_limit_of_an_address() -> None:
    """It counts streams, not the uplinks that go with them."""
    door = Door(max_per_address=1)
    door.stream()
    assert [door.uplink(b"s1@here:x") for _ in range(3)] == [204] * 3
    assert door.ask(STREAM, body=b"hello")[0] == 429


def test_a_server_that_goes_away() -> None:
    """Streams end with its words, and it waits for them; nobody is let in any more."""
    door = Door()
    reader = door.stream()
    gone: list[None] = []
    door.door.close_all(3001, "shutdown").addCallback(gone.append)
    assert gone == []
    assert reader.take() == b"bye 3001 shutdown\n"
    assert reader.complete
    door.clock.advance(0)
    assert door.handler.closed is not None
    assert gone == [None]
    assert reader.socket.disconnected
    assert door.ask(STREAM, body=b"hello")[0] == 503


# -- uplinks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"s1@here:x", 204, b""),
        (b"s1@elsewhere:x", 404, b"there is no such node\n"),
        (b"s1@:x", 404, b"there is no such node\n"),
        (b"s2@here:x", 500, b"there is no such session\n"),
        (b"@here:x", 500, b"there is no such session\n"),
        (b"\xff", 400, b"bad request: no uplink\n"),
    ],
)
def test_the_answers_to_uplinks(body: bytes, status: int, words: bytes) -> None:
    """SDKs begin anew on 404 and 500, and on nothing else."""
    door = Door()
    reader = door.stream()
    found, headers, said = door.ask(UPLINK, body=body, Origin=ORIGIN)
    assert (found, said) == (status, words)
    assert headers["access-control-allow-origin"] == ORIGIN
    assert headers["cache-control"] == "no-store"
    assert len(door.handler.messages) == (2 if status == 204 else 1)
    assert not reader.complete


def test_uplinks_over_one_connection() -> None:
    """As browsers send them; nothing but a head comes back."""
    door = Door()
    door.stream()
    socket = door.connect()
    for _ in range(3):
        reader = Reader(socket)
        reader.send(UPLINK, body=b"s1@here:x")
        assert (reader.status, reader.body) == (204, b"")
        assert "content-length" not in reader.headers
        assert "transfer-encoding" not in reader.headers
    assert len(door.handler.messages) == 4


# -- pages of elsewhere --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        (STREAM, "POST, OPTIONS"),
        (EVENTS, "GET, POST, OPTIONS"),
        (UPLINK, "POST, OPTIONS"),
    ],
)
def test_a_browser_that_asks_first(path: str, methods: str) -> None:
    """It is told what the page may do, for five minutes."""
    door = Door(allowed_origins=(ELSEWHERE,))
    asked: dict[str, Any] = {"Access_Control_Request_Headers": "content-type,x-one"}
    status, headers, body = door.ask(path, "OPTIONS", Origin=ELSEWHERE, **asked)
    assert (status, body) == (204, b"")
    assert headers["access-control-allow-origin"] == ELSEWHERE
    assert headers["access-control-allow-credentials"] == "true"
    assert headers["access-control-allow-methods"] == methods
    assert headers["access-control-allow-headers"] == "content-type,x-one"
    assert headers["access-control-max-age"] == "300"
    assert headers["vary"] == "Origin"
    assert door.mount.requests == []


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
def test_a_page_that_may_not(path: str, method: str) -> None:
    """It gets 403 and cannot even read that, and nothing else happens."""
    door = Door()
    door.stream()
    status, headers, _ = door.ask(path, method, b"s1@here:x", Origin=ELSEWHERE)
    assert status == 403
    assert "access-control-allow-origin" not in headers
    assert (len(door.mount.handlers), len(door.handler.messages)) == (1, 1)


@pytest.mark.parametrize(
    ("origins", "origin", "status"),
    [
        (None, ORIGIN, 200),
        (None, "null", 403),
        (("https://*.test",), ELSEWHERE, 200),
        ((ELSEWHERE,), ORIGIN, 403),
        (("*",), "null", 200),
    ],
)
def test_which_pages_may(origins: Any, origin: str, status: int) -> None:
    """Those that may open a WebSocket."""
    door = Door(allowed_origins=origins)
    assert door.ask(STREAM, body=b"hello", Origin=origin)[0] == status


@pytest.mark.parametrize(
    ("site", "origin", "status"),
    [
        ("cross-site", None, 403),
        ("same-site", None, 403),
        ("same-origin", None, 200),
        ("none", None, 200),
        (None, None, 200),
        ("cross-site", ELSEWHERE, 200),
    ],
)
def test_a_get_that_a_page_elsewhere_could_send_by_an_image(
    site: str | None, origin: str | None, status: int
) -> None:
    """It does something, with the visitor's cookies, and browsers send no Origin with it."""
    headers = {"Sec_Fetch_Site": site, "Origin": origin}
    door = Door(allowed_origins=(ELSEWHERE,))
    sent: dict[str, Any] = {name: value for name, value in headers.items() if value is not None}
    assert door.ask(f"{EVENTS}?cf_connect=hello", "GET", **sent)[0] == status


def test_a_head_that_is_none() -> None:
    """What twisted.web lets pass and WebSockets do not is refused here too."""
    door = Door()
    assert door.ask(STREAM, body=b"hello", Content_Type="a\x00b")[0] == 400
    assert door.mount.requests == []
