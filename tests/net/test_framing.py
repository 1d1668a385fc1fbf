"""Framing and fan-out groups of stream transports."""

from __future__ import annotations

from sennit.engine.build import Message
from sennit.net.framing import StreamGroup, WebSocketFraming
from tests.net.double import Wire


def test_framings_of_one_kind_are_equal() -> None:
    """They can be keys: connections that share frames share a framing."""
    assert WebSocketFraming() == WebSocketFraming(binary=False)
    assert WebSocketFraming(binary=True) != WebSocketFraming()
    assert len({WebSocketFraming(), WebSocketFraming(), WebSocketFraming(binary=True)}) == 2
    assert WebSocketFraming() != "text"
    assert repr(WebSocketFraming(binary=True)) == "WebSocketFraming(binary=True)"


def test_a_prepared_frame_is_one_message_without_a_mask() -> None:
    """A text framing makes text, a binary one binary messages."""
    assert WebSocketFraming().prepare(b"hi") == b"\x81\x02hi"
    assert WebSocketFraming(binary=True).prepare(b"hi") == b"\x82\x02hi"


def test_a_broadcast_reaches_every_member_and_names_those_that_refuse() -> None:
    """One frame for all; members that are full stay members."""
    group = WebSocketFraming().group()
    wires = [Wire(write_high=10).begin() for _ in range(3)]
    for wire in wires:
        group.add(wire.stream)
        group.add(wire.stream)
    assert len(group) == 3
    wires[1].transport.room = 0
    frame = WebSocketFraming().prepare(b"to everybody")
    assert group.broadcast(frame) == []
    assert group.broadcast(frame) == [wires[1].stream]
    assert len(group) == 3
    assert wires[0].new() == [Message(b"to everybody", True)] * 2
    assert wires[0].transport.sends == 2


def test_members_may_leave_during_a_broadcast() -> None:
    """Somebody taken out meanwhile, or a stranger, changes nothing for the others."""
    group = StreamGroup()
    first, second = Wire().begin(), Wire().begin()
    group.add(first.stream)
    group.add(second.stream)
    write = first.transport.writeSomeData

    def leave(data: bytes) -> int:
        group.discard(second.stream)
        group.discard(object())  # type: ignore[arg-type]  # no member, and no transport
        size: int = write(data)
        return size

    first.transport.writeSomeData = leave
    assert group.broadcast(WebSocketFraming().prepare(b"x")) == []
    assert len(group) == 1
