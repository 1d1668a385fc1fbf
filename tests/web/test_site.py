"""The HTTP side of a port: what it says to clients, and what to the log."""

# ruff: noqa: N815 - Twisted reads this attribute
from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import LogLevel, formatEvent
from twisted.web.resource import Resource
from twisted.web.server import Request

from sennit.web.folder import Folder
from sennit.web.health import Health
from sennit.web.notice import not_found
from sennit.web.page import page_folder
from tests.double import LogKeeper
from tests.web.double import Browser


class Broken(Resource):
    """Fails at every request."""

    isLeaf = True

    def __init__(self) -> None:
        Resource.__init__(self)

    def render(self, request: Request) -> Any:
        raise ValueError("the secret is 42")


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    """Return somebody who asks a site with all kinds of things in it."""
    (tmp_path / "index.html").write_text("<p>hello")
    root = Folder()
    root.place("/health", Health(lambda: "ok"))
    root.place("/broken", Broken())
    root.putChild(b"page", page_folder(tmp_path))
    return Browser(root)


# -- what it logs --------------------------------------------------------------------------------


def test_requests_are_logged_at_debug_only(browser: Browser) -> None:
    """One entry each, whatever came of it."""
    with LogKeeper() as log:
        for path, method in (
            ("/health?full", "GET"),
            ("/page", "GET"),
            ("/page/", "HEAD"),
            ("/page/", "POST"),
            ("/none", "GET"),
        ):
            browser.ask(path, method)
    entries = [event for event in log.events if event["log_namespace"] == "sennit.web"]
    assert {event["log_level"] for event in entries} == {LogLevel.debug}
    assert [formatEvent(event) for event in entries] == [
        "'GET' '/health?full' 200",
        "'GET' '/page' 308",
        "'HEAD' '/page/' 200",
        "'POST' '/page/' 405",
        "'GET' '/none' 404",
    ]
    assert [event for event in log.events if event["log_level"] >= LogLevel.info] == []


def test_it_begins_and_ends_in_silence() -> None:
    """No factory says that it is one, and no log file is opened."""
    site = Browser(not_found()).site
    with LogKeeper() as log:
        site.doStart()
        site.doStop()
    assert log.events == []


# -- what it says --------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_resource_that_fails(browser: Browser, method: str) -> None:
    """The client learns that it did, and the log everything else, once."""
    with LogKeeper() as log:
        found = browser.ask("/broken", method)
    assert found.status == 500
    for secret in (b"42", b"ValueError", b"Traceback", b"test_site"):
        assert secret not in found.body
    (failure,) = log.failures()
    assert failure.check(ValueError)
    assert browser.ask("/health").status == 200


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET /\x1b[2J HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nmany\r\n",
    ],
)
def test_what_is_not_http(browser: Browser, data: bytes) -> None:
    """It is refused, the connection ends, and none of it gets into the log."""
    with LogKeeper() as log:
        socket = browser.open()
        socket.deliver(data)
        socket.drain()
    assert socket.taken.startswith(b"HTTP/1.1 400 ")
    assert socket.disconnecting or socket.disconnected
    assert log.events == []


def test_one_connection_takes_several_requests(browser: Browser) -> None:
    """In order."""
    socket = browser.open()
    socket.deliver(
        b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
        b"POST /page/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        b"GET /page/ HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    socket.drain()
    assert re.findall(rb"HTTP/1\.1 (\d+)", socket.taken) == [b"200", b"405", b"200"]


def test_its_time_is_the_reactors(browser: Browser) -> None:
    """An idle connection ends after a minute of it."""
    socket = browser.open()
    browser.clock.advance(59)
    assert not socket.disconnecting
    browser.clock.advance(2)
    assert socket.disconnecting or socket.disconnected
