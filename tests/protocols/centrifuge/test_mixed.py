"""Clients of both formats in one channel: what one cannot be told ends it, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.protocols.conftest import House, Wire
from tests.protocols.tongue import SCHEMA, JsonTongue, ProtobufTongue, Tongue, frame_of, reply_of

UNABLE = (3506, "inappropriate protocol")
BINARY = b"\xff\x00"


@pytest.fixture
def tongue() -> Tongue:
    """JSON, unless a test says otherwise."""
    return JsonTongue()


def publish_bytes(wire: Wire, channel: str, data: bytes) -> None:
    """Publish what is no JSON, in Protobuf."""
    body = SCHEMA.PublishRequest(channel=channel, data=data)
    frame = frame_of(SCHEMA.Command(id=99, publish=body))
    wire.handler.message_received(frame, is_text=False)


def enter(wire: Wire, channel: str) -> Any:
    """Subscribe, and return the answer; joins are passed over."""
    number = wire.begin("subscribe", channel=channel)
    (answer,) = [reply for reply in wire.take() if reply.get("id") == number]
    return answer["subscribe"]


def pushed(wire: Wire) -> list[bytes]:
    """Return the payloads of publications that a Protobuf client was sent."""
    sent, wire.transport.sent = wire.transport.sent, []
    replies = [reply_of(frame[1:-1]) for frame in sent]
    return [reply.push.pub.data for reply in replies if reply.push.HasField("pub")]


def test_the_same_publication(house: House) -> None:
    """Whoever publishes JSON is understood by all, each in its format."""
    json, protobuf = house.client("ann"), house.client("ben", ProtobufTongue())
    for wire in (json, protobuf):
        enter(wire, "room:1")
    for wire in (json, protobuf):
        wire.begin("publish", channel="room:1", data={"by": wire.tongue.name})
    for wire in (json, protobuf):
        found = [reply["push"]["pub"] for reply in wire.take() if "pub" in reply.get("push", {})]
        assert [pub["data"]["by"] for pub in found] == ["json", "protobuf"]
        assert [pub["offset"] for pub in found] == [1, 2]
        assert {pub["info"]["user"] for pub in found} == {"ann", "ben"}


@pytest.mark.parametrize("channel", ["room:1", "plain:1"])
def test_what_json_cannot_say(house: House, channel: str) -> None:
    """It reaches those who speak Protobuf; who speaks JSON is not left with a gap, but ended."""
    ann, ben = house.client("ann"), house.client("ben", ProtobufTongue())
    late = house.client("late")
    for wire in (ann, ben):
        enter(wire, channel)
    publish_bytes(ben, channel, BINARY)
    assert pushed(ben) == [BINARY]
    assert ann.ended == UNABLE
    assert (ben.ended, late.ended) == (None, None)


def test_a_slow_one_that_cannot_be_told(house: House) -> None:
    """Who is behind is ended just so."""
    ann, ben = house.client("ann"), house.client("ben", ProtobufTongue())
    enter(ann, "room:1")
    ann.transport.blocked = True
    house.app.publish("room:1", 1)
    publish_bytes(ben, "room:1", BINARY)
    assert ann.ended == UNABLE


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("history", {"limit": 10}),
        ("subscribe", {"recover": True, "offset": 0}),
    ],
)
def test_what_was_kept(house: House, name: str, body: dict[str, Any]) -> None:
    """The same where it is in a channel's history, or was missed."""
    ben = house.client("ben", ProtobufTongue())
    epoch = enter(ben, "room:1")["epoch"]
    publish_bytes(ben, "room:1", BINARY)
    ann = house.client("ann", JsonTongue())
    if name == "subscribe":
        body = {**body, "epoch": epoch}
    ann.begin(name, channel="room:1", **body)
    assert ann.ended == UNABLE
    assert ann.take() == []
    assert ben.ended is None
