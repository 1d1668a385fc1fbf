"""The order of a connection's commands.

Commands start in the order they came. Those about one channel follow each other: the next starts
when the one before is answered. Different channels do not wait for each other, and what is about
none (rpc, send) waits for nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred

__all__ = ["Lanes"]

Work = Callable[[], Deferred[None]]


class Owner(Protocol):
    """Whose commands they are."""

    def go_on(self) -> None:
        """Start what may start now."""


class Lanes:
    """What is being answered, and what waits behind it in its channel.

    The work's Deferreds must not fail.

    Args:
        owner: its ``go_on()`` is called when something was finished that was not done at once.
    """

    __slots__ = ("_closed", "_owner", "_running", "_waiting", "size")

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        # A connection that asks for nothing has neither.
        self._running: set[Deferred[None]] | None = None
        self._waiting: dict[str, deque[Work]] | None = None
        self._closed = False
        self.size = 0
        """How many were added and are not finished."""

    def add(self, channel: str, work: Work) -> None:
        """Start work, behind what its channel does already; an empty channel is none."""
        self.size += 1
        if channel:
            if self._waiting is None:
                self._waiting = {}
            if channel in self._waiting:
                self._waiting[channel].append(work)
                return
            self._waiting[channel] = deque()
        self._run(channel, work)

    def close(self) -> None:
        """Cancel what runs, and start nothing more."""
        self._closed = True
        self._waiting = None
        for running in tuple(self._running or ()):
            running.cancel()

    def _run(self, channel: str, work: Work | None) -> None:
        # A loop, since a thousand commands may each be done at once.
        while work is not None:
            running = work()
            if not running.called:
                if self._running is None:
                    self._running = set()
                self._running.add(running)
                running.addCallback(self._finished, channel, running)
                return
            work = self._next(channel)

    def _finished(self, _: None, channel: str, running: Deferred[None]) -> None:
        if self._running is not None:
            self._running.discard(running)
            self._running = self._running or None
        self._run(channel, self._next(channel))
        self._owner.go_on()

    def _next(self, channel: str) -> Work | None:
        self.size -= 1
        lanes = self._waiting
        if lanes is None:
            return None
        waiting = lanes.get(channel)
        if waiting:
            return waiting.popleft()
        lanes.pop(channel, None)
        self._waiting = lanes or None
        return None
