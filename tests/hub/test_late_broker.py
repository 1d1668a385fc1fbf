"""The hub over a broker that answers late and out of step: no gap, no double, in order, or told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred

from sennit.errors import ReplyError
from sennit.hub.namespace import History
from sennit.model.publication import StreamPosition
from sennit.model.request import Closed
from tests.double import LateBroker, outcome
from tests.hub.conftest import House, Person

CHANNEL = "room:a"


def _house(seed: int, size: int = 1000) -> House:
    house = House()
    house.broker = LateBroker(house.clock, seed)
    house.app.namespace(
        "room", history=History(size, 1000), recovery=True, allow_subscribe={"client"}
    )
    return house


def _settle(house: House) -> None:
    for _ in range(120):
        house.clock.advance(0.5)


class Reader:
    """A client as an SDK is: it keeps a position, comes back, and checks what it is told."""

    def __init__(self, house: House, name: str) -> None:
        self.house = house
        self.name = name
        self.seen: list[tuple[int, Any]] = []
        self.position = StreamPosition()
        self.known = False
        self.person: Person | None = None

    def come(self) -> None:
        """Connect and subscribe, from the position if there is one."""
        if self.person is not None:
            return
        self.person = self.house.person(self.name)
        subscribing = self.person.subscribing(CHANNEL, recover=self.known, position=self.position)
        subscribing.addErrback(lambda failure: failure.trap(CancelledError))
        self._subscribing = subscribing

    def read(self) -> None:
        """Take in what has arrived, in its order."""
        assert self.person is not None
        for word, *rest in self.person.take():
            if word == "answer":
                self._answered()
            elif word == "pub":
                self._saw(rest[1], rest[2])
            else:
                raise AssertionError(f"told {word} {rest}")

    def go(self) -> None:
        """Lose the connection; what was on its way counts as received."""
        if self.person is None:
            return
        self.read()
        self._subscribing.cancel()
        self.person.session.close(Closed(1006))
        self.person = None

    def _answered(self) -> None:
        assert self.person is not None
        result = self.person.answers[-1]
        if self.known:
            assert result.recovered, "the history is wide enough for every gap"
        self.position = result.position
        self.known = True
        for publication in result.publications:
            self._saw(publication.offset, int(publication.data))

    def _saw(self, offset: int, data: Any) -> None:
        assert offset == self.position.offset + 1, "a gap or a double"
        self.position = StreamPosition(offset, self.position.epoch)
        self.seen.append((offset, data))


@settings(max_examples=400, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    steps=st.lists(
        st.sampled_from(["publish", "publish", "come0", "go0", "come1", "go1", "wait", "wait"]),
        max_size=40,
    ),
)
def test_every_client_sees_everything_once_in_order(seed: int, steps: list[str]) -> None:
    """Whatever the broker's delays: from its first answer on, a client misses nothing."""
    house = _house(seed)
    readers = [Reader(house, "ann"), Reader(house, "bob")]
    publishing: list[Deferred[StreamPosition]] = []
    for step in steps:
        if step == "publish":
            number = len(publishing)
            publishing.append(house.hub.app.publish(CHANNEL, number))
        elif step == "wait":
            house.clock.advance(0.1)
        elif step.startswith("come"):
            readers[int(step[-1])].come()
        else:
            readers[int(step[-1])].go()
    for reader in readers:
        reader.come()
    _settle(house)
    kept = {outcome(position).offset: number for number, position in enumerate(publishing)}
    assert sorted(kept) == list(range(1, len(publishing) + 1))
    for reader in readers:
        reader.read()
        assert reader.position.offset == len(publishing)
        assert all(kept[offset] == data for offset, data in reader.seen)


def test_nothing_is_delivered_before_the_answer() -> None:
    """What arrives while the history is read waits behind the answer."""
    for seed in range(30):
        house = _house(seed)
        person = house.person()
        person.subscribing(CHANNEL)
        for number in range(5):
            house.app.publish(CHANNEL, number)
            house.clock.advance(0.2)
        _settle(house)
        received = person.take()
        assert received[0] == ["answer"]
        offsets = [rest[1] for _, *rest in received[1:]]
        first = person.answers[0].position.offset + 1
        assert offsets == list(range(first, 6))


def test_subscribe_and_unsubscribe_do_not_cross() -> None:
    """Leaving and coming back while the broker is slow ends subscribed."""
    for seed in range(30):
        house = _house(seed)
        broker = house.broker
        assert isinstance(broker, LateBroker)
        first = house.person("ann")
        first.subscribing(CHANNEL)
        _settle(house)
        first.session.close(Closed(1000))
        second = house.person("bob")
        second.subscribing(CHANNEL)
        _settle(house)
        house.app.publish(CHANNEL, "hi")
        _settle(house)
        assert second.take()[-1][0] == "pub"
        order = [name for name, _ in broker.calls if name.endswith("subscribe")]
        assert order == ["subscribe", "unsubscribe", "subscribe"]


def test_publisher_is_answered_when_it_is_kept() -> None:
    """A publish that the broker has not kept is not answered."""
    house = _house(1)
    position = house.hub.app.publish(CHANNEL, "hi")
    assert not position.called
    _settle(house)
    assert outcome(position).offset == 1


@pytest.mark.parametrize("seed", range(10))
def test_one_key_twice_at_once(seed: int) -> None:
    """Two publications with one key, both on their way to the broker, are one; so is the answer."""
    house = _house(seed)
    person = house.person()
    for channel in (CHANNEL, "room:b"):
        subscribing = person.subscribing(channel)
        _settle(house)
        outcome(subscribing)
    person.take()
    app = house.hub.app
    first = app.publish(CHANNEL, 1, idempotency_key="k")
    again = app.publish(CHANNEL, 1, idempotency_key="k")
    beside = app.publish("room:b", 1, idempotency_key="k")
    assert not first.called
    _settle(house)
    assert outcome(first) == outcome(again)
    assert outcome(beside).offset == 1
    # A key is one channel's own, and it is remembered for five minutes.
    assert sorted(word[1:3] for word in person.take()) == [[CHANNEL, 1], ["room:b", 1]]
    house.clock.advance(300)
    later = app.publish(CHANNEL, 2, idempotency_key="k")
    _settle(house)
    assert outcome(later).offset == 2


def test_a_key_whose_publication_failed_is_free(house: House) -> None:
    """What the broker could not keep may be published again under its key."""
    broker = LateBroker(house.clock)
    house.broker = broker
    house.app.namespace("room", history=History(9, 99))
    app = house.hub.app
    broker.failing.add("publish")
    failed = app.publish(CHANNEL, 1, idempotency_key="k")
    _settle(house)
    with pytest.raises(ReplyError):
        outcome(failed)
    assert house.failures() == ["ConnectionError"]
    broker.failing.clear()
    again = app.publish(CHANNEL, 1, idempotency_key="k")
    _settle(house)
    assert outcome(again).offset == 1


@pytest.mark.parametrize("call", ["subscribe", "history"])
def test_a_broker_that_fails_is_error_100_and_the_next_try_is_whole(
    house: House, call: str
) -> None:
    """A failed subscribe leaves nothing behind: the same client may try again."""
    broker = LateBroker(house.clock)
    house.broker = broker
    house.app.namespace(
        "room", history=History(9, 99), recovery=True, presence=True, allow_subscribe={"client"}
    )
    person = house.person()
    broker.failing.add(call)
    subscribing = person.subscribing(CHANNEL)
    _settle(house)
    with pytest.raises(ReplyError) as caught:
        outcome(subscribing)
    assert (caught.value.code, caught.value.temporary) == (100, True)
    assert house.failures() == ["ConnectionError"]
    assert not person.session.channels
    broker.failing.clear()
    again = person.subscribing(CHANNEL)
    _settle(house)
    outcome(again)
    assert person.session.channels == (CHANNEL,)


def test_a_broker_that_fails_to_unsubscribe_is_logged(house: House) -> None:
    """The client's leaving succeeds; the log says what went wrong."""
    broker = LateBroker(house.clock)
    house.broker = broker
    house.app.namespace("room", allow_subscribe={"client"})
    person = house.person()
    person.subscribing(CHANNEL)
    _settle(house)
    broker.failing.add("unsubscribe")
    outcome(person.session.unsubscribe(CHANNEL))
    _settle(house)
    assert house.failures() == ["ConnectionError"]


def test_a_failed_publish_is_error_100(house: House) -> None:
    """A publication that the broker could not keep is answered as failed, never silently lost."""
    broker = LateBroker(house.clock)
    house.broker = broker
    house.app.namespace("room", allow_publish={"client"})
    broker.failing.add("publish")
    publishing = house.person().session.publish(CHANNEL, b"1")
    _settle(house)
    with pytest.raises(ReplyError) as caught:
        outcome(publishing)
    assert caught.value.code == 100
    assert house.failures() == ["ConnectionError"]


def test_server_unsubscribe_during_a_subscribe_follows_the_answer() -> None:
    """A subscription that is ended while it is being made is answered, then ended."""
    house = _house(3)
    person = house.person()
    person.subscribing(CHANNEL)
    house.app.unsubscribe("ann", CHANNEL)
    _settle(house)
    assert [word for word, *_ in person.take()] == ["answer", "unsubscribe"]
    assert not person.session.channels


def test_disconnect_during_a_subscribe_leaves_nothing() -> None:
    """A session that ends while it subscribes is in no channel afterwards."""
    house = _house(4)
    person = house.person()
    subscribing = person.subscribing(CHANNEL)
    person.session.disconnect()
    _settle(house)
    with pytest.raises(CancelledError):
        outcome(subscribing)
    house.app.publish(CHANNEL, "hi")
    _settle(house)
    assert person.take() == []
    assert house.hub.channel_count == 0
