"""What a connection makes of bytes, and what has to hold whatever they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sennit.engine.build import (
    CLIENT,
    CLOSED,
    SERVER,
    Chunk,
    Close,
    Connection,
    Event,
    Failure,
    Message,
    Ping,
    Pong,
)

__all__ = ["Outcome", "check_chunking", "outcome_of"]

Heard = tuple[object, ...]
MOST_EVENTS = 100_000
"""Far more than an input can hold: a reader that goes on for ever stops here."""
SMALL = 4096
"""Bytes that are fed one by one; more of them would take too long."""


@dataclass
class Outcome:
    """What came out of some bytes.

    Attributes:
        heard: whole messages, pings, pongs and the end, as plain values.
        begun: the message that had begun when the bytes, or the connection, ended.
        failed: whether the connection failed.
        ended: whether the peer has ended a compressed stream.
    """

    heard: list[Heard] = field(default_factory=list)
    begun: bytes = b""
    failed: bool = False
    ended: bool = False


def outcome_of(connection: Connection, pieces: Sequence[bytes], limit: int) -> Outcome:
    """Feed a connection, and check every event by itself.

    Args:
        connection: new, or with a close frame sent.
        pieces: the bytes.
        limit: its ``max_message``.
    """
    outcome = Outcome()
    sent = connection.close_sent is not None
    count = 0
    for piece in pieces:
        connection.feed(piece)
        while (event := connection.next_event()) is not None:
            count += 1
            assert count < MOST_EVENTS, "events without end"
            assert not outcome.heard or outcome.heard[-1][0] not in ("close", "failure")
            _hear(outcome, event, sent, limit, deflated=connection.deflate is not None)
            _check_reply(connection, event)
    ended = bool(outcome.heard) and outcome.heard[-1][0] in ("close", "failure")
    assert ended == (connection.state == CLOSED)
    outcome.ended = _ended_stream(connection)
    return outcome


def _ended_stream(connection: Connection) -> bool:
    if connection.deflate is None:
        return False
    return connection.reader._decompressor._keeping  # noqa: SLF001 - nobody else needs to know


def _hear(outcome: Outcome, event: Event, sent: bool, limit: int, *, deflated: bool) -> None:
    match event:
        case Message():
            assert len(event.data) <= limit, "a message over the limit"
            if event.text:
                event.data.decode()
            outcome.heard.append(("message", event.text, event.data))
        case Chunk():
            outcome.begun += event.data
            assert len(outcome.begun) <= limit, "a message over the limit, in pieces"
            if event.final:
                if event.text:
                    outcome.begun.decode()
                outcome.heard.append(("message", event.text, outcome.begun))
                outcome.begun = b""
        case Ping():
            assert len(event.data) <= 125
            assert bool(event.reply) != sent, "a pong after a close frame, or none before it"
            outcome.heard.append(("ping", event.data))
        case Pong():
            assert len(event.data) <= 125
            outcome.heard.append(("pong", event.data))
        case Close():
            assert bool(event.reply) != sent
            outcome.heard.append(("close", event.code, event.reason))
        case Failure():
            assert bool(event.reply) != sent
            assert event.error.close_code in (1002, 1007, 1009)
            assert 0 < len(event.error.reason.encode()) <= 123
            outcome.failed = True
            # Of wrong text in data that cannot be decompressed, either may be noticed first.
            reason = "" if deflated else event.error.reason
            outcome.heard.append(("failure", event.error.close_code, reason))


def _check_reply(connection: Connection, event: Event) -> None:
    """What we answer is right in the eyes of the other end."""
    if isinstance(event, Ping | Close | Failure) and event.reply:
        other = Connection(SERVER if connection.role == CLIENT else CLIENT)
        (answer,) = other.receive(event.reply)
        if isinstance(event, Ping):
            assert answer == Pong(event.data)
        else:
            assert isinstance(answer, Close)


def check_chunking(
    make: Callable[[], Connection], data: bytes, pieces: Sequence[bytes], limit: int
) -> Outcome:
    """Check that bytes mean the same whole, in given pieces, and one by one; return what.

    Args:
        make: makes the connection, the same every time.
        data: the bytes.
        pieces: the same, cut.
        limit: its ``max_message``.
    """
    whole = outcome_of(make(), [data] if data else [], limit)
    step = 1 if len(data) <= SMALL else 997
    for cut in (pieces, [data[index : index + step] for index in range(0, len(data), step)]):
        other = outcome_of(make(), cut, limit)
        if whole.ended or other.ended:
            # How far back the stream after the first ended one may refer depends on what was kept
            # of it, and that on how it was cut.
            continue
        assert other.heard == whole.heard, f"{other.heard}, not {whole.heard}"
        if whole.failed:
            # How much of a broken message came out before is a matter of how it was cut.
            shorter, longer = sorted((other.begun, whole.begun), key=len)
            assert longer.startswith(shorter)
        else:
            assert other.begun == whole.begun
    return whole
