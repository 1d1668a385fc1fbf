"""A response without end as a transport: bounds, order, and both ends of it."""

from __future__ import annotations

from typing import Any

import pytest

from sennit.model.request import Closed
from sennit.web.framing import EVENTS, LINES, MESSAGES, ResponseFraming
from sennit.web.stream import HELD_BYTES, HELD_FRAMES
from tests.double import LogKeeper
from tests.web.reader import Door, Reader

MANY = 64 * 1024
"""Bytes from which on Twisted says that it has enough."""


def opened(**settings: Any) -> tuple[Door, Reader, Any]:
    """Return a port, somebody who reads there, and the transport."""
    door = Door(**settings)
    reader = door.stream()
    reader.take()
    return door, reader, door.handler.transport


# -- writing -------------------------------------------------------------------------------------


def test_frames_arrive_at_once() -> None:
    """Each in a chunk of its own, as soon as it is sent."""
    _, reader, transport = opened()
    assert transport.send(transport.framing.prepare(b"one"))
    assert reader.take() == b"one\n"
    assert transport.send(transport.framing.prepare(b"two"))
    assert reader.take() == b"two\n"


def test_a_full_response_refuses_whole_frames() -> None:
    """Nothing of what is refused is sent, and there is word once all that was taken is gone."""
    door, reader, transport = opened()
    reader.socket.room = 0
    frame = b"x" * 1023 + b"\n"
    taken = 0
    while transport.send(frame):
        taken += 1
        assert taken < 1000, "there is no bound"
    assert MANY <= transport.buffered < MANY + 4096
    assert not transport.send(b"refused\n")
    assert door.handler.writables == 0
    reader.read(MANY // 2)
    assert not transport.send(b"still refused\n")
    reader.read()
    assert door.handler.writables == 1
    assert (transport.buffered, transport.send(b"taken\n")) == (0, True)
    assert reader.take() == frame * taken + b"taken\n"


def test_writable_comes_only_to_who_was_refused() -> None:
    """A queue that fills and empties is no news to others."""
    door, reader, transport = opened()
    reader.socket.room = 0
    transport.send(b"x" * (MANY + 1))
    reader.read()
    assert door.handler.writables == 0


def test_much_at_once_for_a_client_that_reads() -> None:
    """It is not taken for a slow one: the socket is tried before anything is refused."""
    door, reader, transport = opened()
    for _ in range(50):
        assert transport.send(b"x" * MANY)
    assert len(reader.take()) == 50 * MANY
    reader.socket.broken = True
    transport.send(b"x" * (MANY + 1))
    assert not transport.send(b"x")
    assert door.handler.closed is None
    reader.socket.drain()
    assert door.handler.closed is not None


def test_a_handler_that_fills_it_again() -> None:
    """It is asked again each time, and what it sends stays in order."""
    door, reader, transport = opened()
    reader.socket.room = 0
    waiting = [b"%d\n" % number * MANY for number in range(5)]
    everything = b"".join(waiting)

    def send() -> None:
        while waiting and transport.send(waiting[0]):
            waiting.pop(0)

    door.handler.on_writable = send
    send()
    assert len(waiting) == 4
    for _ in range(5):
        reader.read(2 * MANY + 100)
    assert (waiting, reader.take()) == ([], everything)
    assert door.handler.writables == 4


def test_a_client_that_goes_away_after_it_was_slow_is_noticed() -> None:
    """Its connection is read again once it has caught up."""
    door, reader, transport = opened()
    reader.socket.room = 0
    transport.send(b"x" * (MANY + 1))
    assert not reader.socket.reading
    reader.read()
    assert reader.socket.reading
    reader.lose()
    assert door.handler.closed is not None


def test_what_comes_behind_the_request_is_bounded() -> None:
    """The connection is not read any more, neither then nor after it was slow."""
    _, reader, transport = opened()
    reader.socket.deliver(b"x" * 20_000)
    assert not reader.socket.reading
    reader.socket.room = 0
    transport.send(b"x" * (MANY + 1))
    reader.read()
    assert not reader.socket.reading


# -- reading -------------------------------------------------------------------------------------


def test_the_first_frame_and_uplinks() -> None:
    """They come in order, and are text."""
    door, _, _ = opened()
    assert [door.uplink(b"s1@here:%d" % number) for number in range(3)] == [204] * 3
    assert door.handler.messages == [(b"hello", True), *((b"%d" % n, True) for n in range(3))]


def test_uplinks_wait_while_the_handler_does_not_read() -> None:
    """Their answers wait too, and come in order, as each was taken."""
    door, _, transport = opened()
    transport.pause_reading()
    readers = []
    for number in range(3):
        reader = Reader(door.connect())
        reader.send("/uplink", body=b"s1@here:%d" % number)
        readers.append(reader)
    assert [reader.status for reader in readers] == [0, 0, 0]
    assert len(door.handler.messages) == 1

    def pause_after_one(data: bytes) -> None:
        if data == b"1":
            transport.pause_reading()

    door.handler.on_message = pause_after_one
    transport.resume_reading()
    for reader in readers:
        reader.read()
    assert [reader.status for reader in readers] == [204, 204, 0]
    transport.resume_reading()
    readers[2].read()
    assert readers[2].status == 204
    assert [data for data, _ in door.handler.messages] == [b"hello", b"0", b"1", b"2"]


def test_a_pause_from_inside() -> None:
    """What comes while a message is handled waits for its turn."""
    door, _, transport = opened()
    door.handler.on_message = lambda _: transport.pause_reading()
    assert [door.uplink(b"s1@here:a"), door.uplink(b"s1@here:b")] == [204, 0]
    transport.resume_reading()
    assert [data for data, _ in door.handler.messages] == [b"hello", b"a", b"b"]


@pytest.mark.parametrize(
    ("size", "room"), [(1, HELD_FRAMES), (60_000, HELD_BYTES // 60_000)], ids=["many", "large"]
)
def test_too_many_uplinks_that_wait(size: int, room: int) -> None:
    """One more gets 429, is not kept, and the connection goes on."""
    door, reader, transport = opened()
    transport.pause_reading()
    uplink = b"s1@here:" + b"x" * size
    assert [door.uplink(uplink) for _ in range(room)] == [0] * room
    status, headers, _ = door.ask("/uplink", body=uplink)
    assert (status, headers["retry-after"]) == (429, "5")
    transport.resume_reading()
    assert len(door.handler.messages) == room + 1
    assert door.uplink(b"s1@here:more") == 204
    transport.send(b"well\n")
    assert reader.take() == b"well\n"


def test_the_end_answers_uplinks_that_wait() -> None:
    """Nobody wants them, and nobody waits for ever; one whose client has gone is no matter."""
    door, reader, transport = opened()
    transport.pause_reading()
    first, second = Reader(door.connect()), Reader(door.connect())
    for waiting in (first, second):
        waiting.send("/uplink", body=b"s1@here:x")
    first.lose()
    reader.lose()
    second.read()
    assert second.status == 204
    assert len(door.handler.messages) == 1


def test_text_is_utf_8() -> None:
    """Else it is no message: the connection ends with 3501."""
    door = Door()
    reader = door.stream(b"\xff")
    assert reader.take() == b"bye 3501 bad request: not UTF-8\n"
    assert (door.handler.messages, reader.complete) == ([], True)


def test_binary_frames() -> None:
    """They are any bytes, and come back without anything around them."""
    door = Door()
    reader = door.stream(b"\xff\x00", Content_Type="application/octet-stream")
    assert reader.headers["content-type"] == "application/octet-stream"
    assert door.handler.messages == [(b"\xff\x00", False)]
    transport = door.handler.transport
    transport.send(transport.framing.prepare(b"\x01\x02"))
    assert reader.take() == b"\x01\x02"


# -- its end -------------------------------------------------------------------------------------


def test_a_client_that_goes_away() -> None:
    """It is noticed at once, and its session is known no more."""
    door, reader, transport = opened()
    reader.lose()
    assert door.handler.closed == Closed(1006, "the client has gone")
    assert (len(door.relay), len(door.reception.responses)) == (0, 0)
    assert door.reception.limits.connections == 0
    assert door.uplink(b"s1@here:x") == 500
    assert transport.send(b"nowhere\n")
    assert transport.buffered == 0
    transport.disconnect(3000, "nowhere")
    transport.resume_reading()


def test_a_client_that_closes_its_half() -> None:
    """It has gone, as far as HTTP is concerned."""
    door, reader, _ = opened()
    reader.socket.protocol.readConnectionLost()
    reader.socket.drain()
    assert door.handler.closed is not None


def test_a_slow_client_that_closes_its_half() -> None:
    """Twisted does not bound what is written any more, so it is cut off with the next frame."""
    _, reader, transport = opened()
    reader.socket.room = 0
    transport.send(b"x" * 100)
    reader.socket.protocol.readConnectionLost()
    assert transport.send(b"one more\n")
    assert reader.socket.aborted


def test_a_disconnect() -> None:
    """The farewell is the last frame, the response ends, and the connection can go on."""
    door, reader, transport = opened()
    transport.send(b"last\n")
    transport.disconnect(3001, "shutdown")
    transport.disconnect(3000, "not heard")
    assert transport.send(b"nowhere\n")
    assert door.handler.closed is None
    assert reader.take() == b"last\nbye 3001 shutdown\n"
    assert reader.complete
    door.clock.advance(0)
    closed = door.handler.closed
    assert closed == Closed(1006, "the response was ended", 3001, "shutdown")
    again = Reader(reader.socket)
    again.send("/stream", body=b"again")
    assert again.status == 200
    assert door.handler.messages == [(b"again", True)]


def test_an_ended_session_takes_uplinks_for_a_while() -> None:
    """They may have crossed the farewell, and an error would bring the client back."""
    door, _, transport = opened()
    transport.disconnect(3500, "stay away")
    assert door.uplink(b"s1@here:x") == 204
    door.clock.advance(0)
    assert door.uplink(b"s1@here:x") == 204
    door.clock.advance(door.relay.LINGER)
    assert door.uplink(b"s1@here:x") == 500
    assert len(door.handler.messages) == 1


def test_a_disconnect_of_a_slow_client() -> None:
    """The response ends once everything before the farewell is read."""
    door, reader, transport = opened(close_timeout=5)
    reader.socket.room = 0
    transport.send(b"x" * (MANY + 1))
    transport.disconnect(3008, "slow")
    door.clock.advance(4)
    assert door.handler.closed is None
    reader.read()
    assert reader.take() == b"x" * (MANY + 1) + b"bye 3008 slow\n"
    assert reader.complete
    door.clock.advance(0)
    assert door.handler.closed is not None
    assert not reader.socket.aborted


def test_a_client_that_never_reads_the_end() -> None:
    """It is cut off."""
    door, reader, transport = opened(close_timeout=5)
    reader.socket.room = 0
    transport.send(b"x" * (MANY + 1))
    transport.disconnect(3008, "slow")
    door.clock.advance(5)
    assert reader.socket.aborted
    reader.lose()
    assert door.handler.closed == Closed(1006, "the client has gone", 3008, "slow")


def test_old_http() -> None:
    """Without chunks: the end of the response is that of the connection."""
    door = Door()
    reader = Reader(door.connect())
    reader.send("/stream", body=b"hello", version="1.0")
    assert (reader.status, "transfer-encoding" in reader.headers) == (200, False)
    transport = door.handler.transport
    transport.send(b"one\n")
    assert reader.take() == b"one\n"
    transport.disconnect(3001, "shutdown")
    assert reader.take() == b"bye 3001 shutdown\n"
    assert reader.socket.disconnected


def test_time_is_no_reason_to_end_it() -> None:
    """None of the site's timeouts is for an answer that goes on."""
    door, reader, transport = opened()
    door.clock.pump([10] * 1000)
    assert transport.send(b"still here\n")
    assert reader.take() == b"still here\n"


@pytest.mark.parametrize("where", ["on_made", "on_message", "on_writable", "on_lost"])
def test_a_handler_that_fails(where: str) -> None:
    """That is logged, and ends the one connection with 3004, if it is not over."""
    door = Door()

    def fail(*_: object) -> None:
        raise RuntimeError("a mistake")

    door.mount.on_open = lambda handler: setattr(handler, where, fail)
    with LogKeeper() as log:
        reader = door.stream()
        if where == "on_writable":
            reader.socket.room = 0
            door.handler.transport.send(b"x" * (MANY + 1))
            door.handler.transport.send(b"refused")
        reader.read()
        if where == "on_lost":
            reader.lose()
    assert [failure.type for failure in log.failures()] == [RuntimeError]
    if where != "on_lost":
        assert reader.take().endswith(b"bye 3004 internal server error\n")
        assert reader.complete


# -- fan-out -------------------------------------------------------------------------------------


def test_a_broadcast() -> None:
    """Everybody gets it who has room; the others are told of, and remain."""
    door = Door()
    readers = [door.stream() for _ in range(3)]
    transports = [handler.transport for handler in door.mount.handlers]
    group = LINES.group()
    for transport in [*transports, transports[0]]:
        group.add(transport)
    assert len(group) == 3
    readers[1].socket.room = 0
    transports[1].send(b"x" * (MANY + 1))
    assert list(group.broadcast(LINES.prepare(b"all"))) == [transports[1]]
    assert [readers[n].take() for n in (0, 2)] == [b"all\n"] * 2
    group.discard(transports[1])
    group.discard(transports[1])
    assert len(group) == 2
    assert list(group.broadcast(b"x\n")) == []


def test_framings() -> None:
    """Equal ones make equal frames."""
    assert {LINES, ResponseFraming(behind=b"\n")} == {LINES}
    assert len({LINES, EVENTS, MESSAGES}) == 3
    made = [framing.prepare(b"{}") for framing in (LINES, EVENTS, MESSAGES)]
    assert made == [b"{}\n", b"data: {}\n\n", b"{}"]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_line_ends_in_an_event(end: bytes) -> None:
    """None of them ends the event, or begins another field; the client sees a line end there."""
    payload = b'{"a":%b%bevent: x%b1}' % (end, end, end)
    assert EVENTS.prepare(payload) == b'data: {"a":\ndata: \ndata: event: x\ndata: 1}\n\n'
    assert LINES.prepare(payload) == payload + b"\n"
