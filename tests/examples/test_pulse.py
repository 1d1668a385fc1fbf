"""The pulse: in step with the clock, and honest about what was late."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.task import Clock

from game.pulse import MOST, Pulse

PERIOD = 0.05


class Beats:
    """A pulse and what it has done."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.steps: list[int] = []
        self.busy: Callable[[], None] = lambda: None
        self.pulse = Pulse(self.clock, PERIOD, self.step)
        self.pulse.start()

    def step(self, count: int) -> None:
        self.steps.append(count)
        self.busy()


@pytest.fixture
def beats() -> Beats:
    """A pulse that has begun."""
    return Beats()


def test_in_step(beats: Beats) -> None:
    """One step a period, however finely time goes, and none before its time."""
    beats.clock.advance(0.049)
    assert beats.steps == []
    for _ in range(10_000):
        beats.clock.advance(0.001)
    assert beats.steps == [1] * 200
    assert (beats.pulse.steps, beats.pulse.skipped) == (200, 0)


def test_lateness_does_not_add_up(beats: Beats) -> None:
    """A beat that is a little late leaves the next one where it was due."""
    beats.clock.advance(0.07)
    assert beats.steps == [1]
    assert beats.pulse.late() == pytest.approx(0.02)
    beats.clock.advance(0.03)
    assert beats.steps == [1, 1]


def test_what_was_missed_is_made_up_for(beats: Beats) -> None:
    """In one call, and the clock is right again after it."""
    beats.clock.advance(0.21)
    assert beats.steps == [4]
    beats.clock.advance(0.04)
    assert beats.steps == [4, 1]
    assert (beats.pulse.steps, beats.pulse.skipped) == (5, 0)


def test_nothing_piles_up(beats: Beats) -> None:
    """After a long stall a few steps are made up for; the rest is given up, and counted."""
    beats.clock.advance(60.01)
    assert beats.steps == [MOST]
    assert (beats.pulse.steps, beats.pulse.skipped) == (MOST, 1200 - MOST)
    beats.clock.advance(PERIOD)
    assert beats.steps == [MOST, 1]


def test_steps_that_take_too_long(beats: Beats) -> None:
    """The next beat comes after the step, not within it, and makes up for what that has cost."""

    def take_long() -> None:
        beats.busy = lambda: None
        assert beats.steps == [1]
        beats.clock.rightNow += 0.12

    beats.busy = take_long
    beats.clock.advance(0.051)
    assert beats.steps == [1, 2]
    beats.clock.advance(0.03)
    assert beats.steps == [1, 2, 1]


def test_a_step_that_fails(beats: Beats) -> None:
    """The reactor logs it; the next one comes all the same."""

    def fail() -> None:
        raise ValueError("no such step")

    beats.busy = fail
    with pytest.raises(ValueError, match="no such step"):
        beats.clock.advance(0.051)
    beats.busy = lambda: None
    beats.clock.advance(0.05)
    assert beats.steps == [1, 1]


def test_stopping(beats: Beats) -> None:
    """Nothing is left on the clock, a second time is fine, and what never beat was never late."""
    beats.pulse.stop()
    beats.pulse.stop()
    assert beats.clock.getDelayedCalls() == []
    assert beats.pulse.late() == 0.0
