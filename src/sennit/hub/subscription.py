"""A subscription: one session's place in one channel."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from sennit.hub.expiry import Expiry
from sennit.interfaces import Codec, Framing
from sennit.model.publication import ClientInfo, Publication, StreamPosition

if TYPE_CHECKING:
    from sennit.hub.channel import Channel
    from sennit.hub.session import Session

__all__ = [
    "BEHIND",
    "BUFFERING",
    "ENDED",
    "GROUPED",
    "LAGGING",
    "TRACKED",
    "DeltaState",
    "GroupKey",
    "Subscription",
]

BUFFERING = 0
"""Being made: what arrives is kept until the answer is written."""
TRACKED = 1
"""Answered, at a position of its own: the channel has not come to it yet."""
GROUPED = 2
"""Up to date with the channel: a member of a fan-out group."""
LAGGING = 3
"""Its connection is slow: what arrives goes into the session's outbox."""
ENDED = 4
BEHIND = 5
"""Its connection was too slow: what it lacks is read from the history once there is room."""


class DeltaState(IntEnum):
    """Whether a subscription takes publications as differences, and whether it can now."""

    NONE = 0
    FRESH = 1
    """It has to be sent a whole publication first."""
    BASED = 2
    """It holds what was published last in its channel."""


class GroupKey(NamedTuple):
    """What subscriptions must share to be sent one frame by one call."""

    codec: Codec
    framing: Framing
    positioned: bool
    join_leave: bool
    delta: DeltaState = DeltaState.NONE


class Subscription:
    """One session's place in one channel.

    Args:
        session: whose it is.
        channel: where.
        server_side: whether the server made it, not the client.
        limit: publications that may be buffered while it is being made.

    Attributes:
        positioned: whether gaps must be noticed.
        recoverable: whether the client may recover later.
        present: whether it stands in presence.
        announced: whether others are told of it.
        join_leave: whether it is told who joins and leaves.
        info: the subscriber, as others in the channel see it.
        key: what it must share with others to be sent one frame by one call.
        expiry: waits for its end, if it has one.
    """

    __slots__ = (
        "announced",
        "buffer",
        "channel",
        "ending",
        "expiry",
        "info",
        "join_leave",
        "key",
        "limit",
        "overflown",
        "position",
        "positioned",
        "present",
        "recoverable",
        "server_side",
        "session",
        "state",
    )

    def __init__(
        self, session: Session, channel: Channel, *, server_side: bool, limit: int
    ) -> None:
        self.session = session
        self.channel = channel
        self.server_side = server_side
        self.limit = limit
        self.state = BUFFERING
        self.buffer: list[Publication] = []
        self.overflown = False
        self.ending: int | None = None
        """The code with which it must end as soon as it is answered."""
        self.expiry: Expiry | None = None
        self.position = StreamPosition()
        self.agree(session.info)

    def agree(
        self,
        info: ClientInfo,
        *,
        positioned: bool = False,
        recoverable: bool = False,
        delta: bool = False,
        present: bool = False,
        announced: bool = False,
        join_leave: bool = False,
    ) -> None:
        """Set what it is like, once that is known; before it is registered with its channel."""
        self.info = info
        self.positioned = positioned
        self.recoverable = recoverable
        self.present = present
        self.announced = announced
        self.join_leave = join_leave
        session = self.session
        state = DeltaState.FRESH if delta else DeltaState.NONE
        self.key = GroupKey(session.codec, session.transport.framing, positioned, join_leave, state)

    def set_delta(self, state: DeltaState) -> None:
        """Note whether it holds what was published last; nothing changes where it takes none."""
        if self.key.delta not in (DeltaState.NONE, state):
            self.key = self.key._replace(delta=state)

    def keep(self, publication: Publication) -> None:
        """Keep a publication that arrives before the answer is written."""
        if len(self.buffer) >= self.limit:
            self.overflown = True
            self.buffer.clear()
        elif not self.overflown:
            self.buffer.append(publication)
