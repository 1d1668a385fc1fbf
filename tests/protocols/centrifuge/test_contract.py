"""What docs/reference/contract.md promises about order, slow handlers and cancelling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from sennit.errors import ConnectionClosedError
from tests.double import outcome
from tests.protocols.conftest import House


def _ids(replies: list[Any]) -> list[int]:
    return [reply["id"] for reply in replies if "id" in reply]


def test_nothing_starts_before_the_connect_is_answered(house: House) -> None:
    """However many commands stand behind it, no handler is called for one."""
    entry: Deferred[None] = Deferred()
    called: list[int] = []
    house.app.on_connect(lambda _request: entry)
    house.app.rpc("get")(lambda _session, number: called.append(number))
    wire = house.wire()
    numbers = [wire.begin("connect")] + [
        wire.begin("rpc", method="get", data=number) for number in range(3)
    ]
    assert called == []
    entry.callback(None)
    assert called == [0, 1, 2]
    assert _ids(wire.take()) == numbers


def test_a_slow_handler_of_one_channel_leaves_the_others_alone(house: House) -> None:
    """The same connection's other channels and rpc go on, and so do others in that very channel."""
    slow: Deferred[None] = Deferred()
    room = house.app.namespace("hall")
    house.app.rpc("get")(lambda _session, _params: 1)

    @room.on_subscribe
    def subscribe(session: Any, channel: str, _request: Any) -> Any:
        return slow if (session.user, channel) == ("ann", "hall:slow") else None

    ann, ben = house.client("ann"), house.client("ben")
    first = ann.begin("subscribe", channel="hall:slow")
    behind = ann.begin("presence", channel="hall:slow")
    beside = [
        ann.begin("subscribe", channel="hall:quick"),
        ann.begin("rpc", method="get"),
        ann.begin("subscribe", channel="room:1"),
    ]
    assert _ids(ann.take()) == beside
    assert "code" not in ben.ask("subscribe", channel="hall:slow")
    slow.callback(None)
    assert _ids(ann.take()) == [first, behind]


def test_calls_start_in_order_and_are_answered_as_they_are_done(house: House) -> None:
    """An rpc waits for no other."""
    waiting: list[Deferred[int]] = []

    @house.app.rpc("wait")
    def wait(_session: Any, _params: Any) -> Deferred[int]:
        waiting.append(Deferred())
        return waiting[-1]

    ann = house.client()
    first, second = ann.begin("rpc", method="wait"), ann.begin("rpc", method="wait")
    assert len(waiting) == 2
    waiting[1].callback(2)
    waiting[0].callback(1)
    assert _ids(ann.take()) == [second, first]


def test_a_lost_connection_cancels_a_coroutine(house: House) -> None:
    """It gets CancelledError where it waits, and may clean up."""
    seen: list[str] = []

    @house.app.rpc("work")
    async def work(_session: Any, _params: Any) -> None:
        try:
            await Deferred()
        except CancelledError:
            seen.append("cancelled")
            raise
        finally:
            seen.append("cleaned")

    ann = house.client()
    ann.begin("rpc", method="work")
    ann.lose()
    assert seen == ["cancelled", "cleaned"]


def test_a_lost_connection_cancels_a_deferred(house: House) -> None:
    """Its canceller is called, once."""
    cancelled: list[Deferred[None]] = []
    work: Deferred[None] = Deferred(cancelled.append)
    house.app.rpc("work")(lambda _session, _params: work)
    ann = house.client()
    ann.begin("rpc", method="work")
    ann.lose()
    assert cancelled == [work]


def test_a_thread_runs_on_and_its_result_is_dropped(house: House) -> None:
    """What cannot be stopped, as a thread's Deferred, may fire later; nobody hears of it."""
    thread: Deferred[int] = Deferred()
    house.app.rpc("work")(lambda _session, _params: thread)
    ann = house.client()
    ann.begin("rpc", method="work")
    ann.lose()
    thread.callback(1)
    assert ann.take() == []


@pytest.mark.parametrize("name", ["subscribe", "publish", "send"])
def test_whatever_is_at_work_is_cancelled(house: House, name: str) -> None:
    """Handlers of every command, and what waits behind them in the channel never starts."""
    cancelled: list[str] = []
    begun: list[str] = []

    def waits(*_: Any) -> Deferred[None]:
        begun.append(name)
        return Deferred(lambda _: cancelled.append(name))

    hall = house.app.namespace("hall", allow_subscribe={"client"}, allow_publish={"client"})
    declare: dict[str, Callable[[Any], Any]] = {
        "subscribe": hall.on_subscribe,
        "publish": hall.on_publish,
        "send": house.app.on_message,
    }
    declare[name](waits)
    ann = house.client()
    if name == "send":
        ann.say('{"send":{"data":1}}')
    else:
        body = {"data": 1} if name == "publish" else {}
        ann.begin(name, channel="hall:1", **body)
        ann.begin(name, channel="hall:1", **body)
    ann.lose()
    assert (begun, cancelled) == ([name], [name])


def test_on_disconnect_comes_last_and_once(house: House) -> None:
    """Behind the ends of the subscriptions; not for who was never let in."""
    seen: list[str] = []
    hall = house.app.namespace("hall", allow_subscribe={"client"})
    hall.on_unsubscribe(lambda _session, _channel, code: seen.append(f"left {code}"))
    house.app.on_disconnect(lambda _session, _closed: seen.append("gone"))
    ann, stranger = house.client(), house.wire()
    ann.ask("subscribe", channel="hall:1")
    ann.lose()
    stranger.lose()
    assert seen == ["left 1", "gone"]


def test_a_call_of_the_server_ends_with_the_connection(house: House) -> None:
    """Who waits for a client elsewhere hears that it is gone; nobody else is touched."""
    ann = house.client("ann")
    house.client("ben")
    sessions = {it.user: it for it in house.hub.sessions}
    gone, other = sessions["ann"].call("get"), sessions["ben"].call("get")
    ann.lose()
    with pytest.raises(ConnectionClosedError):
        outcome(gone)
    assert not other.called
