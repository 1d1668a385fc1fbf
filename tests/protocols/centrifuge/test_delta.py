"""Publications as differences, in the words of the protocol, in each format (section 7)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sennit.hub.namespace import History
from sennit.protocols.centrifuge.fossil import apply_delta
from sennit.protocols.centrifuge.protobuf_codec import PROTOBUF
from tests.double import outcome
from tests.protocols.conftest import House, Wire
from tests.protocols.tongue import JsonTongue, ProtobufTongue, Tongue, reply_of

LONG = {"text": "a payload that is long enough for a difference to be worth it", "n": 0}


@pytest.fixture
def house(house: House) -> House:
    """A house with a namespace for differences."""
    house.app.namespace(
        "ticks",
        history=History(20, 99),
        recovery=True,
        allowed_delta_types={"fossil"},
        delta_publish=True,
        allow_subscribe={"client"},
        allow_publish={"client"},
        allow_history={"client"},
    )
    return house


class Reader:
    """A client that takes differences, as an SDK does."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.held: bytes = b""
        self.deltas = 0
        self.sizes: list[int] = []

    def subscribe(self, channel: str = "ticks:a", **options: Any) -> Any:
        """Subscribe, and return the answer, its publications as what they say."""
        number = self.wire.begin("subscribe", channel=channel, delta="fossil", **options)
        (reply,) = self.take_raw()
        assert reply["id"] == number
        answer = reply["subscribe"]
        answer["publications"] = [self.read(one) for one in answer.get("publications", [])]
        return answer

    def take(self) -> list[Any]:
        """Return the payloads that were heard since the last call."""
        return [self.read(reply["push"]["pub"]) for reply in self.take_raw()]

    def take_raw(self) -> list[Any]:
        """Return what was received, payloads as their bytes."""
        if isinstance(self.wire.tongue, JsonTongue):
            return self.wire.take()
        sent, self.wire.transport.sent = self.wire.transport.sent, []
        return [_plain(reply_of(frame[1:-1])) for frame in sent]

    def read(self, publication: Any) -> Any:
        """Return what a publication says, and hold it."""
        data = publication["data"]
        data = data.encode() if isinstance(data, str) else data
        self.sizes.append(len(data))
        if publication.get("delta"):
            self.deltas += 1
            data = apply_delta(self.held, data)
        self.held = data
        return json.loads(data)


def _plain(reply: Any) -> Any:
    def published(one: Any) -> Any:
        return {"data": one.data, "delta": one.delta, "offset": one.offset}

    if reply.HasField("push"):
        return {"push": {"pub": published(reply.push.pub)}}
    result = reply.subscribe
    publications = [published(one) for one in result.publications]
    return {
        "id": reply.id,
        "subscribe": {
            "delta": result.delta,
            "recovered": result.recovered,
            "epoch": result.epoch,
            "offset": result.offset,
            "publications": publications,
        },
    }


def publish(house: House, number: int, **options: Any) -> None:
    """Publish a long payload with a number in it."""
    outcome(house.hub.app.publish("ticks:a", {**LONG, "n": number}, **options))


def numbers(payloads: list[Any]) -> list[int]:
    """Return the numbers in them, once it is sure that they are whole."""
    assert all({**payload, "n": 0} == LONG for payload in payloads)
    return [payload["n"] for payload in payloads]


def test_differences(house: House) -> None:
    """The first is whole, the others are small, and all of them come out right."""
    reader = Reader(house.client())
    assert reader.subscribe()["delta"] is True
    for number in range(1, 6):
        publish(house, number)
    assert numbers(reader.take()) == [1, 2, 3, 4, 5]
    assert reader.deltas == 4
    assert max(reader.sizes[1:]) < reader.sizes[0] / 2


def test_recovered_ones(house: House) -> None:
    """The first is whole, the others are differences, and the next that is published is whole."""
    reader = Reader(house.client())
    held = reader.subscribe()
    for number in range(1, 5):
        publish(house, number, delta=True)
    again = Reader(house.client("bob"))
    answer = again.subscribe(recover=True, epoch=held["epoch"], offset=1)
    assert answer["recovered"] is True
    assert numbers(answer["publications"]) == [2, 3, 4]
    assert again.deltas == 2
    publish(house, 5)
    publish(house, 6)
    assert numbers(again.take()) == [5, 6]
    assert again.deltas == 3


def test_history_is_whole(house: House) -> None:
    """What is read from the history is never a difference, nor a string."""
    wire = house.client()
    Reader(wire).subscribe()
    publish(house, 1)
    publish(house, 2)
    wire.take() if isinstance(wire.tongue, JsonTongue) else wire.transport.sent.clear()
    page = wire.ask("history", channel="ticks:a", limit=-1)
    assert numbers([one["data"] for one in page["publications"]]) == [1, 2]


def test_one_that_is_not_smaller(house: House) -> None:
    """Then the payload is sent whole."""
    reader = Reader(house.client())
    reader.subscribe()
    for data in ("a", "b"):
        outcome(house.hub.app.publish("ticks:a", data))
    assert reader.take() == ["a", "b"]
    assert reader.deltas == 0


def test_a_cut_through_a_character(house: House, tongue: Tongue) -> None:
    """A difference that is no text cannot travel in JSON: the payload is sent whole there."""
    reader = Reader(house.client())
    reader.subscribe()
    before, after = "é" + "x" * 60 + "à" + "y" * 60, "é" + "x" * 60 + "â" + "y" * 60
    for data in (before, after):
        outcome(house.hub.app.publish("ticks:a", json.dumps(data, ensure_ascii=False).encode()))
    assert reader.take() == [before, after]
    assert reader.deltas == (0 if tongue.name == "json" else 1)


def test_one_patch_for_both_formats(house: House) -> None:
    """Both formats side by side hear the same."""
    readers = [
        Reader(house.client("ann", JsonTongue())),
        Reader(house.client("bob", ProtobufTongue())),
    ]
    for reader in readers:
        reader.subscribe()
    for number in range(1, 4):
        publish(house, number)
    for reader in readers:
        assert numbers(reader.take()) == [1, 2, 3]
        assert reader.deltas == 2


def test_bytes_that_are_no_json(house: House, tongue: Tongue) -> None:
    """Who speaks JSON is ended with 3506, differences or not."""
    reader = Reader(house.client())
    reader.subscribe()
    session = next(iter(house.hub.sessions))
    outcome(session.publish("ticks:a", b"\xff\x00"))
    if tongue.name == "json":
        assert reader.wire.ended == (3506, "inappropriate protocol")
    else:
        (reply,) = reader.take_raw()
        assert reply["push"]["pub"]["data"] == b"\xff\x00"
    assert PROTOBUF.say_delta(b"x", None) == b"x"
