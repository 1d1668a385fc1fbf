"""The PyPI SDK ``centrifuge-python``, as published, against ``sennit serve``."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from centrifuge import (
    CentrifugeError,
    Client,
    ClientEventHandler,
    ClientState,
    ConnectedContext,
    ConnectingContext,
    DeltaType,
    DisconnectedContext,
    JoinContext,
    LeaveContext,
    PublicationContext,
    ReplyError,
    ServerJoinContext,
    ServerPublicationContext,
    ServerSubscribedContext,
    ServerUnsubscribedContext,
    StreamPosition,
    SubscribedContext,
    SubscribingContext,
    Subscription,
    SubscriptionEventHandler,
    SubscriptionState,
    UnsubscribedContext,
)

from tests.live.sdk.conftest import Served

Events = asyncio.Queue[tuple[str, Any]]


class ClientEvents(ClientEventHandler):
    """Keeps what happens to a connection."""

    def __init__(self) -> None:
        self.queue: Events = asyncio.Queue()
        self.publications: list[tuple[str, Any, int]] = []

    async def on_connecting(self, ctx: ConnectingContext) -> None:
        self.queue.put_nowait(("connecting", ctx))

    async def on_connected(self, ctx: ConnectedContext) -> None:
        self.queue.put_nowait(("connected", ctx))

    async def on_disconnected(self, ctx: DisconnectedContext) -> None:
        self.queue.put_nowait(("disconnected", ctx))

    async def on_subscribed(self, ctx: ServerSubscribedContext) -> None:
        self.queue.put_nowait(("subscribed", ctx))

    async def on_unsubscribed(self, ctx: ServerUnsubscribedContext) -> None:
        self.queue.put_nowait(("unsubscribed", ctx))

    async def on_publication(self, ctx: ServerPublicationContext) -> None:
        self.publications.append((ctx.channel, ctx.pub.data, ctx.pub.offset))

    async def on_join(self, ctx: ServerJoinContext) -> None:
        self.queue.put_nowait(("join", ctx))


class SubscriptionEvents(SubscriptionEventHandler):
    """Keeps what happens to a subscription.

    Args:
        hear: reads a payload.
    """

    def __init__(self, hear: Callable[[Any], Any]) -> None:
        self.hear = hear
        self.queue: Events = asyncio.Queue()
        self.publications: list[tuple[Any, int]] = []
        self.joined: list[str] = []
        self.left: list[str] = []

    async def on_subscribing(self, ctx: SubscribingContext) -> None:
        self.queue.put_nowait(("subscribing", ctx))

    async def on_subscribed(self, ctx: SubscribedContext) -> None:
        self.queue.put_nowait(("subscribed", ctx))

    async def on_unsubscribed(self, ctx: UnsubscribedContext) -> None:
        self.queue.put_nowait(("unsubscribed", ctx))

    async def on_publication(self, ctx: PublicationContext) -> None:
        self.publications.append((self.hear(ctx.pub.data), ctx.pub.offset))

    async def on_join(self, ctx: JoinContext) -> None:
        self.joined.append(ctx.info.user)

    async def on_leave(self, ctx: LeaveContext) -> None:
        self.left.append(ctx.info.user)


class World:
    """The clients of one test.

    Args:
        url: where they connect.
        protobuf: whether they speak Protobuf, in which a payload is bytes.
    """

    def __init__(self, url: str, *, protobuf: bool) -> None:
        self.url = url
        self.protobuf = protobuf
        self.clients: list[Client] = []

    def say(self, value: Any) -> Any:
        """Return a value as a payload."""
        return json.dumps(value).encode() if self.protobuf else value

    def hear(self, data: Any) -> Any:
        """Return the value of a payload."""
        return json.loads(data) if self.protobuf else data

    def client(self, user: str, url: str = "", **data: Any) -> tuple[Client, ClientEvents]:
        """Make a client that is not connected yet."""
        events = ClientEvents()
        client = Client(
            url or self.url,
            events=events,
            data=self.say({"user": user, **data}),
            use_protobuf=self.protobuf,
            min_reconnect_delay=0.05,
            max_reconnect_delay=0.3,
        )
        self.clients.append(client)
        return client, events

    async def connected(self, user: str, url: str = "") -> tuple[Client, ClientEvents]:
        """Make a client that is connected."""
        client, events = self.client(user, url)
        await client.connect()
        await happens(events.queue, "connected")
        return client, events

    async def subscribed(
        self, client: Client, channel: str, **options: Any
    ) -> tuple[Subscription, SubscriptionEvents, Any]:
        """Make a subscription that the server has confirmed."""
        events = SubscriptionEvents(self.hear)
        subscription = client.new_subscription(channel, events=events, **options)
        await subscription.subscribe()
        return subscription, events, await happens(events.queue, "subscribed")


async def happens(queue: Events, name: str) -> Any:
    """Wait for an event of this name, and pass over others."""
    while True:
        found, context = await asyncio.wait_for(queue.get(), 10)
        if found == name:
            return context


async def eventually(check: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(10):
        while not check():
            await asyncio.sleep(0.02)


async def refused(call: Awaitable[Any], code: int) -> None:
    """Expect an error reply with this code."""
    with pytest.raises(ReplyError) as caught:
        await call
    assert caught.value.code == code


def name(namespace: str) -> str:
    """Return a channel that no other test uses."""
    return f"{namespace}:{uuid.uuid4().hex[:12]}"


def play(served: Served, scenario: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario on an asyncio loop of its own, and close its clients."""

    async def run() -> None:
        world = World(served.url, protobuf=served.protobuf)
        try:
            await asyncio.wait_for(scenario(world), 40)
        finally:
            for client in world.clients:
                await client.disconnect()

    asyncio.run(run())
    assert served.process.running()


def test_connect(served: Served) -> None:
    """A client connects, and gets an id, the server's version and the application's greeting."""

    async def scenario(world: World) -> None:
        client, events = world.client("ann")
        await client.connect()
        context = await happens(events.queue, "connected")
        assert len(context.client) == 36
        assert context.version
        assert world.hear(context.data) == {"welcome": "ann"}
        assert client.state == ClientState.CONNECTED

    play(served, scenario)


@pytest.mark.parametrize("refuse", [4500, 403])
def test_refused(served: Served, refuse: int) -> None:
    """A client that is refused for good stays away and knows the code and the reason."""

    async def scenario(world: World) -> None:
        client, events = world.client("ann", refuse=refuse)
        await client.connect()
        context = await happens(events.queue, "disconnected")
        assert (context.code, context.reason) == (refuse, "refused as asked")

    play(served, scenario)


def test_publish(served: Served) -> None:
    """What one client publishes arrives at another in order, payloads unchanged."""

    async def scenario(world: World) -> None:
        channel = name("room")
        ann, _ = await world.connected("ann")
        ben, _ = await world.connected("ben")
        at_ann, _, _ = await world.subscribed(ann, channel)
        _, seen, _ = await world.subscribed(ben, channel)
        payload = {"text": "ünïcode \u2028 <b>", "n": 1.5, "deep": [None, True]}
        await at_ann.publish(world.say(payload))
        await at_ann.publish(world.say("second"))
        await eventually(lambda: len(seen.publications) == 2)
        assert seen.publications == [(payload, 1), ("second", 2)]

    play(served, scenario)


def test_history(served: Served) -> None:
    """History is read forward, backward and from a position; a wrong epoch is error 112."""

    async def scenario(world: World) -> None:
        client, _ = await world.connected("ann")
        room, _, context = await world.subscribed(client, name("room"))
        for text in ("a", "b", "c", "d"):
            await room.publish(world.say(text))
        page = await room.history(limit=-1)
        epoch = page.epoch
        assert [world.hear(publication.data) for publication in page.publications] == [
            "a",
            "b",
            "c",
            "d",
        ]
        assert (page.offset, epoch) == (4, context.stream_position.epoch)

        async def texts(**options: Any) -> list[Any]:
            return [world.hear(one.data) for one in (await room.history(**options)).publications]

        assert await texts(limit=2, reverse=True) == ["d", "c"]
        assert await texts(limit=9, since=StreamPosition(2, epoch)) == ["c", "d"]
        assert await texts(limit=9, since=StreamPosition(3, epoch), reverse=True) == ["b", "a"]
        await refused(room.history(limit=1, since=StreamPosition(1, "other")), 112)

    play(served, scenario)


def test_paging(served: Served) -> None:
    """Seven hundred publications are read in pages, both ways; a page has 300 at most."""

    async def scenario(world: World) -> None:
        channel = name("ticks")
        client, _ = await world.connected("ann")
        ticks, seen, _ = await world.subscribed(client, channel)
        for number in range(1, 701):
            await client.rpc("publish", world.say({"channel": channel, "data": number}))
        await eventually(lambda: len(seen.publications) == 700)
        everything = [(number, number) for number in range(1, 701)]
        assert seen.publications == everything

        async def read(limit: int, *, reverse: bool) -> list[list[tuple[Any, int]]]:
            pages: list[list[tuple[Any, int]]] = []
            since = None
            while since is None or since.offset != (1 if reverse else 700):
                page = await ticks.history(limit=limit, since=since, reverse=reverse)
                assert page.offset == 700
                pages.append([(world.hear(one.data), one.offset) for one in page.publications])
                since = StreamPosition(page.publications[-1].offset, page.epoch)
            return pages

        forward = await read(1000, reverse=False)
        assert [len(page) for page in forward] == [300, 300, 100]
        assert [one for page in forward for one in page] == everything
        backward = await read(250, reverse=True)
        assert [len(page) for page in backward] == [250, 250, 200]
        assert [one for page in backward for one in page] == everything[::-1]
        top = await ticks.history(limit=0)
        assert (len(top.publications), top.offset) == (0, 700)
        end = StreamPosition(700, top.epoch)
        assert not (await ticks.history(limit=9, since=end)).publications
        first = StreamPosition(1, top.epoch)
        assert not (await ticks.history(limit=9, since=first, reverse=True)).publications
        nothing = StreamPosition(0, top.epoch)
        await refused(ticks.history(limit=9, since=nothing, reverse=True), 107)

    play(served, scenario)


def test_presence(served: Served) -> None:
    """Who is there is told with info; joins and leaves arrive; users are counted once."""

    async def scenario(world: World) -> None:
        channel = name("room")
        ann, _ = await world.connected("ann")
        again, _ = await world.connected("ann")
        ben, _ = await world.connected("ben")
        room, seen, _ = await world.subscribed(ann, channel, join_leave=True)
        await world.subscribed(again, channel)
        at_ben, _, _ = await world.subscribed(ben, channel)
        await eventually(lambda: "ben" in seen.joined)
        present = (await room.presence()).clients
        assert sorted(info.user for info in present.values()) == ["ann", "ann", "ben"]
        assert {str(world.hear(info.conn_info)) for info in present.values()} == {
            "{'name': 'ann'}",
            "{'name': 'ben'}",
        }
        stats = await room.presence_stats()
        assert (stats.num_clients, stats.num_users) == (3, 2)
        await at_ben.unsubscribe()
        await eventually(lambda: seen.left == ["ben"])
        await again.disconnect()
        await eventually(lambda: seen.left == ["ben", "ann"])

    play(served, scenario)


def test_rpc(served: Served) -> None:
    """Calls are answered, each with its own answer or error, and the connection goes on."""

    async def scenario(world: World) -> None:
        client, _ = await world.connected("ann")
        payload = {"deep": [1, {"a": "ü"}], "none": None}
        assert world.hear((await client.rpc("echo", world.say(payload))).data) == payload
        answers = await asyncio.gather(
            *(client.rpc("echo", world.say(number)) for number in range(1, 50))
        )
        assert [world.hear(answer.data) for answer in answers] == list(range(1, 50))
        await refused(client.rpc("fail", world.say({"code": 1234, "reason": "as asked"})), 1234)
        await refused(client.rpc("crash", world.say({})), 100)
        await refused(client.rpc("nothing", world.say({})), 104)
        assert client.state == ClientState.CONNECTED

    play(served, scenario)


@pytest.mark.parametrize(("namespace", "code"), [("nowhere", 102), ("closed", 103)])
def test_refused_subscription(served: Served, namespace: str, code: int) -> None:
    """An unknown channel is 102 and a forbidden one 103; the subscription ends with it."""

    async def scenario(world: World) -> None:
        client, _ = await world.connected("ann")
        events = SubscriptionEvents(world.hear)
        subscription = client.new_subscription(name(namespace), events=events)
        await subscription.subscribe()
        assert (await happens(events.queue, "unsubscribed")).code == code
        assert client.state == ClientState.CONNECTED

    play(served, scenario)


def test_what_is_not_offered(served: Served) -> None:
    """Publishing without permission is 103; presence and history that are not kept are 108."""

    async def scenario(world: World) -> None:
        client, _ = await world.connected("ann")
        plain, _, _ = await world.subscribed(client, name("plain"))
        await refused(plain.publish(world.say("x")), 103)
        await refused(plain.presence(), 108)
        await refused(plain.history(limit=1), 108)

    play(served, scenario)


def test_recovery(served: Served) -> None:
    """After the link was cut, everything that was missed arrives in order, once."""

    async def scenario(world: World) -> None:
        channel = name("room")
        ann, ann_events = await world.connected("ann")
        ben, _ = await world.connected("ben", served.direct)
        room, seen, _ = await world.subscribed(ann, channel)
        other, _, _ = await world.subscribed(ben, channel)
        await room.publish(world.say("before"))
        await eventually(lambda: len(seen.publications) == 1)
        await asyncio.to_thread(served.wire.cut)
        await happens(ann_events.queue, "connecting")
        for number in range(3):
            await other.publish(world.say(number))
        await asyncio.to_thread(served.wire.mend)
        context = await happens(seen.queue, "subscribed")
        assert (context.was_recovering, context.recovered) == (True, True)
        await room.publish(world.say("after"))
        await eventually(lambda: len(seen.publications) == 5)
        assert seen.publications == [("before", 1), (0, 2), (1, 3), (2, 4), ("after", 5)]

    play(served, scenario)


def test_unrecovered(served: Served) -> None:
    """What cannot be recovered whole is said to be lost, and nothing of it arrives."""

    async def scenario(world: World) -> None:
        channel = name("short")
        ann, ann_events = await world.connected("ann")
        ben, _ = await world.connected("ben", served.direct)
        room, seen, _ = await world.subscribed(ann, channel)
        await asyncio.to_thread(served.wire.cut)
        await happens(ann_events.queue, "connecting")
        for number in range(5):
            await ben.publish(channel, world.say(number))
        await asyncio.to_thread(served.wire.mend)
        context = await happens(seen.queue, "subscribed")
        assert (context.was_recovering, context.recovered) == (True, False)
        await room.publish(world.say("after"))
        await eventually(lambda: len(seen.publications) == 1)
        assert seen.publications == [("after", 6)]

    play(served, scenario)


def test_differences(served: Served) -> None:
    """Publications that come as differences are whole again, live and recovered."""

    async def scenario(world: World) -> None:
        channel = name("ticks")
        ann, ann_events = await world.connected("ann")
        helper, _ = await world.connected("helper", served.direct)
        _, seen, _ = await world.subscribed(ann, channel, delta=DeltaType.FOSSIL)

        async def quote(*numbers: int) -> None:
            for number in numbers:
                await helper.rpc("quote", world.say({"channel": channel, "code": number}))

        await quote(1, 2, 3)
        await eventually(lambda: len(seen.publications) == 3)
        await asyncio.to_thread(served.wire.cut)
        await happens(ann_events.queue, "connecting")
        await quote(4, 5)
        await asyncio.to_thread(served.wire.mend)
        assert (await happens(seen.queue, "subscribed")).recovered
        await quote(6, 7)
        await eventually(lambda: len(seen.publications) == 7)
        levels = [[100 - level, 10 * level] for level in range(200)]
        for number, (book, offset) in enumerate(seen.publications, 1):
            levels[5] = levels[150] = [0, number]
            assert (book, offset) == ({"symbol": "ACME", "levels": levels, "n": number}, number)

    play(served, scenario)


@pytest.mark.parametrize(("namespace", "missed"), [("ticks", 1001), ("short", 5)])
def test_a_state_of_its_own(served: Served, namespace: str, missed: int) -> None:
    """A client with a state of its own recovers from there, and reads it again at error 112.

    The publication after that is whole: the client has nothing that it could differ from.
    """

    async def scenario(world: World) -> None:
        channel = name(namespace)
        helper, _ = await world.connected("helper", served.direct)
        ann, ann_events = await world.connected("ann")
        kept: list[StreamPosition] = []
        read: list[int] = []

        def book(number: int) -> list[Any]:
            return ["much of it stays the same" * 20, number]

        async def publish(number: int) -> None:
            order = {"channel": channel, "data": book(number)}
            position = world.hear((await helper.rpc("publish", world.say(order))).data)
            kept.append(StreamPosition(position["offset"], position["epoch"]))

        async def state(_channel: str) -> StreamPosition:
            read.append(kept[-1].offset)
            return kept[-1]

        await publish(1)
        delta = DeltaType.FOSSIL if namespace == "ticks" else None
        _, seen, context = await world.subscribed(ann, channel, get_state=state, delta=delta)
        assert (context.was_recovering, context.recovered) == (True, True)
        await publish(2)
        await publish(3)
        await eventually(lambda: len(seen.publications) == 2)
        assert read == [1]
        await asyncio.to_thread(served.wire.cut)
        await happens(ann_events.queue, "connecting")
        for number in range(missed):
            await publish(number)
        await asyncio.to_thread(served.wire.mend)
        context = await happens(seen.queue, "subscribed")
        assert (context.was_recovering, context.recovered) == (True, True)
        top = 3 + missed
        assert read == [1, top]
        await publish(8)
        await publish(9)
        await eventually(lambda: len(seen.publications) == 4)
        expected = [(2, 2), (3, 3), (8, top + 1), (9, top + 2)]
        assert seen.publications == [(book(number), offset) for number, offset in expected]

    play(served, scenario)


@pytest.mark.parametrize("code", [3001, 4000])
def test_closed_and_back(served: Served, code: int) -> None:
    """A close code below 3500, or from 4000 to 4499, brings a client back."""

    async def scenario(world: World) -> None:
        client, events = await world.connected("ann")
        with pytest.raises(CentrifugeError):
            await client.rpc(
                "disconnect", world.say({"code": code, "reason": "come back"}), timeout=1
            )
        await happens(events.queue, "connected")
        assert client.state == ClientState.CONNECTED

    play(served, scenario)


@pytest.mark.parametrize("code", [3503, 4500])
def test_closed_for_good(served: Served, code: int) -> None:
    """A close code from 3500 to 3999, or from 4500 on, keeps a client away."""

    async def scenario(world: World) -> None:
        client, events = await world.connected("ann")
        with pytest.raises(CentrifugeError):
            await client.rpc(
                "disconnect", world.say({"code": code, "reason": "stay away"}), timeout=1
            )
        context = await happens(events.queue, "disconnected")
        assert (context.code, context.reason) == (code, "stay away")

    play(served, scenario)


def test_ended_subscription(served: Served) -> None:
    """A subscription that ends with 2500 is made again and recovers; with 2000 it is over."""

    async def scenario(world: World) -> None:
        client, _ = await world.connected("ann")
        room, seen, _ = await world.subscribed(client, name("room"))
        await client.rpc("unsubscribe", world.say({"channel": room.channel, "code": 2500}))
        assert (await happens(seen.queue, "subscribed")).recovered
        await client.rpc("unsubscribe", world.say({"channel": room.channel, "code": 2000}))
        assert (await happens(seen.queue, "unsubscribed")).code == 2000
        assert room.state == SubscriptionState.UNSUBSCRIBED

    play(served, scenario)


def test_subscriptions_of_the_server(served: Served) -> None:
    """They come with the connection, recover after a cut, come later, and end."""

    async def scenario(world: World) -> None:
        channel, later = name("room"), name("plain")
        helper, _ = await world.connected("helper", served.direct)

        async def publish(where: str, data: int) -> None:
            await helper.rpc("publish", world.say({"channel": where, "data": data}))

        client, events = world.client("ann", subs=[channel])
        await client.connect()
        while (await happens(events.queue, "subscribed")).channel != channel:
            pass
        assert (await happens(events.queue, "join")).info.user == "ann"
        await publish(channel, 1)
        await eventually(lambda: len(events.publications) == 1)
        await asyncio.to_thread(served.wire.cut)
        await happens(events.queue, "connecting")
        await publish(channel, 2)
        await asyncio.to_thread(served.wire.mend)
        back = await happens(events.queue, "subscribed")
        while back.channel != channel:
            back = await happens(events.queue, "subscribed")
        assert (back.was_recovering, back.recovered) == (True, True)
        await client.rpc("subscribe", world.say({"channel": later}))
        await publish(later, 3)
        await publish("inbox:#ann", 4)
        await eventually(lambda: len(events.publications) == 4)
        seen = [(where, world.hear(data), offset) for where, data, offset in events.publications]
        expected = [(channel, 1, 1), (channel, 2, 2), (later, 3, 0), ("inbox:#ann", 4, 0)]
        assert seen == expected
        await client.rpc("unsubscribe", world.say({"channel": later, "code": 2000}))
        assert (await happens(events.queue, "unsubscribed")).channel == later

    play(served, scenario)
