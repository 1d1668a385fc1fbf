"""What the application does to users and channels, by methods of the app."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from sennit.errors import ReplyError
from sennit.hub.namespace import History
from tests.double import outcome
from tests.hub.conftest import House


def test_versions(house: House) -> None:
    """What is not newer than what a channel has seen is not published; another run is."""
    app = house.app
    app.namespace("news", history=History(9, 99))
    assert house.publish("news:a", 1, version=5).offset == 1
    assert house.publish("news:a", 2, version=5).offset == 1
    assert house.publish("news:a", 3, version=1, version_epoch="next").offset == 2
    outcomes = outcome(app.broadcast(["news:a", "news:b"], 4, version=1, version_epoch="next"))
    offsets = [0 if isinstance(each, ReplyError) else each.offset for each in outcomes]
    assert offsets == [2, 1]


def test_another_info(house: House) -> None:
    """Others see it from the next subscription on."""
    house.app.namespace("room", allow_subscribe={"client"}, presence=True)
    ann = house.person("ann")
    house.app.refresh("ann", info={"name": "Anna"})
    ann.subscribe("room:a")
    (there,) = outcome(house.app.presence("room:a")).values()
    assert json.loads(there.conn_info or b"") == {"name": "Anna"}
    with pytest.raises(TypeError):
        house.app.refresh("ann", info=b"no JSON")


def test_all_subscriptions_end(house: House) -> None:
    """Those that are being made too, behind their answers; and no more than this user's."""
    deciding: Deferred[Any] = Deferred()
    house.app.namespace("plain", allow_subscribe={"client"})
    house.app.namespace("slow").on_subscribe(lambda *_: deciding)
    ann, bob = house.person("ann"), house.person("bob")
    for person in (ann, bob):
        person.subscribe("plain:a")
    ann.subscribing("slow:a")
    ann.take()
    house.app.unsubscribe("ann", "")
    deciding.callback(None)
    assert ann.take() == [
        ["unsubscribe", "plain:a", 2000, "server unsubscribe"],
        ["answer"],
        ["unsubscribe", "slow:a", 2000, "server unsubscribe"],
    ]
    assert (ann.session.channels, bob.session.channels) == ((), ("plain:a",))
