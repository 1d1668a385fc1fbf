"""What a peer can cost: for each kind of malice a bound, in bytes and in seconds.

The bounds are those that ``docs/guide/websocket-limit.md`` names, and each test is named there.
"""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from sennit.engine.build import Close, Message, Pong
from sennit.engine.deflate import Deflate
from sennit.errors import ConnectionClosedError
from sennit.model.request import ConnectionRequest
from sennit.net.coroutine import runner_for
from sennit.net.front_door import FrontDoor
from sennit.net.mount import HandlerMount
from sennit.net.setting import WebSocketSettings
from sennit.net.websocket import WebSocket
from tests.double import outcome
from tests.engine.wire import frame
from tests.net.double import FakeSocket, status_of, upgrade_request
from tests.net.test_compression import Compressing
from tests.net.test_websocket import Guest, Room, echo, holding

TEXT, BINARY, PING = 1, 2, 9
KIB = 1024
MIB = 1024 * KIB
READ = 64 * KIB
"""Bytes that a transport of Twisted's reads at once."""


@contextmanager
def costing(memory: int, seconds: float) -> Iterator[None]:
    """Check what the block takes at its worst.

    The seconds are of the processor, and far more than it takes: they catch the square of
    something, not a slow machine.
    """
    began = time.process_time()
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < memory
    assert time.process_time() - began < seconds


@pytest.fixture(name="bystander")
def _bystander() -> Iterator[tuple[Room, Guest]]:
    """Return a room with an echo, and a guest who still has it in the end."""
    room = Room(echo)
    guest = room.enter()
    yield room, guest
    guest.say("still here?")
    assert guest.hear() == [Message(b"still here?", True)]


def close_of(guest: Guest) -> tuple[int, str]:
    """Return the code and the reason with which a guest was closed."""
    guest.socket.drain()
    close = guest.hear()[-1]
    assert isinstance(close, Close)
    return close.code, close.reason


def arrive(door: FrontDoor) -> Any:
    """Return a connection that has said nothing yet."""
    socket: Any = FakeSocket(door.buildProtocol(None))
    socket.protocol.makeConnection(socket)
    return socket


def in_reads(wire: bytes) -> Iterator[bytes]:
    """Yield bytes as a transport reads them."""
    for start in range(0, len(wire), READ):
        yield wire[start : start + READ]


# -- before there is a WebSocket -----------------------------------------------------------------


def test_a_head_that_drips(bystander: tuple[Room, Guest]) -> None:
    """It has ``head_timeout``, 10 seconds in all, and then gets 408."""
    room = bystander[0]
    socket = arrive(room.door)
    with costing(64 * KIB, 5):
        for byte in upgrade_request("/")[:10]:
            assert not socket.taken
            socket.deliver(bytes([byte]))
            room.clock.advance(1)
    socket.drain()
    assert status_of(socket.taken) == 408
    room.clock.advance(5)
    assert socket.aborted


def test_a_head_without_end(bystander: tuple[Room, Guest]) -> None:
    """Of a head ``max_head`` bytes are kept, 16 KiB; a longer one gets 431, and 5 seconds to go."""
    room = bystander[0]
    socket = arrive(room.door)
    wire = b"GET / HTTP/1.1\r\nX: " + b"x" * MIB
    with costing(256 * KIB, 5):
        for data in in_reads(wire):
            socket.deliver(data)
    socket.drain()
    assert status_of(socket.taken) == 431
    room.clock.advance(5)
    assert socket.aborted


def test_connections_that_say_nothing(bystander: tuple[Room, Guest]) -> None:
    """There are ``max_handshakes`` at most, 1024, for ten seconds; one more gets 503 at once."""
    room = bystander[0]
    silent = [arrive(room.door) for _ in range(1024)]
    late = arrive(room.door)
    late.drain()
    assert status_of(late.taken) == 503
    room.clock.advance(10)
    for socket in silent:
        socket.drain()
        assert status_of(socket.taken) == 408
    room.clock.advance(5)
    assert all(socket.aborted for socket in silent)


def test_a_client_that_talks_before_it_is_let_in() -> None:
    """While ``on_handshake`` decides 16 KiB and one read are kept; after 10 seconds it gets 503."""
    room = Room(echo)
    undecided: Deferred[None] = Deferred(lambda _: None)

    def check(_request: ConnectionRequest) -> Deferred[None]:
        return undecided

    mount = HandlerMount(room.clock, echo, runner_for(room.clock), on_handshake=check)
    door = FrontDoor(room.clock, {"*": mount}, None, WebSocketSettings())
    socket = arrive(door)
    socket.deliver(upgrade_request("/"))
    kept = 0
    with costing(256 * KIB, 5):
        while socket.reading:
            socket.deliver(b"x" * KIB)
            kept += 1
    assert kept == 17
    room.clock.advance(10)
    socket.drain()
    assert status_of(socket.taken) == 503
    assert undecided.called


# -- frames that are too much --------------------------------------------------------------------


def test_a_byte_a_second() -> None:
    """A frame may take as long as it wants: it costs what has come, and pings go on beside it."""
    room = Room(echo, ping_interval=20, ping_timeout=10)
    guest = room.enter()
    wire = frame(BINARY, b"x" * 200)
    with costing(64 * KIB, 5):
        for byte in wire[:-1]:
            guest.socket.deliver(bytes([byte]))
            room.clock.advance(1)
    assert guest.socket.connected
    guest.hear()
    guest.socket.deliver(wire[-1:])
    assert guest.hear()[-1] == Message(b"x" * 200, False)


def test_an_announced_length(bystander: tuple[Room, Guest]) -> None:
    """2^63 - 1 bytes are refused when they are announced; 2^63 is no length."""
    for size, code in (((1 << 63) - 1, 1009), (1 << 63, 1002)):
        guest = bystander[0].enter()
        with costing(64 * KIB, 1):
            guest.socket.deliver(frame(BINARY, size=size, form=9))
            assert close_of(guest)[0] == code


def test_a_hundred_thousand_empty_fragments(bystander: tuple[Room, Guest]) -> None:
    """They are counted: the 65,537th ends it with 1009, and none of them is kept."""
    guest = bystander[0].enter()
    wire = frame(BINARY, fin=False) + frame(0, fin=False) * 99_999
    with costing(2 * len(wire) + 64 * KIB, 20):
        guest.socket.deliver(wire)
        assert close_of(guest) == (1009, "a message has at most 65536 fragments")


def test_a_message_in_fragments_of_one_byte(bystander: tuple[Room, Guest]) -> None:
    """It is put together in one buffer: the message, not an object for each of its bytes."""
    guest = bystander[0].enter()
    payload = bytes(range(256)) * 256
    wire = frame(BINARY, payload[:1], fin=False)
    wire += b"".join(frame(0, payload[n : n + 1], fin=False) for n in range(1, len(payload) - 1))
    wire += frame(0, payload[-1:])
    with costing(512 * KIB, 20):
        for start in range(0, len(wire), 64 * KIB):
            guest.socket.deliver(wire[start : start + 64 * KIB])
        assert guest.hear() == [Message(payload, False)]


def test_small_messages_without_end() -> None:
    """Who receives slowly stops the reading: 32 messages, or 64 KiB, and one read wait."""
    sockets, handler = holding()
    guest = Room(handler).enter()
    with costing(256 * KIB, 5):
        guest.say(*["x"] * 100)
        assert not guest.socket.reading
        for _ in range(100):
            assert outcome(_recv(sockets[0])) == "x"
        assert guest.socket.reading


def _recv(ws: WebSocket) -> Deferred[str | bytes]:
    return Deferred.fromCoroutine(ws.recv())


# -- compressed messages -------------------------------------------------------------------------


def bombing(room: Room, size: int, *, pieces: int = 1) -> tuple[Compressing, bytes]:
    """Return a guest who compresses, and a message of so many zeros as it sends it."""
    guest = Compressing(room, Deflate())
    piece = bytes(size // pieces)
    wire = guest.engine.send(piece, binary=True, fin=pieces == 1)
    for number in range(1, pieces):
        wire += guest.engine.send_more(piece, fin=number == pieces - 1)
    return guest, wire


def test_a_bomb() -> None:
    """10 MB of zeros are 10 KB on the wire: they are refused at ``max_message``, not after."""
    room = Room(echo, compression=True)
    guest, wire = bombing(room, 10_000_000)
    assert len(wire) < 16 * KIB
    with costing(512 * KIB, 5):
        guest.socket.deliver(wire)
        assert close_of(guest) == (1009, "a message has at most 65536 bytes")


def test_a_bomb_in_pieces() -> None:
    """As a stream a message may be of any size; no more comes out than is taken."""
    sockets, handler = holding()
    room = Room(handler, compression=True, streaming=True, max_message=1 << 40)
    guest, wire = bombing(room, 256 * MIB, pieces=256)
    assert len(wire) < 512 * KIB
    with costing(512 * KIB, 5):
        guest.socket.deliver(next(in_reads(wire)))
        assert not guest.socket.reading
        pieces = sockets[0].recv_streaming()
        for _ in range(100):
            assert len(outcome(Deferred.fromCoroutine(_next(pieces)))) <= 64 * KIB
        assert not guest.socket.reading


async def _next(pieces: Any) -> Any:
    return await anext(pieces)


def test_a_farewell_of_bombs() -> None:
    """Of what came before a loss and was not received yet, 8 MiB are kept."""
    sockets, handler = holding()
    guest = Compressing(Room(handler, compression=True), Deflate())
    message = bytes(64 * KIB)
    wire = b"".join(guest.engine.send(message, binary=True) for _ in range(500))
    assert len(wire) < READ
    received: list[int] = []

    async def receive() -> None:
        async for message in sockets[0]:
            received.append(len(message))  # noqa: PERF401 - one by one, none of them kept

    with costing(10 * MIB, 5):
        guest.socket.deliver(wire)
        assert not guest.socket.reading
        guest.lose()
        with pytest.raises(ConnectionClosedError, match="too much to keep"):
            outcome(Deferred.fromCoroutine(receive()))
    assert 8 * MIB < sum(received) <= 8 * MIB + 2 * 64 * KIB


# -- control frames ------------------------------------------------------------------------------


def test_a_flood_of_pings_with_the_answers_read(bystander: tuple[Room, Guest]) -> None:
    """Each is answered; nothing stays."""
    guest = bystander[0].enter()
    with costing(4 * 1024 * KIB, 20):
        for _ in range(10):
            guest.socket.deliver(frame(PING, b"x" * 125) * 1000)
            assert len(guest.hear()) == 1000
            guest.socket.taken.clear()
            guest._seen = 0


def test_a_flood_of_pings_with_the_answers_unread(bystander: tuple[Room, Guest]) -> None:
    """Answers wait up to ``write_high``, 64 KiB, and then only the newest (RFC 6455, 5.5.3)."""
    guest = bystander[0].enter()
    guest.socket.room = 0
    with costing(512 * KIB, 20):
        for number in range(100):
            guest.socket.deliver(frame(PING, b"%125d" % number) * 100)
    guest.socket.drain()
    pongs = guest.hear()
    assert all(isinstance(pong, Pong) for pong in pongs)
    assert len(pongs) < 1200
    assert pongs[-1] == Pong(b"%125d" % 99)


# -- ends ----------------------------------------------------------------------------------------


def test_a_close_that_is_never_answered() -> None:
    """After ``close_timeout``, 5 seconds, it is cut off; what it sends meanwhile goes nowhere."""
    sockets, handler = holding()
    room = Room(handler)
    guest = room.enter()
    closed = sockets[0].close(1000, "enough")
    for _ in range(4):
        guest.say("and another thing")
        room.clock.advance(1)
        assert not closed.called
    room.clock.advance(1)
    assert guest.socket.aborted
    guest.lose()
    assert outcome(closed) is None
    assert (sockets[0].close_code, sockets[0].close_reason) == (
        1006,
        "the peer did not finish the closing in time",
    )
    assert room.clock.getDelayedCalls() == []


def test_a_half_that_is_closed() -> None:
    """An end of the stream without a close frame is an end: 1006, said so."""
    sockets, handler = holding()
    room = Room(handler)
    guest = room.enter()
    receiving = _recv(sockets[0])
    guest.socket.protocol.readConnectionLost()
    guest.socket.drain()
    with pytest.raises(ConnectionClosedError, match="1006 the connection ended without a close"):
        outcome(receiving)
    assert room.clock.getDelayedCalls() == []


def test_a_reset() -> None:
    """1006, and what was seen; whoever waits is told."""
    sockets, handler = holding()
    room = Room(handler, write_high=10)
    guest = room.enter()
    guest.socket.room = 0
    sockets[0].send_nowait("0123456789")
    waiting: list[Any] = [sockets[0].send("x"), sockets[0].ping(), _recv(sockets[0])]
    guest.socket.connectionLost(Failure(ConnectionLost()))
    for deferred in waiting:
        with pytest.raises(ConnectionClosedError, match="1006 the connection was reset"):
            outcome(deferred)
    assert sockets[0].buffered == 0
    assert room.clock.getDelayedCalls() == []


def test_a_peer_that_is_gone_without_a_word() -> None:
    """The keepalive finds it: after an interval and a timeout, 40 seconds unless said otherwise."""
    sockets, handler = holding()
    room = Room(handler, ping_interval=20, ping_timeout=20)
    guest = room.enter()
    for _ in range(41):
        room.clock.advance(1)
    assert guest.socket.aborted
    guest.lose()
    assert sockets[0].close_reason == "nothing was heard after a ping"
    assert room.clock.getDelayedCalls() == []


def test_a_peer_that_never_reads() -> None:
    """``write_high`` and one message wait for it, and the sender is told to wait."""
    sockets, handler = holding()
    guest = Room(handler).enter()
    guest.socket.room = 0
    with costing(256 * KIB, 5):
        taken = 0
        while sockets[0].send_nowait(b"x" * 1000):
            taken += 1
        assert taken == 66
        assert not sockets[0].send_nowait(b"x")
        assert sockets[0].buffered < 70_000


def test_a_peer_that_neither_reads_nor_speaks() -> None:
    """It is as good as dead, and found like one: after 40 seconds."""
    sockets, handler = holding()
    room = Room(handler, ping_interval=20, ping_timeout=20)
    guest = room.enter()
    guest.socket.room = 0
    assert sockets[0].send_nowait(b"x" * READ)
    waiting: Any = sockets[0].send(b"y")
    for _ in range(41):
        room.clock.advance(1)
    assert guest.socket.aborted
    guest.lose()
    with pytest.raises(ConnectionClosedError, match="nothing was heard after a ping"):
        outcome(waiting)
    assert room.clock.getDelayedCalls() == []


def test_all_of_it_at_once() -> None:
    """What one connection holds by all of these together: under 512 KiB, 1 MiB for a moment."""
    sockets, handler = holding()
    guest = Compressing(Room(handler, compression=True), Deflate())
    guest.socket.room = 0
    pings = frame(PING, b"x" * 125) * 100
    almost = bytes(65_500)
    bomb = guest.engine.send(bytes(READ), binary=True)
    last = frame(0, b"and out", fin=True) + bomb * 800
    with costing(MIB, 20):
        while sockets[0].send_nowait(os.urandom(64_000)):
            pass
        for _ in range(10):
            guest.socket.deliver(pings)
        guest.socket.deliver(frame(BINARY, almost))
        guest.socket.deliver(frame(BINARY, almost, fin=False))
        assert guest.socket.reading
        guest.socket.deliver(last[:READ])
        assert not guest.socket.reading
        assert tracemalloc.get_traced_memory()[0] < 512 * KIB
    assert not sockets[0].closed
    assert sockets[0].buffered > 100_000
