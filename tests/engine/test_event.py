"""Events are values."""

from __future__ import annotations

import pytest

from sennit.engine.build import Chunk, Close, Event, Failure, Message, Ping, Pong
from sennit.errors import RemoteProtocolError

pytestmark = pytest.mark.usefixtures("build")


def events() -> list[Event]:
    """Return one of each kind, and two messages."""
    return [
        Message(b"a", True),
        Message(b"a", False),
        Chunk(b"a", True, False),
        Ping(b"a", b"r"),
        Pong(b"a"),
        Close(1000, "a", b"r"),
        Failure(RemoteProtocolError(1002, "a"), b"r"),
    ]


def test_equality() -> None:
    """Equal to one of the same kind with the same attributes, and to nothing else."""
    some = events()
    assert events() == some
    assert len(set(events() + some)) == len(some)
    assert some[0] != (b"a", True)


def test_a_representation_says_what_it_is() -> None:
    """For those who look at a failing test."""
    assert repr(events()[0]) == "Message(b'a', True)"
    assert repr(events()[-1]) == "Failure(1002, 'a', b'r')"
