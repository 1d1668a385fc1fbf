"""Compression between two ends: agreed on in the handshake, and shared by a broadcast."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from sennit.engine.build import CLIENT, Connection, Event, Failure, Message
from sennit.engine.deflate import Agreement, Deflate
from sennit.engine.extension import parse_extensions
from sennit.net.broadcast import broadcast
from sennit.net.framing import WebSocketFraming
from sennit.net.websocket import WebSocket
from tests.double import outcome
from tests.net.double import Wire, header_of, status_of
from tests.net.test_websocket import Guest, Room, holding

NAME = "permessage-deflate"
LONG = "the same again and again, the same again and again, the same again and again"


class Compressing(Guest):
    """A guest whose engine compresses as it was agreed on."""

    def __init__(self, room: Room, wanted: Deflate) -> None:
        super().__init__(room, {"Sec-WebSocket-Extensions": wanted.offer()})
        answer = header_of(self.head + b"\r\n\r\n", "Sec-WebSocket-Extensions") or ""
        agreed = wanted.agree(parse_extensions(answer))
        assert agreed is not None
        self.agreed: Agreement = agreed
        self.engine = Connection(CLIENT, max_message=1 << 30, deflate=agreed)

    def raw(self) -> bytes:
        """Return the bytes that came since the last look."""
        fresh = bytes(self.socket.taken[self._seen :])
        self._seen = len(self.socket.taken)
        return fresh


def room_of(**settings: Any) -> tuple[Room, list[WebSocket]]:
    sockets, handler = holding()
    return Room(handler, **settings), sockets


def text(message: str) -> Event:
    return Message(message.encode(), True)


# -- agreed on -----------------------------------------------------------------------------------


def test_it_is_off_unless_it_is_wanted() -> None:
    """A server that does not compress agrees to nothing, and refuses RSV1."""
    room, _ = room_of()
    guest = room.enter(**{"Sec-WebSocket-Extensions": NAME})
    assert header_of(guest.head + b"\r\n\r\n", "Sec-WebSocket-Extensions") is None
    guest.engine = Connection(CLIENT, deflate=Deflate().agree(()) or _agreement())
    guest.say(LONG)
    (failure,) = guest.hear()
    assert getattr(failure, "code", None) == 1002


def _agreement() -> Agreement:
    return Agreement(Deflate(), 12, 12, True, True, is_server=False)


def test_a_client_that_does_not_offer_it() -> None:
    """It is spoken to without."""
    room, sockets = room_of(compression=True)
    guest = room.enter()
    assert header_of(guest.head + b"\r\n\r\n", "Sec-WebSocket-Extensions") is None
    sockets[0].send_nowait(LONG)
    assert guest.hear() == [text(LONG)]


def test_a_malformed_offer() -> None:
    """400, as RFC 6455, 9.1 has it."""
    room, _ = room_of(compression=True)
    guest = room.enter(**{"Sec-WebSocket-Extensions": f"{NAME}; ="})
    guest.socket.drain()
    assert status_of(bytes(guest.socket.taken)) == 400


@pytest.mark.parametrize("compression", [True, Deflate(server_no_context_takeover=True)])
def test_both_directions(compression: bool | Deflate) -> None:
    """What is long goes compressed, what is short as it is; the program sees neither."""
    room, sockets = room_of(compression=compression)
    guest = Compressing(room, Deflate())
    guest.say(LONG, "short")
    assert outcome(_recv(sockets[0])) == LONG
    assert outcome(_recv(sockets[0])) == "short"
    sockets[0].send_nowait(LONG)
    sockets[0].send_nowait("short")
    wire = guest.raw()
    assert len(wire) < len(LONG)
    assert guest.engine.receive(wire) == [text(LONG), text("short")]


def _recv(ws: WebSocket) -> Deferred[str | bytes]:
    return Deferred.fromCoroutine(ws.recv())


def test_a_bomb_ends_its_connection() -> None:
    """With 1009, at the limit."""
    room, sockets = room_of(compression=True, max_message=1000)
    guest = Compressing(room, Deflate())
    guest.say("x" * 100_000)
    (close,) = guest.hear()
    assert getattr(close, "code", None) == 1009
    assert sockets[0].closed or sockets[0]._transport.closing


# -- what waits ----------------------------------------------------------------------------------


def test_a_message_that_is_taken_back_leaves_no_hole() -> None:
    """It was not compressed yet: what comes after it does not refer to it."""
    room, sockets = room_of(compression=True, write_high=10, write_low=0)
    guest = Compressing(room, Deflate(threshold=0))
    (ws,) = sockets
    guest.socket.room = 0
    first = bytes(range(100))
    assert ws.send_nowait(first)
    taken_back: Any = ws.send(bytes(range(200)))
    later: Any = ws.send(bytes(range(200)))
    taken_back.addErrback(lambda _: None)
    taken_back.cancel()
    guest.socket.drain()
    assert outcome(later) is None
    assert guest.hear() == [Message(first, False), Message(bytes(range(200)), False)]


# -- shared --------------------------------------------------------------------------------------


def test_a_broadcast_is_compressed_once_for_each_size_of_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And once more without compression, for those that have none."""
    prepared: list[str] = []
    prepare = WebSocketFraming.prepare

    def counting(framing: WebSocketFraming, payload: bytes) -> bytes:
        prepared.append(repr(framing))
        return prepare(framing, payload)

    monkeypatch.setattr(WebSocketFraming, "prepare", counting)
    room, sockets = room_of(compression=True)
    guests: list[Guest] = [
        *(Compressing(room, Deflate(server_max_window_bits=bits)) for bits in (9, 9, 10, 15, 15)),
        room.enter(),
        room.enter(),
    ]
    assert broadcast(sockets, LONG) == []
    assert sorted(prepared) == [
        "WebSocketFraming(binary=False)",
        "WebSocketFraming(binary=False, 10 bits)",
        "WebSocketFraming(binary=False, 12 bits)",
        "WebSocketFraming(binary=False, 9 bits)",
    ]
    for guest in guests:
        assert guest.hear() == [text(LONG)]


def test_a_broadcast_between_messages_of_ones_own() -> None:
    """With context takeover too, each comes out right: nothing refers past the shared one."""
    room, sockets = room_of(compression=True)
    guests = [Compressing(room, Deflate()) for _ in range(2)]
    meant: list[Event] = []
    for turn in range(4):
        own, shared = f"{LONG} own {turn % 2}", f"{LONG[::-1]} shared {turn}"
        for ws in sockets:
            assert ws.send_nowait(own)
        assert broadcast(sockets, shared) == []
        meant += [text(own), text(shared)]
    for guest in guests:
        assert guest.hear() == meant


def test_a_prepared_frame_needs_no_more_than_its_window() -> None:
    """Any inflater with a window of that size reads it, at any point of its stream."""
    agreement = Agreement(Deflate(threshold=0), 9, 15, True, True, is_server=True)
    frame = WebSocketFraming(True, agreement).prepare(b"ab" * 5000)
    assert frame[0] == 0xC2
    inflater = zlib.decompressobj(-9)
    for _ in range(2):
        assert inflater.decompress(frame[2:] + b"\x00\x00\xff\xff") == b"ab" * 5000


def test_framings_that_make_the_same_frames_are_equal() -> None:
    """That is how the hub finds whom a frame is for."""

    def framing(bits: int, binary: bool = False, **settings: Any) -> WebSocketFraming:
        agreed = Agreement(Deflate(**settings), bits, 15, True, True, is_server=True)
        return WebSocketFraming(binary, agreed)

    assert framing(9) == framing(9)
    assert len({framing(9), framing(9), framing(10), framing(9, True), WebSocketFraming()}) == 4
    assert framing(9) != framing(9, level=1)


def test_a_transports_framing_is_that_of_its_agreement() -> None:
    """What the hub prepares for it is compressed, and understood by its peer."""
    server = Agreement(Deflate(threshold=0), 12, 12, True, True, is_server=True)
    client = Agreement(Deflate(threshold=0), 12, 12, True, True, is_server=False)
    wire = Wire(deflate=(server, client)).begin()
    frame = wire.stream.framing.prepare(LONG.encode())
    assert len(frame) < len(LONG)
    assert wire.stream.send(frame)
    assert wire.stream.send(frame)
    assert wire.new() == [text(LONG)] * 2


def test_rsv1_without_an_agreement() -> None:
    """It is a violation, as any reserved bit."""
    wire = Wire().begin()
    wire.receive(bytes.fromhex("c18000000000"))
    assert not any(isinstance(event, Failure) for event in wire.new())
    assert wire.stream.connection.close_sent is not None
    assert wire.stream.connection.close_sent[0] == 1002
