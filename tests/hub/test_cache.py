"""Recovery of the newest publication alone (protocol, section 5, cache mode)."""

from __future__ import annotations

from typing import Any

import pytest

from sennit.errors import ReplyError
from sennit.hub.namespace import History
from sennit.hub.request import SubscribeResult
from sennit.model.publication import StreamPosition
from tests.double import outcome
from tests.hub.conftest import House


def declare(house: House, **options: Any) -> None:
    """Declare a namespace in cache mode."""
    house.app.namespace(
        "room",
        history=History(5, 99),
        recovery=True,
        recovery_mode="cache",
        allow_subscribe={"client"},
        **options,
    )


def told(answer: SubscribeResult) -> tuple[bool, bool, list[bytes]]:
    """Return whether recovery was tried, whether it did, and what it brought."""
    data = [publication.data for publication in answer.publications]
    return answer.was_recovering, answer.recovered, data


def after_that(answer: SubscribeResult) -> int:
    """Return where a client stands once it has counted on from an answer."""
    return answer.position.offset + len(answer.publications)


@pytest.mark.parametrize(
    ("offset", "epoch", "expected"),
    [
        (3, "", (True, True, [b"3"])),
        (1, "right", (True, True, [b"3"])),
        (3, "right", (True, True, [])),
        (3, "other", (True, True, [b"3"])),
        (99, "right", (True, True, [b"3"])),
        (0, "_", (True, True, [b"3"])),
    ],
)
def test_recovery(house: House, offset: int, epoch: str, expected: Any) -> None:
    """Whatever the client holds, it is brought the newest, unless that is what it holds."""
    declare(house)
    for number in range(1, 4):
        top = house.publish("room:a", number)
    right = top.epoch if epoch == "right" else epoch
    answer = house.person().recover("room:a", offset, right)
    assert told(answer) == expected
    assert after_that(answer) == 3
    assert answer.position.epoch == top.epoch


def test_nothing_is_there_any_more(house: House) -> None:
    """Then it is recovered only if the client holds the top."""
    declare(house)
    top = house.publish("room:a", 1)
    outcome(house.broker.remove_history("room:a"))
    assert told(house.person().recover("room:a", 1, top.epoch)) == (True, True, [])
    lost = house.person().recover("room:a", 0, top.epoch)
    assert told(lost) == (True, False, [])
    assert lost.position == top
    with pytest.raises(ReplyError) as caught:
        house.person().recover("room:a", 0, top.epoch, strict_recovery=True)
    assert caught.value.code == 112


@pytest.mark.parametrize("auto", [False, True])
def test_without_asking(house: House, auto: bool) -> None:
    """A newcomer is brought the newest where the namespace says so for all."""
    declare(house, auto_cache_recover=auto)
    house.publish("room:a", 1)
    house.publish("room:a", 2)
    answer = house.person().subscribe("room:a")
    assert told(answer) == ((True, True, [b"2"]) if auto else (False, False, []))
    assert after_that(answer) == 2


def test_an_empty_channel_without_asking(house: House) -> None:
    """There is nothing to bring."""
    declare(house, auto_cache_recover=True)
    assert told(house.person().subscribe("room:a")) == (True, False, [])


def test_it_goes_on_live(house: House) -> None:
    """What comes afterwards carries on from the newest."""
    declare(house)
    top = house.publish("room:a", 1)
    house.publish("room:a", 2)
    ann = house.person()
    ann.recover("room:a", 0, top.epoch)
    ann.take()
    house.publish("room:a", 3)
    assert ann.take() == [["pub", "room:a", 3, 3]]


def test_stream_mode_and_its_sentinel(house: House) -> None:
    """In stream mode an epoch of ``_`` never fits, and an empty one always."""
    house.app.namespace("room", history=History(5, 99), recovery=True, allow_subscribe={"client"})
    for number in range(1, 4):
        top = house.publish("room:a", number)
    ann = house.person()
    assert told(ann.recover("room:a", 0, "_")) == (True, False, [])
    assert told(house.person().recover("room:a", 0, "")) == (True, True, [b"1", b"2", b"3"])
    answer = house.person().recover("room:a", 1, top.epoch)
    assert told(answer) == (True, True, [b"2", b"3"])
    assert answer.position == StreamPosition(1, top.epoch)
    assert told(house.person().recover("room:a", 4, top.epoch)) == (True, False, [])
