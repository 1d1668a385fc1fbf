"""Events are values."""

from __future__ import annotations

from sennit.engine.event import Close, Event, Failure, Message, Ping, Pong
from sennit.errors import RemoteProtocolError

EVENTS: list[Event] = [
    Message(b"a", True),
    Message(b"a", False),
    Ping(b"a", b"r"),
    Pong(b"a"),
    Close(1000, "a", b"r"),
    Failure(RemoteProtocolError(1002, "a"), b"r"),
]


def test_equality() -> None:
    """Equal to one of the same kind with the same attributes, and to nothing else."""
    again: list[Event] = [
        Message(b"a", True),
        Message(b"a", False),
        Ping(b"a", b"r"),
        Pong(b"a"),
        Close(1000, "a", b"r"),
        Failure(RemoteProtocolError(1002, "a"), b"r"),
    ]
    assert again == EVENTS
    assert len(set(EVENTS + again)) == len(EVENTS)
    assert EVENTS[0] != (b"a", True)


def test_a_representation_says_what_it_is() -> None:
    """For those who look at a failing test."""
    assert repr(EVENTS[0]) == "Message(b'a', True)"
    assert repr(EVENTS[5]) == "Failure(1002, 'a', b'r')"
