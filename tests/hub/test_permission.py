"""Who may do what, by a channel's name and the grants of its namespace."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from sennit.errors import ReplyError
from sennit.hub.namespace import Grant, History
from sennit.hub.permission import is_granted, is_private, listed_users
from sennit.hub.setting import HubSettings
from tests.double import outcome
from tests.hub.conftest import House, Person

EVERYBODY: set[Grant] = {"client", "anonymous"}


def refused(deferred: Deferred[Any]) -> int:
    """Return the code of the error that a request was refused with."""
    with pytest.raises(ReplyError) as caught:
        outcome(deferred)
    return caught.value.code


def requests(person: Person, channel: str) -> list[Deferred[Any]]:
    """Return what a client can ask of a channel besides to be subscribed."""
    session = person.session
    return [
        session.publish(channel, b"1"),
        session.presence(channel),
        session.presence_stats(channel),
        session.history(channel, 1, None, False),
    ]


def open_room(house: House, name: str = "room", **options: Any) -> None:
    """Declare a namespace where everybody may do everything."""
    house.app.namespace(
        name,
        presence=True,
        history=History(9, 9),
        allow_subscribe=EVERYBODY,
        allow_publish=EVERYBODY,
        allow_presence=EVERYBODY,
        allow_history=EVERYBODY,
        **options,
    )


@pytest.mark.parametrize(
    ("grant", "user", "subscribed", "granted"),
    [
        (set(), "ann", True, False),
        ({"client"}, "ann", False, True),
        ({"client"}, "", False, False),
        ({"client", "anonymous"}, "", False, True),
        ({"subscriber"}, "ann", False, False),
        ({"subscriber"}, "ann", True, True),
        ({"subscriber"}, "", True, False),
        ({"subscriber", "anonymous"}, "", True, True),
        ({"subscriber", "anonymous"}, "", False, False),
        ({"anonymous"}, "", False, True),
        ({"anonymous"}, "ann", True, False),
    ],
)
def test_grants(grant: Any, user: str, subscribed: bool, granted: bool) -> None:
    """A grant holds for users with an id; for others where it says so too."""
    assert is_granted(grant, user, subscribed) is granted


def test_what_a_name_says() -> None:
    """A dollar in front is private; behind the last ``#`` are users, as they are written."""
    assert is_private("$room:a")
    assert not is_private("room:$a")
    assert listed_users("room:a") is None
    assert listed_users("room:a#7") == ("7",)
    assert listed_users("room:#x#7,42") == ("7", "42")
    assert listed_users("room:a#") == ("",)


def test_private_channel_needs_more_than_a_grant(house: House) -> None:
    """``$`` channels let nobody in by a grant or by a handler, nor do anything else: 103."""
    open_room(house)
    called: list[str] = []
    house.app.namespaces["room"].on_subscribe(lambda _s, channel, _r: called.append(channel))
    ann = house.person()
    assert refused(ann.subscribing("$room:a")) == 103
    assert [refused(asked) for asked in requests(ann, "$room:a")] == [103] * 4
    assert called == []
    assert ann.subscribe("room:a")


def test_a_crowd_is_not_told_whole(house: House) -> None:
    """One answer has so many clients and no more; all are counted, and the application sees all."""
    house.settings = HubSettings(presence_limit=3)
    open_room(house)
    people = [house.person(f"p{number}") for number in range(5)]
    for person in people:
        person.subscribe("room:a")
    told = outcome(people[0].session.presence("room:a"))
    assert {info.user for info in told.values()} < {f"p{number}" for number in range(5)}
    assert len(told) == 3
    assert outcome(people[0].session.presence_stats("room:a")) == (5, 5)
    assert len(outcome(house.hub.app.presence("room:a"))) == 5


def test_private_channel_for_who_was_subscribed(house: House) -> None:
    """Whom the server subscribes may do there what the grants say."""
    open_room(house)
    ann = house.person()
    outcome(house.hub.app.subscribe("ann", "$room:a"))
    for asked in requests(ann, "$room:a"):
        outcome(asked)
    assert house.presence.clients("$room:a")


@pytest.mark.parametrize("channel", ["room:talk#ann,bob", "room:#ann", "#ann"])
def test_listed_users_may(house: House, channel: str) -> None:
    """A user who is listed may subscribe, without a grant and without the handler being asked."""
    for name in ("room", ""):
        house.app.namespace(name, allow_user_limited_channels=True, allow_publish={"client"})
        house.app.namespaces[name].on_subscribe(lambda *_: pytest.fail("was asked"))
    ann, eve = house.person("ann"), house.person("eve")
    ann.subscribe(channel)
    outcome(ann.session.publish(channel, b"1"))
    assert refused(eve.subscribing(channel)) == 103
    assert refused(eve.session.publish(channel, b"1")) == 103
    assert eve.take() == []


@pytest.mark.parametrize("user", ["an", "ann,bob", ""])
def test_users_are_compared_whole(house: House, user: str) -> None:
    """Part of a name, two of them, or none is nobody who is listed."""
    open_room(house, allow_user_limited_channels=True)
    assert refused(house.person(user).subscribing("room:talk#ann,bob,")) == 103


def test_user_limited_channels_have_to_be_allowed(house: House) -> None:
    """Without the option nobody may, however public the namespace is."""
    open_room(house)
    ann = house.person()
    assert refused(ann.subscribing("room:talk#ann")) == 103
    assert [refused(asked) for asked in requests(ann, "room:talk#ann")] == [103] * 4


def test_names_are_not_normalised(house: House) -> None:
    """The same users in another order are another channel."""
    open_room(house, allow_user_limited_channels=True)
    ann = house.person()
    ann.subscribe("room:d#ann,bob")
    ann.take()
    house.publish("room:d#bob,ann", 1)
    assert ann.take() == []


def test_one_channel_has_options_of_its_own(house: House) -> None:
    """``app.channel`` counts for its name alone, and its namespace does not count for it."""
    open_room(house)
    lobby = house.app.channel("room:lobby", allow_subscribe={"client"})
    house.app.channel("news")
    ann = house.person()
    assert refused(ann.session.presence("room:lobby")) == 108
    assert refused(ann.session.publish("room:lobby", b"1")) == 103
    assert refused(ann.subscribing("news")) == 103
    assert refused(ann.subscribing("other")) == 102
    lobby.on_publish(lambda _session, _publication: {"seen": True})
    ann.subscribe("room:lobby")
    ann.take()
    outcome(ann.session.publish("room:lobby", b"1"))
    assert ann.take() == [["pub", "room:lobby", 0, {"seen": True}]]
    outcome(ann.session.presence("room:other"))


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        (None, [b"1", b"{}", b"no JSON"], [b""]),
        ("binary", [b"", b"\xff"], []),
        ("json", [b"1", b' {"a": 1}'], [b"", b"{", b"\xff", b'"\xff"']),
        ("json_object", [b"{}", b'\n\t {"a": 1}'], [b"", b"1", b"[{}]", b"{", b'"{}"']),
    ],
)
def test_payloads_have_the_format_that_is_said(
    house: House, form: Any, good: list[bytes], bad: list[bytes]
) -> None:
    """What a client publishes is refused with 107 where it is not what the namespace takes."""
    open_room(house, publication_data_format=form)
    ann = house.person()
    for data in good:
        outcome(ann.session.publish("room:a", data))
    for data in bad:
        assert refused(ann.session.publish("room:a", data)) == 107
    page = outcome(house.hub.app.history("room:a"))
    assert [publication.data for publication in page.publications] == good


def test_the_application_keeps_to_the_format_too(house: House) -> None:
    """What the application publishes is refused likewise."""
    open_room(house, publication_data_format="json_object")
    house.publish("room:a", {"a": 1})
    assert refused(house.hub.app.publish("room:a", [1])) == 107
