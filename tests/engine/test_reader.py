"""The reader: any chunking gives the same, every rule of RFC 6455, 5 is held to."""

from __future__ import annotations

import time
import tracemalloc
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sennit.errors import RemoteProtocolError
from tests.engine.wire import chunked, frame

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
LIMIT = 1 << 20


class Feed:
    """A reader that is asked for all that there is, after each piece.

    Attributes:
        items: what came out so far.
    """

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.items: list[tuple[int, bytes]] = []

    def feed(self, data: bytes) -> None:
        self._reader.feed(data)
        while (item := self._reader.next_item()) is not None:
            opcode, payload, final = item
            assert final
            self.items.append((opcode, payload))


def reader(build: ModuleType, *, client: bool = False, **bounds: int) -> Feed:
    """Return a reader, a server's unless said otherwise."""
    role = build.CLIENT if client else build.SERVER
    return Feed(build.Reader(role, bounds.get("size", LIMIT), bounds.get("fragments", LIMIT)))


def read(build: ModuleType, data: bytes, **options: Any) -> list[tuple[int, bytes]]:
    """Return what one read makes of the data."""
    made = reader(build, **options)
    made.feed(data)
    return made.items


def refused(build: ModuleType, data: bytes, **options: Any) -> int:
    """Return the close code with which the data is refused, whole and byte by byte."""
    with pytest.raises(RemoteProtocolError) as whole:
        read(build, data, **options)
    assert 0 < len(whole.value.reason.encode()) <= 123
    made = reader(build, **options)

    def feed_bytewise() -> None:
        for byte in data:
            made.feed(bytes([byte]))

    with pytest.raises(RemoteProtocolError) as bytewise:
        feed_bytewise()
    assert (bytewise.value.close_code, bytewise.value.reason) == (
        whole.value.close_code,
        whole.value.reason,
    )
    return whole.value.close_code


# -- messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536])
@pytest.mark.parametrize("client", [False, True])
def test_every_class_of_lengths(build: ModuleType, size: int, client: bool) -> None:
    """Both roles, text and binary."""
    payload = b"x" * size
    data = frame(TEXT, payload, masked=not client) + frame(BINARY, payload, masked=not client)
    assert read(build, data, client=client) == [(TEXT, payload), (BINARY, payload)]


def test_fragments_with_control_frames_between(build: ModuleType) -> None:
    """Control frames come at once, the message when it is whole; a character may be cut."""
    euro = "€".encode()
    data = (
        frame(TEXT, b"a" + euro[:1], fin=False)
        + frame(PING, b"p")
        + frame(0, euro[1:2], fin=False)
        + frame(0, b"", fin=False)
        + frame(PONG)
        + frame(0, euro[2:])
    )
    assert read(build, data) == [(PING, b"p"), (PONG, b""), (TEXT, b"a" + euro)]


def test_one_message_does_not_remember_the_other(build: ModuleType) -> None:
    """Fragmented and whole ones in turn."""
    data = (
        frame(TEXT, b"a", fin=False)
        + frame(0, b"b")
        + frame(BINARY, b"\xff", fin=False)
        + frame(0, b"\xfe")
        + frame(TEXT, b"c")
        + frame(TEXT, b"", fin=False)
        + frame(0)
    )
    assert read(build, data) == [(TEXT, b"ab"), (BINARY, b"\xff\xfe"), (TEXT, b"c"), (TEXT, b"")]


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("rsv", range(1, 8))
def test_reserved_bits(build: ModuleType, rsv: int) -> None:
    """1002, since no extension was agreed on (5.2)."""
    assert refused(build, frame(TEXT, b"a", rsv=rsv)) == 1002


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_reserved_opcodes(build: ModuleType, opcode: int) -> None:
    """1002 (5.2)."""
    assert refused(build, frame(opcode)) == 1002


def test_masks_of_the_wrong_side(build: ModuleType) -> None:
    """1002 for a client that masks not, and for a server that does (5.1)."""
    assert refused(build, frame(TEXT, b"a", masked=False)) == 1002
    assert refused(build, frame(TEXT, b"a"), client=True) == 1002


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_control_frames(build: ModuleType, opcode: int) -> None:
    """1002 for a fragment, or for over 125 bytes, as soon as the length is there (5.5)."""
    assert refused(build, frame(opcode, fin=False)) == 1002
    assert refused(build, frame(opcode, b"x" * 126)) == 1002
    assert refused(build, frame(opcode, b"x", form=3)[:2]) == 1002
    assert read(build, frame(opcode, b"x" * 125)) == [(opcode, b"x" * 125)]


@pytest.mark.parametrize(
    ("form", "size"), [(3, 0), (3, 125), (9, 0), (9, 125), (9, 126), (9, 65535), (9, 1 << 63)]
)
def test_lengths_not_in_their_shortest_form(build: ModuleType, form: int, size: int) -> None:
    """1002, and for one with its highest bit set (5.2)."""
    assert refused(build, frame(BINARY, form=form, size=size)) == 1002


def test_fragments_out_of_place(build: ModuleType) -> None:
    """1002 for a continuation of nothing, or a new message in another (5.4)."""
    assert refused(build, frame(0, b"a")) == 1002
    assert refused(build, frame(TEXT, b"a") + frame(0, b"a")) == 1002
    assert refused(build, frame(TEXT, b"a", fin=False) + frame(TEXT, b"a")) == 1002


@pytest.mark.parametrize("pieces", [1, 2])
def test_text_that_is_not_utf8(build: ModuleType, pieces: int) -> None:
    """1007 (8.1), in one frame or several, also if only its last character is cut."""
    for bad in (b"a\xff", b"a\xc3"):
        if pieces == 1:
            data = frame(TEXT, bad)
        else:
            data = frame(TEXT, bad[:1], fin=False) + frame(0, bad[1:])
        assert refused_in_the_end(build, data) == 1007
    assert read(build, frame(BINARY, b"a\xff")) == [(BINARY, b"a\xff")]


def refused_in_the_end(build: ModuleType, data: bytes) -> int:
    """Return the close code; nothing came out of it."""
    made = reader(build)
    with pytest.raises(RemoteProtocolError) as error:
        made.feed(data)
    assert made.items == []
    return error.value.close_code


def test_wrong_text_is_noticed_before_its_end(build: ModuleType) -> None:
    """At its first impossible byte, though the frame and the message go on."""
    made = reader(build)
    data = frame(TEXT, b"abc\xff" + b"d" * 1000, fin=False)
    before = len(data) - 1001
    made.feed(data[:before])
    with pytest.raises(RemoteProtocolError) as error:
        made.feed(data[before : before + 1])
    assert error.value.close_code == 1007


def test_what_came_before_stands(build: ModuleType) -> None:
    """Messages before a violation are not lost."""
    made = reader(build)
    with pytest.raises(RemoteProtocolError):
        made.feed(frame(TEXT, b"good") + frame(3))
    assert made.items == [(TEXT, b"good")]


def test_messages_over_the_limit(build: ModuleType) -> None:
    """1009 when a head announces it, counted over the fragments; the limit itself is taken."""
    assert read(build, frame(BINARY, b"x" * 10), size=10) == [(BINARY, b"x" * 10)]
    assert refused(build, frame(BINARY, size=11), size=10) == 1009
    assert refused(build, frame(BINARY, size=(1 << 63) - 1, form=9), size=10) == 1009
    two = frame(BINARY, b"x" * 6, fin=False)
    assert refused(build, two + frame(0, size=5), size=10) == 1009
    assert read(build, two + frame(0, b"y" * 4), size=10) == [(BINARY, b"x" * 6 + b"y" * 4)]


def test_fragments_over_the_limit(build: ModuleType) -> None:
    """1009; each message is counted by itself, and control frames are not."""
    two = frame(BINARY, fin=False) + frame(PING) + frame(0)
    assert read(build, two * 2, fragments=2) == [(PING, b""), (BINARY, b"")] * 2
    assert refused(build, frame(BINARY, fin=False) + frame(0, fin=False) * 2, fragments=2) == 1009


# -- any chunking, any bytes ---------------------------------------------------------------------

TEXTS = st.text(max_size=60).map(str.encode)
CONTROL = st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=125))


@st.composite
def conversations(draw: st.DrawFn) -> tuple[bytes, list[tuple[int, bytes]]]:
    """Return the bytes of messages and control frames of a client, and what they mean."""
    data, meaning = b"", []
    for _ in range(draw(st.integers(0, 5))):
        text = draw(st.booleans())
        payload = draw(TEXTS if text else st.binary(max_size=300))
        pieces = draw(chunked(payload))
        for number, piece in enumerate(pieces):
            for opcode, control in draw(st.lists(CONTROL, max_size=1)):
                data += frame(opcode, control)
                meaning.append((opcode, control))
            first = (TEXT if text else BINARY) if number == 0 else 0
            data += frame(first, piece, fin=number == len(pieces) - 1)
        meaning.append((TEXT if text else BINARY, payload))
    return data, meaning


@given(st.data(), conversations())
def test_any_chunking_gives_the_same(
    build: ModuleType, data: st.DataObject, conversation: tuple[bytes, list[tuple[int, bytes]]]
) -> None:
    """Whole, in any pieces, byte by byte."""
    wire, meaning = conversation
    assert read(build, wire) == meaning
    for pieces in (data.draw(chunked(wire)), [bytes([byte]) for byte in wire]):
        made = reader(build)
        for piece in pieces:
            made.feed(piece)
        assert made.items == meaning


def outcome_of(build: ModuleType, pieces: list[bytes], client: bool) -> tuple[Any, ...]:
    """Return what came out, and how it ended."""
    made = reader(build, client=client, size=400)
    try:
        for piece in pieces:
            made.feed(piece)
    except RemoteProtocolError as error:
        return made.items, error.close_code, error.reason
    return made.items, None


@settings(max_examples=300)
@given(st.data(), st.binary(max_size=200), st.booleans())
def test_any_bytes_are_items_or_an_error(
    build: ModuleType, data: st.DataObject, wire: bytes, client: bool
) -> None:
    """Never another exception, and the same however they come."""
    whole = outcome_of(build, [wire], client)
    assert outcome_of(build, data.draw(chunked(wire)), client) == whole


@given(st.data(), conversations())
def test_damaged_conversations(
    build: ModuleType, data: st.DataObject, conversation: tuple[bytes, list[tuple[int, bytes]]]
) -> None:
    """One wrong byte gives items or an error, the same however they come."""
    wire = bytearray(conversation[0])
    if wire:
        place = data.draw(st.integers(0, len(wire) - 1))
        wire[place] ^= data.draw(st.integers(1, 255))
    whole = outcome_of(build, [bytes(wire)], client=False)
    assert outcome_of(build, data.draw(chunked(bytes(wire))), client=False) == whole


# -- what it costs -------------------------------------------------------------------------------


def test_an_announced_length_allocates_nothing(build: ModuleType) -> None:
    """Memory follows the bytes that came, not those that are said to come."""
    made = reader(build, size=1 << 40)
    tracemalloc.start()
    try:
        made.feed(frame(BINARY, b"x" * 100, size=1 << 39))
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_small_pieces_do_not_cost_the_square(build: ModuleType) -> None:
    """A message in 4,000 pieces copies each byte a few times, not 4,000 times."""

    def took(pieces: int) -> float:
        made = reader(build, size=1 << 24)
        wire = frame(BINARY, b"x" * (pieces * 1000))
        began = time.process_time()
        for index in range(0, len(wire), 1000):
            made.feed(wire[index : index + 1000])
        assert len(made.items) == 1
        return time.process_time() - began

    took(100)
    few, many = min(took(500) for _ in range(3)), min(took(4000) for _ in range(3))
    # Eight times as much; the square would be sixty-four times.
    assert many < few * 32 + 0.05
