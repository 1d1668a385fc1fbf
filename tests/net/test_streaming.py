"""Messages in pieces, in both directions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from sennit.engine.build import Chunk, Close, Message, Ping
from sennit.errors import ConnectionClosedError, ConnectionClosedOK, LocalProtocolError
from sennit.net.broadcast import broadcast
from sennit.net.websocket import WebSocket
from tests.double import outcome
from tests.net.test_websocket import Guest, Room, holding


def open_pair(**settings: Any) -> tuple[WebSocket, Guest]:
    """Return a server's connection, and its client."""
    sockets, handler = holding()
    guest = Room(handler, **settings).enter()
    return sockets[0], guest


def running(coroutine: Any) -> Deferred[Any]:
    deferred: Deferred[Any] = Deferred.fromCoroutine(coroutine)
    return deferred


def finished(coroutine: Any) -> Any:
    """Return what a coroutine that need not wait comes to."""
    return outcome(running(coroutine))


def fragments(guest: Guest, *pieces: bytes, binary: bool = True, fin: bool = True) -> bytes:
    """Return a message of the client in these fragments."""
    first, *others = pieces
    wire = guest.engine.send(first, binary=binary, fin=fin and not others)
    for number, piece in enumerate(others):
        wire += guest.engine.send_more(piece, fin=fin and number == len(others) - 1)
    return wire


async def collect(pieces: AsyncIterator[str | bytes]) -> list[str | bytes]:
    return [piece async for piece in pieces]


# -- receiving -----------------------------------------------------------------------------------


def test_pieces_come_as_they_are_there() -> None:
    """Before their frame is complete, let alone the message."""
    ws, guest = open_pair(streaming=True, max_message=1 << 40)
    wire = fragments(guest, b"abc", b"defg")
    taken: list[Any] = []

    async def take() -> None:
        async for piece in ws.recv_streaming():
            taken.append(piece)  # noqa: PERF401 - one by one is the point

    taking = running(take())
    guest.socket.deliver(wire[:8])
    assert taken == [b"ab"]
    guest.socket.deliver(wire[8:11])
    assert taken == [b"ab", b"c"]
    guest.socket.deliver(wire[11:])
    assert outcome(taking) is None
    assert b"".join(taken) == b"abcdefg"


def test_text_comes_as_text() -> None:
    """A character that was cut comes with the piece that completes it; there are no empty ones."""
    ws, guest = open_pair(streaming=True)
    euro = "€".encode()
    guest.socket.deliver(fragments(guest, b"a" + euro[:1], euro[1:2], euro[2:], binary=False))
    assert finished(collect(ws.recv_streaming())) == ["a", "€"]


def test_an_empty_message_is_one_empty_piece() -> None:
    """So that its reader sees that there was one, and of which kind."""
    ws, guest = open_pair(streaming=True)
    guest.say("", b"", "next")
    assert finished(collect(ws.recv_streaming())) == [""]
    assert finished(collect(ws.recv_streaming())) == [b""]
    assert finished(ws.recv()) == "next"


def test_without_streaming_there_is_one_piece() -> None:
    """The same code reads both."""
    ws, guest = open_pair()
    guest.socket.deliver(fragments(guest, b"ab", b"c"))
    assert finished(collect(ws.recv_streaming())) == [b"abc"]


def test_recv_puts_the_pieces_together() -> None:
    """Whole messages can be had all the same; one whose receiving is cancelled is not lost."""
    ws, guest = open_pair(streaming=True)
    wire = fragments(guest, "zwölf".encode(), b" boxkaempfer", binary=False)
    receiving = running(ws.recv())
    guest.socket.deliver(wire[:9])
    receiving.addErrback(lambda _: None)
    receiving.cancel()
    receiving = running(ws.recv())
    guest.socket.deliver(wire[9:])
    assert outcome(receiving) == "zwölf boxkaempfer"


def test_what_is_left_of_a_message_is_passed_over() -> None:
    """By the next call of either kind, also if it has not come yet."""
    ws, guest = open_pair(streaming=True)
    wire = fragments(guest, b"one", b"two")
    guest.socket.deliver(wire[:9])

    async def first() -> str | bytes:
        async for piece in ws.recv_streaming():
            return piece
        raise AssertionError

    assert finished(first()) == b"one"
    receiving = running(ws.recv())
    guest.socket.deliver(wire[9:])
    assert not receiving.called
    guest.say("next")
    assert outcome(receiving) == "next"


@pytest.mark.parametrize("code", [1000, 1011])
def test_an_end_within_a_message(code: int) -> None:
    """It is an error, whatever the code: the message is not whole."""
    ws, guest = open_pair(streaming=True)
    guest.socket.deliver(fragments(guest, b"one", fin=False))

    async def read() -> None:
        pieces = ws.recv_streaming()
        assert await anext(pieces) == b"one"
        guest.close(code)
        await anext(pieces)

    with pytest.raises(ConnectionClosedError) as caught:
        finished(read())
    assert caught.value.code == code


def test_an_end_before_a_message() -> None:
    """It is what it is for ``recv``."""
    ws, guest = open_pair(streaming=True)
    guest.close()
    with pytest.raises(ConnectionClosedOK):
        finished(collect(ws.recv_streaming()))


def test_a_reader_that_is_slow_stops_the_peer() -> None:
    """From the upper mark on the socket is not read, until the lower one is reached."""
    ws, guest = open_pair(streaming=True, max_message=1 << 40, read_high=1000, read_low=300)
    wire = fragments(guest, b"x" * 5000, fin=False)
    guest.socket.deliver(wire[:408])
    assert guest.socket.reading
    guest.socket.deliver(wire[408:1008])
    assert not guest.socket.reading
    pieces = ws.recv_streaming()
    assert finished(anext(pieces)) == b"x" * 400
    assert not guest.socket.reading
    assert finished(anext(pieces)) == b"x" * 600
    assert guest.socket.reading


def test_a_receiver_object_gets_fragments() -> None:
    """``fragment_received(data, is_text, final)``, bytes as they came."""
    heard: list[tuple[bytes, bool, bool]] = []

    class Receiver:
        def __init__(self, ws: WebSocket) -> None:
            self.ws = ws

        def fragment_received(self, data: bytes, is_text: bool, final: bool) -> None:
            heard.append((data, is_text, final))
            if final:
                self.ws.close()
                self.ws.close()

    guest = Room(Receiver, streaming=True).enter()
    euro = "€".encode()
    guest.socket.deliver(fragments(guest, euro[:2], euro[2:], binary=False) + guest.engine.ping())
    assert heard == [(euro[:2], True, False), (euro[2:], True, True)]
    guest.say("after the close frame: nobody hears it")
    assert len(heard) == 2


def test_a_receiver_object_that_fails_is_closed() -> None:
    """With 1011, as ever."""

    class Receiver:
        def __init__(self, _ws: WebSocket) -> None:
            """Nothing to keep."""

        def fragment_received(self, _data: bytes, _is_text: bool, _final: bool) -> None:
            raise ValueError("no")

    guest = Room(Receiver, streaming=True).enter()
    guest.say("x")
    assert next(event for event in guest.hear() if isinstance(event, Close)).code == 1011


def test_what_came_before_a_loss_is_received_after_it() -> None:
    """Pieces too, while reading was paused."""
    ws, guest = open_pair(streaming=True, read_high=1)
    guest.socket.deliver(fragments(guest, b"a", b"b", b"c"))
    assert not guest.socket.reading
    guest.lose()
    assert finished(ws.recv()) == b"abc"
    with pytest.raises(ConnectionClosedError):
        finished(ws.recv())


# -- sending -------------------------------------------------------------------------------------


async def slowly(*pieces: Any, gates: list[Deferred[None]]) -> AsyncIterator[Any]:
    for piece in pieces:
        gate: Deferred[None] = Deferred()
        gates.append(gate)
        await gate
        yield piece


def test_sending_in_pieces() -> None:
    """Each leaves when it is there; together they are one message."""
    ws, guest = open_pair()
    gates: list[Deferred[None]] = []
    sending = running(ws.send_streaming(slowly("one, ", "zwei", gates=gates)))
    before = guest.socket.sends
    gates[0].callback(None)
    assert guest.socket.sends == before + 1
    assert guest.hear() == []
    gates[1].callback(None)
    assert outcome(sending) is None
    assert guest.hear() == [Message(b"one, zwei", True)]


@pytest.mark.parametrize(
    ("pieces", "text", "heard"),
    [
        ([b"a", b"b"], None, Message(b"ab", False)),
        ([b"a", b"b"], True, Message(b"ab", True)),
        (["a", "b"], None, Message(b"ab", True)),
        ([], None, Message(b"", False)),
        ([], True, Message(b"", True)),
        ([memoryview(b"a"), bytearray(b"b")], None, Message(b"ab", False)),
    ],
)
def test_any_iterable(pieces: list[Any], text: bool | None, heard: Message) -> None:
    """Of text or bytes; of nothing it is an empty message."""
    ws, guest = open_pair()
    finished(ws.send_streaming(iter(pieces), text=text))
    assert guest.hear() == [heard]


def test_nothing_comes_between_the_pieces() -> None:
    """Other messages wait, in their order; control frames need not."""
    ws, guest = open_pair()
    gates: list[Deferred[None]] = []
    sending = running(ws.send_streaming(slowly(b"one", b"two", gates=gates)))
    gates[0].callback(None)
    later = [running(_awaited(ws.send("later"))), running(ws.send_streaming([b"la", b"st"]))]
    assert not ws.send_nowait("at once")
    assert broadcast([ws], "to all") == [ws]
    assert ws.buffered == len("later")
    guest.socket.deliver(guest.engine.ping(b"p"))
    assert ws.ping() is not None
    gates[1].callback(None)
    for done in (sending, *later):
        assert outcome(done) is None
    assert [event for event in guest.hear() if isinstance(event, Message)] == [
        Message(b"onetwo", False),
        Message(b"later", True),
        Message(b"last", False),
    ]
    assert ws.buffered == 0


async def _awaited(sent: Any) -> None:
    await sent


def test_pieces_wait_for_a_slow_peer() -> None:
    """The iterable is asked for the next piece only when there is room."""
    ws, guest = open_pair(write_high=100, write_low=0)
    guest.socket.room = 0
    asked: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(10):
            asked.append(number)
            yield bytes([number]) * 60

    sending = running(ws.send_streaming(pieces()))
    assert len(asked) <= 4
    guest.socket.drain()
    assert outcome(sending) is None
    (message,) = guest.hear()
    assert message == Message(b"".join(bytes([n]) * 60 for n in range(10)), False)


@pytest.mark.parametrize("how", ["fails", "cancelled", "mixed"])
def test_a_message_that_breaks_off(how: str) -> None:
    """The connection is closed with 1011: half a message can be taken back by nothing else."""
    ws, guest = open_pair()
    gates: list[Deferred[None]] = []
    second = "text" if how == "mixed" else b"two"
    sending = running(ws.send_streaming(slowly(b"one", second, gates=gates)))
    gates[0].callback(None)
    failures: list[Any] = []
    sending.addErrback(failures.append)
    if how == "cancelled":
        sending.cancel()
    elif how == "fails":
        gates[1].errback(ValueError("no"))
    else:
        gates[1].callback(None)
    assert len(failures) == 1
    (close,) = guest.hear()
    assert isinstance(close, Close)
    assert (close.code, close.reason) == (1011, "a message broke off")


def test_a_message_that_breaks_off_before_it_began() -> None:
    """Nothing was sent, and nothing is closed."""
    ws, guest = open_pair()

    def pieces() -> Iterator[bytes]:
        raise ValueError("no")
        yield b""

    with pytest.raises(ValueError, match="no"):
        finished(ws.send_streaming(pieces()))
    finished(ws.send_streaming([b"fine"]))
    assert guest.hear() == [Message(b"fine", False)]


@pytest.mark.parametrize("message", ["text", b"bytes", bytearray(b"x")])
def test_a_message_is_not_its_pieces(message: Any) -> None:
    """It would be sent character by character."""
    ws, _ = open_pair()
    with pytest.raises(TypeError, match="use send"):
        finished(ws.send_streaming(message))


def test_a_connection_that_ends_meanwhile() -> None:
    """Before the first piece, while one waits for room, and while the message waits its turn."""
    ws, guest = open_pair(write_high=10, write_low=0)
    guest.socket.room = 0
    results = [
        running(ws.send_streaming([b"x" * 20, b"y" * 20])),
        running(ws.send_streaming([b"z"])),
        running(_awaited(ws.send(b"z"))),
    ]
    errors: list[Any] = []
    for result in results:
        result.addErrback(lambda failure: errors.append(failure.type))
    guest.lose()
    assert errors == [ConnectionClosedError] * 3
    with pytest.raises(ConnectionClosedError):
        finished(ws.send_streaming([b"z"]))


def test_a_turn_that_is_given_up() -> None:
    """A cancelled one leaves its place to the next."""
    ws, guest = open_pair()
    gates: list[Deferred[None]] = []
    first = running(ws.send_streaming(slowly(b"one", gates=gates)))
    second = running(ws.send_streaming([b"two"]))
    third = running(_awaited(ws.send("three")))
    second.addErrback(lambda _: None)
    second.cancel()
    gates[0].callback(None)
    assert outcome(first) is None
    assert outcome(third) is None
    assert guest.hear() == [Message(b"one", False), Message(b"three", True)]


def test_too_many_turns() -> None:
    """They are bounded like those of ``send``."""
    ws, guest = open_pair(write_high=1)
    guest.socket.room = 0
    assert ws.send_nowait("fills it")
    waiting = [ws.send(b"") for _ in range(1024)]
    assert len(waiting) == 1024
    with pytest.raises(LocalProtocolError, match="too many"):
        finished(ws.send_streaming([b"x"]))


# -- what else can be read of a connection -------------------------------------------------------


def test_what_waits_can_be_read() -> None:
    """Bytes that the peer has not taken, those of waiting messages among them."""
    ws, guest = open_pair(write_high=100, write_low=10)
    assert ws.buffered == 0
    guest.socket.room = 0
    assert ws.send_nowait(b"x" * 98)
    assert ws.buffered == 100
    ws.send(b"y" * 50)
    assert ws.buffered == 150
    guest.socket.drain()
    assert ws.buffered == 0


def test_latency() -> None:
    """That of the last ping that was answered, the keepalive's or one's own."""
    sockets, handler = holding()
    room = Room(handler, ping_interval=10)
    guest = room.enter()
    (ws,) = sockets
    assert ws.latency is None
    room.clock.advance(10)
    (ping,) = guest.hear()
    assert isinstance(ping, Ping)
    room.clock.advance(0.5)
    guest.socket.deliver(ping.reply)
    assert ws.latency == 0.5
    asked = ws.ping()
    (ping,) = guest.hear()
    assert isinstance(ping, Ping)
    room.clock.advance(0.25)
    guest.socket.deliver(guest.engine.pong(b"unasked") + ping.reply)
    assert outcome(asked) == 0.25
    assert ws.latency == 0.25


def test_chunks_are_events() -> None:
    """Equal ones are equal."""
    assert Chunk(b"a", True, False) == Chunk(b"a", True, False)
    assert Chunk(b"a", True, False) != Chunk(b"a", True, True)
