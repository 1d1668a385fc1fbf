"""The protocol's own pings, by which both sides notice a dead link (section 4)."""

from __future__ import annotations

from random import Random
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["Heartbeat"]

LATE = 1.0
"""Seconds by which a timer must be late for the loop, not the peer, to be at fault."""


class Owner(Protocol):
    """Whose heart it is: one connection."""

    def ping(self) -> None:
        """Send a ping."""

    def pong_missed(self) -> None:
        """Note that no pong came in time."""

    def is_listening(self) -> bool:
        """Return whether what the client says is read now."""


class Heartbeat:
    """Pings one client, and misses its pong.

    A pong that comes unasked, or a second one, is nothing to break a connection for.

    Args:
        clock: the time.
        random: spreads the first pings of clients that came together.
        interval: seconds between pings.
        timeout: seconds for a pong.
        owner: sends the pings, and is told when no pong came in time; the heart stands still
            then. While it does not listen, none is missed.
    """

    __slots__ = (
        "_clock",
        "_due",
        "_interval",
        "_next",
        "_owner",
        "_timeout",
    )

    def __init__(
        self,
        clock: IReactorTime,
        random: Random,
        interval: float,
        timeout: float,
        owner: Owner,
    ) -> None:
        self._clock = clock
        self._interval = interval
        self._timeout = timeout
        self._owner = owner
        self._due: IDelayedCall | None = None
        first = interval * random.uniform(0.5, 1.0)
        self._next: IDelayedCall | None = clock.callLater(first, self._beat)

    def pong_received(self) -> None:
        """The client is there."""
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def stop(self) -> None:
        """Send no more and expect nothing."""
        self.pong_received()
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _beat(self) -> None:
        self._next = self._clock.callLater(self._interval, self._beat)
        if self._due is None:
            self._expect()
        self._owner.ping()

    def _expect(self) -> None:
        deadline = self._clock.seconds() + self._timeout
        self._due = self._clock.callLater(self._timeout, self._overdue, deadline)

    def _overdue(self, deadline: float) -> None:
        self._due = None
        if self._clock.seconds() - deadline > LATE or not self._owner.is_listening():
            # The loop was blocked, or the connection is paused: the pong may wait unread, and
            # the peer gets its time again.
            self._expect()
            return
        self.stop()
        self._owner.pong_missed()
