"""The front door: WebSocket and HTTP on one port, every request's head bounded."""

# ruff: noqa: N802, N815 - Twisted calls these methods
from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocolNegotiationFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from sennit.engine.build import CLIENT, Close, Connection, Message
from sennit.model.request import Closed
from sennit.net.front_door import FrontDoor
from sennit.net.http import BoundedChannel
from sennit.net.setting import WebSocketSettings
from tests.double import outcome
from tests.net.double import (
    FakeSecureTransport,
    FakeSocket,
    FakeTransport,
    RecordingMount,
    body_of,
    header_of,
    refusal,
    status_of,
    upgrade_request,
)

GET = b"GET /page HTTP/1.1\r\nHost: example.com\r\n\r\n"


class Page(Resource):
    """Answers at once, or when it is told to."""

    isLeaf = True

    def __init__(self) -> None:
        Resource.__init__(self)
        self.bodies: list[bytes] = []
        self.waiting: list[Any] = []

    def render_GET(self, request: Any) -> Any:
        self.bodies.append(request.content.read())
        if request.path == b"/slow":
            self.waiting.append(request)
            return NOT_DONE_YET
        return b"page"

    render_POST = render_GET


class House:
    """A front door with a mount at ``/ws``, a site, and connections to it."""

    def __init__(self, site: Any = "site", mounts: Any = None, **settings: Any) -> None:
        self.clock = Clock()
        self.mount = RecordingMount()
        self.page = Page()
        if site == "site":
            site = Site(self.page, reactor=self.clock, timeout=60)
        self.door = FrontDoor(
            self.clock,
            {"/ws": self.mount} if mounts is None else mounts,
            site,
            WebSocketSettings(**settings),
        )

    def connect(self, transport: Any = None) -> Any:
        transport = FakeSocket() if transport is None else transport
        transport.protocol = self.door.buildProtocol(None)
        transport.protocol.makeConnection(transport)
        return transport

    def ask(self, data: bytes, transport: Any = None) -> Any:
        """Send some bytes over a new connection, and return it."""
        transport = self.connect(transport)
        transport.deliver(data)
        transport.drain()
        return transport


def frame(text: str) -> bytes:
    return Connection(CLIENT).send(text.encode(), binary=False)


# -- who gets a connection -----------------------------------------------------------------------


def test_an_upgrade_at_a_mounts_path_is_a_websocket() -> None:
    """With the frames that came in the same piece; the response goes first."""
    house = House()
    socket = house.ask(upgrade_request() + frame("hello"))
    assert status_of(socket.taken) == 101
    (handler,) = house.mount.handlers
    assert handler.messages == [(b"hello", True)]
    assert socket.no_delay
    assert len(house.door.connections) == 1
    assert handler.transport in house.door.connections
    socket.deliver(frame("more"))
    assert handler.messages[-1] == (b"more", True)
    socket.connectionLost(Failure(ConnectionDone()))
    assert handler.closed == Closed(1006, "the connection ended without a close frame")
    assert list(house.door.connections) == []
    assert house.clock.getDelayedCalls() == []


def test_a_head_may_come_byte_by_byte_after_empty_lines() -> None:
    """RFC 9112, 2.2."""
    house = House()
    socket = house.connect()
    for byte in b"\r\n\r\n" + upgrade_request():
        socket.deliver(bytes([byte]))
    assert status_of(socket.taken) == 101


def test_everything_else_is_the_sites() -> None:
    """Over kept-alive connections, with pipelining and split bodies."""
    house = House()
    socket = house.ask(GET + GET)
    assert socket.taken.count(b"200 OK") == 2
    post = b"POST /page HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc"
    socket.deliver(post)
    socket.deliver(b"def" + GET)
    socket.drain()
    assert socket.taken.count(b"200 OK") == 4
    assert house.page.bodies == [b"", b"", b"abcdef", b""]
    socket.connectionLost(Failure(ConnectionDone()))
    assert house.clock.getDelayedCalls() == []


def test_a_body_that_looks_like_a_head_is_a_body() -> None:
    """Only heads are judged."""
    house = House()
    trick = upgrade_request("/nowhere")
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(trick)
    socket = house.ask(post + trick)
    assert socket.taken.count(b"200 OK") == 1
    assert house.page.bodies == [trick]


def test_an_upgrade_may_come_later_over_a_kept_alive_connection() -> None:
    """As proxies send it; with frames behind it, and without the page's timeouts."""
    house = House()
    socket = house.ask(GET)
    answered = len(socket.taken)
    socket.deliver(upgrade_request() + frame("hello"))
    socket.drain()
    assert status_of(socket.taken[answered:]) == 101
    (handler,) = house.mount.handlers
    assert handler.messages == [(b"hello", True)]
    house.clock.advance(1000)
    socket.deliver(frame("still here"))
    assert handler.messages[-1] == (b"still here", True)
    assert handler.transport.send(b"\x81\x02hi")
    assert socket.taken.endswith(b"\x81\x02hi")
    socket.protocol.readConnectionLost()
    socket.drain()
    assert handler.closed is not None
    assert house.clock.getDelayedCalls() == []


def test_a_pipelined_upgrade_waits_for_the_answer_before_it() -> None:
    """Answers come in the order of the requests."""
    house = House()
    socket = house.ask(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" + upgrade_request() + frame("x"))
    assert house.mount.handlers == []
    house.page.waiting[0].finish()
    socket.drain()
    assert socket.taken.index(b"200 OK") < socket.taken.index(b"101 Switching")
    assert house.mount.handlers[0].messages == [(b"x", True)]


def test_any_path_may_be_mounted() -> None:
    """``*`` takes what no other mount takes, decoded paths are compared."""
    exact, rest = RecordingMount(), RecordingMount()
    house = House(mounts={"/a b": exact, "*": rest})
    house.ask(upgrade_request("/a%20b"))
    house.ask(upgrade_request("/anything?x=1"))
    assert [len(mount.handlers) for mount in (exact, rest)] == [1, 1]


def test_another_factory_gets_the_bytes_as_they_are() -> None:
    """It need not be a site."""
    received: list[bytes] = []
    lost: list[bool] = []

    class Raw(Protocol):
        def dataReceived(self, data: bytes) -> None:
            received.append(data)

        def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
            lost.append(True)

    house = House(site=Factory.forProtocol(Raw))
    socket = house.ask(GET + b"more")
    socket.deliver(b"and more")
    assert received == [GET + b"more", b"and more"]
    socket.protocol.readConnectionLost()
    socket.drain()
    assert lost == [True]
    second = house.ask(GET)
    gone = house.door.close_all(1001, "restart")
    second.drain()
    assert lost == [True, True]
    assert outcome(gone) is None


def test_over_tls_it_is_http_1_1() -> None:
    """What a browser asks for by ALPN, since its handshake fails if nobody answers it."""
    door = FrontDoor(Clock(), {})
    assert IProtocolNegotiationFactory.providedBy(door)
    assert door.acceptableProtocols() == [b"http/1.1"]


def test_the_site_starts_and_stops_with_the_port() -> None:
    """Once, however many ports there are."""
    house = House()
    site: Any = house.door.site
    house.door.doStart()
    house.door.doStart()
    assert site.numPorts == 1
    house.door.doStop()
    house.door.doStop()
    assert site.numPorts == 0
    bare = FrontDoor(house.clock, {})
    bare.doStart()
    bare.doStop()


# -- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET /ws HTTP/1.1\r\nHost: a\r\n\r\n", 426),
        (upgrade_request(Sec_WebSocket_Version="8"), 426),
        (upgrade_request(Sec_WebSocket_Key="bad"), 400),
        (upgrade_request(Sec_WebSocket_Key=None), 400),
        (upgrade_request(Origin="https://evil.example"), 403),
        (upgrade_request("/elsewhere"), 404),
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n", 400),
    ],
)
@pytest.mark.parametrize("later", [False, True])
def test_refusals(request_head: bytes, status: int, later: bool) -> None:
    """The same for the first head of a connection and for a later one."""
    house = House(close_timeout=5)
    socket = house.connect()
    if later:
        socket.deliver(GET)
        socket.drain()
        socket.taken.clear()
    socket.deliver(request_head)
    socket.drain()
    response = bytes(socket.taken)
    assert status_of(response) == status
    assert header_of(response, "Content-Length") == str(len(body_of(response)))
    assert "close" in str(header_of(response, "Connection"))
    assert socket.half_closed
    socket.deliver(b"whatever else" * 1000)
    assert socket.taken == response
    house.clock.advance(5)
    assert socket.aborted
    socket.connectionLost(Failure(ConnectionDone()))
    assert house.clock.getDelayedCalls() == []


def test_what_a_refusal_says() -> None:
    """426 names what is spoken here; a mount's own headers are sent."""
    house = House()
    plain = house.ask(b"GET /ws HTTP/1.1\r\nHost: a\r\n\r\n").taken
    assert header_of(plain, "Upgrade") == "websocket"
    version = house.ask(upgrade_request(Sec_WebSocket_Version="8")).taken
    assert header_of(version, "Sec-WebSocket-Version") == "13"
    house.mount.error = refusal(401)
    refused = house.ask(upgrade_request()).taken
    assert (status_of(refused), body_of(refused)) == (401, "not you\n")
    assert header_of(refused, "X-Why") == '"because"'


def test_without_a_site_there_is_nothing_else() -> None:
    """404."""
    house = House(site=None)
    assert status_of(house.ask(GET).taken) == 404


def test_a_client_that_hangs_up_after_a_refusal_is_gone() -> None:
    """No need to wait for the deadline."""
    house = House()
    socket = house.ask(b"NONSENSE\r\n\r\n")
    socket.protocol.writeConnectionLost()
    socket.protocol.readConnectionLost()
    assert not socket.connected
    assert house.clock.getDelayedCalls() == []


def test_over_tls_and_other_transports_a_refusal_closes() -> None:
    """There the halves are not ours; a WebSocket is one as anywhere."""
    house = House()
    transport: Any = FakeTransport()
    house.connect(transport)
    transport.protocol.dataReceived(upgrade_request())
    assert status_of(transport.value()) == 101
    for transport in (FakeSecureTransport(), FakeTransport()):
        house.connect(transport)
        transport.protocol.dataReceived(b"NONSENSE\r\n\r\n")
        assert status_of(transport.value()) == 400
        assert transport.disconnecting
    house.clock.advance(10)
    assert transport.aborted


# -- bounds of what waits ------------------------------------------------------------------------


def test_a_client_that_does_not_read_is_not_answered_further() -> None:
    """Its further requests wait, and their time with them; once it reads, all are answered."""
    house = House(head_timeout=10)
    socket = house.connect(FakeSocket(room=0))
    socket.deliver(GET * 2000 + b"GET /last HTTP/1.1\r\n")
    answered = len(house.page.bodies)
    assert 0 < answered < 2000
    assert not socket.reading
    house.clock.advance(20)
    assert len(house.page.bodies) == answered
    socket.drain()
    assert len(house.page.bodies) == 2000
    assert socket.taken.count(b"HTTP/1.1 200 OK\r\n") == 2000
    assert socket.reading
    socket.deliver(b"Host: a\r\n\r\n")
    assert len(house.page.bodies) == 2001


# -- bounds of heads -----------------------------------------------------------------------------


LENGTHS = "POST /page HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n"
CHUNKS = b"POST /page HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_body_that_is_too_long_gets_413() -> None:
    """When it is announced, or when so much has come; Twisted would take it all, into a file."""
    for head, sent in ((LENGTHS.format(1001).encode(), b""), (CHUNKS, b"3e9\r\n" + b"x" * 1001)):
        house = House(max_body=1000)
        socket = house.connect()
        socket.deliver(GET + head)
        socket.deliver(sent + b"and more")
        socket.drain()
        last = bytes(socket.taken).rpartition(b"HTTP/1.1 ")[2]
        assert last.startswith(b"413 ")
        assert last.endswith(b"the request's body has over 1000 bytes\n")
        assert house.page.bodies == [b""]


def test_a_body_within_its_bound() -> None:
    """Each request's is counted by itself, and what comes behind it is none."""
    house = House(max_body=1000)
    socket = house.connect()
    one = LENGTHS.format(1000).encode() + b"x" * 1000
    two = CHUNKS + b"1f4\r\n" + b"x" * 500 + b"\r\n1f4\r\n" + b"x" * 500 + b"\r\n0\r\n\r\n"
    socket.deliver(one + two + one)
    socket.deliver(GET.replace(b"/page", b"/slow") + GET * 100)
    assert len(house.page.bodies) == 4
    house.page.waiting[0].finish()
    socket.drain()
    assert house.page.bodies == [b"x" * 1000] * 3 + [b""] * 101


@pytest.mark.parametrize("later", [False, True])
def test_a_slow_head_gets_408_however_it_trickles(later: bool) -> None:
    """Ten seconds in all; the first of a connection counts from the connection on."""
    house = House(head_timeout=10)
    socket = house.connect()
    if later:
        socket.deliver(GET)
        socket.drain()
        socket.taken.clear()
        house.clock.advance(20)
    for byte in b"GET /page HT":
        if socket.taken:
            break
        socket.deliver(bytes([byte]))
        house.clock.advance(1)
        socket.drain()
    assert status_of(socket.taken) == 408
    assert house.clock.seconds() == (30 if later else 10)
    assert socket.half_closed


@pytest.mark.parametrize("head", [LENGTHS.format(1000).encode(), CHUNKS + b"3e8\r\n"])
def test_a_slow_body_gets_408_however_it_trickles(head: bytes) -> None:
    """It has a time in all, that begins when its head is complete."""
    house = House(body_timeout=10)
    socket = house.ask(head)
    for _ in range(9):
        socket.deliver(b"x")
        house.clock.advance(1)
    assert socket.taken == b""
    house.clock.advance(1)
    socket.drain()
    assert status_of(socket.taken) == 408
    assert socket.taken.endswith(b"the request's body took too long\n")
    assert socket.half_closed
    assert house.page.bodies == []


def test_a_body_in_time_leaves_no_timer() -> None:
    """However long the answer then takes."""
    house = House(body_timeout=10)
    socket = house.ask(LENGTHS.format(3).encode().replace(b"/page", b"/slow"))
    house.clock.advance(9)
    socket.deliver(b"xyz")
    house.clock.advance(100)
    assert socket.taken == b""
    house.page.waiting[0].finish()
    socket.drain()
    assert status_of(socket.taken) == 200


def test_a_slow_pipelined_head_gets_408_too() -> None:
    """Its time begins when the answer before it is there, and it is the connection's turn."""
    house = House(head_timeout=10)
    socket = house.ask(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /pa")
    house.clock.advance(50)
    assert socket.taken == b""
    house.page.waiting[0].finish()
    socket.drain()
    house.clock.advance(9)
    assert b"408" not in socket.taken
    house.clock.advance(1)
    assert b"HTTP/1.1 408 " in socket.taken + bytes(socket._tempDataBuffer[0])


def test_a_client_that_says_nothing_gets_408() -> None:
    """From the connection on."""
    house = House(head_timeout=10)
    socket = house.connect()
    house.clock.advance(10)
    socket.drain()
    assert status_of(socket.taken) == 408


def test_an_idle_kept_alive_connection_is_closed_by_the_site() -> None:
    """That is no slow head: nothing is answered."""
    house = House()
    socket = house.ask(GET)
    socket.deliver(b"\r\n")
    size = len(socket.taken)
    house.clock.advance(61)
    socket.drain()
    assert (len(socket.taken), socket.connected) == (size, 0)


def test_a_head_in_time_is_answered_and_leaves_no_timer() -> None:
    """A later head in two pieces."""
    house = House(head_timeout=10)
    socket = house.ask(GET)
    socket.deliver(GET[:20])
    house.clock.advance(9)
    socket.deliver(GET[20:])
    socket.drain()
    house.clock.advance(9)
    assert socket.taken.count(b"200 OK") == 2


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    "head",
    [
        b"GET /page HTTP/1.1\r\nX-Long: " + b"x" * 16384,
        b"GET /page HTTP/1.1\r\nX-Long: " + b"x" * 16384 + b"\r\n\r\n",
        b"GET /page HTTP/1.1\r\n" + b"X-Many: y\r\n" * 1500 + b"\r\n",
    ],
)
def test_a_head_that_is_too_long_gets_431(head: bytes, later: bool) -> None:
    """Sixteen KiB in all, in one line or in many."""
    house = House()
    socket = house.connect()
    if later:
        socket.deliver(GET)
        socket.drain()
        socket.taken.clear()
    socket.deliver(head)
    socket.drain()
    assert status_of(socket.taken) == 431
    assert socket.half_closed


def test_a_head_of_sixteen_kib_passes() -> None:
    """The bound itself is allowed, first and later."""
    house = House()
    fill = 16384 - len(b"GET /page HTTP/1.1\r\nX-Long: \r\n\r\n")
    head = b"GET /page HTTP/1.1\r\nX-Long: " + b"x" * fill + b"\r\n\r\n"
    assert len(head) == 16384
    socket = house.ask(head + head)
    assert socket.taken.count(b"200 OK") == 2


def test_what_twisted_refuses_itself_ends_there() -> None:
    """A length that is none is not for us to judge; the rest of the head is not read."""
    house = House()
    socket = house.ask(b"POST / HTTP/1.1\r\nContent-Length: x\r\nX-More: y\r\n\r\n")
    assert status_of(socket.taken) == 400
    assert house.page.bodies == []


def test_after_the_last_request_nothing_is_read() -> None:
    """``Connection: close`` means it."""
    house = House()
    last = b"GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    socket = house.connect()
    socket.deliver(last)
    channel = socket.protocol._inner
    assert isinstance(channel, BoundedChannel)
    channel.setLineMode()
    socket.deliver(GET)
    socket.drain()
    assert socket.taken.count(b"200 OK") == 1


def test_a_client_that_closes_its_half_of_http_is_gone() -> None:
    """What was answered is still written."""
    house = House()
    socket = house.connect()
    socket.room = 5
    socket.deliver(GET)
    socket.protocol.readConnectionLost()
    socket.drain()
    assert b"200 OK" in socket.taken
    assert not socket.connected


# -- the end of it all ---------------------------------------------------------------------------


def test_closing_all_closes_websockets_with_code_and_reason() -> None:
    """Those that answer are gone; one that does not is cut off at the deadline."""
    house = House(close_timeout=5)
    polite, deaf = house.ask(upgrade_request()), house.ask(upgrade_request())
    gone = house.door.close_all(1001, "restart")
    for socket in (polite, deaf):
        client = Connection(CLIENT)
        (close,) = client.receive(bytes(socket.taken).partition(b"\r\n\r\n")[2])
        assert isinstance(close, Close)
        assert (close.code, close.reason) == (1001, "restart")
        if socket is polite:
            socket.deliver(close.reply)
            socket.drain()
    assert not polite.connected
    assert not gone.called
    house.clock.advance(5)
    assert deaf.aborted
    deaf.connectionLost(Failure(ConnectionDone()))
    assert outcome(gone) is None
    assert house.clock.getDelayedCalls() == []


def test_closing_all_ends_http_when_it_is_answered() -> None:
    """Idle connections at once, those without a head with 503; an answer under way is finished."""
    house = House(close_timeout=5)
    silent, idle = house.connect(), house.ask(GET)
    busy = house.ask(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
    gone = house.door.close_all(1001, "restart")
    silent.drain()
    idle.drain()
    assert (idle.connected, busy.connected) == (0, 1)
    assert status_of(silent.taken) == 503
    silent.connectionLost(Failure(ConnectionDone()))
    house.page.waiting[0].write(b"done")
    house.page.waiting[0].finish()
    busy.drain()
    assert b"done" in busy.taken
    assert outcome(gone) is None


def test_an_answer_that_takes_too_long_is_cut_off() -> None:
    """At the deadline, which a second call does not put off."""
    house = House(close_timeout=5)
    busy = house.ask(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
    gone = house.door.close_all(1001, "restart")
    house.clock.advance(4)
    again = house.door.close_all(1001, "restart")
    house.clock.advance(1)
    assert busy.aborted
    busy.connectionLost(Failure(ConnectionDone()))
    assert outcome(gone) is outcome(again) is None


def test_websockets_go_on_beside_refusals() -> None:
    """What one client does wrong is nothing to another."""
    house = House()
    good = house.ask(upgrade_request())
    house.ask(b"NONSENSE\r\n\r\n")
    bad = house.ask(upgrade_request() + b"\xff\xff\xff\xff")
    good.deliver(frame("hi"))
    assert house.mount.handlers[0].messages == [(b"hi", True)]
    events = Connection(CLIENT).receive(bytes(bad.taken).partition(b"\r\n\r\n")[2])
    assert [type(event) for event in events] == [Close]
    assert Message not in [type(event) for event in events]
