"""Catching up by ``slow="recover"``: all of it comes, in order, or the client is told."""

from __future__ import annotations

from typing import Any

import pytest

from sennit.hub import catch_up
from sennit.hub.namespace import History
from sennit.hub.outbox import FRAME_COST
from sennit.hub.request import SubscriptionOptions
from sennit.hub.setting import HubSettings
from sennit.model.code import UnsubscribeCode
from sennit.model.publication import Publication
from sennit.model.request import Closed
from tests.double import LateBroker, outcome
from tests.hub.conftest import House, Person

CHANNEL = "room:a"
FEW = 6 * (FRAME_COST + 40)
TOLD = ["unsubscribe", CHANNEL, UnsubscribeCode.INSUFFICIENT_STATE, "insufficient state"]


def _slow(house: House, size: int = 1000, **options: Any) -> Person:
    """Return somebody who is subscribed, and reads no more."""
    house.settings = HubSettings(queue_limit=FEW)
    house.app.namespace(
        "room",
        history=History(size, 60),
        recovery=True,
        slow="recover",
        allow_subscribe={"client"},
        **options,
    )
    person = house.person("slow")
    subscribing = person.subscribing(CHANNEL)
    _settle(house)
    outcome(subscribing)
    person.take()
    person.transport.blocked = True
    return person


def _settle(house: House) -> None:
    for _ in range(60):
        house.clock.advance(0.1)


def _publish(house: House, *numbers: int, channel: str = CHANNEL) -> None:
    for number in numbers:
        house.hub.app.publish(channel, number)
        if isinstance(house.broker, LateBroker):
            house.clock.advance(0.5)
    if isinstance(house.broker, LateBroker):
        _settle(house)


def _numbers(person: Person, channel: str = CHANNEL) -> list[Any]:
    taken = person.take()
    assert all(entry[0] == "pub" for entry in taken), taken
    return [entry[-1] for entry in taken if entry[1] == channel]


def test_what_was_left_out_is_read_and_sent(house: House) -> None:
    """The client is sent what it missed, in order and once, without having to ask."""
    person = _slow(house)
    _publish(house, *range(30))
    assert person.session.queued == 0
    assert person.session.channels == (CHANNEL,)
    assert house.hub.dropped == {"recover": 30}
    person.unblock()
    _settle(house)
    assert _numbers(person) == list(range(30))
    refused = person.transport.refused
    _publish(house, 30)
    assert _numbers(person) == [30]
    assert person.transport.refused == refused
    assert house.framing.groups[-1].members


def test_it_is_read_in_pages(house: House) -> None:
    """Each read is bounded, and others have their turn between two of them."""
    person = _slow(house)
    wanted = 3 * catch_up.PAGE + 5
    _publish(house, *range(wanted))
    person.unblock()
    assert _numbers(person) == list(range(catch_up.PAGE))
    # One turn of the loop; advance(0) would run what is called later as well.
    turn = house.clock.calls.pop(0)
    turn.called = 1
    turn.func(*turn.args, **turn.kw)
    assert _numbers(person) == list(range(catch_up.PAGE, 2 * catch_up.PAGE))
    _publish(house, wanted)
    assert _numbers(person) == []
    _settle(house)
    assert _numbers(person) == list(range(2 * catch_up.PAGE, wanted + 1))


@pytest.mark.parametrize("seed", range(20))
def test_a_late_broker_makes_no_difference(house: House, seed: int) -> None:
    """What is published while the history is read follows it, however late either comes."""
    house.broker = LateBroker(house.clock, seed)
    person = _slow(house)
    _publish(house, *range(20))
    person.unblock()
    for number in range(20, 40):
        house.hub.app.publish(CHANNEL, number)
        house.clock.advance(0.3)
    _settle(house)
    taken = person.take()
    offsets = [entry[2] for entry in taken]
    assert offsets == list(range(1, 41))


def test_several_channels_take_turns(house: House) -> None:
    """Two channels behind on one connection are both sent, page by page."""
    person = _slow(house)
    person.transport.blocked = False
    outcome(person.subscribing("room:b"))
    person.take()
    person.transport.blocked = True
    wanted = 2 * catch_up.PAGE
    for number in range(wanted):
        _publish(house, number)
        _publish(house, number, channel="room:b")
    person.unblock()
    for _ in range(6):
        house.clock.advance(0)
    taken = person.take()
    assert [entry[1] for entry in taken[:: catch_up.PAGE]] == ["room:a", "room:b"] * 2
    for channel in (CHANNEL, "room:b"):
        assert [entry[-1] for entry in taken if entry[1] == channel] == list(range(wanted))


def test_a_client_that_stalls_again_goes_on_from_there(house: House) -> None:
    """Refused in the middle of a page: the rest is read another time, none twice."""
    person = _slow(house)
    _publish(house, *range(50))
    got: list[Any] = []
    for _ in range(40):
        _take_some(person, 3)
        house.clock.advance(0)
        got += _numbers(person)
    assert got == list(range(50))
    person.transport.blocked = False
    _publish(house, 50)
    assert _numbers(person) == [50]


def _take_some(person: Person, frames: int) -> None:
    """Have room for so many frames and then for none."""
    transport = person.transport
    taken = 0

    def send(frame: bytes) -> bool:
        nonlocal taken
        taken += 1
        if taken > frames:
            transport.blocked = True
            transport.refused += 1
            return False
        transport.sent.append(frame)
        return True

    transport.send = send  # type: ignore[method-assign]
    person.session.writable()
    del transport.send


def test_a_history_that_does_not_reach_back_is_told(house: House) -> None:
    """What the history has let go of cannot be sent: the subscription ends with 2500."""
    person = _slow(house, size=10)
    _publish(house, *range(30))
    person.unblock()
    _settle(house)
    assert person.take() == [TOLD]
    assert person.session.channels == ()


def test_a_stream_made_anew_is_told(house: House) -> None:
    """Another epoch: at once where it is published to, else when the history is read."""
    person = _slow(house)
    _publish(house, *range(30))
    house.hub.on_publication(CHANNEL, Publication(b"1", 1, "another"))
    person.unblock()
    _settle(house)
    assert person.take() == [TOLD]


@pytest.mark.parametrize("failure", ["error", "silence"])
def test_a_broker_that_fails_is_told(house: House, failure: str) -> None:
    """Where the history cannot be read the client is told, and tries for itself."""
    broker = LateBroker(house.clock)
    house.broker = broker
    person = _slow(house)
    _publish(house, *range(30))
    if failure == "error":
        broker.failing.add("history")
    else:
        broker._delay = lambda: 100.0  # type: ignore[method-assign]
    person.unblock()
    _settle(house)
    if failure == "silence":
        assert person.take() == []
        house.clock.advance(catch_up.READ_TIMEOUT)
    assert person.take() == [TOLD]
    assert house.failures() == ["ConnectionError" if failure == "error" else "TimeoutError"]


@pytest.mark.parametrize("way", ["close", "disconnect", "unsubscribe", "end"])
def test_a_client_that_leaves_meanwhile_is_sent_nothing_more(house: House, way: str) -> None:
    """Whatever ends it: the read is let go of, and its answer goes nowhere."""
    house.broker = LateBroker(house.clock, 3)
    person = _slow(house)
    _publish(house, *range(30))
    person.unblock()
    if way == "close":
        person.session.close(Closed(1006))
    elif way == "disconnect":
        person.session.disconnect()
    elif way == "unsubscribe":
        person.session.unsubscribe(CHANNEL)
    else:
        person.session.end_subscription(CHANNEL, UnsubscribeCode.SERVER)
    person.take()
    _settle(house)
    assert person.take() == []
    assert house.hub.channel_count == 0


def test_unsubscribed_and_back_before_it_reads(house: House) -> None:
    """What waits of a subscription that is over is not counted to the next one's."""
    person = _slow(house)
    _publish(house, *range(3))
    outcome(person.session.unsubscribe(CHANNEL))
    assert person.subscribe(CHANNEL).position.offset == 3
    _publish(house, *range(3, 30))
    person.unblock()
    _settle(house)
    taken = person.take()
    assert [entry[-1] for entry in taken[:3]] == [0, 1, 2]
    assert taken[3] == ["answer"]
    assert [entry[-1] for entry in taken[4:]] == list(range(3, 30))


def test_joins_are_not_left_out(house: House) -> None:
    """Nothing else would tell of them: they come, also to one that is behind."""
    person = _slow(house, join_leave=True, force_push_join_leave=True)
    house.publish(CHANNEL, 0)
    other = house.person("other")
    other.subscribe(CHANNEL)
    _publish(house, *range(1, 30))
    outcome(other.session.unsubscribe(CHANNEL))
    person.unblock()
    _settle(house)
    taken = person.take()
    assert [entry[0] for entry in taken if entry[0] != "pub"] == ["join", "leave"]
    assert [entry[-1] for entry in taken if entry[0] == "pub"] == list(range(30))


def test_too_many_replies_put_a_channel_off_before_the_client_goes(house: House) -> None:
    """What can be read again makes room for what cannot."""
    person = _slow(house)
    _publish(house, *range(4))
    for _ in range(5):
        person.session.write(b'["reply"]')
    assert house.hub.dropped == {"recover": 4}
    person.unblock()
    _settle(house)
    taken = person.take()
    assert taken[:5] == [["reply"]] * 5
    assert [entry[-1] for entry in taken[5:]] == list(range(4))


def test_without_a_position_it_is_told(house: House) -> None:
    """A subscription that was promised no position has nothing to go on from."""
    person = _slow(house)
    person.transport.blocked = False
    outcome(
        person.session.subscribe_server_side("room:b", SubscriptionOptions(force_recovery=False))
    )
    person.take()
    person.transport.blocked = True
    _publish(house, *range(30), channel="room:b")
    person.unblock()
    assert person.transport.disconnected == (3010, "insufficient state")


def test_ephemeral_ones_are_left_out_alone(house: House) -> None:
    """What is for those who are there now is not waited for, and puts nobody behind."""
    person = _slow(house)
    for number in range(30):
        house.publish(CHANNEL, number, ephemeral=True)
    person.unblock()
    _settle(house)
    assert person.transport.disconnected is None
    assert len(person.take()) < 30
    _publish(house, 1)
    assert _numbers(person) == [1]


def test_in_cache_mode_the_newest_alone_is_sent(house: House) -> None:
    """Who recovers the newest publication alone catches up with the newest alone."""
    person = _slow(house, size=1, recovery_mode="cache")
    _publish(house, *range(30))
    person.unblock()
    _settle(house)
    assert _numbers(person) == [29]
    _publish(house, 30)
    assert _numbers(person) == [30]
