"""Whatever happens in whatever order: a client's view is the channel's history, or it was told.

Clients come and go, subscribe and unsubscribe, stop reading and read a little, while a broker
answers and delivers late. Each client believes what an SDK believes, and no more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from sennit.errors import Disconnect, ReplyError
from sennit.hub import catch_up
from sennit.hub.namespace import History
from sennit.hub.outbox import FRAME_COST
from sennit.hub.request import SubscribeRequest, SubscribeResult
from sennit.hub.setting import HubSettings
from sennit.model.code import UnsubscribeCode
from sennit.model.publication import StreamPosition
from sennit.model.request import Closed
from tests.double import LateBroker, outcome
from tests.hub.conftest import House, Person

PROMISED = ("back:a", "back:b", "firm:a")
"""Channels with recovery."""
LOSSY = ("old:a", "key:a")
CHANNELS = (*PROMISED, *LOSSY)
TOLD = {3008, 3010, 3012}
KEYS = 3


class View:
    """What a client knows of one channel.

    Attributes:
        wanted: whether its owner wants to be subscribed.
        live: whether it is, as far as it has read.
        position: where it stands, where it was promised one; ``None`` before the first answer.
        seen: the offset and the number of each publication, in their order.
        since: publications with a lower number were begun before it was subscribed.
    """

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.wanted = False
        self.live = False
        self.position: StreamPosition | None = None
        self.seen: list[tuple[int, int]] = []
        self.since = 0

    def answer(self, result: SubscribeResult, since: int) -> None:
        """Take an answer in."""
        self.live = True
        self.since = since
        if not result.positioned:
            assert self.channel in LOSSY
            return
        if self.position is not None and result.recovered:
            assert result.position.offset == self.position.offset
        elif self.position is not None:
            assert result.was_recovering, "a position was not asked for, or not minded"
            assert result.publications == (), "told that it is not all, and given a part"
        self.position = result.position
        for publication in result.publications:
            self.publication(publication.offset, int(publication.data))

    def publication(self, offset: int, number: int) -> None:
        """Take a publication in, as far as it is subscribed."""
        if not self.live:
            return
        if self.channel in PROMISED:
            assert self.position is not None
            assert offset == self.position.offset + 1, "a gap, a double, or out of order"
            self.position = StreamPosition(offset, self.position.epoch)
        elif self.seen:
            assert offset > self.seen[-1][0], "a double, or out of order"
        self.seen.append((offset, number))

    def lost(self) -> None:
        """Note that it is not subscribed any more."""
        self.live = False


class Client:
    """Somebody with an SDK, who keeps a view of each channel."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.person: Person | None = None
        self.views = {channel: View(channel) for channel in CHANNELS}
        self.answers: list[tuple[SubscribeResult, int]] = []
        self.busy: dict[str, Deferred[Any]] = {}

    def come(self) -> None:
        """Connect, and subscribe to what is wanted and not subscribed."""
        if self.person is None:
            self.person = self.world.house.person(self.name)
        for view in self.views.values():
            if view.wanted and not view.live:
                self.subscribe(view.channel)

    def subscribe(self, channel: str) -> None:
        """Subscribe, from where it stands."""
        view = self.views[channel]
        view.wanted = True
        if self.person is None or view.live or channel in self.busy:
            return
        session = self.person.session
        request = SubscribeRequest(
            channel=channel,
            recover=view.position is not None,
            position=view.position or StreamPosition(),
        )

        def answer(result: SubscribeResult) -> None:
            self.answers.append((result, self.world.begun))
            session.write(json.dumps(["answer", channel, len(self.answers) - 1]).encode())

        self._ask(channel, session.subscribe(request, answer))

    def unsubscribe(self, channel: str) -> None:
        """Unsubscribe; what is on its way is ignored from now on."""
        view = self.views[channel]
        if self.person is None or not view.live or channel in self.busy:
            return
        view.wanted = False
        view.lost()
        self._ask(channel, self.person.session.unsubscribe(channel))

    def read(self) -> None:
        """Take in what has arrived; come back another time if the connection was ended."""
        if self.person is None:
            return
        for word, *rest in self.person.take():
            if word == "answer":
                self.views[rest[0]].answer(*self.answers[rest[1]])
            elif word == "pub":
                self.views[rest[0]].publication(rest[1], rest[2])
            else:
                assert (word, rest[1]) == ("unsubscribe", UnsubscribeCode.INSUFFICIENT_STATE)
                self.views[rest[0]].lost()
        assert self.person.session.queued <= self.world.limit
        ended = self.person.transport.disconnected
        if ended is not None:
            assert ended[0] in TOLD
            self.go()

    def go(self) -> None:
        """Lose the connection."""
        person, self.person = self.person, None
        if person is None:
            return
        for view in self.views.values():
            view.lost()
        busy, self.busy = self.busy, {}
        for deferred in busy.values():
            deferred.cancel()
        person.session.close(Closed(1006))

    def read_some(self, frames: int) -> None:
        """Have room for a few frames, then for none."""
        if self.person is None or not self.person.transport.blocked:
            return
        transport = self.person.transport
        left = frames

        def send(frame: bytes) -> bool:
            nonlocal left
            left -= 1
            transport.blocked = left < 0
            return type(transport).send(transport, frame)

        transport.send = send  # type: ignore[method-assign]
        try:
            self.person.session.writable()
        finally:
            del transport.send
            transport.blocked = True

    def block(self) -> None:
        """Stop reading."""
        if self.person is not None:
            self.person.transport.blocked = True

    def unblock(self) -> None:
        """Read everything again."""
        if self.person is not None and self.person.transport.blocked:
            self.person.unblock()

    def _ask(self, channel: str, asked: Deferred[Any]) -> None:
        person = self.person
        assert person is not None

        def failed(failure: Failure) -> None:
            # As the protocol does.
            failure.trap(CancelledError, Disconnect, ReplyError)
            if isinstance(failure.value, Disconnect):
                person.session.end(failure.value)

        def done(_: object) -> None:
            if self.busy.get(channel) is asked:
                del self.busy[channel]

        self.busy[channel] = asked
        asked.addErrback(failed)
        asked.addCallback(done)


class World:
    """The hub, its clients, and what has been published."""

    def __init__(self, seed: int, *, late: bool, history: int, frames: int, buffer: int) -> None:
        self.house = House()
        if late:
            self.house.broker = LateBroker(self.house.clock, seed)
        self.limit = frames * (FRAME_COST + 40)
        self.house.settings = HubSettings(
            queue_limit=self.limit, subscribe_buffer=buffer, recovery_limit=history
        )
        kept = History(history, 10_000)
        app = self.house.app
        everybody = {"allow_subscribe": {"client"}, "history": kept}
        app.namespace("back", recovery=True, slow="recover", **everybody)  # type: ignore[arg-type]
        app.namespace("firm", recovery=True, **everybody)  # type: ignore[arg-type]
        app.namespace("old", slow="drop-oldest", **everybody)  # type: ignore[arg-type]
        app.namespace("key", slow="conflate", conflate_key="key", **everybody)  # type: ignore[arg-type]
        self.begun = 0
        self.published: dict[str, list[tuple[int, Deferred[StreamPosition]]]] = {
            channel: [] for channel in CHANNELS
        }
        self.clients = [Client(self, name) for name in ("ann", "bob")]

    def publish(self, channel: str) -> None:
        """Publish the next number."""
        number = self.begun
        self.begun += 1
        tags = {"key": str(number % KEYS)}
        publishing = self.house.hub.app.publish(channel, number, tags=tags)
        self.published[channel].append((number, publishing))

    def settle(self) -> None:
        """Let the broker, and whoever waits for it, come to an end."""
        for _ in range(40 if isinstance(self.house.broker, LateBroker) else 3):
            self.house.clock.advance(0.5)
            for client in self.clients:
                client.read()

    def kept(self, channel: str) -> dict[int, int]:
        """Return the number of each offset."""
        return {outcome(kept).offset: number for number, kept in self.published[channel]}

    def finish(self) -> None:
        """Bring everybody back, and check what they have seen; then once more, after one more."""
        for _ in range(12):
            for client in self.clients:
                client.unblock()
                client.read()
                client.come()
            self.settle()
        self.check()
        for channel in CHANNELS:
            self.publish(channel)
        self.settle()
        self.check()

    def check(self) -> None:
        """Check every view against what is kept."""
        for channel in CHANNELS:
            kept = self.kept(channel)
            assert sorted(kept) == list(range(1, len(kept) + 1))
            for client in self.clients:
                view = client.views[channel]
                assert all(kept[offset] == number for offset, number in view.seen)
                assert client.person is not None
                assert view.live == view.wanted == client.person.session.is_subscribed(channel)
                if view.live and channel in PROMISED:
                    assert view.position is not None
                    assert view.position.offset == len(kept), "the last are missing"
                elif view.live and not self.published["firm:a"][1:]:
                    # Where others must not be left out, there may be room for none of these.
                    self.check_newest(view, kept)

    def check_newest(self, view: View, kept: dict[int, int]) -> None:
        """Check that the newest, of each key where there are keys, has been seen."""
        if self.limit < 4 * KEYS * (FRAME_COST + 40):
            return  # Two channels need not have room for all keys.
        numbers = {number for _, number in view.seen}
        newest = {
            number % KEYS if view.channel == "key:a" else 0: number
            for number in (kept[offset] for offset in sorted(kept))
        }
        assert all(number in numbers for number in newest.values() if number >= view.since)


@contextmanager
def _small_pages() -> Iterator[None]:
    """Catch up in pages of three, so that few publications are many pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catch_up, "PAGE", 3)
        patch.setattr(catch_up, "KEPT", 4)
        yield


CLIENT = st.integers(0, 1)
CHANNEL = st.integers(0, 1)
"""One of the two that an example is about."""
STEP = st.one_of(
    st.tuples(st.just("publish"), CHANNEL, st.integers(1, 12)),
    st.tuples(st.just("publish"), CHANNEL, st.integers(1, 3)),
    st.tuples(st.sampled_from(["subscribe", "subscribe", "unsubscribe"]), CLIENT, CHANNEL),
    st.tuples(st.sampled_from(["come", "come", "go", "block", "block", "unblock"]), CLIENT),
    st.tuples(st.just("some"), CLIENT, st.integers(1, 9)),
    st.tuples(st.just("wait"), st.sampled_from([0.0, 0.1, 0.5, 1.0])),
)


def _do(world: World, channels: tuple[str, str], step: tuple[Any, ...]) -> None:
    name, *rest = step
    if name == "publish":
        for _ in range(rest[1]):
            world.publish(channels[rest[0]])
        return
    if name == "wait":
        world.house.clock.advance(rest[0])
        return
    client = world.clients[rest[0]]
    if name == "some":
        client.read_some(rest[1])
    elif name in ("subscribe", "unsubscribe"):
        getattr(client, name)(channels[rest[1]])
    else:
        getattr(client, name)()


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10**6),
    late=st.booleans(),
    history=st.sampled_from([4, 30, 1000]),
    frames=st.sampled_from([2, 6, 20]),
    buffer=st.sampled_from([3, 1000]),
    channels=st.sampled_from([*pairwise(CHANNELS), ("key:a", "back:a")]),
    steps=st.lists(STEP, min_size=10, max_size=50),
)
def test_every_view_is_the_history_or_its_owner_was_told(
    seed: int,
    late: bool,
    history: int,
    frames: int,
    buffer: int,
    channels: tuple[str, str],
    steps: list[tuple[Any, ...]],
) -> None:
    """No gap, no double, in order, to the last; or 2500, 3008, 3010, or ``recovered: false``."""
    world = World(seed, late=late, history=history, frames=frames, buffer=buffer)
    with _small_pages():
        for client in world.clients:
            client.come()
            for channel in channels:
                client.subscribe(channel)
        for step in steps:
            _do(world, channels, step)
            for client in world.clients:
                client.read()
        world.finish()
