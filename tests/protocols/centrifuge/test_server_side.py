"""Subscriptions that the server makes, in the words of the protocol, in each format."""

from __future__ import annotations

import pytest

from sennit.hub.request import ConnectRequest, Credentials, SubscriptionOptions
from sennit.hub.setting import HubSettings
from sennit.model.publication import Publication, StreamPosition
from tests.double import outcome
from tests.protocols.conftest import House
from tests.protocols.tongue import ProtobufTongue, Tongue

USER = "ann"
"""Which the house takes for a token."""


@pytest.fixture
def subscribing(house: House) -> House:
    """A house that subscribes everybody to two channels."""

    @house.app.on_connect
    def connect(request: ConnectRequest) -> Credentials:
        wanted = {"room:a": SubscriptionOptions(data=[1]), "plain:a": SubscriptionOptions()}
        return Credentials(request.token, subscriptions=wanted)

    return house


def test_they_stand_in_the_answer_to_connect(subscribing: House) -> None:
    """By name, each as the answer to a subscribe; then come the joins."""
    wire = subscribing.wire()
    number = wire.begin("connect", token=USER)
    reply, join = wire.take()
    assert reply["id"] == number
    subs = reply["connect"]["subs"]
    epoch = subs["room:a"].pop("epoch")
    assert epoch
    assert subs == {"room:a": {"recoverable": True, "positioned": True, "data": [1]}, "plain:a": {}}
    assert join["push"]["channel"] == "room:a"
    assert join["push"]["join"]["info"]["user"] == "ann"


def test_recovery_with_the_connect(subscribing: House) -> None:
    """A position in ``subs`` brings what was missed; without ``recover`` it is none."""
    held = outcome(subscribing.hub.app.publish("room:a", "seen"))
    outcome(subscribing.hub.app.publish("room:a", "missed"))
    for recover, missed in ((True, ["missed"]), (False, [])):
        at = {"recover": recover, "epoch": held.epoch, "offset": held.offset}
        wire = subscribing.wire()
        wire.begin("connect", token=USER, subs={"room:a": at, "nowhere:x": at})
        sub = wire.take()[0]["connect"]["subs"]["room:a"]
        assert [one["data"] for one in sub.get("publications", [])] == missed
        assert sub.get("was_recovering", False) is recover
        assert sub["offset"] == (held.offset if recover else held.offset + 1)


def test_the_push_at_run_time(house: House) -> None:
    """It says where the client stands, then come the publications."""
    wire = house.client()
    outcome(house.hub.app.publish("room:a", 1))
    options = SubscriptionOptions(data={"hi": 1})
    outcome(house.hub.app.subscribe("ann", "room:a", options))
    outcome(house.hub.app.subscribe("ann", "plain:a"))
    first, _join, second = wire.take()
    said = first["push"]["subscribe"]
    assert said.pop("epoch")
    assert said == {"recoverable": True, "offset": 1, "positioned": True, "data": {"hi": 1}}
    assert first["push"]["channel"] == "room:a"
    assert second["push"] == {"channel": "plain:a", "subscribe": {}}


def test_how_one_ends(house: House) -> None:
    """2000 is a push; what the client should have again ends the connection."""
    wire = house.client()
    for channel in ("room:a", "room:b"):
        outcome(house.hub.app.subscribe("ann", channel))
    wire.take()
    house.hub.app.unsubscribe("ann", "room:a")
    (push,) = wire.take()
    assert push["push"]["unsubscribe"] == {"code": 2000, "reason": "server unsubscribe"}
    house.hub.app.unsubscribe("ann", "room:b", 2500)
    assert wire.ended == (3010, "insufficient state")


def test_a_gap_in_one_ends_the_connection(subscribing: House) -> None:
    """A client that cannot subscribe again comes back as a whole: 3010."""
    wire = subscribing.wire()
    wire.begin("connect", token=USER)
    wire.take()
    outcome(subscribing.hub.app.publish("room:a", 1))
    wire.take()
    subscribing.hub.on_publication("room:a", Publication(b"9", 9, "other", channel="room:a"))
    assert wire.ended == (3010, "insufficient state")


def test_too_many(subscribing: House) -> None:
    """More than a connection may have end it with 3505."""
    subscribing.settings = HubSettings(channel_limit=1)
    wire = subscribing.wire()
    wire.begin("connect", token=USER)
    assert wire.ended == (3505, "channel limit")


def test_one_that_cannot_be(house: House) -> None:
    """The connect is refused with the error; the connection stays open and is good for nothing."""
    house.app.on_connect(lambda _: Credentials("ann", subscriptions=["nowhere:x"]))
    wire = house.wire()
    assert wire.ask("connect") == {"code": 102, "message": "unknown channel"}
    assert wire.ended is None
    wire.begin("rpc", method="x")
    assert wire.ended is not None
    assert wire.ended[0] == 3501


def test_clients_cannot_subscribe_once_more(subscribing: House) -> None:
    """105, and the subscription goes on."""
    wire = subscribing.wire()
    wire.begin("connect", token=USER)
    wire.take()
    wire.begin("subscribe", channel="plain:a")
    assert wire.take()[0]["error"]["code"] == 105
    outcome(subscribing.hub.app.publish("plain:a", "on"))
    assert wire.take()[0]["push"]["pub"]["data"] == "on"


def test_bytes_that_are_no_json_leave_nothing(house: House, tongue: Tongue) -> None:
    """Who speaks JSON and would be given them ends with 3506, and no presence stays."""
    writer = house.client("bob", ProtobufTongue())
    held = outcome(house.hub.app.history("room:a", limit=0)).position
    writer.begin("publish", channel="room:a", data=7)
    house.app.on_connect(
        lambda _: Credentials(
            "ann",
            subscriptions={
                "room:a": SubscriptionOptions(recover_since=StreamPosition(0, held.epoch))
            },
        )
    )
    session = next(iter(house.hub.sessions))
    outcome(session.publish("room:a", b"\xff\x00"))
    wire = house.wire()
    wire.begin("connect")
    if tongue.name == "json":
        assert wire.ended == (3506, "inappropriate protocol")
        wire.lose()
        assert outcome(house.hub.app.presence("room:a")) == {}
    else:
        assert wire.ended is None
