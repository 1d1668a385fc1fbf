"""What is the memory broker's alone: it forgets in time, and holds no more than it must."""

from __future__ import annotations

from twisted.internet.task import Clock

from sennit.brokers.memory import MemoryBroker, MemoryPresence
from sennit.interfaces import PublishOptions
from sennit.model.publication import ClientInfo, Publication
from tests.double import outcome


def test_expired_streams_and_keys_are_swept() -> None:
    """Channels and keys that nobody uses any more take no memory for ever."""
    clock = Clock()
    broker = MemoryBroker(clock)
    for number in range(500):
        options = PublishOptions(2, 10, 20 + 10**6 * (number % 2), f"k{number}", 30)
        broker.publish(f"c{number}", Publication(b"1"), options)
    assert len(broker) == 1000
    clock.advance(31)
    for _ in range(1024):
        broker.publish("other", Publication(b"1"), PublishOptions())
    assert len(broker) == 250


def test_epochs_do_not_repeat_over_restarts() -> None:
    """Two brokers name the lives of one channel differently."""
    options = PublishOptions(1, 10)
    epochs = {
        outcome(MemoryBroker(Clock()).publish("a", Publication(b"1"), options)).position.epoch
        for _ in range(10)
    }
    assert len(epochs) == 10


def test_presence() -> None:
    """Connections are kept by id; users are counted once."""
    presence = MemoryPresence()
    for client, user in (("c1", "ann"), ("c2", "ann"), ("c3", ""), ("c1", "ann")):
        presence.add("a", ClientInfo(user, client))
    assert outcome(presence.count("a")) == (3, 2)
    assert outcome(presence.clients("a"))["c3"] == ClientInfo("", "c3")
    presence.remove("a", "c3")
    presence.remove("a", "c3")
    presence.remove("b", "c3")
    assert outcome(presence.count("a")) == (2, 1)
    assert outcome(presence.clients("b")) == {}
    assert outcome(presence.count("b")) == (0, 0)
    presence.remove("a", "c1")
    presence.remove("a", "c2")
    assert outcome(presence.clients("a")) == {}
