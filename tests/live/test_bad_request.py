"""Requests that are no handshake, or not a good one: the right status, on any connection."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sennit.engine.build import CLIENT, Connection
from tests.live.client import SDK_PATH, Caller, Line, Peer, Response, upgrade_request, wait_for
from tests.live.server import Server

pytestmark = pytest.mark.usefixtures("bystanders")

HEAD_LIMIT = 16 * 1024
PATHS = pytest.mark.parametrize("path", [SDK_PATH, "/chat", "/chat?room=tea"])
Ask = Callable[[bytes], Response]


@pytest.fixture(params=["first", "later"])
def line(request: pytest.FixtureRequest, chat: Server) -> Iterator[Line]:
    """Return a connection: a new one, and one that was kept alive after another request."""
    with Line(chat.port) as made:
        if request.param == "later":
            assert made.get("/health").status == 200
        yield made


@pytest.fixture
def ask(line: Line) -> Ask:
    """Return a function that asks for something and expects the connection to end with it."""

    def say(data: bytes) -> Response:
        line.send(data)
        response = line.response()
        assert response.headers["connection"].endswith("close")
        assert line.ended()
        return response

    return say


@PATHS
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_no_upgrade(ask: Ask, path: str, method: str) -> None:
    """A request on a WebSocket's path that is no upgrade gets 426, and is told to what."""
    response = ask(f"{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert response.status == 426
    assert response.headers["upgrade"] == "websocket"
    assert "WebSocket" in response.text


@PATHS
@pytest.mark.parametrize("version", ["0", "8", "12", "14", "13, 8", "thirteen"])
def test_bad_version(ask: Ask, path: str, version: str) -> None:
    """Another version gets 426, and the one that is spoken."""
    response = ask(upgrade_request(path, sec_websocket_version=version))
    assert response.status == 426
    assert response.headers["sec-websocket-version"] == "13"


@PATHS
def test_missing_version(ask: Ask, path: str) -> None:
    """None at all is another version too."""
    response = ask(upgrade_request(path, without=["sec-websocket-version"]))
    assert (response.status, response.headers["sec-websocket-version"]) == (426, "13")


@PATHS
@pytest.mark.parametrize(
    "key", ["", "short", "AAAAAAAAAAAAAAAAAAAAAA", "A" * 20 + "==", "A" * 24, "=" * 24]
)
def test_bad_key(ask: Ask, path: str, key: str) -> None:
    """A key that is not 16 bytes in base64 gets 400, and is named."""
    response = ask(upgrade_request(path, sec_websocket_key=key))
    assert response.status == 400
    assert "Sec-WebSocket-Key" in response.text


@PATHS
def test_missing_key(ask: Ask, path: str) -> None:
    """No key gets 400."""
    assert ask(upgrade_request(path, without=["sec-websocket-key"])).status == 400


@PATHS
@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://127.0.0.1.evil.example", "null", "http://127.0.0.1:1"],
)
def test_foreign_origin(ask: Ask, path: str, origin: str) -> None:
    """A page from elsewhere gets 403: no other site talks in a visitor's name."""
    assert ask(upgrade_request(path, origin=origin)).status == 403


@PATHS
def test_own_origin(line: Line, path: str) -> None:
    """A page from here is let in, on a kept-alive connection too."""
    line.send(upgrade_request(path, origin="http://127.0.0.1"))
    assert line.head().startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (upgrade_request("/elsewhere"), 404),
        (upgrade_request("/chat/"), 404),
        (upgrade_request("/"), 404),
        (upgrade_request(method="POST"), 405),
        (upgrade_request(version="HTTP/1.0"), 400),
        (upgrade_request(without=["host"]), 400),
        (upgrade_request(without=["connection"]), 400),
        (upgrade_request(content_length="5"), 400),
        (upgrade_request(transfer_encoding="chunked"), 400),
        (upgrade_request(sec_websocket_protocol="chat, chat"), 400),
        (upgrade_request(sec_websocket_protocol="a b"), 400),
        (upgrade_request(**{"bad header": "x"}), 400),
        (upgrade_request(version="HTTP/2.0"), 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"hello\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\n\r\n", 400),
        (b"GET http://[ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"\x00\xff\x80\r\n\r\n", 400),
    ],
    ids=range(19),
)
def test_malformed_request(ask: Ask, data: bytes, status: int) -> None:
    """Whatever is not a request, or not one for here, is refused with a status that says why."""
    response = ask(data)
    assert response.status == status
    assert len(response.text.splitlines()) == 1


@pytest.mark.parametrize("lines", [1, 1000], ids=["one line", "many lines"])
@pytest.mark.parametrize("end", [b"\r\n\r\n", b""], ids=["whole", "without end"])
def test_long_head(ask: Ask, lines: int, end: bytes) -> None:
    """A head over 16 KiB gets 431, as soon as it has as many bytes."""
    value = "a" * (HEAD_LIMIT // lines)
    fields = "".join(f"X-{number}: {value}\r\n" for number in range(lines))
    data = f"GET / HTTP/1.1\r\nHost: a\r\n{fields}".encode().removesuffix(b"\r\n")
    response = ask(data + end)
    assert response.status == 431
    assert str(HEAD_LIMIT) in response.text


def test_head_that_does_not_stop(line: Line) -> None:
    """Who goes on sending after 431 still reads it: nothing is reset."""
    line.send(b"GET / HTTP/1.1\r\n")
    for _ in range(64):
        line.send(b"X-Filler: " + b"a" * HEAD_LIMIT + b"\r\n")
    assert line.response().status == 431
    assert line.ended()


def test_head_at_the_limit(line: Line) -> None:
    """A head of exactly 16 KiB is read."""
    begin = b"GET /health HTTP/1.1\r\nHost: a\r\nX-Filler: "
    line.send(begin + b"a" * (HEAD_LIMIT - len(begin) - 4) + b"\r\n\r\n")
    assert line.response().status == 200


def test_pages(line: Line, page_files: Path) -> None:
    """Beside its WebSockets the port has the chat's page, its health, and 404 for anything else."""
    page = line.get("/")
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.body == (page_files / "index.html").read_bytes()
    assert json.loads(line.get("/health").body) == {"status": "ok"}
    for target in ("/nothing", "/connection", "/connection/websocket/more", "/../etc/passwd"):
        assert line.get(target).status == 404
    assert line.get("/", method="HEAD").headers["content-length"] == str(len(page.body))
    assert line.get("/", "Content-Length: 0", method="POST").status == 405


def test_refusal_is_the_clients_own(chat: Server) -> None:
    """After a hundred refusals the next client is let in."""
    for _ in range(100):
        with Line(chat.port) as line:
            line.send(upgrade_request(sec_websocket_key="bad"))
            assert line.response().status == 400
    with Peer(chat.port, "/chat") as peer:
        peer.say("hello")
        assert peer.text().endswith(": hello")


def test_half_a_connection(chat: Server) -> None:
    """Who sends no more after its requests is still answered; half a request is the end."""
    with Line(chat.port) as line:
        line.send(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        line.socket.shutdown(socket.SHUT_WR)
        assert [line.response().status for _ in range(3)] == [200] * 3
        assert line.ended()
    with Line(chat.port) as line:
        line.send(b"GET /health HT")
        line.socket.shutdown(socket.SHUT_WR)
        assert line.ended()


def test_resets(chat: Server) -> None:
    """Connections that are reset, at whatever point, leave nobody behind."""
    subscribe = json.dumps({"id": 2, "subscribe": {"channel": "room:reset"}})
    begun: list[tuple[type[Line], bytes]] = [
        (Line, b""),
        (Line, b"GET / HT"),
        (Line, upgrade_request()),
        (Line, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 500),
        (Peer, b""),
        (Peer, b"\x81\xff"),
        (Caller, Connection(CLIENT).send(subscribe.encode(), binary=False)),
    ]
    for _ in range(20):
        for kind, data in begun:
            line = kind(chat.port)
            line.send(data)
            line.reset()
    with Caller(chat.port, "Ann") as ann:
        ann.call("subscribe", channel="room:reset")
        wait_for(lambda: ann.call("presence_stats", channel="room:reset")["num_clients"] == 1)
