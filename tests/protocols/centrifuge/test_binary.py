"""Bytes that need not be JSON, as the application sends them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sennit.hub.payload import Binary
from sennit.hub.request import Credentials, SubscriptionOptions
from tests.double import outcome
from tests.protocols.conftest import House, Wire
from tests.protocols.tongue import ProtobufTongue, Tongue, reply_of

BYTES = Binary(b"\xff\x00 no JSON")


def heard(wire: Wire) -> list[Any]:
    """Return what came in Protobuf, as its messages."""
    sent, wire.transport.sent = wire.transport.sent, []
    return [reply_of(frame[1:-1]) for frame in sent]


def published(house: House, wire: Wire) -> Any:
    wire.ask("subscribe", channel="plain:a")
    outcome(house.hub.app.publish("plain:a", BYTES))
    return lambda reply: reply.push.pub.data


def broadcast(house: House, wire: Wire) -> Any:
    wire.ask("subscribe", channel="plain:a")
    outcome(house.hub.app.broadcast(["plain:a"], BYTES))
    return lambda reply: reply.push.pub.data


def answered(_house: House, wire: Wire) -> Any:
    wire.begin("rpc", method="get", data=1)
    return lambda reply: reply.rpc.data


def sent(house: House, _wire: Wire) -> Any:
    (session,) = house.hub.sessions
    session.send(BYTES)
    return lambda reply: reply.push.message.data


def subscribed(house: House, wire: Wire) -> Any:
    house.app.namespaces["plain"].on_subscribe(lambda _session, _channel, _request: BYTES)
    wire.begin("subscribe", channel="plain:a")
    return lambda reply: reply.subscribe.data


def subscribed_by_the_server(house: House, _wire: Wire) -> Any:
    outcome(house.hub.app.subscribe("ann", "plain:a", SubscriptionOptions(data=BYTES)))
    return lambda reply: reply.push.subscribe.data


WAYS = [published, broadcast, answered, sent, subscribed, subscribed_by_the_server]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_who_can_be_told(house: House, tongue: Tongue, way: Any) -> None:
    """In Protobuf they arrive as they are; who speaks JSON is ended with 3506."""
    house.app.rpc("get")(lambda _session, _params: BYTES)
    wire = house.client()
    read = way(house, wire)
    if tongue.name == "protobuf":
        assert read(heard(wire)[-1]) == bytes(BYTES)
        assert wire.ended is None
    else:
        assert wire.ended == (3506, "inappropriate protocol")
        wire.lose()
        assert house.hub.channel_count == 0


def test_with_the_connect(house: House, tongue: Tongue) -> None:
    """So it is with the answer to a connect."""
    house.app.on_connect(lambda _: Credentials("ann", data=BYTES))
    wire = house.wire()
    wire.begin("connect")
    if tongue.name == "protobuf":
        assert heard(wire)[0].connect.data == bytes(BYTES)
    else:
        assert wire.ended == (3506, "inappropriate protocol")


def test_where_they_have_no_place() -> None:
    """What others see of somebody is JSON."""
    for make in (Credentials, SubscriptionOptions):
        with pytest.raises(TypeError, match="no place here"):
            make(info=BYTES)


def test_a_handler_lets_pass_what_it_was_given(house: House) -> None:
    """A publication in bytes may be made ephemeral, though it is not JSON."""
    room = house.app.namespaces["room"]
    room.on_publish(lambda _session, publication: replace(publication, ephemeral=True))
    ann = house.client("ann", ProtobufTongue())
    ann.begin("subscribe", channel="room:a")
    session = next(iter(house.hub.sessions))
    outcome(session.publish("room:a", b"\xff"))
    assert heard(ann)[-1].push.pub.data == b"\xff"
