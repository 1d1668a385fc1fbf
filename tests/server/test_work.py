"""Work that is done once, and that several wait for."""

from __future__ import annotations

import gc
from collections.abc import Awaitable

import pytest
from twisted.internet.defer import CancelledError, Deferred

from sennit.server.work import Work
from tests.double import LogKeeper, outcome


async def waiting_for(step: Awaitable[None]) -> None:
    await step


def test_everybody_gets_the_outcome() -> None:
    """Those who ask before the end and those who ask after it."""
    step: Deferred[None] = Deferred()
    work = Work(waiting_for(step))
    early = [work.wait(), work.wait()]
    assert not early[0].called
    step.callback(None)
    for deferred in (*early, work.wait()):
        assert outcome(deferred) is None


def test_everybody_gets_the_failure() -> None:
    """The same one, however late they ask; it is nobody's unhandled error."""
    step: Deferred[None] = Deferred()
    work = Work(waiting_for(step))
    early = work.wait()
    with LogKeeper() as log:
        step.errback(ValueError("no"))
        for deferred in (early, work.wait(), work.wait()):
            with pytest.raises(ValueError, match="no"):
                outcome(deferred)
        del work, early, deferred
        gc.collect()
    assert log.failures() == []


def test_it_may_come_back_to_itself() -> None:
    """It is done once even if it asks for its own end while it begins."""
    begun: list[Deferred[None]] = []

    async def ask() -> None:
        work.cancel()  # Nothing to cancel yet.
        begun.append(work.wait())

    work = Work(ask())
    assert begun == []
    outcome(work.wait())
    (asked,) = begun
    outcome(asked)


def test_one_who_gives_up_waiting() -> None:
    """The work and the others go on."""
    step: Deferred[None] = Deferred()
    work = Work(waiting_for(step))
    impatient, patient = work.wait(), work.wait()
    impatient.cancel()
    with pytest.raises(CancelledError):
        outcome(impatient)
    step.callback(None)
    outcome(patient)


def test_cancelling_the_work() -> None:
    """It reaches what the coroutine waits for, and is the outcome; afterwards it does nothing."""
    step: Deferred[None] = Deferred()
    work = Work(waiting_for(step))
    waiting = work.wait()
    work.cancel()
    work.cancel()
    for deferred in (waiting, work.wait()):
        with pytest.raises(CancelledError):
            outcome(deferred)
