"""The stream transport: messages, bounds, pauses, keepalive, and every way a connection ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost

from sennit.engine.build import CLIENT, Close, Failure, Message, Ping, Pong, encode_frame
from sennit.errors import LocalProtocolError
from sennit.model.request import Closed
from sennit.net.framing import WebSocketFraming
from sennit.net.stream_transport import UNREAD_BYTES
from tests.double import LogKeeper
from tests.net.double import FakeSecureTransport, FakeTransport, Wire

FRAME = WebSocketFraming().prepare(b"frame")
LATE = "the peer did not finish the closing in time"


@pytest.fixture
def logged() -> Iterator[LogKeeper]:
    """Return what is logged."""
    with LogKeeper() as log:
        yield log


def handler_fails(*_: object) -> None:
    raise ZeroDivisionError("a bug of the application's")


# -- messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [0, 1])
def test_messages_arrive_in_order(role: int) -> None:
    """Of either role: text and binary, with their kinds."""
    wire = Wire(role).begin()
    assert wire.handler.transport is wire.stream
    wire.receive(wire.text("one", "two") + wire.peer.send(b"\xff", binary=True))
    assert wire.handler.messages == [(b"one", True), (b"two", True), (b"\xff", False)]


def test_the_greeting_goes_first_and_with_what_the_handler_says() -> None:
    """The handshake's response and the first frames leave in one write."""
    wire = Wire(greeting=b"HTTP/1.1 101 Hi\r\n\r\n")
    wire.handler.on_made = lambda: wire.stream.send(FRAME)
    wire.begin()
    assert wire.transport.taken == b"HTTP/1.1 101 Hi\r\n\r\n" + FRAME
    assert wire.transport.sends == 1


def test_the_framing_is_that_of_the_mount() -> None:
    """Text or binary."""
    assert Wire().stream.framing == WebSocketFraming(binary=False)
    assert Wire(binary=True).stream.framing == WebSocketFraming(binary=True)


def test_answers_to_one_read_leave_in_one_write() -> None:
    """A write each only outside of a read."""
    wire = Wire().begin()
    wire.handler.on_message = lambda _data: wire.stream.send(FRAME)
    wire.receive(wire.text(*"abcdefgh"))
    assert (wire.transport.sends, len(wire.new())) == (1, 8)
    wire.stream.send(FRAME)
    wire.stream.send(FRAME)
    assert (wire.transport.sends, len(wire.new())) == (3, 2)


def test_pings_are_answered_and_pongs_told() -> None:
    """A pong goes to who asked; without one it is nothing."""
    wire = Wire().begin()
    wire.receive(wire.peer.ping(b"there?"))
    assert wire.new() == [Pong(b"there?")]
    wire.receive(wire.peer.pong(b"unasked"))
    pongs: list[bytes] = []
    wire.stream.on_pong = pongs.append
    wire.stream.ping(b"you?")
    assert [type(event) for event in wire.new()] == [Ping]
    wire.receive(wire.peer.pong(b"you?"))
    assert pongs == [b"you?"]
    with pytest.raises(LocalProtocolError):
        wire.stream.ping(b"x" * 126)


# -- the outbound bound --------------------------------------------------------------------------


def test_frames_are_refused_from_the_bound_on_and_taken_again_after() -> None:
    """Refused frames leave nothing behind; ``writable`` comes once, and only if one was."""
    wire = Wire(write_high=20).begin()
    wire.transport.room = 0
    assert wire.stream.send(b"x" * 19)
    assert wire.stream.send(b"y" * 50), "the unfinished frame may pass the bound"
    assert (wire.stream.buffered, wire.stream.send(FRAME)) == (69, False)
    assert not wire.stream.send(FRAME)
    wire.transport.drain(68)
    assert wire.handler.writables == 0
    wire.transport.drain()
    assert (wire.handler.writables, wire.stream.buffered) == (1, 0)
    assert wire.transport.taken == b"x" * 19 + b"y" * 50
    wire.transport.room = 0
    wire.stream.send(b"z" * 30)
    wire.transport.drain()
    assert wire.handler.writables == 1


def test_a_handler_may_fill_it_again_when_there_is_room() -> None:
    """``writable`` within ``writable`` is another one, later."""
    wire = Wire(write_high=10).begin()
    waiting = [FRAME] * 10

    def writable() -> None:
        while waiting and wire.stream.send(waiting[0]):
            waiting.pop()

    wire.handler.on_writable = writable
    wire.transport.room = 0
    writable()
    assert len(waiting) == 8
    for _ in range(20):
        wire.transport.drain(6)
    assert waiting == []
    assert wire.transport.taken == FRAME * 10


def test_the_last_pong_stands_for_all_while_it_is_full() -> None:
    """A peer that asks faster than it reads makes no queue grow (RFC 6455, 5.5.3)."""
    wire = Wire(write_high=10).begin()
    wire.transport.room = 0
    wire.stream.send(b"\x82\x0a" + b"x" * 10)
    for number in range(1000):
        wire.receive(wire.peer.ping(str(number).encode()))
    assert wire.stream.buffered == 12
    wire.transport.drain()
    assert wire.new() == [Message(b"x" * 10, False), Pong(b"999")]


def test_another_transport_refuses_while_it_is_paused() -> None:
    """Its own mark is the bound."""
    wire = Wire(transport=FakeTransport()).begin()
    assert wire.stream.send(FRAME)
    wire.transport.producer.pauseProducing()
    assert not wire.stream.send(FRAME)
    wire.transport.producer.resumeProducing()
    assert wire.handler.writables == 1
    assert wire.stream.send(FRAME)
    assert wire.transport.value() == FRAME * 2


def test_room_is_nobodys_news_once_it_is_closing() -> None:
    """The handler has nothing to send any more."""
    wire = Wire(write_high=10).begin()
    wire.transport.room = 0
    wire.stream.send(b"x" * 10)
    wire.stream.send(FRAME)
    wire.receive(wire.peer.ping(b"x"))
    wire.stream.disconnect(1000, "")
    wire.transport.drain()
    assert wire.handler.writables == 0
    assert wire.transport.taken == b"x" * 10 + b"\x88\x02\x03\xe8"


# -- pausing -------------------------------------------------------------------------------------


def test_nothing_is_delivered_while_paused() -> None:
    """Not even what was read already; then everything, in order, and reading goes on."""
    wire = Wire().begin()
    wire.handler.on_message = lambda _data: wire.stream.pause_reading()
    wire.receive(wire.text("one", "two", "three") + wire.peer.ping(b"p"))
    assert [data for data, _ in wire.handler.messages] == [b"one"]
    assert not wire.transport.reading
    wire.stream.pause_reading()
    wire.stream.resume_reading()
    assert [data for data, _ in wire.handler.messages] == [b"one", b"two"]
    assert not wire.transport.reading
    wire.handler.on_message = lambda _data: None
    wire.stream.resume_reading()
    assert [data for data, _ in wire.handler.messages] == [b"one", b"two", b"three"]
    assert wire.new() == [Pong(b"p")]
    assert wire.transport.reading
    wire.stream.resume_reading()


def test_pausing_and_resuming_within_a_message_goes_on() -> None:
    """No message is delivered inside of another's handling."""
    wire = Wire().begin()
    depth: list[int] = []

    def handle(_data: bytes) -> None:
        depth.append(len(depth))
        wire.stream.pause_reading()
        wire.stream.resume_reading()
        assert len(wire.handler.messages) == len(depth)

    wire.handler.on_message = handle
    wire.receive(wire.text("one", "two", "three"))
    assert len(depth) == 3
    assert wire.transport.reading


def test_a_pause_counts_for_nothing_once_it_is_closing() -> None:
    """The peer's close frame must be seen."""
    wire = Wire().begin()
    wire.stream.pause_reading()
    wire.stream.disconnect(1001, "bye")
    assert wire.transport.reading
    wire.stream.pause_reading()
    assert wire.transport.reading


def test_what_was_read_but_not_delivered_can_be_taken_in_the_end() -> None:
    """A connection lost while paused delivers nothing, and hands out what it has."""
    wire = Wire().begin()
    wire.handler.on_message = lambda _data: wire.stream.pause_reading()
    wire.receive(wire.text("one", "two") + wire.peer.ping() + wire.text("three"))
    wire.lose(ConnectionDone())
    assert [data for data, _ in wire.handler.messages] == [b"one"]
    assert wire.stream.take_unread() == Message(b"two", True)
    assert wire.stream.take_unread() == Message(b"three", True)
    assert wire.stream.take_unread() is None
    wire.stream.resume_reading()
    wire.stream.pause_reading()


# -- ends ----------------------------------------------------------------------------------------


def test_the_peers_code_and_reason_reach_the_handler() -> None:
    """It closes; we echo its code, and as the server let the socket go."""
    wire = Wire().begin()
    wire.receive(wire.text("last") + wire.peer.close(4001, "see you") + b"\x81\x01x")
    assert wire.handler.messages == [(b"last", True)]
    assert wire.new() == [Close(4001, "", b"")]
    assert wire.stream.closing
    assert wire.transport.disconnecting
    assert wire.stream.send(FRAME), "it goes nowhere"
    wire.transport.drain()
    assert wire.handler.closed == Closed(4001, "see you", 4001, "")
    assert wire.ended == [wire.stream]
    assert wire.clock.getDelayedCalls() == []


def test_a_client_waits_for_the_server_to_let_go() -> None:
    """RFC 6455, 7.1.1; but not for ever."""
    wire = Wire(CLIENT, close_timeout=5).begin()
    wire.receive(wire.peer.close(1000, ""))
    assert not wire.transport.disconnecting
    wire.clock.advance(5)
    assert wire.transport.aborted
    wire.lose(ConnectionAborted())
    assert wire.handler.closed == Closed(1000, "", 1000, "")


def test_our_close_is_sent_behind_everything_and_answered() -> None:
    """Later sends go nowhere, what arrives before the answer too; a second call changes nothing."""
    wire = Wire().begin()
    wire.transport.room = 3
    wire.stream.send(FRAME)
    wire.stream.disconnect(3000, "enough")
    wire.stream.disconnect(3001, "again")
    assert wire.stream.send(FRAME)
    assert wire.handler.closed is None, "never from inside the call"
    wire.transport.drain()
    assert [type(event) for event in wire.new()] == [Message, Close]
    late = wire.text("late") if wire.peer.close_sent is None else b""
    wire.receive(late + encode_frame(0x8, b"\x0b\xb8", mask=b"abcd"))
    assert wire.handler.messages == []
    wire.transport.drain()
    assert wire.handler.closed == Closed(3000, "", 3000, "enough")


def test_messages_before_the_peers_answer_go_nowhere() -> None:
    """After our close frame nothing is delivered, and pings are not answered."""
    wire = Wire().begin()
    wire.stream.disconnect(1000, "")
    wire.receive(wire.text("late") + wire.peer.ping(b"late"))
    assert wire.handler.messages == []
    assert [type(event) for event in wire.new()] == [Close]


def test_a_peer_that_does_not_answer_is_cut_off() -> None:
    """After the deadline, with 1006 and what was seen."""
    wire = Wire(close_timeout=5).begin()
    wire.stream.disconnect(1001, "bye")
    wire.clock.advance(4.9)
    assert not wire.transport.aborted
    wire.clock.advance(0.2)
    assert wire.transport.aborted
    wire.lose(ConnectionAborted())
    assert wire.handler.closed == Closed(1006, LATE, 1001, "bye")


def test_a_peer_that_never_reads_is_cut_off_too() -> None:
    """The close frame never leaves, and the deadline holds."""
    wire = Wire(close_timeout=5).begin()
    wire.transport.room = 0
    wire.stream.send(FRAME)
    wire.receive(wire.peer.close(1000, ""))
    wire.clock.advance(5)
    assert wire.transport.aborted
    wire.lose(ConnectionAborted())
    assert wire.handler.closed == Closed(1000, "", 1000, "")


@pytest.mark.parametrize(
    ("reason", "seen"),
    [
        (ConnectionDone(), "the connection ended without a close frame"),
        (ConnectionLost(), "the connection was reset"),
        (OSError(113, "No route to host"), "the connection was lost: [Errno 113] No route to host"),
    ],
)
def test_an_end_without_a_close_frame_is_1006_and_what_was_seen(
    reason: Exception, seen: str
) -> None:
    """RFC 6455, 7.1.5; the handler hears it once."""
    wire = Wire().begin()
    wire.lose(reason)
    wire.lose(reason)
    assert wire.handler.closed == Closed(1006, seen)
    assert wire.stream.send(FRAME)
    wire.stream.disconnect(1000, "")
    wire.stream.ping(b"")
    assert wire.transport.taken == b""


def test_the_end_of_the_peers_half_is_the_end() -> None:
    """What is queued is still written."""
    wire = Wire().begin()
    wire.transport.room = 3
    wire.stream.send(FRAME)
    wire.stream.readConnectionLost()
    wire.stream.writeConnectionLost()
    wire.transport.drain()
    assert wire.transport.taken == FRAME
    assert wire.handler.closed == Closed(1006, "the connection ended without a close frame")
    assert wire.clock.getDelayedCalls() == []


def test_the_reason_may_be_left_out_by_a_transport() -> None:
    """Some say nothing."""
    wire = Wire().begin()
    wire.stream.connectionLost()
    assert wire.handler.closed == Closed(1006, "the connection ended without a close frame")


def test_a_long_reason_is_cut_and_a_wrong_code_refused() -> None:
    """A close frame has 125 bytes; half a character is none."""
    wire = Wire().begin()
    with pytest.raises(LocalProtocolError):
        wire.stream.disconnect(1005, "")
    wire.stream.disconnect(4000, "é" * 100)
    assert wire.new() == [Close(4000, "é" * 61, wire.heard[0].reply)]  # type: ignore[union-attr]


# -- protocol errors -----------------------------------------------------------------------------


def test_a_violation_is_answered_with_its_code_and_the_peer_can_read_it() -> None:
    """Our half is closed, the rest is read into nothing, until the peer goes."""
    wire = Wire(close_timeout=5).begin()
    wire.receive(wire.text("before") + b"\x83\x80abcd" + wire.text("after"))
    assert wire.handler.messages == [(b"before", True)]
    (close,) = wire.new()
    assert isinstance(close, Close)
    assert close.code == 1002
    wire.transport.drain()
    assert wire.transport.half_closed
    assert wire.transport.connected
    wire.receive(b"\x00" * 100_000)
    wire.stream.readConnectionLost()
    closed = wire.handler.closed
    assert closed is not None
    assert (closed.code, closed.sent_code) == (1006, 1002)
    assert closed.reason.startswith("protocol error: ")
    assert wire.clock.getDelayedCalls() == []


def test_a_violator_that_stays_is_cut_off() -> None:
    """Within the deadline."""
    wire = Wire(close_timeout=5, max_message=3).begin()
    wire.receive(wire.text("four"))
    (close,) = wire.new()
    assert isinstance(close, Close)
    assert close.code == 1009
    wire.clock.advance(5)
    assert wire.transport.aborted


def test_over_tls_a_violation_closes_at_once() -> None:
    """TLS has its own way to let the peer read."""
    wire = Wire(transport=FakeSecureTransport()).begin()
    wire.receive(b"\xff\xff\xff\xff")
    assert wire.transport.disconnecting
    assert not wire.transport.half_closed


def test_a_servers_violation_fails_a_client() -> None:
    """The other role."""
    wire = Wire(CLIENT).begin()
    wire.receive(b"\x81\x81abcdx")
    (close,) = wire.new()
    assert isinstance(close, Close)
    assert not isinstance(close, Failure)
    assert close.code == 1002


# -- handlers that fail --------------------------------------------------------------------------


def test_a_failing_handler_closes_its_connection_with_1011(logged: LogKeeper) -> None:
    """One entry in the log with the traceback; later messages go nowhere."""
    wire = Wire().begin()
    wire.handler.on_message = handler_fails
    wire.receive(wire.text("one", "two"))
    assert len(wire.handler.messages) == 1
    (close,) = wire.new()
    assert isinstance(close, Close)
    assert (close.code, close.reason) == (1011, "internal error")
    (failure,) = logged.failures()
    assert failure.type is ZeroDivisionError
    assert "handler_fails" in failure.getTraceback()


@pytest.mark.parametrize("hook", ["on_made", "on_writable", "on_pong"])
def test_every_call_of_a_handler_is_guarded(hook: str, logged: LogKeeper) -> None:
    """The connection is closed with 1011."""
    wire = Wire(write_high=10)
    setattr(wire.stream if hook == "on_pong" else wire.handler, hook, handler_fails)
    wire.begin()
    wire.transport.room = 0
    wire.stream.send(b"\x82\x0a" + b"x" * 10)
    wire.stream.send(FRAME)
    wire.transport.drain()
    wire.receive(wire.peer.pong())
    assert [event.code for event in wire.new() if isinstance(event, Close)] == [1011]
    assert len(logged.failures()) == 1


def test_a_handler_that_fails_in_the_end_is_logged(logged: LogKeeper) -> None:
    """There is nothing left to close."""
    wire = Wire().begin()
    wire.handler.on_lost = handler_fails
    wire.lose(ConnectionDone())
    assert len(logged.failures()) == 1


# -- keepalive -----------------------------------------------------------------------------------


def pass_time(wire: Wire, seconds: int) -> None:
    for _ in range(seconds):
        wire.clock.advance(1)


def test_a_silent_peer_is_pinged_and_cut_off() -> None:
    """With 1006 and what was seen."""
    wire = Wire(ping_interval=20, ping_timeout=8).begin()
    pass_time(wire, 20)
    assert [type(event) for event in wire.new()] == [Ping]
    pass_time(wire, 10)
    assert wire.transport.aborted
    wire.lose(ConnectionAborted())
    assert wire.handler.closed == Closed(1006, "nothing was heard after a ping")
    assert wire.clock.getDelayedCalls() == []


def test_a_peer_that_answers_stays() -> None:
    """Any bytes do."""
    wire = Wire(ping_interval=20, ping_timeout=8).begin()
    for _ in range(200):
        pass_time(wire, 1)
        if wire.new():
            wire.receive(wire.peer.pong())
    assert not wire.transport.aborted
    wire.stream.disconnect(1000, "")
    assert len(wire.clock.getDelayedCalls()) == 1, "the deadline alone"


def test_a_paused_connection_is_pinged_and_not_judged() -> None:
    """Silence means nothing while nobody reads."""
    wire = Wire(ping_interval=20, ping_timeout=8).begin()
    wire.stream.pause_reading()
    pass_time(wire, 100)
    assert not wire.transport.aborted
    wire.stream.resume_reading()
    pass_time(wire, 40)
    assert wire.transport.aborted


def test_a_peer_with_a_full_queue_gets_no_pings_on_top() -> None:
    """As long as it takes something it lives; a queue that stands still ends it."""
    wire = Wire(ping_interval=20, ping_timeout=8, write_high=10).begin()
    wire.transport.room = 0
    wire.stream.send(b"x" * 1000)
    for _ in range(90):
        wire.transport.drain(1)
        wire.clock.advance(1)
    assert not wire.transport.aborted
    assert wire.stream.buffered == 1000
    pass_time(wire, 60)
    assert wire.transport.aborted


def test_no_ping_follows_a_close_frame() -> None:
    """Neither one that is sent nor one that is asked for."""
    wire = Wire().begin()
    wire.stream.disconnect(4000, "enough")
    wire.stream.ping(b"")
    wire.receive(wire.peer.ping())
    (close,) = wire.new()
    assert isinstance(close, Close)
    assert (close.code, close.reason) == (4000, "enough")


def test_a_close_frame_that_was_not_read_yet() -> None:
    """A connection that is lost while it does not read ended with the code that had come."""
    wire = Wire().begin()
    wire.handler.on_message = lambda _data: wire.stream.pause_reading()
    wire.receive(wire.text("pause", "more") + wire.peer.close(4001, "bye"))
    wire.lose(ConnectionDone())
    assert wire.handler.closed == Closed(4001, "bye", None, "")
    assert wire.stream.take_unread() == Message(b"more", True)


def test_what_is_kept_of_what_was_not_read_has_a_bound() -> None:
    """Beyond it the rest is given up, and the connection says why it ended."""
    wire = Wire(max_message=UNREAD_BYTES).begin()
    wire.handler.on_message = lambda _data: wire.stream.pause_reading()
    wire.receive(wire.text("pause", "x" * UNREAD_BYTES, "y") + wire.peer.close(4001, "bye"))
    wire.lose(ConnectionDone())
    assert wire.handler.closed is not None
    assert wire.handler.closed.code == 1006
    assert wire.handler.closed.reason == "what had come in was too much to keep"
    assert wire.stream.take_unread() == Message(b"x" * UNREAD_BYTES, True)
    assert wire.stream.take_unread() is None
