"""Lanes: order within a channel, none between channels."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed

from sennit.protocols.centrifuge.lane import Lanes


class Owner:
    """Counts how often it is told to go on."""

    def __init__(self) -> None:
        self.times = 0

    def go_on(self) -> None:
        self.times += 1


def later(log: list[str], name: str, work: Deferred[None]) -> Callable[[], Deferred[None]]:
    """Return work that notes its start."""

    def start() -> Deferred[None]:
        log.append(name)
        return work

    return start


def test_what_is_about_no_channel_waits_for_nothing() -> None:
    """Work without a channel starts at once, however much runs."""
    log: list[str] = []
    lanes = Lanes(Owner())
    for name in "abc":
        lanes.add("", later(log, name, Deferred()))
    assert log == ["a", "b", "c"]
    assert lanes.size == 3


def test_a_channel_is_forgotten_when_it_is_done() -> None:
    """A finished channel starts afresh, and the count returns to zero."""
    log: list[str] = []
    owner = Owner()
    lanes = Lanes(owner)
    first: Deferred[None] = Deferred()
    lanes.add("x", later(log, "1", first))
    lanes.add("x", later(log, "2", succeed(None)))
    assert (log, lanes.size) == (["1"], 2)
    first.callback(None)
    assert (log, lanes.size, owner.times) == (["1", "2"], 0, 1)
    lanes.add("x", later(log, "3", succeed(None)))
    assert (log, lanes.size) == (["1", "2", "3"], 0)


def test_closing_cancels_what_runs_and_starts_nothing() -> None:
    """What waits behind is dropped."""
    log: list[str] = []
    cancelled: list[str] = []
    lanes = Lanes(Owner())

    def cancel(running: Deferred[None]) -> None:
        cancelled.append("1")
        running.callback(None)

    lanes.add("x", later(log, "1", Deferred(cancel)))
    lanes.add("x", later(log, "2", Deferred()))
    lanes.close()
    assert (log, cancelled) == (["1"], ["1"])
