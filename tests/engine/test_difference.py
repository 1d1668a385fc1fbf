"""The engine beside wsproto: the same traffic, the same verdict, or a difference that is known."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.connection import Connection as Other
from wsproto.connection import ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.events import Event as OtherEvent
from wsproto.extensions import PerMessageDeflate

from sennit.engine import build as ours
from sennit.engine.build import CLIENT, SERVER, Connection
from sennit.engine.deflate import Agreement, Deflate
from tests.engine.wire import chunked, frame

pytestmark = pytest.mark.usefixtures("build")

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
END = ("close", "failure")

Heard = tuple[object, ...]


# -- the two readers -----------------------------------------------------------------------------


def hear(role: int, pieces: Iterable[bytes], *, deflate: bool = False) -> list[Heard]:
    """Return what our engine makes of bytes, up to the end of the connection."""
    agreement = Agreement(Deflate(), 15, 15, True, True, is_server=role == SERVER)
    connection = Connection(role, max_message=1 << 24, deflate=agreement if deflate else None)
    heard: list[Heard] = []
    for piece in pieces:
        for event in connection.receive(piece):
            match event:
                case ours.Message():
                    heard.append(("text" if event.text else "binary", event.data))
                case ours.Ping() | ours.Pong():
                    heard.append((type(event).__name__.lower(), event.data))
                case ours.Close():
                    heard.append(("close", event.code, event.reason))
                case ours.Failure():
                    heard.append(("failure", event.error.close_code))
    return heard


def hear_other(role: int, pieces: Iterable[bytes], *, deflate: bool = False) -> list[Heard]:
    """Return what wsproto makes of them."""
    kind = ConnectionType.SERVER if role == SERVER else ConnectionType.CLIENT
    other = Other(kind, extensions=[_other_deflate(role)] if deflate else [])
    heard: list[Heard] = []
    begun: list[bytes] = []
    for piece in pieces:
        if heard and heard[-1][0] in END:
            break
        other.receive_data(piece)
        for event in other.events():
            _add(heard, begun, event, failed=other.state.name == "OPEN")
            if heard and heard[-1][0] in END:
                # It reads what stands behind a close frame; nothing of that counts (5.5.1).
                break
    return heard


def _add(heard: list[Heard], begun: list[bytes], event: OtherEvent, *, failed: bool) -> None:
    match event:
        case TextMessage() | BytesMessage():
            is_text = isinstance(event, TextMessage)
            begun.append(event.data.encode() if isinstance(event.data, str) else bytes(event.data))
            if event.message_finished:
                heard.append(("text" if is_text else "binary", b"".join(begun)))
                begun.clear()
        case Ping() | Pong():
            heard.append((type(event).__name__.lower(), bytes(event.payload)))
        case CloseConnection():
            # It says by the same event that the peer closes, and that the peer is wrong: then its
            # state is what it was.
            code = int(event.code)
            heard.append(("failure", code) if failed else ("close", code, event.reason or ""))


def _other_deflate(role: int) -> PerMessageDeflate:
    extension = PerMessageDeflate()
    if role == SERVER:
        extension.accept("permessage-deflate; client_max_window_bits=15")
    else:
        extension.finalize("permessage-deflate")
    return extension


# -- traffic -------------------------------------------------------------------------------------

PAYLOADS = st.one_of(
    st.text(max_size=40).map(str.encode),
    st.binary(max_size=40),
    st.sampled_from([b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3", b"x" * 126, b"y" * 65536]),
)
CLOSES = st.one_of(
    st.just(b""),
    st.binary(max_size=3),
    st.builds(
        lambda code, reason: code.to_bytes(2, "big") + reason.encode(),
        st.sampled_from([999, *range(1000, 1014), 1015, 1016, 1100, 2999, 3000, 4999, 5000, 65535]),
        st.text(max_size=20),
    ),
)


@st.composite
def right_frames(draw: st.DrawFn, *, masked: bool) -> bytes:
    """Return a message in frames, with control frames between, or only such a one."""
    if draw(st.integers(0, 4)) == 0:
        return frame(CLOSE, draw(CLOSES)[:125], masked=masked)
    opcode = draw(st.sampled_from([TEXT, BINARY]))
    wire = b""
    pieces = draw(chunked(draw(PAYLOADS)))
    for number, piece in enumerate(pieces):
        if draw(st.integers(0, 3)) == 0:
            control = draw(st.sampled_from([PING, PONG]))
            wire += frame(control, draw(st.binary(max_size=125)), masked=masked)
        fin = number == len(pieces) - 1
        wire += frame(0 if number else opcode, piece, fin=fin, masked=masked)
    return wire


@st.composite
def any_frame(draw: st.DrawFn, *, masked: bool) -> bytes:
    """Return a frame with whatever may be wrong with one."""
    return frame(
        draw(st.integers(0, 15)),
        draw(PAYLOADS)[: draw(st.sampled_from([0, 1, 125, 126]))],
        fin=draw(st.booleans()),
        rsv=draw(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5, 6, 7])),
        masked=masked if draw(st.integers(0, 5)) else not masked,
        form=draw(st.sampled_from([None, None, None, 3, 9])),
    )


@st.composite
def traffic(draw: st.DrawFn) -> tuple[int, bytes]:
    """Return a role, and whole frames for it, right ones and a few that are not."""
    role = draw(st.sampled_from([SERVER, CLIENT]))
    masked = role == SERVER
    one = st.one_of(
        right_frames(masked=masked), right_frames(masked=masked), any_frame(masked=masked)
    )
    return role, b"".join(draw(st.lists(one, max_size=6)))


def assert_same(heard: list[Heard], other: list[Heard]) -> None:
    """Check that both say the same, but for half of a surrogate pair.

    wsproto waits for its third byte, and says what stands between: anything but a message.
    """
    if heard[-1:] == [("failure", 1007)]:
        after = other[len(heard) - 1 :]
        assert {kind for kind, *_ in after} <= {"ping", "pong", *END}
        heard = heard[:-1] + after
    assert heard == other


@settings(max_examples=250, deadline=None)
@given(st.data(), traffic())
def test_the_same_verdict(data: st.DataObject, case: tuple[int, bytes]) -> None:
    """The same messages and control frames, and the same kind of end with the same code."""
    role, wire = case
    pieces = data.draw(chunked(wire))
    assert_same(hear(role, pieces), hear_other(role, pieces))


@settings(max_examples=200, deadline=None)
@given(st.data(), traffic())
def test_no_later(data: st.DataObject, case: tuple[int, bytes]) -> None:
    """Of traffic that breaks off, ours says all that wsproto says, and a failure earlier.

    wsproto waits for a whole head; what is wrong with it is wrong at its first byte.
    """
    role, wire = case
    begun = wire[: data.draw(st.integers(0, len(wire)))]
    heard, other = hear(role, [begun]), hear_other(role, [begun])
    if heard[-1:] == [("failure", 1002)] and heard != other:
        assert heard[:-1] == other
        # Whatever follows, wsproto comes to the same once it looks.
        assert hear_other(role, [begun, bytes(200)]) == heard
    else:
        assert_same(heard, other)


# -- compression ---------------------------------------------------------------------------------


@st.composite
def compressed_traffic(draw: st.DrawFn) -> tuple[int, bytes]:
    """Return a role, and compressed messages for it, some of them damaged."""
    role = draw(st.sampled_from([SERVER, CLIENT]))
    masked = role == SERVER
    deflater = zlib.compressobj(draw(st.integers(0, 9)), zlib.DEFLATED, -15)
    wire = b""
    for _ in range(draw(st.integers(0, 4))):
        packed = deflater.compress(draw(PAYLOADS)) + deflater.flush(zlib.Z_SYNC_FLUSH)
        packed = packed[:-4]
        if draw(st.integers(0, 4)) == 0:
            place = draw(st.integers(0, max(0, len(packed) - 1)))
            packed = packed[:place] + draw(st.binary(max_size=2)) + packed[place + 1 :]
        opcode = draw(st.sampled_from([TEXT, BINARY]))
        pieces = draw(chunked(packed))
        for number, piece in enumerate(pieces):
            rsv = 4 if number == 0 or draw(st.integers(0, 30)) == 0 else 0
            fin = number == len(pieces) - 1
            wire += frame(0 if number else opcode, piece, fin=fin, rsv=rsv, masked=masked)
        wire += draw(st.sampled_from([b"", b"", frame(PING, b"?", rsv=4, masked=masked)]))
    return role, wire


def ends_a_stream(role: int, wire: bytes) -> bool:
    """Return whether a damaged message has become one whose compressed stream has an end."""
    connection = Connection(
        role,
        max_message=1 << 24,
        deflate=Agreement(Deflate(), 15, 15, True, True, is_server=role == SERVER),
    )
    connection.receive(wire)
    return connection.reader._decompressor._keeping


@settings(max_examples=200, deadline=None)
@given(compressed_traffic())
def test_the_same_verdict_on_compressed_messages(case: tuple[int, bytes]) -> None:
    """Messages in their context, data that is none (1007), RSV1 where it may not be (1002)."""
    role, wire = case
    if ends_a_stream(role, wire):
        return
    assert_same(hear(role, [wire], deflate=True), hear_other(role, [wire], deflate=True))


# -- what one says, the other hears --------------------------------------------------------------

MESSAGES = st.lists(
    st.one_of(st.text(max_size=300), st.binary(max_size=300)).flatmap(
        lambda data: st.sampled_from([data, data * 20])
    ),
    max_size=5,
)


@settings(max_examples=100, deadline=None)
@given(MESSAGES, st.sampled_from([SERVER, CLIENT]), st.booleans())
def test_it_hears_us(messages: list[str | bytes], role: int, deflate: bool) -> None:
    """Whole messages and fragments, plain and compressed, and the close frame."""
    agreement = Agreement(Deflate(threshold=20), 15, 15, True, True, is_server=role == SERVER)
    speaker = Connection(role, deflate=agreement if deflate else None)
    wire, said = b"", []
    for number, message in enumerate(messages):
        data = message.encode() if isinstance(message, str) else message
        binary = isinstance(message, bytes)
        if number % 2:
            wire += speaker.send(data[:7], binary=binary, fin=False)
            wire += speaker.send_more(data[7:], fin=True)
        else:
            wire += speaker.send(data, binary=binary)
        said.append(("binary" if binary else "text", data))
    wire += speaker.close(4321, "über")
    heard = hear_other(CLIENT if role == SERVER else SERVER, [wire], deflate=deflate)
    assert heard == [*said, ("close", 4321, "über")]


@settings(max_examples=100, deadline=None)
@given(MESSAGES, st.sampled_from([SERVER, CLIENT]), st.booleans())
def test_we_hear_it(messages: list[str | bytes], role: int, deflate: bool) -> None:
    """The other way round."""
    kind = ConnectionType.SERVER if role == SERVER else ConnectionType.CLIENT
    speaker = Other(kind, extensions=[_other_deflate(role)] if deflate else [])
    wire, said = b"", []
    for message in messages:
        half = len(message) // 2
        for data, finished in ((message[:half], False), (message[half:], True)):
            wire += speaker.send(_message(data, finished))
        said.append(("text", message.encode()) if isinstance(message, str) else ("binary", message))
    wire += speaker.send(CloseConnection(code=4321, reason="über"))
    heard = hear(CLIENT if role == SERVER else SERVER, [wire], deflate=deflate)
    assert heard == [*said, ("close", 4321, "über")]


def _message(data: str | bytes, finished: bool) -> TextMessage | BytesMessage:
    if isinstance(data, str):
        return TextMessage(data=data, message_finished=finished)
    return BytesMessage(data=data, message_finished=finished)


# -- the differences that are known --------------------------------------------------------------


def test_bad_gateway() -> None:
    """1014 was registered after RFC 6455, so it may be on the wire; wsproto does not know it."""
    wire = frame(CLOSE, (1014).to_bytes(2, "big"))
    assert hear(SERVER, [wire]) == [("close", 1014, "")]
    assert hear_other(SERVER, [wire]) == [("failure", 1002)]


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (frame(3)[:1], 1002),
        (frame(PING, fin=False)[:1], 1002),
        (frame(TEXT, b"\xed\xa0\x80", fin=False)[:-1], 1007),
    ],
    ids=["opcode", "fragmented ping", "surrogate"],
)
def test_early(wire: bytes, code: int) -> None:
    """What cannot become right is refused at the byte that makes it wrong."""
    assert hear(SERVER, [wire]) == [("failure", code)]
    assert hear_other(SERVER, [wire]) == []


def test_streams_with_an_end() -> None:
    """A message may end its compressed stream, and the next begin another (RFC 7692, 7.2.3.4)."""
    wire = b""
    for _ in range(2):
        deflater = zlib.compressobj(wbits=-15)
        packed = deflater.compress(b"Hello") + deflater.flush(zlib.Z_FINISH) + b"\x00"
        wire += frame(TEXT, packed, rsv=4)
    assert hear(SERVER, [wire], deflate=True) == [("text", b"Hello"), ("text", b"Hello")]
    assert hear_other(SERVER, [wire], deflate=True) != hear(SERVER, [wire], deflate=True)


def test_a_ping_in_a_compressed_message() -> None:
    """It changes nothing; wsproto takes what follows it for plain (5.4)."""
    agreement = Agreement(Deflate(), 15, 15, True, True, is_server=False)
    client = Connection(CLIENT, deflate=agreement)
    wire = client.send(b"Hel", binary=True, fin=False) + client.ping()
    wire += client.send_more(b"lo", fin=True)
    assert hear(SERVER, [wire], deflate=True) == [("ping", b""), ("binary", b"Hello")]
    assert hear_other(SERVER, [wire], deflate=True) != hear(SERVER, [wire], deflate=True)


def test_bounds() -> None:
    """Ours refuses what is over a limit, with 1009; wsproto has none and takes all that comes."""
    wire = frame(BINARY, b"x" * 11)
    (failure,) = Connection(SERVER, max_message=10).receive(wire)
    assert isinstance(failure, ours.Failure)
    assert failure.error.close_code == 1009
    assert hear_other(SERVER, [wire]) == [("binary", b"x" * 11)]
