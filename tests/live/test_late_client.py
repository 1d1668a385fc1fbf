"""Clients that keep a server waiting, for a head or for a word: it does not wait for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.live.client import Caller, Line, Peer, upgrade_request
from tests.live.server import Server

pytestmark = pytest.mark.usefixtures("bystanders")

HEAD_TIMEOUT = 0.6
STALE_TIMEOUT = 0.6
PAUSE = 0.05
CONFIGURATION = f"""
[limits]
head_timeout = {HEAD_TIMEOUT}

[protocol]
stale_timeout = {STALE_TIMEOUT}
"""
GET = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(scope="module")
def chat(new_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve the chat with less patience than usual: 10 seconds are long for a test."""
    file = tmp_path_factory.mktemp("impatient") / "sennit.toml"
    file.write_text(CONFIGURATION)
    with Server(new_port(), "--config", file) as server:
        yield server
        server.check()


class Watch:
    """Measures how long something takes, from now on."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def took(self, seconds: float) -> bool:
        """Return whether it took as long as this, and not much longer."""
        return seconds - 0.01 < time.monotonic() - self._begun < seconds + 3


def expect_too_late(line: Line) -> None:
    response = line.response()
    assert response.status == 408
    assert "too long" in response.text
    assert response.headers["connection"] == "close"
    assert line.ended()


def test_silent_connection(chat: Server) -> None:
    """Who connects and sends nothing gets 408."""
    watch = Watch()
    with Line(chat.port) as line:
        expect_too_late(line)
        assert watch.took(HEAD_TIMEOUT)


@pytest.mark.parametrize("data", [GET, upgrade_request(), upgrade_request("/chat")])
def test_dripping_head(chat: Server, data: bytes) -> None:
    """A head has its time in all: to send a byte now and then buys none."""
    watch = Watch()
    with Line(chat.port) as line:
        line.drip(data, PAUSE)
        expect_too_late(line)
        assert watch.took(HEAD_TIMEOUT)


@pytest.mark.parametrize("data", [GET, upgrade_request(), upgrade_request("/chat")])
def test_dripping_later_head(chat: Server, data: bytes) -> None:
    """So has a later one, from its first byte."""
    with Line(chat.port) as line:
        assert line.get("/health").status == 200
        watch = Watch()
        line.drip(data, PAUSE)
        expect_too_late(line)
        assert watch.took(HEAD_TIMEOUT + PAUSE)


def test_pause_between_requests(chat: Server) -> None:
    """Who has said nothing of the next request is not hurried."""
    with Line(chat.port) as line:
        for _ in range(2):
            assert line.get("/health").status == 200
            time.sleep(HEAD_TIMEOUT + 0.2)
        assert line.get("/health").status == 200


def test_head_that_was_begun_with_the_one_before(chat: Server) -> None:
    """The time of a later head begins with its first byte, even if that came early."""
    with Line(chat.port) as line:
        watch = Watch()
        line.send(GET + b"GET / HT")
        assert line.response().status == 200
        expect_too_late(line)
        assert watch.took(HEAD_TIMEOUT)


def test_head_just_in_time(chat: Server) -> None:
    """A slow head that is complete in time is answered."""
    with Line(chat.port) as line:
        line.send(GET[:10])
        time.sleep(HEAD_TIMEOUT / 2)
        line.send(GET[10:])
        assert line.response().status == 200


def test_client_that_says_nothing(chat: Server) -> None:
    """A WebSocket on which no connect arrives is closed with 3502."""
    watch = Watch()
    with Peer(chat.port) as peer:
        assert peer.closed() == (3502, "stale")
        assert watch.took(STALE_TIMEOUT)


def test_client_that_says_nothing_but_pings(chat: Server) -> None:
    """Pings, and half a message, are no connect."""
    watch = Watch()
    with Peer(chat.port) as peer:
        peer.send(peer.engine.send(b'{"id": 1, ', binary=False, fin=False))
        for _ in range(5):
            time.sleep(STALE_TIMEOUT / 8)
            peer.send(peer.engine.ping())
        event = peer.closing()
        assert (event.code, event.reason) == (3502, "stale")
        assert watch.took(STALE_TIMEOUT)


def test_client_that_was_refused(chat: Server) -> None:
    """Who was not let in has no longer than that to go."""
    watch = Watch()
    with Peer(chat.port) as peer:
        peer.say('{"id": 1, "connect": {}}')
        assert '"error"' in peer.text()
        assert peer.closed() == (3502, "stale")
        assert watch.took(STALE_TIMEOUT)


def test_those_who_are_in_stay(chat: Server) -> None:
    """Neither timeout means a client that has connected, nor a plain WebSocket."""
    with Caller(chat.port, "Ann") as ann, Peer(chat.port, "/chat?room=quiet") as peer:
        ann.call("subscribe", channel="room:quiet")
        time.sleep(max(HEAD_TIMEOUT, STALE_TIMEOUT) + 0.3)
        peer.say("still here")
        assert ann.publication()["text"] == "still here"
