"""The pulse: a step is due every so often, and what became of it is counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

__all__ = ["Pulse"]

MOST = 5
"""Steps that are made up for at once, after a stall; who stalls for longer has lost the rest."""
REMEMBERED = 1200
"""Beats whose lateness is remembered: a minute's, at 20 a second."""


class Pulse:
    """Calls a function in step with a clock.

    Each beat is due at a multiple of the period, so that lateness does not add up. A beat that is
    late by whole periods makes the steps for these as well, in the same call.

    Args:
        clock: a reactor, or a clock that looks like one.
        period: seconds from beat to beat.
        step: called with how many steps to make, at least 1.

    Attributes:
        steps: how many were made.
        skipped: how many were given up, since too many were due at once.
    """

    def __init__(self, clock: Any, period: float, step: Callable[[int], None]) -> None:
        self._clock = clock
        self._period = period
        self._step = step
        self._begin = 0.0
        self._late: deque[float] = deque(maxlen=REMEMBERED)
        self._next: Any = None
        self.steps = 0
        self.skipped = 0

    def start(self) -> None:
        """Begin: the first beat is a period away."""
        self._begin = self._clock.seconds()
        self._await(1)

    def stop(self) -> None:
        """Beat no more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def late(self, share: float = 0.99) -> float:
        """Return what this share of the last minute's beats was not later than, in seconds."""
        beats = sorted(self._late)
        return beats[min(int(len(beats) * share), len(beats) - 1)] if beats else 0.0

    def _await(self, number: int) -> None:
        due = self._begin + number * self._period
        wait = max(0.0, due - self._clock.seconds())
        self._next = self._clock.callLater(wait, self._beat, number, due)

    def _beat(self, number: int, due: float) -> None:
        late = max(0.0, self._clock.seconds() - due)
        self._late.append(late)
        missed = int(late / self._period)
        steps = min(1 + missed, MOST)
        self.steps += steps
        self.skipped += 1 + missed - steps
        # Before the step: one that fails is logged, and the next one comes all the same.
        self._await(number + 1 + missed)
        self._step(steps)
