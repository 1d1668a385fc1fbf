"""A WebSocket mounted in a ``twisted.web`` tree."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data
from twisted.web.test.requesthelper import DummyChannel, DummyRequest

from sennit.engine.build import CLIENT, Connection
from sennit.model.request import Closed
from sennit.net.setting import WebSocketSettings
from sennit.net.upgrade import WebSocketResource
from tests.double import outcome
from tests.net.double import (
    FakeSocket,
    RecordingMount,
    body_of,
    header_of,
    refusal,
    status_of,
    upgrade_request,
)


class Tree:
    """A site with a WebSocket at ``/ws``."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.mount = RecordingMount()
        self.resource = WebSocketResource(
            self.mount, self.clock, WebSocketSettings(close_timeout=5)
        )
        root = Resource()
        root.putChild(b"ws", self.resource)
        root.putChild(b"page", Data(b"a page", "text/plain"))
        self.site = Site(root, reactor=self.clock, timeout=60)

    def ask(self, data: bytes) -> Any:
        socket = FakeSocket(self.site.buildProtocol(None))
        socket.protocol.makeConnection(socket)
        socket.deliver(data)
        socket.drain()
        return socket


def frame(text: str) -> bytes:
    return Connection(CLIENT).send(text.encode(), binary=False)


def test_the_connection_is_taken_over() -> None:
    """With what came behind the head, and with the site's timeouts off."""
    tree = Tree()
    socket = tree.ask(upgrade_request("/ws?room=a") + frame("early"))
    assert status_of(socket.taken) == 101
    (handler,) = tree.mount.handlers
    assert handler.messages == [(b"early", True)]
    assert tree.mount.requests[0].query == {"room": ("a",)}
    assert len(tree.resource.connections) == 1
    tree.clock.advance(1000)
    socket.deliver(frame("late"))
    assert handler.messages[-1] == (b"late", True)
    handler.transport.send(b"\x81\x02hi")
    assert socket.taken.endswith(b"\x81\x02hi")
    assert tree.clock.getDelayedCalls() == []
    socket.connectionLost(Failure(ConnectionDone()))
    assert handler.closed == Closed(1006, "the connection ended without a close frame")
    assert len(tree.resource.connections) == 0


def test_it_works_over_a_kept_alive_connection() -> None:
    """After other pages; what they are owed goes first."""
    tree = Tree()
    socket = tree.ask(b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n" + upgrade_request())
    assert socket.taken.index(b"200 OK") < socket.taken.index(b"101 ")
    assert len(tree.mount.handlers) == 1


def test_the_bound_holds_after_the_takeover() -> None:
    """A client that never reads is refused frames, and read from no less."""
    tree = Tree()
    socket = tree.ask(upgrade_request())
    handler = tree.mount.handlers[0]
    socket.room = 0
    while handler.transport.send(b"\x82\x7e\x10\x00" + b"x" * 4096):
        assert handler.transport.buffered < 80_000
    socket.drain()
    assert handler.writables == 1


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /ws HTTP/1.1\r\nHost: a\r\n\r\n", 426),
        (upgrade_request(Sec_WebSocket_Version="8"), 426),
        (upgrade_request(Sec_WebSocket_Key="bad"), 400),
        (upgrade_request(Origin="https://evil.example"), 403),
        (upgrade_request().replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
    ],
)
def test_refusals_are_ordinary_answers(head: bytes, status: int) -> None:
    """With what the status asks for; the connection is the site's still."""
    tree = Tree()
    response = bytes(tree.ask(head).taken)
    assert status_of(response) == status
    assert body_of(response).endswith("\n")
    if status == 426:
        assert header_of(response, "Upgrade") == "websocket"


def test_a_mounts_refusal_has_its_headers() -> None:
    """And its status."""
    tree = Tree()
    tree.mount.error = refusal(401)
    response = bytes(tree.ask(upgrade_request()).taken)
    assert (status_of(response), header_of(response, "X-Why")) == (401, '"because"')


def test_other_channels_cannot_be_taken_over() -> None:
    """HTTP/2's streams, as yet."""
    tree = Tree()
    request: Any = DummyRequest([b"ws"])
    request.channel = DummyChannel()
    body: Any = tree.resource.render(request)
    assert b"HTTP/1.1" in body
    assert request.responseCode == 400


def test_closing_all_closes_with_code_and_reason() -> None:
    """Within the deadline."""
    tree = Tree()
    socket = tree.ask(upgrade_request())
    gone = tree.resource.close_all(1001, "restart")
    assert socket.taken.endswith(b"\x88\x09\x03\xe9restart")
    tree.clock.advance(5)
    assert socket.aborted
    socket.connectionLost(Failure(ConnectionDone()))
    assert outcome(gone) is None


def test_settings_may_be_left_out() -> None:
    """The defaults."""
    assert len(WebSocketResource(RecordingMount(), Clock()).connections) == 0
