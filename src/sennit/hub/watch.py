"""Watching positions: whether what the broker has kept has come to this node (section 5).

A broker delivers over a network, which can lose something without a word. A gap is noticed with
the next publication; a loss that nothing follows only by looking. Each channel with a subscriber
who has a position is looked at once in an interval, a few at a time, and found behind if the stream
has gone on at two looks in a row while nothing came here.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from sennit.model.publication import HistoryPage

if TYPE_CHECKING:
    from sennit.hub.channel import Channel

__all__ = ["PositionWatch"]

_log = Logger(namespace="sennit.hub")

_TICK = 1.0
"""Seconds between two times that some channels are looked at."""
_AT_ONCE = 64
"""Questions to the broker that may be open; while there are as many, no more are asked."""
_TIMEOUT = 10.0
"""Seconds for the broker to answer."""


class PositionWatch:
    """Looks at channels in turn.

    Args:
        clock: the time.
        interval: seconds in which each channel is looked at once; 0 looks at none.
        channels: gives those that somebody here is subscribed to.
        read: asks the broker where a channel's stream stands.
    """

    def __init__(
        self,
        clock: IReactorTime,
        interval: float,
        channels: Callable[[], Iterable[Channel]],
        read: Callable[[Channel], Deferred[HistoryPage]],
    ) -> None:
        self._clock = clock
        self._interval = interval
        self._channels = channels
        self._read = read
        self._round: deque[Channel] = deque()
        self._share = 1
        self._begun = 0.0
        self._open: set[Deferred[None]] = set()
        self._next: IDelayedCall | None = None
        self._failing = False

    def begin(self) -> None:
        """See to it that channels are looked at; called whenever there is a new one."""
        if self._next is None and self._interval > 0:
            self._next = self._clock.callLater(self._interval, self._tick)

    def stop(self) -> None:
        """Look at nothing any more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        for asking in tuple(self._open):
            asking.cancel()

    def _tick(self) -> None:
        self._next = None
        if not self._round:
            self._begun = self._clock.seconds()
            channels = list(self._channels())
            self._round.extend(channel for channel in channels if channel.is_positioned)
            self._share = math.ceil(len(self._round) * _TICK / self._interval)
            if not channels:
                return  # The next one that is made begins anew.
        for _ in range(min(self._share, len(self._round), _AT_ONCE - len(self._open))):
            self._ask(self._round.popleft())
        if self._round:
            self._next = self._clock.callLater(_TICK, self._tick)
        else:
            self._begin_round()

    def _begin_round(self) -> None:
        # A round of few channels is over at once, and the next one comes when it is time.
        begun = self._begun + self._interval
        self._next = self._clock.callLater(max(_TICK, begun - self._clock.seconds()), self._tick)

    def _ask(self, channel: Channel) -> None:
        if not channel.is_positioned:
            return
        asking: Deferred[None] = Deferred.fromCoroutine(self._look(channel))
        if not asking.called:
            self._open.add(asking)
            asking.addBoth(lambda _: self._open.discard(asking))

    async def _look(self, channel: Channel) -> None:
        standing = channel.standing
        try:
            page = await self._read(channel).addTimeout(_TIMEOUT, self._clock)
        except Exception:
            # Once for each time that it begins to fail: there may be thousands of channels.
            if not self._failing:
                _log.failure("the broker does not say where {name} stands", name=channel.name)
            self._failing = True
            return
        self._failing = False
        channel.compare(page.position, standing)
