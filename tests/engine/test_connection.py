"""A connection: events for bytes, bytes for words, and the closing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sennit.engine.build import (
    CLIENT,
    CLOSED,
    CLOSING,
    OPEN,
    SERVER,
    Close,
    Connection,
    Event,
    Failure,
    Message,
    Ping,
    Pong,
)
from sennit.errors import LocalProtocolError, RemoteProtocolError
from tests.engine.wire import chunked, frame

pytestmark = pytest.mark.usefixtures("build")


def close_frame(code: int, reason: str = "", *, masked: bool = True) -> bytes:
    """Return a close frame."""
    return frame(8, code.to_bytes(2, "big") + reason.encode(), masked=masked)


def test_messages_and_pings() -> None:
    """A ping knows its reply."""
    server = Connection(SERVER)
    events = server.receive(frame(1, b"a") + frame(2, b"b") + frame(9, b"c") + frame(10, b"d"))
    assert events == [
        Message(b"a", True),
        Message(b"b", False),
        Ping(b"c", frame(10, b"c", masked=False)),
        Pong(b"d"),
    ]
    assert server.state == OPEN


def test_the_peer_closes() -> None:
    """Its code is echoed, without the reason; what follows is ignored, nothing can be sent."""
    server = Connection(SERVER)
    events = server.receive(frame(1, b"a") + close_frame(4001, "bye") + frame(1, b"late"))
    assert events == [
        Message(b"a", True),
        Close(4001, "bye", close_frame(4001, masked=False)),
    ]
    assert (server.state, server.close_received, server.close_sent) == (
        CLOSED,
        (4001, "bye"),
        (4001, ""),
    )
    assert server.receive(frame(1, b"later")) == []
    with pytest.raises(LocalProtocolError):
        server.send(b"x", binary=False)


def test_the_peer_closes_without_a_code() -> None:
    """1005, answered likewise."""
    server = Connection(SERVER)
    assert server.receive(frame(8)) == [Close(1005, "", frame(8, masked=False))]
    assert server.close_sent == (1005, "")


def test_we_close() -> None:
    """Messages still arrive, pings get no pong any more, the peer's answer gets no reply."""
    server = Connection(SERVER)
    assert server.close(4000, "enough") == close_frame(4000, "enough", masked=False)
    assert server.state == CLOSING
    assert server.receive(frame(1, b"a") + frame(9, b"p") + close_frame(4000)) == [
        Message(b"a", True),
        Ping(b"p", b""),
        Close(4000, "", b""),
    ]
    assert server.state == CLOSED


def test_a_violation() -> None:
    """It is the last event, with the close frame to write; messages before it are not lost."""
    server = Connection(SERVER)
    events = server.receive(frame(1, b"a") + frame(3) + frame(1, b"b"))
    assert events[0] == Message(b"a", True)
    (failure,) = events[1:]
    assert isinstance(failure, Failure)
    assert failure.error.close_code == 1002
    assert failure.reply == close_frame(1002, failure.error.reason, masked=False)
    assert server.state == CLOSED
    assert server.receive(frame(1)) == []


def test_a_violation_while_closing() -> None:
    """There is no second close frame."""
    server = Connection(SERVER)
    server.close()
    (failure,) = server.receive(frame(3))
    assert isinstance(failure, Failure)
    assert failure.reply == b""


@pytest.mark.parametrize(
    ("payload", "code"), [(b"\x03", 1002), (b"\x03\xed", 1002), (b"\x03\xe8\xff", 1007)]
)
def test_broken_close_frames(payload: bytes, code: int) -> None:
    """Half a code, one not for the wire, a reason that is not UTF-8."""
    (failure,) = Connection(SERVER).receive(frame(8, payload))
    assert isinstance(failure, Failure)
    assert failure.error.close_code == code


def test_a_violation_behind_a_close_frame_is_ignored() -> None:
    """Nothing is read after the last word (5.5.1)."""
    (event,) = Connection(SERVER).receive(close_frame(1000) + frame(3))
    assert isinstance(event, Close)


def test_bounds() -> None:
    """On the message and its fragments, each 1009."""
    for wire in (frame(1, b"12345"), frame(1, fin=False) + frame(0, fin=False) + frame(0)):
        (failure,) = Connection(SERVER, max_message=4, max_fragments=2).receive(wire)
        assert isinstance(failure, Failure)
        assert failure.error.close_code == 1009


def test_fragments_on_their_way_out() -> None:
    """Control frames may come between; nothing else may."""
    server = Connection(SERVER)
    assert server.send(b"a", binary=False, fin=False) == frame(1, b"a", fin=False, masked=False)
    assert server.ping(b"p") == frame(9, b"p", masked=False)
    with pytest.raises(LocalProtocolError, match="not finished"):
        server.send(b"b", binary=False)
    assert server.send_more(b"b", fin=False) == frame(0, b"b", fin=False, masked=False)
    assert server.send_more(b"c", fin=True) == frame(0, b"c", masked=False)
    with pytest.raises(LocalProtocolError, match="no message"):
        server.send_more(b"d", fin=True)
    assert server.send(b"e", binary=True) == frame(2, b"e", masked=False)


MISUSES: list[Callable[[Connection], bytes]] = [
    lambda connection: connection.send(b"", binary=True),
    lambda connection: connection.send_more(b"", fin=True),
    lambda connection: connection.ping(),
    lambda connection: connection.pong(),
    lambda connection: connection.close(),
]


@pytest.mark.parametrize("misuse", MISUSES)
def test_nothing_is_sent_after_a_close_frame(misuse: Callable[[Connection], bytes]) -> None:
    """Nor on a connection that failed when ours was sent before (5.5.1)."""
    closing = Connection(SERVER)
    closing.close()
    with pytest.raises(LocalProtocolError, match="close frame was sent"):
        misuse(closing)


def test_a_refused_close_closes_nothing() -> None:
    """A code that may not be sent, and then one that may."""
    server = Connection(SERVER)
    for code, reason in ((1005, ""), (1000, "x" * 124), (None, "why")):
        with pytest.raises(LocalProtocolError):
            server.close(code, reason)
    assert (server.state, server.close_sent) == (OPEN, None)
    assert server.close(None) == frame(8, masked=False)


def test_control_payloads_have_125_bytes() -> None:
    """Pings and pongs."""
    server = Connection(SERVER)
    for control in (server.ping, server.pong):
        assert len(control(b"x" * 125)) == 127
        with pytest.raises(LocalProtocolError, match="125"):
            control(b"x" * 126)


def test_a_client_masks_with_new_keys() -> None:
    """Four unpredictable bytes for each frame; a server uses none."""
    client = Connection(CLIENT)
    keys = {client.send(b"", binary=True)[2:6] for _ in range(50)}
    assert len(keys) == 50
    fixed = Connection(CLIENT, new_mask=lambda: b"\x12\x34\x56\x78")
    assert fixed.send(b"hello", binary=False) == frame(1, b"hello")


WORDS = st.tuples(
    st.sampled_from(["text", "binary", "ping", "pong"]), st.text(max_size=40).map(str.encode)
)


def kind_of(event: Message | Ping | Pong) -> str:
    """Return what of ``WORDS`` an event says."""
    if isinstance(event, Message):
        return "text" if event.text else "binary"
    return type(event).__name__.lower()


@given(st.data(), st.lists(WORDS, max_size=6), st.sampled_from([CLIENT, SERVER]))
def test_what_one_says_the_other_hears(
    data: st.DataObject, words: list[tuple[str, bytes]], role: int
) -> None:
    """In any pieces, in both directions, to the end."""
    speaker, listener = Connection(role), Connection(SERVER if role == CLIENT else CLIENT)
    wire = b""
    for kind, payload in words:
        if kind == "ping":
            wire += speaker.ping(payload[:125])
        elif kind == "pong":
            wire += speaker.pong(payload[:125])
        else:
            wire += speaker.send(payload, binary=kind == "binary")
    wire += speaker.close(1000, "done")
    events: list[Event] = []
    for piece in data.draw(chunked(wire)):
        events += listener.receive(piece)
    heard = [
        (kind_of(event), event.data) for event in events if isinstance(event, Message | Ping | Pong)
    ]
    assert heard == [(kind, payload[:125] if "ing" in kind else payload) for kind, payload in words]
    assert isinstance(events[-1], Close)
    assert (events[-1].code, events[-1].reason) == (1000, "done")
    (answer,) = speaker.receive(events[-1].reply)
    assert answer == Close(1000, "", b"")
    assert speaker.state == listener.state == CLOSED


@given(st.lists(st.binary(max_size=60), max_size=8), st.sampled_from([CLIENT, SERVER]))
def test_any_bytes_are_events(pieces: list[bytes], role: int) -> None:
    """Never an exception; a failure is the last event and knows its close frame."""
    connection = Connection(role, max_message=100)
    events: list[Event] = []
    for piece in pieces:
        events += connection.receive(piece)
    for event in events[:-1]:
        assert not isinstance(event, Failure | Close)
    if events and isinstance(events[-1], Failure):
        assert isinstance(events[-1].error, RemoteProtocolError)
        assert events[-1].reply
    if connection.state == CLOSED:
        assert isinstance(events[-1], Failure | Close)
