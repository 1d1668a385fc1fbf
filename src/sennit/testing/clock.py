"""Time that passes only when a test says so."""

# ruff: noqa: A002, N802 - Twisted's names
from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.interfaces import IDelayedCall

__all__ = ["FakeClock"]


class FakeClock:
    """A reactor's timed calls on a time of their own, which starts at zero.

    Calls that are due at the same moment are made in the order in which they were asked for, and
    one that is asked for meanwhile waits for the next turn, as in a reactor.

    ``twisted.internet.task.Clock`` jumps: every call that it makes on the way sees the time at
    the end of it. Here whoever moves the time moves it from one call to the next.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._heap: list[tuple[float, int, DelayedCall]] = []
        self._serial = 0

    def seconds(self) -> float:
        """Return the time."""
        return self._now

    def move(self, when: float) -> None:
        """Make it this time."""
        self._now = when

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kw: object
    ) -> IDelayedCall:
        """Call something in so many seconds.

        Raises:
            ValueError: that was in the past.
        """
        if not delay >= 0:
            raise ValueError(f"nothing can be called in {delay} seconds")
        call = DelayedCall(
            self._now + delay, callable, args, kw, lambda _: None, self._push, self.seconds
        )
        self._push(call)
        made: IDelayedCall = call
        return made

    def getDelayedCalls(self) -> list[IDelayedCall]:
        """Return the calls that wait, the next one first."""
        # One that was moved nearer is in the heap twice.
        calls: dict[IDelayedCall, None] = {
            call: None for _, _, call in sorted(self._heap) if call.active()
        }
        return sorted(calls, key=lambda call: call.getTime())

    @property
    def next_time(self) -> float | None:
        """When the next call is due; ``None`` if none waits."""
        call = self._first()
        return None if call is None else call.time

    def due(self) -> Iterator[DelayedCall]:
        """Yield the calls that are due now, each marked as made. It is for the caller to make it.

        A call that is asked for while this goes on is not among them.
        """
        barrier = self._serial
        while (call := self._first()) is not None and call.time <= self._now:
            if self._heap[0][1] >= barrier:
                return
            heappop(self._heap)
            call.called = 1
            yield call

    def _push(self, call: Any) -> None:
        heappush(self._heap, (call.time, self._serial, call))
        self._serial += 1

    def _first(self) -> DelayedCall | None:
        """Return the next call, and forget what stands before it and is none any more."""
        heap = self._heap
        while heap:
            when, _, call = heap[0]
            if not call.active() or when != call.time:
                heappop(heap)  # It was made, cancelled, or moved nearer: then it is in here again.
            elif call.delayed_time:
                heappop(heap)
                call.activate_delay()
                self._push(call)
            else:
                return call
        return None
