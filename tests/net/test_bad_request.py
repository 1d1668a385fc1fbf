"""Clients that do it wrong, at every way in: each costs bounded memory and time, and no other."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.web.server import Site

from sennit.engine.build import CLIENT, Close, Connection
from sennit.net.front_door import FAREWELLS
from sennit.net.limit import PAGE_CONNECTIONS
from tests.double import LogKeeper, outcome
from tests.net.double import (
    FakeSecureTransport,
    FakeSocket,
    header_of,
    refusal,
    status_of,
    upgrade_request,
)
from tests.net.test_front_door import House
from tests.net.way import WAYS, Way

LONG_LIST = ", ".join(f"chat{number}" for number in range(1200))


@pytest.fixture(params=WAYS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each way in."""
    name: str = request.param
    return name


def spoiled(line: bytes) -> bytes:
    """Return an upgrade request with one more line in its head."""
    return upgrade_request().removesuffix(b"\r\n") + line + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (upgrade_request().replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
        (upgrade_request().replace(b"GET", b"PUT"), 405),
        (upgrade_request(Host=None), 400),
        (spoiled(b"Host: evil.example"), 400),
        (spoiled(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400),
        (spoiled(b"Sec-WebSocket-Version: 13"), 400),
        (spoiled(b"Origin: http://example.com\r\nOrigin: http://example.com"), 400),
        (spoiled(b"Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Protocol: b"), 400),
        (spoiled(b"Sec-WebSocket-Protocol: " + b"a," * 7000), 400),
        (spoiled(b"Sec-WebSocket-Protocol: a b"), 400),
        (spoiled(b"X-Nul: a\0b"), 400),
        (spoiled(b"X-Bare: a\nb"), 400),
        (spoiled(b"X-Bell: a\x07b"), 400),
        (spoiled(b"no colon"), 400),
        (spoiled(b"Content-Length: 5") + b"hello", 400),
        (spoiled(b"Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
    ],
)
def test_a_wrong_request_is_refused(kind: str, request_head: bytes, status: int) -> None:
    """The mount does not hear of it, and the log neither."""
    way = Way(kind)
    with LogKeeper() as log:
        socket = way.ask(request_head)
    assert status_of(socket.taken) == status
    assert way.mount.requests == []
    assert log.failures() == []
    assert way.limits.connections == 0


@pytest.mark.parametrize("target", [b"http://[", b"http://a:b@[::1", b"//[/"])
def test_a_target_that_is_no_address_is_refused(target: bytes) -> None:
    """Or is one, of nothing that is here; a resource may be the root of its site."""
    way = Way("resource")
    factories: list[Any] = [Site(way.house, reactor=way.clock), House().door]
    for factory in factories:
        socket: Any = FakeSocket(factory.buildProtocol(None))
        socket.protocol.makeConnection(socket)
        with LogKeeper() as log:
            socket.deliver(upgrade_request().replace(b"/ws", target))
            socket.drain()
        assert status_of(socket.taken) in (101, 400, 404)
        assert log.failures() == []


def test_a_folded_line_is_refused(kind: str) -> None:
    """Deprecated (RFC 9112, 5.2), and a way to hide a header; ``twisted.web`` unfolds it."""
    way = Way(kind)
    socket = way.ask(spoiled(b"X-Folded: a\r\n b"))
    assert status_of(socket.taken) == (101 if kind == "resource" else 400)


def test_a_long_list_of_subprotocols_is_only_a_list(kind: str) -> None:
    """As long as the head is within its bound."""
    way = Way(kind)
    socket = way.ask(upgrade_request(Sec_WebSocket_Protocol=LONG_LIST))
    assert status_of(socket.taken) == 101
    assert len(way.mount.requests[0].subprotocols) == 1200


def test_garbage_behind_the_head_is_a_broken_frame(kind: str) -> None:
    """The connection is open by then, and ends with 1002; others go on."""
    way = Way(kind)
    good = way.ask(upgrade_request())
    bad = way.ask(upgrade_request() + b"GET / HTTP/1.1\r\n\r\n")
    response, _, frames = bytes(bad.taken).partition(b"\r\n\r\n")
    assert status_of(response) == 101
    (close,) = Connection(CLIENT).receive(frames)
    assert isinstance(close, Close)
    assert close.code == 1002
    good.deliver(Connection(CLIENT).send(b"still here", binary=False))
    assert way.mount.handlers[0].messages == [(b"still here", True)]


def test_garbage_while_it_is_decided_is_too(kind: str) -> None:
    """Or nothing at all, if the client is refused."""
    way = Way(kind)
    way.mount.waiting = []
    sockets = [way.ask(upgrade_request() + b"\xff" * 100) for _ in range(2)]
    way.mount.waiting[0].callback(way.mount.accepted())
    way.mount.waiting[1].errback(refusal(403))
    for socket in sockets:
        socket.drain()
    assert b"\x88" in sockets[0].taken.partition(b"\r\n\r\n")[2]
    assert status_of(sockets[1].taken) == 403


@pytest.mark.parametrize("later", [False, True])
def test_lines_without_cr_get_400_at_once(later: bool) -> None:
    """Nothing would come of waiting for the head's end but 408."""
    way = Way("later" if later else "first")
    socket = way.connect()
    for piece in (b"GET /ws HTTP/1.1\nHo", b"st: a\n", b"Upgrade: websocket\n\n"):
        assert socket.taken == b""
        socket.deliver(piece)
        socket.drain()
    assert status_of(socket.taken) == 400
    assert b"CR LF" in socket.taken


# -- connections without a request ---------------------------------------------------------------


def test_silent_connections_are_bounded() -> None:
    """One more gets 503 before it has said a word; without a line in the log."""
    house = House(max_handshakes=3, head_timeout=10, close_timeout=5)
    silent = [house.connect() for _ in range(3)]
    with LogKeeper() as log:
        more = house.connect()
    more.drain()
    assert (status_of(more.taken), header_of(more.taken, "Retry-After")) == (503, "5")
    assert more.half_closed
    assert log.events == []
    more.deliver(upgrade_request())
    assert house.mount.requests == []
    more.connectionLost(Failure(ConnectionDone()))
    house.clock.advance(10)
    for socket in silent:
        socket.drain()
        assert status_of(socket.taken) == 408
        socket.connectionLost(Failure(ConnectionDone()))
    assert status_of(house.ask(upgrade_request()).taken) == 101
    limits = house.door.limits
    assert (limits.handshakes, limits.refused["max_handshakes"]) == (0, 1)


def test_those_who_were_refused_and_stay_are_bounded_too() -> None:
    """Only so many are waited for, each until the deadline; further ones are closed at once."""
    house = House(max_handshakes=1, close_timeout=5)
    house.connect()
    waited_for = [house.connect() for _ in range(FAREWELLS)]
    further = [house.connect() for _ in range(10)]
    for socket in (*waited_for, *further):
        socket.drain()
        assert status_of(socket.taken) == 503
    assert {socket.connected for socket in waited_for} == {1}
    assert {socket.connected for socket in further} == {0}
    assert len(house.clock.getDelayedCalls()) == 1 + FAREWELLS
    house.clock.advance(5)
    assert all(socket.aborted for socket in waited_for)
    for socket in waited_for:
        socket.connectionLost(Failure(ConnectionDone()))
    again = house.connect()
    again.drain()
    assert again.connected


def test_over_tls_further_ones_are_cut_off() -> None:
    """Nothing can be said there before TLS has begun, and that is dear."""
    house = House(max_handshakes=1)
    house.connect()
    first, *_, last = [house.connect(FakeSecureTransport()) for _ in range(FAREWELLS + 1)]
    assert status_of(first.value()) == 503
    assert (last.value(), last.aborted) == (b"", True)


def test_silent_connections_of_one_address_are_bounded() -> None:
    """They are not let in in the hope that they never become WebSockets."""
    house = House(site=None, max_per_address=2, close_timeout=5)
    sockets = [house.connect() for _ in range(3)]
    sockets[2].drain()
    assert (status_of(sockets[2].taken), header_of(sockets[2].taken, "Retry-After")) == (429, "5")
    for socket in sockets[:2]:
        socket.deliver(upgrade_request())
        assert status_of(socket.taken) == 101
    fourth = house.connect()
    fourth.drain()
    assert status_of(fourth.taken) == 429
    sockets[0].connectionLost(Failure(ConnectionDone()))
    assert status_of(house.ask(upgrade_request()).taken) == 101
    assert house.door.limits.refused["max_per_address"] == 2


def test_beside_pages_a_browser_may_open_some_more() -> None:
    """And use them for the pages."""
    house = House(max_per_address=1)
    sockets = [house.connect() for _ in range(1 + PAGE_CONNECTIONS)]
    more = house.connect()
    more.drain()
    assert status_of(more.taken) == 429
    for socket in sockets:
        socket.deliver(b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n")
        socket.drain()
        assert status_of(socket.taken) == 200
    assert house.connect().connected


def test_while_it_is_decided_a_connection_counts_once() -> None:
    """Not for its head and for its WebSocket."""
    house = House(site=None, max_per_address=2)
    house.mount.waiting = []
    house.ask(upgrade_request())
    house.ask(upgrade_request())
    assert len(house.mount.waiting) == 2
    assert house.door.limits.handshakes == 2


# -- half of a connection ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["first", "later"])
def test_a_client_that_closes_its_half_while_it_is_decided_is_gone(kind: str) -> None:
    """It could not even answer a close frame."""
    way = Way(kind)
    way.mount.waiting = []
    socket = way.ask(upgrade_request())
    socket.protocol.readConnectionLost()
    socket.drain()
    assert not socket.connected
    (waiting,) = way.mount.waiting
    outcome(waiting.addErrback(lambda failure: failure.trap(CancelledError)))
    assert (way.limits.connections, way.limits.handshakes) == (0, 0)


def test_a_client_that_closes_its_half_within_its_head_is_gone() -> None:
    """There is nothing to be answered."""
    house = House()
    socket = house.ask(upgrade_request()[:20])
    socket.protocol.readConnectionLost()
    socket.drain()
    assert not socket.connected
    assert house.door.limits.handshakes == 0
    assert house.clock.getDelayedCalls() == []


def test_the_socket_is_read_again_behind_an_answer_that_is_not() -> None:
    """``twisted.web`` stops while a long answer is on its way, and much comes behind it."""
    house = House()
    socket = house.connect()
    socket.room = 0
    messages = Connection(CLIENT).send(b"x" * 10000, binary=False) * 2
    socket.deliver(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
    socket.deliver(upgrade_request() + messages)
    assert not socket.reading
    (page,) = house.page.waiting
    page.write(b"x" * 100_000)
    page.finish()
    assert not socket.reading
    socket.drain()
    assert socket.reading
    (handler,) = house.mount.handlers
    assert len(handler.messages) == 2
    socket.drain()
    assert b"101 Switching" in socket.taken
