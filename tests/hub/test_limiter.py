"""Rates of connections, channels and procedures: who is refused, and who is not."""

from __future__ import annotations

from typing import Any

import pytest

from sennit.errors import ConfigurationError, Disconnect, ReplyError
from sennit.hub.setting import HubSettings
from tests.double import outcome
from tests.hub.conftest import House, Person


def _refused(deferred: Any) -> tuple[int, bool]:
    with pytest.raises(ReplyError) as caught:
        outcome(deferred)
    return caught.value.code, caught.value.temporary


def test_publish(house: House) -> None:
    """Over its rate a connection gets the temporary 111, until time has passed; others do not."""
    house.settings = HubSettings(publish_rate="10/s burst 2")
    seen: list[Any] = []
    room = house.app.namespace("room", allow_subscribe={"client"})

    @room.on_publish
    def publish(_session: Any, publication: Any) -> None:
        seen.append(publication.data)

    ann, ben = house.person("ann"), house.person("ben")
    for number in range(2):
        outcome(ann.session.publish("room:1", b"%d" % number))
    assert _refused(ann.session.publish("room:2", b"2")) == (111, True)
    assert seen == [b"0", b"1"], "the handler hears nothing of it"
    outcome(ben.session.publish("room:1", b"3"))
    ann.subscribe("room:1")
    house.clock.advance(0.1)
    outcome(ann.session.publish("room:1", b"4"))
    assert not ann.session.ended
    assert house.hub.limiter.refused == {"publish": 1}


def test_who_does_not_stop_is_disconnected(house: House) -> None:
    """After ``refusal_limit`` refusals without a rest comes 3013; a rest begins the count anew."""
    house.settings = HubSettings(publish_rate="1/s", refusal_limit=2)
    house.app.namespace("room", allow_publish={"client"})
    session = house.person().session
    for _ in range(3):
        outcome(session.publish("room:1", b"1"))
        assert _refused(session.publish("room:1", b"1")) == (111, True)
        assert _refused(session.publish("room:1", b"1")) == (111, True)
        house.clock.advance(1)
    outcome(session.publish("room:1", b"1"))
    for _ in range(2):
        _refused(session.publish("room:1", b"1"))
    with pytest.raises(Disconnect) as caught:
        outcome(session.publish("room:1", b"1"))
    assert caught.value.code == 3013


def test_subscribe(house: House) -> None:
    """A client subscribes so often; what the server subscribes it to does not count."""
    house.settings = HubSettings(subscribe_rate="1/s")
    house.app.namespace("room", allow_subscribe={"client"})
    ann = house.person()
    outcome(ann.session.subscribe_server_side("room:0"))
    ann.subscribe("room:1")
    assert _refused(ann.subscribing("room:2")) == (111, True)
    assert ann.session.channels == ("room:0", "room:1")
    outcome(ann.session.subscribe_server_side("room:3"))
    house.clock.advance(1)
    ann.subscribe("room:2")


def test_rpc(house: House) -> None:
    """All calls of a connection count, and those of one method by a rate of its own."""
    house.settings = HubSettings(rpc_rate="1/s burst 3")
    called: list[int] = []
    house.app.rpc("dear", rate="1/s")(lambda _session, number: called.append(number))
    house.app.rpc("cheap")(lambda _session, number: called.append(number))
    ann, ben = house.person("ann").session, house.person("ben").session
    outcome(ann.rpc("dear", b"1"))
    assert _refused(ann.rpc("dear", b"2")) == (111, True)
    outcome(ann.rpc("cheap", b"3"))
    assert _refused(ann.rpc("cheap", b"4")) == (111, True)
    outcome(ben.rpc("dear", b"5"))
    house.clock.advance(1)
    outcome(ann.rpc("dear", b"6"))
    assert called == [1, 3, 5, 6]


def test_send(house: House) -> None:
    """What has no answer ends the connection with 3013, and the handler hears nothing of it."""
    house.settings = HubSettings(send_rate="1/s")
    said: list[bytes] = []
    house.app.on_message(lambda _session, data: said.append(data))
    session = house.person().session
    outcome(session.message(b"1"))
    with pytest.raises(Disconnect) as caught:
        outcome(session.message(b"2"))
    assert caught.value.code == 3013
    assert said == [b"1"]
    assert house.hub.limiter.refused == {"send": 1}


def test_channel(house: House) -> None:
    """A channel's rates hold for all together and for each; other channels have their own."""
    house.app.namespace(
        "room",
        allow_publish={"client"},
        publish_rate="1/s burst 3",
        publish_rate_per_client="1/s burst 2",
    )
    ann, ben = house.person("ann").session, house.person("ben").session
    for _ in range(2):
        outcome(ann.publish("room:1", b"1"))
    assert _refused(ann.publish("room:1", b"1")) == (111, True)
    outcome(ben.publish("room:1", b"1"))
    assert _refused(ben.publish("room:1", b"1")) == (111, True)
    outcome(ann.publish("room:2", b"1"))
    house.publish("room:1", 1)
    house.clock.advance(1)
    outcome(ben.publish("room:1", b"1"))


def test_who_meets_a_full_channel_is_never_disconnected(house: House) -> None:
    """The others have used it up: 111 as often as it tries."""
    house.settings = HubSettings(refusal_limit=1)
    house.app.namespace("room", allow_publish={"client"}, publish_rate="1/s")
    outcome(house.person("ann").session.publish("room:1", b"1"))
    ben = house.person("ben").session
    for _ in range(5):
        assert _refused(ben.publish("room:1", b"1")) == (111, True)


def test_subscriptions_of_a_channel(house: House) -> None:
    """Likewise for those who subscribe: all together, and one who comes and goes."""
    house.app.namespace(
        "room",
        allow_subscribe={"client"},
        subscribe_rate="1/s burst 3",
        subscribe_rate_per_client="1/s burst 2",
    )
    ann, ben = house.person("ann"), house.person("ben")
    for _ in range(2):
        ann.subscribe("room:1")
        outcome(ann.session.unsubscribe("room:1"))
    assert _refused(ann.subscribing("room:1")) == (111, True)
    ben.subscribe("room:1")
    outcome(ben.session.unsubscribe("room:1"))
    assert _refused(ben.subscribing("room:1")) == (111, True)
    ann.subscribe("room:2")
    house.clock.advance(1)
    ben.subscribe("room:1")


def _connecting(house: House, address: str) -> Person:
    return Person(house, "ann", address=address)


def test_connects_of_an_address(house: House) -> None:
    """One more gets 3013 before ``on_connect``; other addresses, and who is there, go on."""
    house.settings = HubSettings(connect_rate_per_address="1/s")
    asked: list[str] = []
    house.app.on_connect(lambda request: asked.append(request.token))
    first = _connecting(house, "192.0.2.1:5000")
    outcome(first.connecting)
    with pytest.raises(Disconnect) as caught:
        outcome(_connecting(house, "192.0.2.1:5001").connecting)
    assert caught.value.code == 3013
    assert len(asked) == 1
    outcome(_connecting(house, "192.0.2.2:5000").connecting)
    outcome(_connecting(house, "[2001:db8::1]:5000").connecting)
    with pytest.raises(Disconnect):
        # One who has an IPv6 address has all that begin as it does.
        outcome(_connecting(house, "2001:db8::2").connecting)
    outcome(_connecting(house, "[2001:db8:0:1::1]:5000").connecting)
    outcome(_connecting(house, "unix").connecting)
    assert first.session.connected
    house.clock.advance(1)
    outcome(_connecting(house, "192.0.2.1:5002").connecting)
    assert house.hub.limiter.refused == {"connect": 2}


def test_connects_of_all(house: House) -> None:
    """The rate of all counts whoever its address lets through."""
    house.settings = HubSettings(connect_rate="1/s burst 2", connect_rate_per_address="1/s")
    outcome(_connecting(house, "192.0.2.1").connecting)
    for _ in range(3):
        with pytest.raises(Disconnect):
            outcome(_connecting(house, "192.0.2.1").connecting)
    outcome(_connecting(house, "192.0.2.2").connecting)
    with pytest.raises(Disconnect) as caught:
        outcome(_connecting(house, "192.0.2.3").connecting)
    assert caught.value.code == 3013


def test_what_is_no_rate_is_refused_when_it_is_said(house: House) -> None:
    """In settings, options and declarations."""
    with pytest.raises(ConfigurationError, match="a rate is like"):
        HubSettings(publish_rate="fast")
    with pytest.raises(ConfigurationError, match="a rate is like"):
        house.app.namespace("room", publish_rate="fast")
    with pytest.raises(ConfigurationError, match="a rate is like"):
        house.app.rpc("get", rate="fast")(lambda _session, _params: 1)
