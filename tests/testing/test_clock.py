"""Time that passes only when a test says so."""

from __future__ import annotations

import pytest
from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall

from sennit.testing import Network


def test_time_stands_still() -> None:
    """It begins at zero, and a pump does not move it."""
    network = Network()
    calls: list[float] = []
    network.callLater(1, lambda: calls.append(network.seconds()))
    network.pump()
    assert (network.seconds(), calls) == (0.0, [])


def test_each_call_is_made_at_its_own_time() -> None:
    """However many seconds pass at once: nobody sees the time jump."""
    network = Network()
    calls: list[float] = []
    for delay in (5, 1, 3):
        network.callLater(delay, lambda: calls.append(network.seconds()))
    network.advance(4)
    assert (calls, network.seconds()) == ([1, 3], 4)
    network.advance(1)
    assert calls == [1, 3, 5]


def test_a_call_that_a_call_asks_for_is_made_on_the_way() -> None:
    """As a loop of calls is, once for each interval."""
    network = Network()
    times: list[float] = []
    loop = LoopingCall(lambda: times.append(network.seconds()))
    loop.clock = network
    loop.start(0.5)
    network.advance(2)
    assert times == [0, 0.5, 1, 1.5, 2]


def test_calls_at_one_moment_are_made_in_order() -> None:
    """A call for now waits for the next turn, behind all that were there."""
    network = Network()
    calls: list[str] = []

    def first() -> None:
        calls.append("first")
        network.callLater(0, calls.append, "asked for by the first")

    network.callLater(0, first)
    network.callLater(0, calls.append, "second")
    network.callFromThread(calls.append, "from a thread")
    network.pump()
    assert calls == ["from a thread", "first", "second", "asked for by the first"]


def test_a_call_is_taken_back_or_moved() -> None:
    """Nearer, farther, and from its old time on."""
    network = Network()
    calls: list[str] = []
    cancelled = network.callLater(1, calls.append, "cancelled")
    nearer = network.callLater(9, calls.append, "nearer")
    farther = network.callLater(1, calls.append, "farther")
    delayed = network.callLater(1, calls.append, "delayed")
    cancelled.cancel()
    nearer.reset(2)
    farther.reset(7)
    delayed.delay(3)
    assert [call.getTime() for call in network.getDelayedCalls()] == [2, 4, 7]
    assert not cancelled.active()
    network.advance(3)
    assert calls == ["nearer"]
    network.advance(6)
    assert calls == ["nearer", "delayed", "farther"]
    assert network.getDelayedCalls() == []
    with pytest.raises(AlreadyCancelled):
        cancelled.cancel()
    with pytest.raises(AlreadyCalled):
        nearer.reset(1)


def test_a_call_may_take_another_back() -> None:
    """Even one that is due at the same moment."""
    network = Network()
    calls: list[str] = []
    both: list[IDelayedCall] = []

    def cancel_the_other() -> None:
        both[1].cancel()

    both.append(network.callLater(1, cancel_the_other))
    both.append(network.callLater(1, calls.append, "never"))
    network.advance(1)
    assert calls == []


def test_nothing_is_called_in_the_past() -> None:
    """And time does not run backwards."""
    network = Network()
    with pytest.raises(ValueError, match="-1"):
        network.callLater(-1, print)
    with pytest.raises(ValueError, match="-1"):
        network.advance(-1)
