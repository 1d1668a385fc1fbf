"""A subscription: one session's place in one channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sennit.interfaces import Codec, Framing
from sennit.model.publication import ClientInfo, Publication, StreamPosition

if TYPE_CHECKING:
    from sennit.hub.channel import Channel
    from sennit.hub.session import Session

__all__ = ["BUFFERING", "ENDED", "GROUPED", "LAGGING", "TRACKED", "GroupKey", "Subscription"]

BUFFERING = 0
"""Being made: what arrives is kept until the answer is written."""
TRACKED = 1
"""Answered, at a position of its own: the channel has not come to it yet."""
GROUPED = 2
"""Up to date with the channel: a member of a fan-out group."""
LAGGING = 3
"""Its connection is slow: what arrives goes into the session's outbox."""
ENDED = 4


class GroupKey(NamedTuple):
    """What subscriptions must share to be sent one frame by one call."""

    codec: Codec
    framing: Framing
    positioned: bool
    join_leave: bool


class Subscription:
    """One session's place in one channel.

    Args:
        session: whose it is.
        channel: where.
        positioned: whether gaps must be noticed.
        recoverable: whether the client may recover later.
        join_leave: whether it is told who joins and leaves.
        limit: publications that may be buffered while it is being made.
    """

    __slots__ = (
        "buffer",
        "channel",
        "ending",
        "join_leave",
        "key",
        "limit",
        "overflown",
        "position",
        "positioned",
        "recoverable",
        "session",
        "state",
    )

    def __init__(
        self,
        session: Session,
        channel: Channel,
        *,
        positioned: bool,
        recoverable: bool,
        join_leave: bool,
        limit: int,
    ) -> None:
        self.session = session
        self.channel = channel
        self.positioned = positioned
        self.recoverable = recoverable
        self.join_leave = join_leave
        self.limit = limit
        self.state = BUFFERING
        self.buffer: list[Publication] = []
        self.overflown = False
        self.ending: int | None = None
        """The code with which it must end as soon as it is answered."""
        self.position = StreamPosition()
        self.key = GroupKey(session.codec, session.transport.framing, positioned, join_leave)

    @property
    def info(self) -> ClientInfo:
        """The subscriber, as others in the channel see it."""
        return self.session.info

    def keep(self, publication: Publication) -> None:
        """Keep a publication that arrives before the answer is written."""
        if len(self.buffer) >= self.limit:
            self.overflown = True
            self.buffer.clear()
        elif not self.overflown:
            self.buffer.append(publication)
