"""A channel's corners: who came in ahead of its deliveries, gaps while subscribing, bounds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail

from sennit.brokers.memory import MemoryBroker
from sennit.errors import Disconnect
from sennit.hub.namespace import History
from sennit.hub.request import SubscribeRequest
from sennit.hub.setting import HubSettings
from sennit.interfaces import PublishOptions
from sennit.model.publication import ClientInfo, HistoryPage, Publication, StreamPosition
from sennit.model.request import Closed
from tests.double import outcome
from tests.hub.conftest import House, Person


class HeldBroker(MemoryBroker):
    """Answers a history when it is told to, and delivers what it is told."""

    held: list[Deferred[HistoryPage]]

    def history(
        self,
        channel: str,
        options: PublishOptions,
        *,
        since: StreamPosition | None = None,
        limit: int = 0,
        reverse: bool = False,
    ) -> Deferred[HistoryPage]:
        self.held = [*getattr(self, "held", []), Deferred()]
        return self.held[-1]


def _held(house: House, **options: bool) -> tuple[HeldBroker, Person]:
    broker = HeldBroker(house.clock)
    house.broker = broker
    house.app.namespace(
        "room",
        history=History(99, 99),
        recovery=True,
        allow_subscribe={"client"},
        presence=options.get("presence", False),
        join_leave=options.get("join_leave", False),
        force_push_join_leave=options.get("join_leave", False),
    )
    return broker, house.person()


def _deliver(house: House, offset: int, epoch: str = "e") -> None:
    house.hub.on_publication("room:a", Publication(b"%d" % offset, offset, epoch))


def _page(offset: int, epoch: str = "e", *publications: Publication) -> HistoryPage:
    return HistoryPage(publications, StreamPosition(offset, epoch))


def _offsets(person: Person) -> list[int]:
    return [entry[2] for entry in person.take() if entry[0] == "pub"]


def test_kept_publications_below_the_top_are_not_repeated(house: House) -> None:
    """What the history had already is dropped from what was kept; the rest follows it."""
    broker, person = _held(house)
    person.subscribing("room:a")
    for offset in (4, 5, 6):
        _deliver(house, offset)
    broker.held[0].callback(_page(5))
    assert _offsets(person) == [6]
    _deliver(house, 7)
    assert _offsets(person) == [7]


@pytest.mark.parametrize(
    "deliveries",
    [[(7, "e")], [(6, "other")], [(6, "e"), (8, "e")]],
    ids=["gap", "other-epoch", "gap-inside"],
)
def test_a_gap_while_subscribing_disconnects_with_3010(
    house: House, deliveries: list[tuple[int, str]]
) -> None:
    """Where what was kept does not carry on from the history, the client starts over."""
    broker, person = _held(house, presence=True)
    subscribing = person.subscribing("room:a")
    for offset, epoch in deliveries:
        _deliver(house, offset, epoch)
    broker.held[0].callback(_page(5))
    with pytest.raises(Disconnect) as caught:
        outcome(subscribing)
    assert caught.value.code == 3010
    assert not person.session.channels
    assert outcome(house.presence.count("room:a")) == (0, 0)
    assert house.hub.channel_count == 0


def test_more_than_may_be_kept_disconnects_with_3010(house: House) -> None:
    """What arrives while a subscription is being made is bounded."""
    house.settings = HubSettings(subscribe_buffer=2)
    broker, person = _held(house)
    subscribing = person.subscribing("room:a")
    for offset in range(1, 6):
        _deliver(house, offset)
    broker.held[0].callback(_page(5))
    with pytest.raises(Disconnect):
        outcome(subscribing)


def test_history_behind_the_channel_disconnects_with_3010(house: House) -> None:
    """A history older than what others here were given already cannot be trusted."""
    broker, first = _held(house)
    first.subscribing("room:a")
    broker.held[0].callback(_page(0))
    _deliver(house, 1)
    second = house.person("bob")
    subscribing = second.subscribing("room:a")
    broker.held[1].callback(_page(0))
    with pytest.raises(Disconnect):
        outcome(subscribing)


def _ahead(house: House) -> tuple[Person, Person]:
    """Return one person at offset 1, and one whose history was ahead of deliveries, at 3."""
    broker, first = _held(house, join_leave=True)
    first.subscribing("room:a")
    broker.held[0].callback(_page(0))
    _deliver(house, 1)
    second = house.person("bob")
    second.subscribing("room:a")
    broker.held[1].callback(_page(3))
    first.take()
    second.take()
    return first, second


def test_newcomer_ahead_of_the_deliveries_gets_nothing_twice(house: House) -> None:
    """Until the channel has come to where a newcomer stands, they are served apart."""
    first, second = _ahead(house)
    for offset in (2, 3, 4):
        _deliver(house, offset)
    assert _offsets(first) == [2, 3, 4]
    assert _offsets(second) == [4]
    groups = [len(group) for group in house.framing.groups]
    assert max(groups) == 2


def test_newcomer_ahead_hears_of_joins(house: House) -> None:
    """Joins do not wait for positions."""
    _, second = _ahead(house)
    house.hub.on_join("room:a", ClientInfo("eve", "c9"))
    assert second.take() == [["join", "room:a", "eve"]]


@pytest.mark.parametrize("delivery", [(5, "e"), (2, "new")], ids=["gap", "epoch"])
def test_newcomer_ahead_notices_gaps(house: House, delivery: tuple[int, str]) -> None:
    """A gap, or another epoch, ends the subscription of one who stands apart as well."""
    _, second = _ahead(house)
    _deliver(house, *delivery)
    assert [entry[:3] for entry in second.take()] == [["unsubscribe", "room:a", 2500]]


def test_newcomer_ahead_who_is_slow_joins_when_level(house: House) -> None:
    """A slow one who stands apart stays apart until it has caught up."""
    first, second = _ahead(house)
    second.transport.blocked = True
    for offset in (2, 3, 4):
        _deliver(house, offset)
    refused = second.transport.refused
    _deliver(house, 5)
    assert second.transport.refused == refused
    second.unblock()
    assert _offsets(second) == [4, 5]
    _deliver(house, 6)
    assert _offsets(second) == [6]
    assert _offsets(first) == [2, 3, 4, 5, 6]


def test_repeated_delivery_is_dropped(house: House) -> None:
    """A broker that delivers twice is heard once."""
    broker, person = _held(house)
    person.subscribing("room:a")
    broker.held[0].callback(_page(0))
    for offset in (1, 1, 2, 1):
        _deliver(house, offset)
    assert _offsets(person) == [1, 2]


def test_subscriber_who_goes_while_catching_up(house: House) -> None:
    """A slow client that overflows while what was kept is written is let go of cleanly."""
    house.settings = HubSettings(queue_limit=150)
    broker, person = _held(house)
    subscribing = person.subscribing("room:a")
    for offset in range(1, 9):
        _deliver(house, offset)
    person.transport.blocked = True
    broker.held[0].callback(_page(0))
    outcome(subscribing)
    assert person.transport.disconnected == (3008, "slow")
    assert not person.session.channels


def test_without_positions_everything_kept_is_written(house: House) -> None:
    """Where there is no stream, what arrives while subscribing follows the answer."""
    entering: Deferred[None] = Deferred()
    room = house.app.namespace("room", presence=True)
    room.on_subscribe(lambda _session, _channel, _request: None)
    house.presence.add = lambda _channel, _info: entering  # type: ignore[method-assign, assignment]
    person = house.person()
    person.subscribing("room:a")
    house.publish("room:a", "x")
    assert person.take() == []
    entering.callback(None)
    assert person.take() == [["answer"], ["pub", "room:a", 0, "x"]]


@pytest.mark.parametrize("end", ["close", "disconnect", "unsubscribe", "cancel"])
def test_everything_can_end_while_subscribing(house: House, end: str) -> None:
    """Whatever ends a subscription that is being made, nothing of it is left."""
    broker, person = _held(house, presence=True, join_leave=True)
    subscribing = person.subscribing("room:a")
    cancelled: list[object] = []
    subscribing.addErrback(lambda failure: cancelled.append(failure.trap(CancelledError)))
    acts: dict[str, Callable[[], object]] = {
        "close": lambda: person.session.close(Closed(1006)),
        "disconnect": person.session.disconnect,
        "unsubscribe": lambda: outcome(person.session.unsubscribe("room:a")),
        "cancel": subscribing.cancel,
    }
    acts[end]()
    if not broker.held[0].called:
        broker.held[0].callback(_page(0))
    assert not person.session.channels
    assert outcome(house.presence.count("room:a")) == (0, 0)
    assert house.hub.channel_count == 0


def test_coming_back_waits_for_the_leave(house: House) -> None:
    """A quick return does not lose its presence to the leave that is still under way."""
    house.app.namespace("room", presence=True, allow_subscribe={"client"})
    remove, leaving = house.presence.remove, Deferred[None]()
    person = house.person()
    person.subscribe("room:a")

    def late(channel: str, client: str) -> Deferred[None]:
        return leaving.addCallback(lambda _: remove(channel, client))

    house.presence.remove = late  # type: ignore[method-assign]
    unsubscribing = person.session.unsubscribe("room:a")
    subscribing = person.subscribing("room:a")
    assert not unsubscribing.called
    assert not subscribing.called
    leaving.callback(None)
    outcome(unsubscribing)
    outcome(subscribing)
    assert outcome(house.presence.count("room:a")) == (1, 1)


def test_a_leave_that_cannot_be_told_is_logged(house: House) -> None:
    """Leaving succeeds even where presence fails."""
    house.app.namespace("room", presence=True, allow_subscribe={"client"})
    person = house.person()
    person.subscribe("room:a")

    def broken(_channel: str, _client: str) -> Deferred[None]:
        raise ConnectionError

    house.presence.remove = broken  # type: ignore[method-assign, assignment]
    outcome(person.session.unsubscribe("room:a"))
    assert house.failures() == ["ConnectionError"]


def test_a_broker_that_does_not_start(house: House) -> None:
    """The app is free again when its broker could not be started."""

    def start(_sink: object) -> Deferred[None]:
        return fail(ZeroDivisionError())

    house.broker.start = start  # type: ignore[method-assign, assignment]
    with pytest.raises(ZeroDivisionError):
        _ = house.hub
    house.app.attach(None)


def test_requests_carry_what_the_client_sent() -> None:
    """A subscribe request's payload can be decoded to a type."""
    assert SubscribeRequest(channel="a", data=b"[1]").decode(list[int]) == [1]
    assert SubscribeRequest(channel="a").decode() is None


def test_deliveries_for_nobody_are_ignored(house: House) -> None:
    """A broker may still deliver what nobody here wants any more."""
    _deliver(house, 1)
    house.hub.on_join("room:a", ClientInfo("", "c"))
    house.hub.on_leave("room:a", ClientInfo("", "c"))
