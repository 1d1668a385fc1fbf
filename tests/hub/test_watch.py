"""Watched positions: what a broker loses on the way is noticed, though nothing follows it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail

from sennit.brokers.memory import MemoryBroker
from sennit.hub.namespace import History
from sennit.hub.request import SubscriptionOptions
from sennit.hub.setting import HubSettings
from sennit.model.publication import HistoryPage, Publication, StreamPosition
from tests.double import outcome
from tests.hub.conftest import House, Person


class LossyBroker(MemoryBroker):
    """A broker whose deliveries can be lost, and that counts how often it is asked."""

    def __init__(self, house: House) -> None:
        super().__init__(house.clock)
        self.house = house
        self.losing = False
        self.asked: list[str] = []
        self.answer: Deferred[HistoryPage] | None = None

    def start(self, sink: Any) -> Deferred[None]:
        self.sink = sink
        return super().start(self)

    def on_publication(self, channel: str, publication: Publication) -> None:
        if not self.losing:
            self.sink.on_publication(channel, publication)

    def on_join(self, channel: str, info: Any) -> None:
        self.sink.on_join(channel, info)

    def on_leave(self, channel: str, info: Any) -> None:
        self.sink.on_leave(channel, info)

    def history(self, channel: str, *arguments: Any, **options: Any) -> Deferred[HistoryPage]:
        self.asked.append(channel)
        return self.answer or super().history(channel, *arguments, **options)


@pytest.fixture
def broker(house: House) -> LossyBroker:
    """A lossy broker under the house, which has a namespace whose positions matter."""
    broker = LossyBroker(house)
    house.broker = broker
    house.app.namespace("room", history=History(9, 999), recovery=True, allow_subscribe={"client"})
    house.app.namespace("plain", allow_subscribe={"client"})
    return broker


def here(house: House, channel: str = "room:a") -> Person:
    """Return somebody who is subscribed."""
    person = house.person()
    person.subscribe(channel)
    person.take()
    return person


def wait(house: House, seconds: float) -> None:
    """Let time pass."""
    for _ in range(round(seconds)):
        house.clock.advance(1)


def lose(house: House, broker: LossyBroker) -> None:
    """Publish something that does not arrive."""
    broker.losing = True
    house.publish("room:a", "lost")
    broker.losing = False


def test_a_loss_that_nothing_follows(house: House, broker: LossyBroker) -> None:
    """After two looks the client is told to recover, and does."""
    ann, bob = here(house), here(house, "plain:a")
    house.publish("room:a", "seen")
    ann.take()
    lose(house, broker)
    wait(house, 50)
    assert ann.take() == []
    wait(house, 50)
    assert ann.take() == [["unsubscribe", "room:a", 2500, "insufficient state"]]
    assert bob.take() == []
    answer = ann.recover(
        "room:a", 1, outcome(broker.history("room:a", _options(house))).position.epoch
    )
    assert [publication.data for publication in answer.publications] == [b'"lost"']


def _options(house: House) -> Any:
    return house.app.namespaces["room"].publish_options()


def test_a_subscription_of_the_servers(house: House, broker: LossyBroker) -> None:
    """The connection ends with 3010."""
    ann = house.person()
    outcome(house.hub.app.subscribe("ann", "room:a", SubscriptionOptions()))
    lose(house, broker)
    wait(house, 100)
    assert ann.transport.disconnected == (3010, "insufficient state")


def test_nothing_is_lost(house: House, broker: LossyBroker) -> None:
    """Who is level stays so, however often it is looked, and publications come and go."""
    ann = here(house)
    for number in range(300):
        house.publish("room:a", number)
        house.clock.advance(1)
    assert len(ann.take()) == 300
    assert 300 / 40 - 1 <= len(broker.asked) - 1 <= 300 / 40 + 1


def test_one_that_is_only_late(house: House, broker: LossyBroker) -> None:
    """A publication that arrives between two looks is no loss."""
    ann = here(house)
    broker.losing = True
    position = house.publish("room:a", 1)
    wait(house, 45)
    house.hub.on_publication(
        "room:a", Publication(b"1", position.offset, position.epoch, channel="room:a")
    )
    broker.losing = False
    wait(house, 200)
    assert ann.take() == [["pub", "room:a", 1, 1]]


def test_a_stream_that_was_made_anew(house: House, broker: LossyBroker) -> None:
    """Another epoch is a loss as well."""
    ann = here(house)
    broker._streams.clear()
    wait(house, 100)
    assert ann.take()[0][:3] == ["unsubscribe", "room:a", 2500]


def test_channels_without_positions_are_not_looked_at(house: House, broker: LossyBroker) -> None:
    """Nor is anything once the last subscriber is gone."""
    bob = here(house, "plain:a")
    wait(house, 200)
    assert broker.asked == []
    outcome(bob.session.unsubscribe("plain:a"))
    wait(house, 60)
    assert house.clock.getDelayedCalls() == []


def test_many_are_spread_over_the_interval(house: House, broker: LossyBroker) -> None:
    """Each is looked at once in it, a few at a time."""
    house.settings = HubSettings(channel_limit=1000)
    ann = house.person()
    for number in range(400):
        ann.subscribe(f"room:{number}")
    broker.asked.clear()
    wait(house, 40)
    most = 0
    for _ in range(40):
        before = len(broker.asked)
        wait(house, 1)
        most = max(most, len(broker.asked) - before)
    assert most == 10
    assert sorted(set(broker.asked)) == sorted(f"room:{number}" for number in range(400))
    assert len(broker.asked) <= 410


def test_a_broker_that_fails(house: House, broker: LossyBroker) -> None:
    """Nobody is told anything, and the log says it once."""
    ann = here(house)
    broker.answer = fail(OSError("down"))
    wait(house, 45)
    broker.answer = fail(OSError("down"))
    wait(house, 45)
    assert ann.take() == []
    assert house.failures() == ["OSError"]
    broker.answer = None
    lose(house, broker)
    wait(house, 100)
    assert ann.take()[0][0] == "unsubscribe"


def test_a_broker_that_does_not_answer(house: House, broker: LossyBroker) -> None:
    """It is asked again at the next look, and does not hold up the end."""
    here(house)
    broker.answer = Deferred()
    wait(house, 49)
    assert len(broker.asked) == 2
    outcome(house.hub.stop())
    assert house.clock.getDelayedCalls() == []
    assert house.failures() in ([], ["TimeoutError"], ["CancelledError"])


def test_it_can_be_turned_off(house: House, broker: LossyBroker) -> None:
    """An interval of 0 looks at nothing."""
    house.settings = HubSettings(position_interval=0)
    here(house)
    broker.asked.clear()
    wait(house, 100)
    assert broker.asked == []


@pytest.mark.usefixtures("broker")
def test_positions_as_they_are_told(house: House) -> None:
    """Where the channel stands here is what was delivered last."""
    here(house)
    top = house.publish("room:a", 1)
    channel = house.hub.channel("room:a", house.app.namespaces["room"])
    assert channel.standing == top == StreamPosition(1, top.epoch)
    assert channel.is_positioned
