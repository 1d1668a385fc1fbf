"""The end of a reactor in memory."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import deferLater

from sennit.testing import Network, Stalled
from tests.testing.double import pair


def test_it_runs_from_the_beginning() -> None:
    """So that nobody has to start it."""
    network = Network()
    calls: list[str] = []
    network.callWhenRunning(calls.append, "at once")
    assert network.running
    assert calls == ["at once"]


def test_the_phases_of_the_shutdown() -> None:
    """The second waits for what the first has returned; connections are cut off in between."""
    network = Network()
    ends = network.result(pair(network))
    calls: list[str] = []
    waiting: Deferred[None] = Deferred()

    def stop_slowly() -> Deferred[None]:
        calls.append("before")
        return waiting

    network.addSystemEventTrigger("after", "shutdown", calls.append, "after")
    network.addSystemEventTrigger("during", "shutdown", calls.append, "during")
    network.addSystemEventTrigger("before", "shutdown", stop_slowly)
    removed = network.addSystemEventTrigger("before", "shutdown", calls.append, "removed")
    network.removeSystemEventTrigger(removed)
    network.stop()
    network.pump()
    assert (calls, network.running, ends.client.lost) == (["before"], True, "")
    waiting.callback(None)
    network.pump()
    assert (calls, network.running) == (["before", "during", "after"], False)
    assert (ends.client.lost, ends.server.lost) == ("ConnectionLost", "ConnectionLost")
    assert network.links == ()
    assert network.getReaders() == network.getWriters() == []


def test_a_trigger_that_fails_stops_no_other() -> None:
    """Who turned the loop hears of it."""
    network = Network()
    calls: list[str] = []
    network.addSystemEventTrigger("before", "shutdown", lambda: 1 / 0)
    network.addSystemEventTrigger("during", "shutdown", calls.append, "during")
    network.stop()
    with pytest.raises(ZeroDivisionError):
        network.pump()
    assert calls == ["during"]


def test_wrong_uses() -> None:
    """Are told at once."""
    network = Network()
    with pytest.raises(KeyError, match="meanwhile"):
        network.addSystemEventTrigger("meanwhile", "shutdown", print)
    handle = network.addSystemEventTrigger("before", "shutdown", print)
    network.removeSystemEventTrigger(handle)
    with pytest.raises(ValueError, match="still waits"):
        network.removeSystemEventTrigger(handle)
    network.stop()
    with pytest.raises(ReactorNotRunning):
        network.stop()


def test_an_event_of_ones_own() -> None:
    """It can be fired."""
    network = Network()
    calls: list[str] = []
    network.addSystemEventTrigger("during", "payday", calls.append, "hooray")
    network.fireSystemEvent("payday")
    assert calls == ["hooray"]


def test_running_until_it_is_stopped() -> None:
    """As a program's last line does."""
    network = Network()
    network.addSystemEventTrigger("before", "shutdown", deferLater, network, 3)
    network.callLater(60, network.stop)
    network.run()
    assert (network.seconds(), network.running) == (63, False)


def test_running_with_nothing_to_do() -> None:
    """Would last for ever."""
    with pytest.raises(Stalled, match="could stop the loop"):
        Network().run()


def test_a_crash_asks_nobody() -> None:
    """It is over."""
    network = Network()
    network.addSystemEventTrigger("before", "shutdown", lambda: 1 / 0)
    network.callLater(1, network.crash)
    network.run()
    assert not network.running
