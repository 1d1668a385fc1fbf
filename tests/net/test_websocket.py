"""The toolkit's WebSocket, both styles, at either end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from sennit.engine.build import CLIENT, SERVER, Close, Connection, Event, Message, Ping
from sennit.errors import ConnectionClosedError, ConnectionClosedOK, LocalProtocolError
from sennit.model.request import Closed, ConnectionRequest
from sennit.net.broadcast import broadcast
from sennit.net.coroutine import runner_for
from sennit.net.driver import WebSocketDriver
from sennit.net.front_door import FrontDoor
from sennit.net.mount import HandlerMount
from sennit.net.setting import WebSocketSettings
from sennit.net.stream_transport import StreamTransport
from sennit.net.websocket import (
    QUEUE_MESSAGES,
    WAITING_PINGS,
    WAITING_SENDS,
    WebSocket,
)
from tests.double import LogKeeper, outcome
from tests.net.double import FakeSocket, upgrade_request


class Room:
    """A server with one handler, and clients of it in memory."""

    def __init__(self, handler: Any, subprotocols: tuple[str, ...] = (), **settings: Any) -> None:
        self.clock = Clock()
        mount = HandlerMount(self.clock, handler, runner_for(self.clock), subprotocols)
        self.door = FrontDoor(self.clock, {"*": mount}, None, WebSocketSettings(**settings))

    def enter(self, **headers: str) -> Guest:
        return Guest(self, headers)


class Guest:
    """A client of a room: the engine on a socket in memory."""

    def __init__(self, room: Room, headers: dict[str, str]) -> None:
        self.socket: Any = FakeSocket(room.door.buildProtocol(None))
        self.socket.protocol.makeConnection(self.socket)
        self.engine = Connection(CLIENT, max_message=1 << 30)
        self.socket.deliver(upgrade_request("/any", **headers))
        self.head, _, first = bytes(self.socket.taken).partition(b"\r\n\r\n")
        self._seen = len(self.socket.taken) - len(first)

    def say(self, *messages: str | bytes) -> None:
        self.socket.deliver(
            b"".join(
                self.engine.send(
                    message.encode() if isinstance(message, str) else message,
                    binary=isinstance(message, bytes),
                )
                for message in messages
            )
        )

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.socket.deliver(self.engine.close(code, reason))
        self.socket.drain()

    def hear(self) -> list[Event]:
        fresh = bytes(self.socket.taken[self._seen :])
        self._seen = len(self.socket.taken)
        return self.engine.receive(fresh)

    def lose(self) -> None:
        self.socket.connectionLost(Failure(ConnectionDone()))


def texts(*messages: str) -> list[Event]:
    return [Message(message.encode(), True) for message in messages]


def codes(events: list[Event]) -> list[tuple[int, str]]:
    return [(event.code, event.reason) for event in events if isinstance(event, Close)]


def holding() -> tuple[list[WebSocket], Callable[[WebSocket], Deferred[None]]]:
    """Return a list, and a handler that puts its connections there and keeps them open."""
    sockets: list[WebSocket] = []

    def handler(ws: WebSocket) -> Deferred[None]:
        sockets.append(ws)
        return Deferred()

    return sockets, handler


@pytest.fixture
def logged() -> Iterator[LogKeeper]:
    """Return what is logged."""
    with LogKeeper() as log:
        yield log


# -- the coroutine style -------------------------------------------------------------------------


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


def test_an_echo() -> None:
    """Text as text, binary as binary; answers to one read in one write; ends with the client."""
    room = Room(echo)
    guest = room.enter()
    sends = guest.socket.sends
    guest.say("one", b"\x00two", "drei")
    assert guest.hear() == [*texts("one"), Message(b"\x00two", False), *texts("drei")]
    assert guest.socket.sends == sends + 1
    guest.close(1001, "going")
    assert codes(guest.hear()) == [(1001, "")]
    assert not guest.socket.connected
    assert room.clock.getDelayedCalls() == []


def test_a_handler_that_returns_closes_with_1000() -> None:
    """A coroutine that is done, or a Deferred that has fired."""

    async def done(ws: WebSocket) -> str:
        return str(await ws.recv())

    guest = Room(done).enter()
    guest.say("enough", "more")
    assert codes(guest.hear()) == [(1000, "")]
    deferred: Deferred[None] = Deferred()
    guest = Room(lambda _ws: deferred).enter()
    deferred.callback(None)
    assert codes(guest.hear()) == [(1000, "")]


def test_a_handler_that_fails_closes_with_1011_and_is_logged(logged: LogKeeper) -> None:
    """Later, at once, or before it returns anything."""

    async def late(ws: WebSocket) -> None:
        await ws.recv()
        raise ZeroDivisionError

    def at_once(_ws: WebSocket) -> Any:
        raise KeyError

    guest = Room(late).enter()
    guest.say("go")
    assert codes(guest.hear()) == [(1011, "internal error")]
    assert codes(Room(at_once).enter().hear()) == [(1011, "internal error")]
    assert [failure.type for failure in logged.failures()] == [ZeroDivisionError, KeyError]


def test_an_end_that_a_handler_does_not_catch_is_no_failure(logged: LogKeeper) -> None:
    """``recv`` raises when the peer has gone; that is how a handler ends. Another's end is not."""

    async def two(ws: WebSocket) -> None:
        await ws.recv()
        await ws.recv()

    guest = Room(two).enter()
    guest.say("one")
    guest.close()
    assert logged.failures() == []

    async def other(_ws: WebSocket) -> None:
        raise ConnectionClosedError(1006, "another connection")

    assert codes(Room(other).enter().hear()) == [(1011, "internal error")]
    assert len(logged.failures()) == 1


def test_what_was_sent_before_the_end_is_received_before_it() -> None:
    """Even if the handler was slow; then the end says how it was."""
    sockets, handler = holding()
    guest = Room(handler).enter()
    guest.say("one", "two")
    guest.close(4000, "done here")
    (ws,) = sockets
    assert (ws.closed, ws.close_code, ws.close_reason) == (True, 4000, "done here")
    assert outcome(Deferred.fromCoroutine(ws.recv())) == "one"
    assert outcome(Deferred.fromCoroutine(ws.recv())) == "two"
    with pytest.raises(ConnectionClosedError) as caught:
        outcome(Deferred.fromCoroutine(ws.recv()))
    assert (caught.value.code, caught.value.reason, caught.value.sent_code) == (
        4000,
        "done here",
        4000,
    )
    with pytest.raises(ConnectionClosedError):
        outcome(Deferred.fromCoroutine(collect(ws)))


async def collect(ws: WebSocket) -> list[str | bytes]:
    return [message async for message in ws]


def test_iteration_ends_with_a_planned_end() -> None:
    """1000 or 1001; what is left in the queue comes first."""
    sockets, handler = holding()
    guest = Room(handler).enter()
    result = Deferred.fromCoroutine(collect(sockets[0]))
    guest.say("one", "two")
    guest.close(1001)
    assert outcome(result) == ["one", "two"]


def test_a_slow_handler_slows_its_peer_down() -> None:
    """The queue is bounded, the socket is not read; nothing is lost, and reading goes on."""
    sockets, handler = holding()
    guest = Room(handler).enter()
    (ws,) = sockets
    numbers = [str(number) for number in range(QUEUE_MESSAGES * 3)]
    guest.say(*numbers)
    assert not guest.socket.reading
    assert len(ws._queue or ()) == QUEUE_MESSAGES
    result = Deferred.fromCoroutine(collect(ws))
    assert guest.socket.reading
    guest.close()
    assert outcome(result) == numbers


def test_large_messages_count_by_their_bytes() -> None:
    """Few of them fill the queue."""
    sockets, handler = holding()
    guest = Room(handler).enter()
    guest.say(b"x" * 40_000)
    assert guest.socket.reading
    guest.say(b"x" * 40_000)
    assert not guest.socket.reading
    Deferred.fromCoroutine(sockets[0].recv())
    assert not guest.socket.reading
    Deferred.fromCoroutine(sockets[0].recv())
    assert guest.socket.reading


def test_a_full_queue_loses_nothing_when_the_connection_does() -> None:
    """What was read already is received."""
    sockets, handler = holding()
    guest = Room(handler).enter()
    numbers = [str(number) for number in range(QUEUE_MESSAGES * 2)]
    guest.say(*numbers)
    guest.lose()
    received = [outcome(Deferred.fromCoroutine(sockets[0].recv())) for _ in numbers]
    assert received == numbers


def test_a_cancelled_recv_loses_nothing() -> None:
    """And another may follow; but one at a time."""
    sockets, handler = holding()
    guest = Room(handler).enter()
    (ws,) = sockets
    first = Deferred.fromCoroutine(ws.recv())
    with pytest.raises(LocalProtocolError):
        outcome(Deferred.fromCoroutine(ws.recv()))
    first.cancel()
    with pytest.raises(CancelledError):
        outcome(first)
    second = Deferred.fromCoroutine(ws.recv())
    guest.say("kept")
    assert outcome(second) == "kept"


# -- sending -------------------------------------------------------------------------------------


def test_sending_makes_no_deferred_while_the_peer_keeps_up() -> None:
    """One shared awaitable that is done already."""
    sockets, handler = holding()
    guest = Room(handler).enter()
    (ws,) = sockets
    first = ws.send("one")
    assert first is ws.send(bytearray(b"two")) is ws.send(memoryview(b"3"), text=True)
    assert not isinstance(first, Deferred)
    assert outcome(Deferred.fromCoroutine(awaiting(first))) is None
    ws.send("vier", text=False)
    assert guest.hear() == [
        *texts("one"),
        Message(b"two", False),
        *texts("3"),
        Message(b"vier", False),
    ]


async def awaiting(awaitable: Any) -> Any:
    return await awaitable


def test_sends_wait_in_order_for_a_slow_peer() -> None:
    """A Deferred each; a cancelled one is taken back, nothing overtakes."""
    sockets, handler = holding()
    guest = Room(handler, write_high=10).enter()
    (ws,) = sockets
    guest.socket.room = 0
    ws.send("taken already")
    waiting: list[Any] = [ws.send(str(number)) for number in range(4)]
    assert not any(deferred.called for deferred in waiting)
    assert not ws.send_nowait("overtaking")
    waiting[1].cancel()
    with pytest.raises(CancelledError):
        outcome(waiting[1])
    guest.socket.drain()
    assert [outcome(waiting[index]) for index in (0, 2, 3)] == [None] * 3
    assert guest.hear() == texts("taken already", "0", "2", "3")
    assert ws.send_nowait("now")


def test_a_send_that_waits_may_wait_again() -> None:
    """Room for one is not room for all."""
    sockets, handler = holding()
    guest = Room(handler, write_high=4).enter()
    (ws,) = sockets
    guest.socket.room = 0
    ws.send("long enough")
    first, second = ws.send("the first"), ws.send("the second")
    assert isinstance(first, Deferred)
    assert isinstance(second, Deferred)
    write = guest.socket.writeSomeData

    def take_what_was_there(data: bytes) -> Any:
        size = write(data)
        guest.socket.room = 0
        return size

    guest.socket.writeSomeData = take_what_was_there
    guest.socket.room = 13
    guest.socket.doWrite()
    assert (first.called, second.called) == (True, False)
    guest.lose()
    with pytest.raises(ConnectionClosedError):
        outcome(second)


def test_sends_that_nobody_awaits_have_a_bound() -> None:
    """They are refused over it."""
    sockets, handler = holding()
    guest = Room(handler, write_high=1).enter()
    (ws,) = sockets
    guest.socket.room = 0
    ws.send("x")
    waiting: list[Any] = [ws.send("y") for _ in range(WAITING_SENDS)]
    with pytest.raises(LocalProtocolError):
        ws.send("z")
    for deferred in waiting:
        deferred.addErrback(lambda _: None)
    guest.lose()


def test_sending_to_a_closed_connection() -> None:
    """``send`` raises what ended it, ``send_nowait`` does nothing; also while it is closing."""
    sockets, handler = holding()
    guest = Room(handler).enter()
    (ws,) = sockets
    closing = ws.close(3000, "over")
    assert not ws.closed
    assert (ws.close_code, ws.close_reason) == (None, None)
    with pytest.raises(ConnectionClosedError) as caught:
        ws.send("late")
    assert (caught.value.code, caught.value.sent_code) == (3000, 3000)
    assert not ws.send_nowait("late")
    (close,) = guest.hear()
    assert isinstance(close, Close)
    guest.socket.deliver(close.reply)
    guest.socket.drain()
    assert outcome(closing) is None
    with pytest.raises(ConnectionClosedError):
        ws.send("later")
    assert outcome(ws.close()) is None


def test_a_connection_that_is_lost_while_closing_has_no_codes() -> None:
    """The peer violated the protocol: what was sent is known."""
    sockets, handler = holding()
    guest = Room(handler).enter()
    guest.socket.deliver(b"\xff\xff\xff\xff")
    with pytest.raises(ConnectionClosedError) as caught:
        sockets[0].send("late")
    assert caught.value.sent_code == 1002


def test_a_wrong_close_is_refused() -> None:
    """Nothing is sent."""
    sockets, handler = holding()
    guest = Room(handler).enter()
    for code, reason in ((1006, ""), (1000, "é" * 62)):
        with pytest.raises(LocalProtocolError):
            sockets[0].close(code, reason)
    assert guest.hear() == []


def test_waiting_for_the_end_can_be_cancelled() -> None:
    """By each who waits, alone."""
    sockets, handler = holding()
    guest = Room(handler).enter()
    one, two = sockets[0].wait_closed(), sockets[0].wait_closed()
    one.cancel()
    with pytest.raises(CancelledError):
        outcome(one)
    guest.close()
    assert outcome(two) is None
    assert "closed" in repr(sockets[0])


# -- pings ---------------------------------------------------------------------------------------


def test_a_ping_tells_how_long_the_answer_took() -> None:
    """The answer to a later one answers those before it (RFC 6455, 5.5.3)."""
    sockets, handler = holding()
    room = Room(handler)
    guest = room.enter()
    (ws,) = sockets
    first = ws.ping()
    room.clock.advance(1)
    second, third = ws.ping(), ws.ping()
    room.clock.advance(0.5)
    asked = [event for event in guest.hear() if isinstance(event, Ping)]
    guest.socket.deliver(guest.engine.pong(b"nobody asked"))
    assert not first.called
    guest.socket.deliver(asked[1].reply)
    assert (outcome(first), outcome(second), third.called) == (1.5, 0.5, False)
    third.cancel()
    with pytest.raises(CancelledError):
        outcome(third)
    guest.socket.deliver(asked[2].reply)


def test_pings_end_with_the_connection_and_have_a_bound() -> None:
    """No Deferred is left waiting for ever."""
    sockets, handler = holding()
    guest = Room(handler).enter()
    (ws,) = sockets
    pings = [ws.ping() for _ in range(WAITING_PINGS)]
    with pytest.raises(LocalProtocolError):
        ws.ping()
    guest.close()
    for ping in pings:
        with pytest.raises(ConnectionClosedOK):
            outcome(ping)
    with pytest.raises(ConnectionClosedOK):
        outcome(ws.ping())


# -- the class style -----------------------------------------------------------------------------


class Receiver:
    """Notes what it is notified of."""

    def __init__(self, ws: WebSocket) -> None:
        self.ws = ws
        self.seen: list[Any] = []

    def message_received(self, data: bytes, is_text: bool) -> None:
        self.seen.append((data, is_text))

    def writable(self) -> None:
        self.seen.append("writable")

    def connection_lost(self, closed: Closed) -> None:
        self.seen.append(closed)


def test_a_receiver_object_is_notified() -> None:
    """Of messages as bytes, of room, and of the end."""
    made: list[Receiver] = []

    def factory(ws: WebSocket) -> Receiver:
        made.append(Receiver(ws))
        return made[-1]

    guest = Room(factory, write_high=10).enter()
    (receiver,) = made
    guest.say("one", b"two")
    with pytest.raises(LocalProtocolError):
        outcome(Deferred.fromCoroutine(receiver.ws.recv()))
    receiver.ws.pause_reading()
    assert not guest.socket.reading
    receiver.ws.resume_reading()
    guest.socket.room = 0
    assert receiver.ws.send_nowait("a long answer")
    assert not receiver.ws.send_nowait("another")
    guest.socket.drain()
    guest.close(1000, "bye")
    assert receiver.seen == [
        (b"one", True),
        (b"two", False),
        "writable",
        Closed(1000, "bye", 1000, ""),
    ]


def test_a_receiver_needs_no_more_than_messages() -> None:
    """The other two are optional."""

    class Small:
        def __init__(self, ws: WebSocket) -> None:
            self.ws = ws

        def message_received(self, data: bytes, is_text: bool) -> None:
            self.ws.send_nowait(data, text=is_text)

    guest = Room(Small, write_high=4).enter()
    guest.socket.room = 0
    guest.say("one", "two", "three")
    guest.socket.drain()
    guest.close()
    assert not guest.socket.connected


def test_a_failing_receiver_closes_with_1011(logged: LogKeeper) -> None:
    """And is logged."""

    class Failing(Receiver):
        def message_received(self, data: bytes, is_text: bool) -> None:
            raise ZeroDivisionError

    guest = Room(Failing).enter()
    guest.say("x")
    assert codes(guest.hear()) == [(1011, "internal error")]
    assert len(logged.failures()) == 1


# -- subprotocols, clients, broadcasts -----------------------------------------------------------


@pytest.mark.parametrize(
    ("offer", "chosen"), [("chat, superchat", "superchat"), ("chat", "chat"), ("other", None)]
)
def test_the_servers_preferred_subprotocol_is_taken(offer: str, chosen: str | None) -> None:
    """Of those that the client offers."""
    sockets, handler = holding()
    guest = Room(handler, ("superchat", "chat")).enter(Sec_WebSocket_Protocol=offer)
    assert sockets[0].subprotocol == chosen
    assert (b"Sec-WebSocket-Protocol" in guest.head) is (chosen is not None)
    assert sockets[0].request.path == "/any"
    assert "open" in repr(sockets[0])


def client() -> tuple[Any, WebSocket, Connection]:
    """Return a client's connection in memory: its socket, itself, and the server's engine."""
    clock, socket = Clock(), FakeSocket()
    ws = WebSocket(clock, ConnectionRequest("/"), None)
    driver = WebSocketDriver(ws, None, runner_for(clock))
    stream = StreamTransport(
        clock, Connection(CLIENT), driver, WebSocketSettings(write_high=10), fresh=True
    )
    socket.protocol = stream
    stream.makeConnection(socket)
    return socket, ws, Connection(SERVER)


def test_a_clients_frames_are_masked() -> None:
    """With a key of its own each."""
    socket, ws, server = client()
    ws.send("same")
    ws.send("same")
    one, two = bytes(socket.taken[:10]), bytes(socket.taken[10:])
    assert one != two
    assert server.receive(one + two) == texts("same", "same")


def test_a_broadcast_is_framed_once_and_names_the_slow() -> None:
    """Closed connections are passed over; a client among them gets a frame of its own."""
    sockets, handler = holding()
    room = Room(handler, write_high=10)
    guests = [room.enter() for _ in range(3)]
    socket, mine, server = client()
    everybody = [*sockets, mine]
    guests[1].socket.room = 0
    sockets[2].close()
    assert broadcast(everybody, "to everybody") == []
    assert broadcast(everybody, b"bytes") == [sockets[1]]
    assert guests[0].hear() == [*texts("to everybody"), Message(b"bytes", False)]
    assert codes(guests[2].hear()) == [(1000, "")]
    assert server.receive(bytes(socket.taken)) == [
        *texts("to everybody"),
        Message(b"bytes", False),
    ]
    socket.room = 0
    assert broadcast([mine], "long enough to fill") == []
    assert broadcast([mine], b"text", text=True) == [mine]


def test_a_broadcast_does_not_overtake_what_waits() -> None:
    """A connection with waiting sends refuses it."""
    sockets, handler = holding()
    guest = Room(handler, write_high=4).enter()
    (ws,) = sockets
    guest.socket.room = 0
    ws.send("taken")
    waiting = ws.send("waiting")
    assert isinstance(waiting, Deferred)
    assert broadcast([ws], "later") == [ws]
    guest.socket.drain()
    assert broadcast([ws], "later") == []
    assert guest.hear() == texts("taken", "waiting", "later")
