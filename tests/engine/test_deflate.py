"""permessage-deflate: what is agreed on, by the letter of RFC 7692, and what comes of it."""

from __future__ import annotations

import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sennit.engine.build import CLIENT, SERVER, Chunk, Connection, Failure, Message, Ping
from sennit.engine.deflate import (
    Agreement,
    Compressor,
    Decompressor,
    Deflate,
    compress_shared,
)
from sennit.engine.extension import parse_extensions
from sennit.errors import RemoteProtocolError
from tests.engine.wire import chunked, frame

pytestmark = pytest.mark.usefixtures("build")

NAME = "permessage-deflate"
TEXT, BINARY = 1, 2
FULL = Deflate(threshold=0, server_max_window_bits=15, client_max_window_bits=15)


def agreement(
    settings: Deflate = FULL,
    *,
    bits: tuple[int, int] = (15, 15),
    takeover: tuple[bool, bool] = (True, True),
    is_server: bool = True,
) -> Agreement:
    return Agreement(settings, *bits, *takeover, is_server=is_server)


def pair(settings: Deflate = FULL, **options: Any) -> tuple[Connection, Connection]:
    """Return a server and a client that compress."""
    extra = {key: options.pop(key) for key in ("max_message", "streaming") if key in options}
    server = Connection(SERVER, deflate=agreement(settings, is_server=True, **options), **extra)
    client = Connection(CLIENT, deflate=agreement(settings, is_server=False, **options), **extra)
    return server, client


def terms(agreed: Agreement) -> tuple[int, int, bool, bool]:
    return agreed.send_bits, agreed.receive_bits, agreed.send_takeover, agreed.receive_takeover


# -- what is agreed on: the server ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("offer", "answer", "agreed"),
    [
        ("", "", (12, 15, True, True)),
        ("; client_max_window_bits", "; client_max_window_bits=12", (12, 12, True, True)),
        ("; client_max_window_bits=10", "; client_max_window_bits=10", (12, 10, True, True)),
        ("; client_max_window_bits=15", "; client_max_window_bits=12", (12, 12, True, True)),
        ("; server_max_window_bits=15", "; server_max_window_bits=12", (12, 15, True, True)),
        ("; server_max_window_bits=8", "; server_max_window_bits=8", (8, 15, True, True)),
        ('; server_max_window_bits="9"', "; server_max_window_bits=9", (9, 15, True, True)),
        ("; server_no_context_takeover", "; server_no_context_takeover", (12, 15, False, True)),
        ("; client_no_context_takeover", "; client_no_context_takeover", (12, 15, True, False)),
    ],
)
def test_offers_a_server_accepts(
    offer: str, answer: str, agreed: tuple[int, int, bool, bool]
) -> None:
    """Each parameter, with a value and without, and the smaller of two windows."""
    accepted = Deflate().accept(parse_extensions(NAME + offer))
    assert accepted is not None
    assert terms(accepted[0]) == agreed
    assert accepted[1] == NAME + answer


@pytest.mark.parametrize(
    "parameters",
    [
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "server_max_window_bits",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=010",
        "server_max_window_bits=+9",
        "client_max_window_bits=7",
        "client_max_window_bits=x",
        "client_max_window_bits; client_max_window_bits",
        "server_max_window_bits=9; server_max_window_bits=9",
        "no_such_parameter",
    ],
)
def test_offers_a_server_declines(parameters: str) -> None:
    """What is not an offer by 7.1 is passed over; the next one is taken (5.1)."""
    assert Deflate().accept(parse_extensions(f"{NAME}; {parameters}")) is None
    accepted = Deflate().accept(parse_extensions(f"{NAME}; {parameters}, x-other, {NAME}"))
    assert accepted is not None
    assert accepted[1] == NAME


def test_a_server_asks_for_less_memory() -> None:
    """What it wants itself it says, unasked where it may."""
    wanting = Deflate(server_no_context_takeover=True, client_no_context_takeover=True)
    accepted = wanting.accept(parse_extensions(NAME))
    assert accepted is not None
    assert terms(accepted[0])[2:] == (False, False)
    assert accepted[1] == f"{NAME}; server_no_context_takeover; client_no_context_takeover"


# -- what is agreed on: the client ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "offer"),
    [
        (Deflate(), "; server_max_window_bits=12; client_max_window_bits=12"),
        (FULL, "; client_max_window_bits"),
        (
            Deflate(server_no_context_takeover=True, client_no_context_takeover=True),
            (
                "; server_no_context_takeover; client_no_context_takeover; "
                "server_max_window_bits=12; client_max_window_bits=12"
            ),
        ),
    ],
)
def test_a_clients_offer(settings: Deflate, offer: str) -> None:
    """It says what it wants, and that it can hear of a smaller window."""
    assert settings.offer() == NAME + offer


@pytest.mark.parametrize(
    ("settings", "answer", "agreed"),
    [
        (FULL, "", (15, 15, True, True)),
        (FULL, "; server_max_window_bits=9; client_max_window_bits=10", (10, 9, True, True)),
        (FULL, "; server_no_context_takeover", (15, 15, True, False)),
        (FULL, "; client_no_context_takeover", (15, 15, False, True)),
        (Deflate(), "; server_max_window_bits=12", (12, 12, True, True)),
        (Deflate(), "; server_max_window_bits=8; client_max_window_bits=8", (8, 8, True, True)),
        (Deflate(), "; server_max_window_bits=12; client_max_window_bits=15", (12, 12, True, True)),
    ],
)
def test_answers_a_client_takes(
    settings: Deflate, answer: str, agreed: tuple[int, int, bool, bool]
) -> None:
    """It obeys what the server says, and keeps to its own bound where that says nothing or more."""
    taken = settings.agree(parse_extensions(NAME + answer))
    assert taken is not None
    assert terms(taken) == agreed


def test_no_answer_is_no_compression() -> None:
    """A server need not compress."""
    assert FULL.agree(()) is None


@pytest.mark.parametrize(
    ("settings", "answer"),
    [
        (FULL, "x-other"),
        (FULL, f"{NAME}, {NAME}"),
        (FULL, f"{NAME}; client_max_window_bits"),
        (FULL, f"{NAME}; server_max_window_bits=16"),
        (FULL, f"{NAME}; server_no_context_takeover=1"),
        (FULL, f"{NAME}; server_no_context_takeover; server_no_context_takeover"),
        (FULL, f"{NAME}; other"),
        (Deflate(), NAME),
        (Deflate(), f"{NAME}; server_max_window_bits=13"),
        (Deflate(server_no_context_takeover=True), f"{NAME}; server_max_window_bits=12"),
    ],
)
def test_answers_a_client_does_not_take(settings: Deflate, answer: str) -> None:
    """What was not offered, or less than was asked for."""
    with pytest.raises(ValueError, match=r"^(the server|an extension)"):
        settings.agree(parse_extensions(answer))


@given(st.data())
def test_both_sides_agree(data: st.DataObject) -> None:
    """Whatever either wants, they end with the same terms, or without compression."""

    def wanted() -> Deflate:
        return Deflate(
            server_max_window_bits=data.draw(st.integers(8, 15)),
            client_max_window_bits=data.draw(st.integers(8, 15)),
            server_no_context_takeover=data.draw(st.booleans()),
            client_no_context_takeover=data.draw(st.booleans()),
        )

    server, client = wanted(), wanted()
    accepted = server.accept(parse_extensions(client.offer()))
    assert accepted is not None
    agreed = client.agree(parse_extensions(accepted[1]))
    assert agreed is not None
    theirs, ours = terms(accepted[0]), terms(agreed)
    # Each may use less of a window, and forget more, than the other must expect.
    for sender, receiver in ((ours, theirs), (theirs, ours)):
        assert sender[0] <= receiver[1]
        assert sender[2] <= receiver[3]
    assert ours[0] <= client.client_max_window_bits


@pytest.mark.parametrize(
    "values",
    [
        {"level": 0},
        {"level": 10},
        {"memory_level": 0},
        {"memory_level": 10},
        {"threshold": -1},
        {"server_max_window_bits": 7},
        {"client_max_window_bits": 16},
    ],
)
def test_settings_out_of_bounds(values: dict[str, Any]) -> None:
    """A ValueError, where it is said."""
    with pytest.raises(ValueError, match=r"level|window"):
        Deflate(**values)


def test_settings_are_values() -> None:
    """Equal ones make equal frames, and so share them."""
    assert Deflate(level=3) == Deflate(level=3)
    assert Deflate(level=3) != Deflate(level=4)
    assert Deflate() != "Deflate()"
    assert len({Deflate(level=3), Deflate(level=3), Deflate()}) == 2
    assert "level=3" in repr(Deflate(level=3))


# -- messages ------------------------------------------------------------------------------------


MESSAGES = st.lists(st.text(max_size=400) | st.binary(max_size=400), max_size=6)


@given(st.data(), MESSAGES, st.booleans(), st.booleans(), st.integers(8, 15), st.integers(1, 9))
def test_there_and_back(
    data: st.DataObject,
    messages: list[str | bytes],
    server_takeover: bool,
    client_takeover: bool,
    bits: int,
    level: int,
) -> None:
    """Any messages, whole or in fragments, in any chunking, with any agreement."""
    settings = Deflate(threshold=data.draw(st.sampled_from([0, 64, 1000])), level=level)
    sides = pair(settings, bits=(bits, bits), takeover=(server_takeover, client_takeover))
    for sender, receiver in (sides, sides[::-1]):
        wire, meant = b"", []
        for message in messages:
            payload = message.encode() if isinstance(message, str) else message
            binary = isinstance(message, bytes)
            first, *others = data.draw(chunked(payload))
            wire += sender.send(first, binary=binary, fin=not others)
            for number, piece in enumerate(others):
                wire += sender.send_more(piece, fin=number == len(others) - 1)
            meant.append(Message(payload, not binary))
        got = [event for piece in data.draw(chunked(wire)) for event in receiver.receive(piece)]
        assert got == meant


@given(st.data(), st.lists(st.binary(max_size=3000), min_size=1, max_size=3))
def test_in_pieces(data: st.DataObject, messages: list[bytes]) -> None:
    """As a stream the pieces make up the same messages."""
    server, client = pair(streaming=True)
    wire = b"".join(client.send(message, binary=True) for message in messages)
    got = [b""]
    for piece in data.draw(chunked(wire)):
        for event in server.receive(piece):
            assert isinstance(event, Chunk)
            assert event.data or event.final
            got[-1] += event.data
            if event.final:
                got.append(b"")
    assert got == [*messages, b""]


def test_a_peers_zlib_understands() -> None:
    """What is sent is a raw stream with its tail cut off (7.2.1), with RSV1 in the first frame."""
    server, _ = pair()
    inflater = zlib.decompressobj(-15)
    for _ in range(3):
        wire = server.send(b"hello, hello", binary=False)
        assert wire[0] == 0x80 | 0x40 | TEXT
        assert not wire.endswith(b"\x00\x00\xff\xff")
        assert inflater.decompress(wire[2:] + b"\x00\x00\xff\xff") == b"hello, hello"


def test_what_is_under_the_threshold() -> None:
    """It goes as it is, without RSV1, and what follows is understood."""
    server, client = pair(Deflate(threshold=10))
    wire = server.send(b"x" * 9, binary=True)
    assert wire == frame(BINARY, b"x" * 9, masked=False)
    longer = server.send(b"x" * 10, binary=True)
    assert longer[0] & 0x40
    assert client.receive(wire + longer) == [Message(b"x" * 9, False), Message(b"x" * 10, False)]


def test_an_empty_message() -> None:
    """It is one byte, an empty block (7.2.3.6)."""
    server, client = pair()
    wire = server.send(b"", binary=True)
    assert len(wire) == 3
    assert client.receive(wire) == [Message(b"", False)]


def test_takeover_makes_messages_smaller() -> None:
    """The second of two equal messages refers to the first; without takeover it cannot."""
    payload = bytes(range(256))
    sizes = {}
    for takeover in (True, False):
        server, client = pair(takeover=(takeover, True))
        first, second = (server.send(payload, binary=True) for _ in range(2))
        assert client.receive(first + second) == [Message(payload, False)] * 2
        sizes[takeover] = (len(first), len(second))
    assert sizes[True][1] < 20
    assert sizes[False][1] == sizes[False][0] > 200


@pytest.mark.parametrize("bits", range(8, 16))
def test_a_window_is_kept_to(bits: int) -> None:
    """An inflater with a window of so many bits reads everything, messages far apart too."""
    compressor = Compressor(agreement(bits=(bits, 15)))
    inflater = zlib.decompressobj(-bits)
    block = bytes((7 * n + n // 251) % 251 for n in range(1 << bits))
    for data in (block, block[: 1 << (bits - 1)], block, b"x" * 70000, block):
        packed = compressor.compress(data, final=True)
        assert inflater.decompress(packed + b"\x00\x00\xff\xff") == data


# -- what is shared ------------------------------------------------------------------------------


def test_a_shared_frame_between_two_of_ones_own() -> None:
    """The compressor is reset: what it would refer to is elsewhere in the peer's window.

    Without that the message after the shared one comes out wrong, and nobody notices: the second
    half of this test is that mistake.
    """
    own = bytes(range(200))
    shared = bytes(reversed(range(200)))
    packed = compress_shared(shared + shared, FULL, 15)
    assert packed is not None
    wire = frame(BINARY, packed, rsv=4, masked=False)
    meant = [Message(own, False), Message(shared + shared, False), Message(own, False)]

    server, client = pair()
    first = server.send(own, binary=True)
    server.shared_frame_sent()
    assert client.receive(first + wire + server.send(own, binary=True)) == meant

    server, client = pair()
    mistaken = server.send(own, binary=True) + wire + server.send(own, binary=True)
    got = client.receive(mistaken)
    assert got[:2] == meant[:2]
    assert got[2] != meant[2]


def test_a_shared_frame_without_compression() -> None:
    """There is nothing to reset."""
    Connection(SERVER).shared_frame_sent()


def test_what_is_not_worth_sharing_compressed() -> None:
    """Under the threshold, and what does not get smaller."""
    assert compress_shared(b"x" * 63, Deflate(), 12) is None
    assert compress_shared(b"x" * 64, Deflate(), 12) is not None
    assert compress_shared(bytes(range(256)), Deflate(), 12) is None


# -- what is refused -----------------------------------------------------------------------------


def refused(connection: Connection, data: bytes) -> int:
    *_, failure = connection.receive(data)
    assert isinstance(failure, Failure)
    assert 0 < len(failure.error.reason.encode()) <= 123
    return failure.error.close_code


def test_reserved_bits() -> None:
    """1002 for RSV2 and RSV3, and for RSV1 on anything but a message's first frame."""
    for rsv in (1, 2, 3, 5, 6, 7):
        assert refused(pair()[0], frame(TEXT, b"", rsv=rsv)) == 1002
    assert refused(pair()[0], frame(9, b"", rsv=4)) == 1002
    assert refused(pair()[0], frame(8, b"", rsv=4)) == 1002
    assert refused(pair()[0], frame(TEXT, b"", fin=False) + frame(0, b"", rsv=4)) == 1002
    first = frame(TEXT, b"\x00", rsv=4, fin=False)
    assert refused(pair()[0], first + frame(0, b"", rsv=4)) == 1002


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x06", b"\x01\x05\x00\x00\x00"])
def test_what_is_not_compressed_data(data: bytes) -> None:
    """1007, with nothing but the message lost."""
    assert refused(pair()[0], frame(BINARY, data, rsv=4)) == 1007


def test_text_is_checked_after_it_came_out() -> None:
    """1007 for what is not UTF-8, whole or in the end of a stream."""
    for streaming in (False, True):
        server, client = pair(streaming=streaming)
        assert refused(server, client.send(b"ab\xff", binary=False)) == 1007
        server, client = pair(streaming=streaming)
        assert refused(server, client.send("€".encode()[:2], binary=False)) == 1007


@pytest.mark.parametrize("streaming", [False, True])
def test_a_bomb(streaming: bool) -> None:
    """10 MB of zeros are refused at the limit: no more than that ever comes out."""
    server, client = pair(max_message=64 * 1024, streaming=streaming)
    bomb = client.send(bytes(10_000_000), binary=True)
    assert len(bomb) < 20_000
    tracemalloc.start()
    try:
        assert refused(server, bomb) == 1009
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()


def test_the_limit_is_of_what_comes_out() -> None:
    """Exactly so much is taken, in one frame or many, and one byte more is not."""
    data = bytes(range(100)) * 10
    for extra in (b"", b"x"):
        server, client = pair(max_message=1000)
        pieces = [(data + extra)[start : start + 300] for start in range(0, 1001, 300)]
        wire = client.send(pieces[0], binary=True, fin=False)
        wire += client.send_more(pieces[1], fin=False) + client.send_more(pieces[2], fin=False)
        wire += client.send_more(pieces[3], fin=True)
        if extra:
            assert refused(server, wire) == 1009
        else:
            assert server.receive(wire) == [Message(data, False)]


def test_nothing_comes_out_before_it_is_asked_for() -> None:
    """A read full of small bombs costs what is asked for, not a thousand times the read."""
    server, client = pair(max_message=1 << 20)
    wire = b"".join(client.send(bytes(1 << 20), binary=True) for _ in range(60))
    assert len(wire) < 70_000
    tracemalloc.start()
    try:
        server.feed(wire)
        for _ in range(60):
            event = server.next_event()
            assert isinstance(event, Message)
            assert event.data == bytes(1 << 20)
        assert server.next_event() is None
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_control_frames_between_compressed_fragments() -> None:
    """They are never compressed, and come at once."""
    server, client = pair()
    wire = client.send(b"a" * 100, binary=True, fin=False) + client.ping(b"p")
    wire += client.send_more(b"b" * 100, fin=True)
    ping, message = server.receive(wire)
    assert isinstance(ping, Ping)
    assert message == Message(b"a" * 100 + b"b" * 100, False)


# -- streams that end ----------------------------------------------------------------------------


def ended(deflater: Any, data: bytes) -> bytes:
    """Return a message whose block says that it is the last one (7.2.3.4)."""
    return bytes(deflater.compress(data) + deflater.flush(zlib.Z_FINISH)) + b"\x00"


def test_the_example_of_the_specification() -> None:
    """RFC 7692, 7.2.3.4: a block with BFINAL, and an empty one behind it."""
    server, _ = pair()
    wire = frame(TEXT, bytes.fromhex("f348cdc9c9070000"), rsv=4)
    assert server.receive(wire * 2) == [Message(b"Hello", True)] * 2


@pytest.mark.parametrize("takeover", [True, False])
def test_every_message_ends_its_stream(takeover: bool) -> None:
    """Each is read, small and large; where it may, one refers to the one before."""
    server, _ = pair(takeover=(True, takeover))
    before = b""
    for data in (b"Hello", bytes(range(256)) * 200, b"", bytes(range(256)) * 3):
        options: dict[str, Any] = {"zdict": before} if takeover and before else {}
        deflater = zlib.compressobj(6, zlib.DEFLATED, -15, **options)
        wire = frame(BINARY, ended(deflater, data), rsv=4)
        assert server.receive(wire) == [Message(data, False)]
        before = (before + data)[-32768:]


def test_a_stream_ends_within_a_message() -> None:
    """Another goes on, and may refer to what came out of the first."""
    data = bytes(range(256)) * 4
    one = zlib.compressobj(6, zlib.DEFLATED, -15)
    first = one.compress(data) + one.flush(zlib.Z_FINISH)
    two = zlib.compressobj(6, zlib.DEFLATED, -15, zdict=data)
    second = (two.compress(data) + two.flush(zlib.Z_SYNC_FLUSH))[:-4]
    assert len(second) < 40
    server, _ = pair()
    assert server.receive(frame(BINARY, first + second, rsv=4)) == [Message(data * 2, False)]


def test_reading_little_by_little() -> None:
    """However small the steps are, nothing is held back."""
    packed = Compressor(agreement()).compress(b"abc" * 1000, final=True)
    for limit in (1, 2, 7, 258, 10_000):
        decompressor = Decompressor(agreement())
        decompressor.feed(packed, final=True)
        pieces = []
        while piece := decompressor.read(limit):
            assert len(piece) <= limit
            pieces.append(piece)
        assert b"".join(pieces) == b"abc" * 1000


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes(data: bytes, limit: int) -> None:
    """They come out as something, or are refused with 1007."""
    decompressor = Decompressor(agreement())
    decompressor.feed(data, final=True)

    def read() -> int:
        try:
            while decompressor.read(limit):
                pass
        except RemoteProtocolError as error:
            return error.close_code
        return 1007

    assert read() == 1007
