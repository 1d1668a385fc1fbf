"""One suite for every broker: what the hub may rely on, whoever keeps the streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from sennit.brokers.memory import MemoryBroker
from sennit.interfaces import Broker, PublishOptions, PublishResult
from sennit.model.publication import ClientInfo, HistoryPage, Publication, StreamPosition
from tests.double import LateBroker, outcome

KEPT = PublishOptions(history_size=3, history_ttl=60, meta_ttl=600)
T = TypeVar("T")
MakeBroker = Callable[[Clock], Broker]


class Sink:
    """Keeps what a broker delivers."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str, object]] = []

    def on_publication(self, channel: str, publication: Publication) -> None:
        self.received.append(("publication", channel, publication))

    def on_join(self, channel: str, info: ClientInfo) -> None:
        self.received.append(("join", channel, info))

    def on_leave(self, channel: str, info: ClientInfo) -> None:
        self.received.append(("leave", channel, info))

    def offsets(self) -> list[int]:
        """Return the offsets of the publications, in the order of their delivery."""
        return [item.offset for _, _, item in self.received if isinstance(item, Publication)]


class Bench:
    """A broker under test, and a clock that is moved until it has answered."""

    def __init__(self, make: MakeBroker) -> None:
        self.clock = Clock()
        self.broker = make(self.clock)
        self.sink = Sink()
        self.wait(self.broker.start(self.sink))

    def wait(self, deferred: Deferred[T]) -> T:
        """Return what a Deferred of the broker fires with; late deliveries arrive as well."""
        for _ in range(100):
            self.clock.advance(0.1)
        return outcome(deferred)

    def publish(self, channel: str, data: bytes, options: PublishOptions = KEPT) -> PublishResult:
        """Publish and wait."""
        return self.wait(self.broker.publish(channel, Publication(data), options))

    def history(
        self,
        limit: int = -1,
        since: int | None = None,
        reverse: bool = False,
        options: PublishOptions = KEPT,
    ) -> HistoryPage:
        """Read the history of the channel ``a``."""
        position = None if since is None else StreamPosition(since, "")
        return self.wait(
            self.broker.history("a", options, since=position, limit=limit, reverse=reverse)
        )

    def offsets(
        self, limit: int = -1, since: int | None = None, reverse: bool = False
    ) -> list[int]:
        """Return the offsets in the history of the channel ``a``."""
        return [item.offset for item in self.history(limit, since, reverse).publications]


@pytest.fixture(params=[MemoryBroker, LateBroker], ids=["memory", "late"])
def bench(request: pytest.FixtureRequest) -> Bench:
    """Every broker in turn."""
    return Bench(request.param)


def test_offsets_count_from_one(bench: Bench) -> None:
    """A channel's publications are numbered from 1, in one epoch; channels do not mix."""
    first = bench.publish("a", b"1").position
    second = bench.publish("a", b"2").position
    other = bench.publish("b", b"1").position
    assert (first.offset, second.offset, other.offset) == (1, 2, 1)
    assert first.epoch == second.epoch
    assert first.epoch != other.epoch
    assert first.epoch


def test_only_subscribed_channels_are_delivered(bench: Bench) -> None:
    """Delivery begins with subscribe and ends with unsubscribe."""
    bench.publish("a", b"1")
    bench.wait(bench.broker.subscribe("a"))
    bench.publish("a", b"2")
    bench.publish("b", b"2")
    bench.wait(bench.broker.unsubscribe("a"))
    bench.publish("a", b"3")
    assert bench.sink.offsets() == [2]


def test_delivery_is_in_offset_order(bench: Bench) -> None:
    """However many are under way at once, they arrive in the order of their offsets."""
    bench.wait(bench.broker.subscribe("a"))
    publishing = [bench.broker.publish("a", Publication(b"%d" % n), KEPT) for n in range(20)]
    bench.wait(publishing[-1])
    assert bench.sink.offsets() == list(range(1, 21))
    answered = {outcome(result).position.offset: n for n, result in enumerate(publishing)}
    delivered = {
        item.offset: item.data
        for _, _, item in bench.sink.received
        if isinstance(item, Publication)
    }
    assert delivered == {offset: b"%d" % n for offset, n in answered.items()}


def test_delivered_publication_is_whole(bench: Bench) -> None:
    """Data, publisher, tags and position arrive; the payload is not touched."""
    bench.wait(bench.broker.subscribe("a"))
    info = ClientInfo("ann", "c1", b"{}")
    sent = Publication(b'{ "odd" : 1 }', info=info, tags={"k": "v"})
    position = bench.wait(bench.broker.publish("a", sent, KEPT)).position
    expected = Publication(b'{ "odd" : 1 }', position.offset, position.epoch, info, {"k": "v"}, "a")
    assert bench.sink.received == [("publication", "a", expected)]
    assert bench.history().publications == (expected,)


def test_without_history_there_is_no_position(bench: Bench) -> None:
    """A channel that keeps nothing delivers without offset and epoch."""
    bench.wait(bench.broker.subscribe("a"))
    result = bench.publish("a", b"1", PublishOptions())
    assert result.position == StreamPosition(0, "")
    assert bench.sink.offsets() == [0]


def test_history_keeps_the_newest(bench: Bench) -> None:
    """The ring holds so many; the position goes on."""
    for number in range(5):
        bench.publish("a", b"%d" % number)
    assert bench.offsets() == [3, 4, 5]
    assert bench.history().position.offset == 5


@pytest.mark.parametrize(
    ("limit", "since", "reverse", "expected"),
    [
        (0, None, False, []),
        (0, 1, False, []),
        (2, None, False, [3, 4]),
        (2, None, True, [5, 4]),
        (-1, None, True, [5, 4, 3]),
        (-1, 3, False, [4, 5]),
        (1, 3, False, [4]),
        (-1, 0, False, [3, 4, 5]),
        (-1, 5, False, []),
        (-1, 9, False, []),
        (-1, 5, True, [4, 3]),
        (1, 5, True, [4]),
        (-1, 3, True, []),
        (-1, 9, True, [5, 4, 3]),
    ],
)
def test_history_pages(
    bench: Bench, limit: int, since: int | None, reverse: bool, expected: list[int]
) -> None:
    """``since`` is exclusive both ways; 0 reads the position alone, -1 everything."""
    for number in range(5):
        bench.publish("a", b"%d" % number)
    assert bench.offsets(limit, since, reverse) == expected


def test_an_empty_stream_has_an_epoch(bench: Bench) -> None:
    """A channel never published to stands at 0, in the epoch its first publication will have."""
    position = bench.history().position
    assert position.offset == 0
    assert bench.publish("a", b"1").position == StreamPosition(1, position.epoch)


def test_history_expires(bench: Bench) -> None:
    """After its time the history is empty; offset and epoch go on."""
    before = bench.publish("a", b"1").position
    bench.clock.advance(61)
    page = bench.history()
    assert page.publications == ()
    assert page.position == before
    assert bench.publish("a", b"2").position == StreamPosition(2, before.epoch)


def test_a_forgotten_stream_begins_a_new_epoch(bench: Bench) -> None:
    """After the time of its metadata a stream is made anew."""
    before = bench.publish("a", b"1").position
    bench.clock.advance(601)
    after = bench.publish("a", b"2").position
    assert after.offset == 1
    assert after.epoch != before.epoch


def test_removed_history_keeps_its_position(bench: Bench) -> None:
    """``remove_history`` empties the ring and nothing else; a channel without one is fine."""
    before = bench.publish("a", b"1").position
    bench.wait(bench.broker.remove_history("a"))
    bench.wait(bench.broker.remove_history("never"))
    assert bench.history().publications == ()
    assert bench.publish("a", b"2").position == StreamPosition(2, before.epoch)


def test_idempotent_publish(bench: Bench) -> None:
    """A key seen before is answered with its first position and not delivered again."""
    options = PublishOptions(3, 60, 600, idempotency_key="k", idempotency_ttl=300)
    bench.wait(bench.broker.subscribe("a"))
    first = bench.publish("a", b"1", options)
    again = bench.publish("a", b"1", options)
    assert not first.duplicate
    assert again == PublishResult(first.position, duplicate=True)
    assert bench.sink.offsets() == [1]
    assert bench.publish("b", b"1", options).duplicate is False
    bench.clock.advance(301)
    assert bench.publish("a", b"1", options).position.offset == 2


def test_joins_and_leaves_are_delivered(bench: Bench) -> None:
    """They reach subscribed channels only, and are not kept."""
    info = ClientInfo("ann", "c1")
    bench.wait(bench.broker.publish_join("a", info))
    bench.wait(bench.broker.publish_leave("a", info))
    bench.wait(bench.broker.subscribe("a"))
    bench.wait(bench.broker.publish_join("a", info))
    bench.wait(bench.broker.publish_leave("a", info))
    assert bench.sink.received == [("join", "a", info), ("leave", "a", info)]
    assert bench.history().publications == ()


def test_a_stopped_broker_delivers_nothing(bench: Bench) -> None:
    """After stop nothing reaches the sink."""
    bench.wait(bench.broker.subscribe("a"))
    bench.wait(bench.broker.stop())
    bench.publish("a", b"1")
    assert bench.sink.received == []
