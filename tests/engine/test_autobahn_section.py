"""Autobahn|Testsuite, section by section, as tests of ours: both roles, without a network.

``conformance/README.md`` says which of its sections is covered by what.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence

import pytest

from sennit.engine.build import (
    CLIENT,
    CLOSED,
    SERVER,
    Close,
    Connection,
    Event,
    Failure,
    Message,
    Ping,
    Pong,
    encode_frame,
)
from sennit.engine.deflate import Agreement, Deflate
from sennit.engine.extension import parse_extensions
from tests.engine.wire import KEY, frame

pytestmark = pytest.mark.usefixtures("build")

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
LIMIT = 16 << 20


class Echo:
    """One end of ours that sends every message back, and what its peer does and hears.

    Args:
        role: our end's.
        ours: what was agreed on about compression, as our end sees it.
        theirs: as the peer sees it.
    """

    def __init__(
        self, role: int, ours: Agreement | None = None, theirs: Agreement | None = None
    ) -> None:
        options = {"max_message": LIMIT, "max_fragments": 1 << 17}
        self.masked = role == SERVER
        self.connection = Connection(role, deflate=ours, **options)  # type: ignore[arg-type]
        self.peer = Connection(
            CLIENT if self.masked else SERVER,
            deflate=theirs,
            new_mask=lambda: KEY,
            **options,  # type: ignore[arg-type]
        )

    def frame(self, opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
        """Return a frame of the peer's."""
        if len(payload) > 1000:
            mask = KEY if self.masked else None
            return encode_frame(opcode, payload, fin=fin, rsv=rsv, mask=mask)
        return frame(opcode, payload, fin=fin, rsv=rsv, masked=self.masked)

    def fragments(self, opcode: int, payload: bytes, size: int) -> bytes:
        """Return a message in fragments of a size."""
        starts = range(0, max(len(payload), 1), size)
        return b"".join(
            self.frame(
                0 if start else opcode,
                payload[start : start + size],
                fin=start + size >= len(payload),
            )
            for start in starts
        )

    def close(self, code: int = 1000, reason: bytes = b"") -> bytes:
        """Return a close frame of the peer's."""
        return self.frame(CLOSE, code.to_bytes(2, "big") + reason)

    def hear(self, wire: bytes, chop: int = 0) -> list[Event]:
        """Feed our end with the peer's bytes, so many at once; return what the peer then hears."""
        heard: list[Event] = []
        for start in range(0, len(wire), chop or max(len(wire), 1)):
            self.connection.feed(wire[start : start + (chop or len(wire))])
            while (event := self.connection.next_event()) is not None:
                heard += self.peer.receive(self._answer(event))
        return heard

    def _answer(self, event: Event) -> bytes:
        if isinstance(event, Message):
            return self.connection.send(event.data, binary=not event.text)
        return event.reply if isinstance(event, Ping | Close | Failure) else b""


@pytest.fixture(params=[SERVER, CLIENT], ids=["server", "client"])
def echo(request: pytest.FixtureRequest) -> Echo:
    """Return an end of ours, in one role and in the other."""
    return Echo(request.param)


def code_of(heard: Sequence[Event]) -> int:
    """Return the code of the close frame that is all that was heard."""
    (event,) = heard
    assert isinstance(event, Close)
    return event.code


# -- 1: framing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 125, 126, 127, 128, 65535, 65536])
@pytest.mark.parametrize("chop", [0, 997])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_1_messages_of_every_size(echo: Echo, opcode: int, size: int, chop: int) -> None:
    """They come back, also when the network cuts them."""
    payload = (b"*" if opcode == TEXT else b"\xfe") * size
    heard = echo.hear(echo.frame(opcode, payload) + echo.close(), chop)
    assert heard[0] == Message(payload, opcode == TEXT)
    assert code_of(heard[1:]) == 1000


# -- 2: pings and pongs --------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [b"", b"Hello", bytes([0, 255, 254, 253]), b"\xfe" * 125])
@pytest.mark.parametrize("chop", [0, 1])
def test_2_pings(echo: Echo, payload: bytes, chop: int) -> None:
    """Each gets a pong with its payload."""
    assert echo.hear(echo.frame(PING, payload), chop) == [Pong(payload)]


@pytest.mark.parametrize("chop", [0, 1])
def test_2_a_ping_of_126_bytes(echo: Echo, chop: int) -> None:
    """1002."""
    assert code_of(echo.hear(echo.frame(PING, b"\xfe" * 126), chop)) == 1002


@pytest.mark.parametrize("payload", [b"", b"unasked"])
def test_2_pongs_that_nobody_asked_for(echo: Echo, payload: bytes) -> None:
    """They are ignored, and the next ping is answered."""
    assert echo.hear(echo.frame(PONG, payload)) == []
    assert echo.hear(echo.frame(PONG, payload) + echo.frame(PING, b"p")) == [Pong(b"p")]


@pytest.mark.parametrize("chop", [0, 1])
def test_2_ten_pings(echo: Echo, chop: int) -> None:
    """Ten pongs, in order."""
    payloads = [b"ping %d" % number for number in range(10)]
    wire = b"".join(echo.frame(PING, payload) for payload in payloads)
    assert echo.hear(wire, chop) == [Pong(payload) for payload in payloads]


# -- 3: reserved bits ----------------------------------------------------------------------------


@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, CLOSE, PING, PONG])
@pytest.mark.parametrize("chop", [0, 1])
def test_3_reserved_bits(echo: Echo, opcode: int, rsv: int, chop: int) -> None:
    """1002; a message before is still answered, one behind is not."""
    wire = echo.frame(TEXT, b"before") + echo.frame(opcode, b"", rsv=rsv) + echo.frame(TEXT, b"x")
    first, *rest = echo.hear(wire, chop)
    assert first == Message(b"before", True)
    assert code_of(rest) == 1002


# -- 4: opcodes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("payload", [b"", b"payload"])
def test_4_reserved_opcodes(echo: Echo, opcode: int, payload: bytes) -> None:
    """1002; a message before is still answered, a ping behind is not."""
    wire = echo.frame(TEXT, b"before") + echo.frame(opcode, payload) + echo.frame(PING)
    first, *rest = echo.hear(wire)
    assert first == Message(b"before", True)
    assert code_of(rest) == 1002


# -- 5: fragmentation ----------------------------------------------------------------------------


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_5_fragmented_control_frames(echo: Echo, opcode: int) -> None:
    """1002."""
    wire = echo.frame(opcode, b"", fin=False) + echo.frame(0, b"", fin=True)
    assert code_of(echo.hear(wire)) == 1002


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("chop", [0, 1])
@pytest.mark.parametrize("pings", [0, 1, 2])
def test_5_messages_in_fragments(echo: Echo, opcode: int, chop: int, pings: int) -> None:
    """They come back whole; a ping between is answered before."""
    wire = echo.frame(opcode, b"fragment1", fin=False)
    wire += echo.frame(PING, b"ping") * (pings > 0)
    wire += echo.frame(0, b"fragment2", fin=False)
    wire += echo.frame(PING, b"ping") * (pings > 1)
    wire += echo.frame(0, b"fragment3")
    message = Message(b"fragment1fragment2fragment3", opcode == TEXT)
    assert echo.hear(wire, chop) == [*[Pong(b"ping")] * pings, message]


@pytest.mark.parametrize("fin", [False, True])
@pytest.mark.parametrize("before", [b"", b"text"])
@pytest.mark.parametrize("chop", [0, 1])
def test_5_a_continuation_of_nothing(echo: Echo, fin: bool, before: bytes, chop: int) -> None:
    """1002, first of all or after a whole message."""
    wire = (echo.frame(TEXT, before) if before else b"") + echo.frame(0, b"more", fin=fin)
    *answers, close = echo.hear(wire, chop)
    assert answers == ([Message(before, True)] if before else [])
    assert code_of([close]) == 1002


@pytest.mark.parametrize("chop", [0, 1])
def test_5_a_message_within_a_message(echo: Echo, chop: int) -> None:
    """1002."""
    wire = echo.frame(TEXT, b"one", fin=False) + echo.frame(TEXT, b"two")
    assert code_of(echo.hear(wire, chop)) == 1002


# -- 6: UTF-8 ------------------------------------------------------------------------------------

EURO = "κόσμε€😀".encode()


def test_6_empty_fragments(echo: Echo) -> None:
    """They add nothing, wherever they stand."""
    wire = echo.frame(TEXT, b"", fin=False) + echo.frame(0, b"", fin=False) + echo.frame(0)
    wire += echo.frame(TEXT, b"", fin=False) + echo.frame(0, EURO, fin=False) + echo.frame(0)
    assert echo.hear(wire) == [Message(b"", True), Message(EURO, True)]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("chop", [0, 1])
def test_6_text_in_fragments(echo: Echo, size: int, chop: int) -> None:
    """A character may be cut anywhere."""
    assert echo.hear(echo.fragments(TEXT, EURO, size), chop) == [Message(EURO, True)]


VALID = (
    b"hello$world",
    b"\xc2\xa2",
    b"\xe2\x82\xac",
    b"\xf0\xa4\xad\xa2",
    # The first and the last of each length, and around the surrogates
    b"\x00",
    b"\x7f",
    b"\xc2\x80",
    b"\xdf\xbf",
    b"\xe0\xa0\x80",
    b"\xef\xbf\xbf",
    b"\xf0\x90\x80\x80",
    b"\xf4\x8f\xbf\xbf",
    b"\xed\x9f\xbf",
    b"\xee\x80\x80",
    # Characters that are none, which may be sent all the same, and the one for what is unknown
    b"\xef\xbf\xbe",
    b"\xef\xb7\x90",
    b"\xf0\x9f\xbf\xbf",
    b"\xf3\xbf\xbf\xbe",
    b"\xef\xbf\xbd",
    b"\xef\xbb\xbf",
)
"""Well-formed sequences (RFC 3629, 4)."""

INVALID = {
    # Of five and six bytes, and beyond U+10FFFF
    b"\xf8\x88\x80\x80\x80": 1,
    b"\xfc\x84\x80\x80\x80\x80": 1,
    b"\xf7\xbf\xbf\xbf": 1,
    b"\xf4\x90\x80\x80": 2,
    b"\xf5\x80\x80\x80": 1,
    # Continuations of nothing, starts of nothing
    b"\x80": 1,
    b"\xbf": 1,
    b"\x80\xbf\x80": 1,
    b"\xc2 ": 2,
    b"\xe2 ": 2,
    b"\xe2\x82 ": 3,
    b"\xf0\x90 ": 3,
    b"\xf0\x90\x80 ": 4,
    b"\xc2\xc2\xa2": 2,
    # Bytes that are in no text
    b"\xfe": 1,
    b"\xff": 1,
    b"\xfe\xfe\xff\xff": 1,
    # Longer than need be
    b"\xc0\xaf": 1,
    b"\xc1\xbf": 1,
    b"\xc0\x80": 1,
    b"\xe0\x80\xaf": 2,
    b"\xe0\x9f\xbf": 2,
    b"\xe0\x80\x80": 2,
    b"\xf0\x80\x80\xaf": 2,
    b"\xf0\x8f\xbf\xbf": 2,
    b"\xf0\x80\x80\x80": 2,
    # Halves of surrogate pairs, and both of them
    b"\xed\xa0\x80": 2,
    b"\xed\xad\xbf": 2,
    b"\xed\xbf\xbf": 2,
    b"\xed\xa0\x80\xed\xb0\x80": 2,
    b"\xed\xaf\xbf\xed\xbf\xbf": 2,
}
"""Sequences that are not, each with the number of its bytes after which that is certain."""


@pytest.mark.parametrize("text", VALID, ids=bytes.hex)
def test_6_sequences_that_are_text(echo: Echo, text: bytes) -> None:
    """They come back, alone or among others, whole or byte by byte."""
    for payload in (text, b"a" + text + b"b"):
        for wire in (echo.frame(TEXT, payload), echo.fragments(TEXT, payload, 1)):
            assert echo.hear(wire) == [Message(payload, True)]


@pytest.mark.parametrize("text", VALID, ids=bytes.hex)
def test_6_beginnings_of_sequences(text: bytes) -> None:
    """A message may not end within a character."""
    for size in range(1, len(text)):
        if text[0] >= 0x80:
            for role in (SERVER, CLIENT):
                echo = Echo(role)
                assert code_of(echo.hear(echo.frame(TEXT, b"a" + text[:size]))) == 1007


@pytest.mark.parametrize("text", INVALID, ids=bytes.hex)
@pytest.mark.parametrize("before", [b"", "κόσμε".encode()])
def test_6_sequences_that_are_none(echo: Echo, text: bytes, before: bytes) -> None:
    """1007, at the very byte that makes them wrong, within a frame and between frames."""
    certain = len(before) + INVALID[text]
    payload = before + text + b"edited"
    frames = [
        echo.frame(0 if place else TEXT, payload[place : place + 1], fin=False)
        for place in range(len(payload))
    ]
    assert echo.hear(b"".join(frames[: certain - 1])) == []
    assert code_of(echo.hear(frames[certain - 1])) == 1007

    other = Echo(echo.connection.role)
    whole = other.frame(TEXT, payload)
    head = len(whole) - len(payload)
    assert other.hear(whole[: head + certain - 1]) == []
    assert code_of(other.hear(whole[head + certain - 1 :][:1])) == 1007


# -- 7: closing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [TEXT, PING, CLOSE])
def test_7_nothing_counts_after_a_close(echo: Echo, late: int) -> None:
    """Messages before it are answered, then it; what follows it is not."""
    wire = echo.frame(TEXT, b"before") + echo.close() + echo.frame(late)
    first, *rest = echo.hear(wire)
    assert first == Message(b"before", True)
    assert code_of(rest) == 1000
    assert echo.connection.state == CLOSED


def test_7_a_close_within_a_message(echo: Echo) -> None:
    """It closes; the message is lost."""
    wire = echo.frame(TEXT, b"frag", fin=False) + echo.close() + echo.frame(0, b"ment")
    assert code_of(echo.hear(wire)) == 1000


def test_7_a_close_behind_a_large_message(echo: Echo) -> None:
    """Both are answered, in order."""
    payload = b"BAsd7&jh23" * 26_214
    first, *rest = echo.hear(echo.frame(TEXT, payload) + echo.close() + echo.frame(PING))
    assert first == Message(payload, True)
    assert code_of(rest) == 1000


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", 1005),
        (b"\x03", 1002),
        (b"\x03\xe8", 1000),
        (b"\x03\xe8Hello", 1000),
        (b"\x03\xe8" + b"*" * 123, 1000),
        (b"\x03\xe8" + b"*" * 124, 1002),
        (b"\x03\xe8\xce\xba\xed\xa0\x80", 1007),
    ],
)
def test_7_payloads_of_close_frames(echo: Echo, payload: bytes, code: int) -> None:
    """None, half a code, a code, a reason up to 123 bytes, one byte more, one that is no text."""
    assert code_of(echo.hear(echo.frame(CLOSE, payload))) == code


@pytest.mark.parametrize("code", [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999])
def test_7_codes_that_may_be_sent(echo: Echo, code: int) -> None:
    """Each is echoed."""
    assert code_of(echo.hear(echo.close(code))) == code


@pytest.mark.parametrize(
    "code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]
)
def test_7_codes_that_may_not(echo: Echo, code: int) -> None:
    """1002."""
    assert code_of(echo.hear(echo.close(code))) == 1002


# -- 9: limits and speed -------------------------------------------------------------------------


@pytest.mark.parametrize("size", [64 << 10, 256 << 10, 1 << 20, 4 << 20, 8 << 20, 16 << 20])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_9_large_messages(echo: Echo, opcode: int, size: int) -> None:
    """Up to 16 MiB, as the limit is."""
    payload = b"*" * size
    assert echo.hear(echo.frame(opcode, payload), 1 << 16) == [Message(payload, opcode == TEXT)]


@pytest.mark.parametrize("size", [64, 256, 1 << 10, 4 << 10, 64 << 10, 1 << 20, 4 << 20])
def test_9_4_mib_in_fragments(echo: Echo, size: int) -> None:
    """From 65,536 of 64 bytes to a single one."""
    payload = b"*" * (4 << 20)
    assert echo.hear(echo.fragments(BINARY, payload, size), 1 << 16) == [Message(payload, False)]


@pytest.mark.parametrize("chop", [64, 256, 2048])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_9_1_mib_chopped(echo: Echo, opcode: int, chop: int) -> None:
    """One frame that comes in many small pieces."""
    payload = b"*" * (1 << 20)
    assert echo.hear(echo.frame(opcode, payload), chop) == [Message(payload, opcode == TEXT)]


@pytest.mark.parametrize("size", [0, 16, 256, 4096])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_9_many_messages(echo: Echo, opcode: int, size: int) -> None:
    """A thousand, one after the other."""
    message = Message(b"*" * size, opcode == TEXT)
    wire = echo.frame(opcode, message.data)
    assert all(echo.hear(wire) == [message] for _ in range(1000))


# -- 10: automatic fragmentation -----------------------------------------------------------------


def test_10_a_message_that_its_sender_cuts(echo: Echo) -> None:
    """64 KiB in fragments of 1,300 bytes come back."""
    payload = b"*" * 65536
    assert echo.hear(echo.fragments(TEXT, payload, 1300)) == [Message(payload, True)]


def test_10_a_message_that_we_cut(echo: Echo) -> None:
    """The other way round: it arrives, in as many frames as it was cut into."""
    payload = b"*" * 65536
    pieces = [payload[start : start + 1300] for start in range(0, len(payload), 1300)]
    ours = echo.connection
    wire = [ours.send(pieces[0], binary=False, fin=False)]
    wire += [ours.send_more(piece, fin=piece is pieces[-1]) for piece in pieces[1:]]
    assert echo.peer.receive(b"".join(wire)) == [Message(payload, True)]
    assert [data[0] for data in wire] == [0x01, *[0x00] * (len(pieces) - 2), 0x80]


# -- 12 and 13: compression ----------------------------------------------------------------------


def agree(server: Deflate, client: Deflate) -> tuple[Agreement, Agreement]:
    """Return what a server and a client agree on, by the headers."""
    accepted = server.accept(parse_extensions(client.offer()))
    assert accepted is not None
    answered = client.agree(parse_extensions(accepted[1]))
    assert answered is not None
    return accepted[0], answered


def compressing(role: int, server: Deflate, client: Deflate) -> Echo:
    """Return an end of ours, and a peer that it has agreed with on compression."""
    of_server, of_client = agree(server, client)
    pair = (of_server, of_client) if role == SERVER else (of_client, of_server)
    return Echo(role, *pair)


def converse(echo: Echo, payloads: Iterable[bytes], *, binary: bool, size: int = 0) -> int:
    """Let the peer send messages, whole or in fragments, and hear them; return its bytes."""
    sent = 0
    for payload in payloads:
        pieces = [
            payload[start : start + size] for start in range(0, len(payload), size or 1 << 20)
        ]
        wire = echo.peer.send(pieces[0] if size else payload, binary=binary, fin=len(pieces) < 2)
        for number, piece in enumerate(pieces[1:], 2):
            wire += echo.peer.send_more(piece, fin=number == len(pieces))
        sent += len(wire)
        assert echo.hear(wire, 4096) == [Message(payload, not binary)]
    return sent


def _document() -> bytes:
    """JSON as an API would return it."""
    maker = random.Random(12)  # noqa: S311 - the same every time
    people = [
        {"id": number, "name": f"Ærø {maker.random():.6f}", "tags": ["a", "b"][: number % 3]}
        for number in range(4000)
    ]
    return json.dumps(people, ensure_ascii=False).encode()


DOCUMENTS = {
    "json": (_document(), False),
    "html": (
        b"".join(b"<li class='x'><a href='/%d'>%d</a></li>\n" % (n, n * n) for n in range(5000)),
        False,
    ),
    "picture": (bytes((x * y >> 3) & 0xFF for x in range(400) for y in range(400)), True),
    "noise": (random.Random(13).randbytes(150_000), True),  # noqa: S311 - likewise
}
"""What shrinks much, a little, and not at all."""


@pytest.fixture(params=[SERVER, CLIENT], ids=["server", "client"])
def role(request: pytest.FixtureRequest) -> int:
    """Return the role of our end."""
    given: int = request.param
    return given


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize(
    ("size", "cut"),
    [(16, 0), (256, 0), (4096, 0), (131_072, 0), (8192, 256), (131_072, 1024), (131_072, 32_768)],
)
def test_12_compressed_messages(role: int, name: str, size: int, cut: int) -> None:
    """They come back as they were, of every kind and size, whole and in fragments."""
    document, binary = DOCUMENTS[name]
    if not binary:
        document = document.decode().encode("ascii", "replace")
    echo = compressing(role, Deflate(threshold=0), Deflate(threshold=0))
    starts = [number * 7919 % (len(document) - size) for number in range(8)]
    sent = converse(
        echo, (document[start : start + size] for start in starts), binary=binary, size=cut
    )
    if name in ("json", "html") and size >= 4096 and not cut:
        assert sent < 8 * size / 2


PARAMETERS = {
    "nothing asked": Deflate(server_max_window_bits=15, client_max_window_bits=15),
    "no context": Deflate(server_no_context_takeover=True, server_max_window_bits=15),
    "9 bits": Deflate(server_max_window_bits=9, client_max_window_bits=9),
    "8 bits": Deflate(server_max_window_bits=8, client_max_window_bits=8),
    "no context, 9 bits": Deflate(
        server_no_context_takeover=True,
        client_no_context_takeover=True,
        server_max_window_bits=9,
        client_max_window_bits=9,
    ),
    "no context, 15 bits": Deflate(
        server_no_context_takeover=True,
        client_no_context_takeover=True,
        server_max_window_bits=15,
        client_max_window_bits=15,
    ),
}


@pytest.mark.parametrize("of_server", PARAMETERS)
@pytest.mark.parametrize("of_client", PARAMETERS)
@pytest.mark.parametrize("cut", [0, 256])
def test_13_every_agreement(role: int, of_server: str, of_client: str, cut: int) -> None:
    """Whatever two ends ask of each other: messages come back, and refer to what they may."""
    echo = compressing(role, PARAMETERS[of_server], PARAMETERS[of_client])
    document = DOCUMENTS["json"][0].decode().encode("ascii", "replace")
    payloads = [document[start : start + 5000] for start in (0, 3000, 40_000, 3000)]
    converse(echo, payloads, binary=False, size=cut)
