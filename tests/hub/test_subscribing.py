"""Subscribing and recovery: all that was missed, or honestly none of it."""

from __future__ import annotations

import pytest

from sennit.errors import Disconnect, ReplyError
from sennit.hub.namespace import History
from sennit.hub.setting import HubSettings
from sennit.model.publication import StreamPosition
from sennit.model.request import Closed
from tests.double import outcome
from tests.hub.conftest import House


def _room(house: House, **options: object) -> None:
    settings = {
        "history": History(5, 60),
        "recovery": True,
        "allow_subscribe": {"client"},
        "allow_publish": {"client"},
        **options,
    }
    house.app.namespace("room", **settings)  # type: ignore[arg-type]  # a table of options


def test_subscriber_receives_what_is_published(house: House) -> None:
    """A publication reaches every subscriber once, with its offset."""
    _room(house)
    ann, bob = house.person("ann"), house.person("bob")
    ann.subscribe("room:a")
    bob.subscribe("room:a")
    position = house.publish("room:a", "hi")
    assert position.offset == 1
    assert position.epoch == ann.answers[0].position.epoch
    assert ann.take() == [["answer"], ["pub", "room:a", 1, "hi"]]
    assert bob.take() == [["answer"], ["pub", "room:a", 1, "hi"]]


def test_publication_is_encoded_and_framed_once(house: House) -> None:
    """A thousand subscribers cost one encoding, one frame and one broadcast."""
    _room(house)
    for number in range(1000):
        house.person(f"u{number}").subscribe("room:a")
    house.codec.encoded = house.framing.prepared = 0
    house.publish("room:a", "hi")
    assert house.codec.encoded == 1
    assert house.framing.prepared == 1
    assert [group.broadcasts for group in house.framing.groups] == [1]


def test_fresh_subscribe_answers_the_top(house: House) -> None:
    """Without recovery the answer is the stream's top, and nothing from before it."""
    _room(house)
    top = house.publish("room:a", 1)
    result = house.person().subscribe("room:a")
    assert result.position == top
    assert result.positioned
    assert result.recoverable
    assert not result.was_recovering
    assert result.publications == ()


def test_recovery_closes_the_gap(house: House) -> None:
    """What was missed comes with the answer, whose offset is the client's own."""
    _room(house)
    epoch = house.publish("room:a", 1).epoch
    house.publish("room:a", 2)
    house.publish("room:a", 3)
    result = house.person().recover("room:a", 1, epoch)
    assert result.recovered
    assert result.was_recovering
    assert result.position == StreamPosition(1, epoch)
    assert [publication.offset for publication in result.publications] == [2, 3]


def test_recovery_with_nothing_missed(house: House) -> None:
    """A client at the top recovers nothing, successfully."""
    _room(house)
    top = house.publish("room:a", 1)
    result = house.person().recover("room:a", top.offset, top.epoch)
    assert result.recovered
    assert result.publications == ()


@pytest.mark.parametrize(
    ("offset", "epoch"),
    [(0, ""), (1, "_"), (99, ""), (1, "")],
    ids=["too-old", "other-epoch", "from-the-future", "ring-moved-on"],
)
def test_recovery_that_cannot_be_whole_is_refused_whole(
    house: House, offset: int, epoch: str
) -> None:
    """Where part of the gap is gone nothing is given, and the answer says so."""
    _room(house)
    for number in range(8):
        house.publish("room:a", number)
    result = house.person().recover("room:a", offset, epoch)
    assert not result.recovered
    assert result.was_recovering
    assert result.publications == ()
    assert result.position.offset == 8


def test_empty_epoch_matches_any(house: House) -> None:
    """A position without an epoch is taken by its offset alone."""
    _room(house)
    house.publish("room:a", 1)
    assert house.person().recover("room:a", 0, "").recovered


def test_strict_recovery_gets_error_112(house: House) -> None:
    """A client that prefers an error to a fresh start gets one, and no subscription."""
    _room(house)
    person = house.person()
    with pytest.raises(ReplyError) as caught:
        person.recover("room:a", 7, "_", strict_recovery=True)
    assert caught.value.code == 112
    assert person.session.channels == ()
    assert person.subscribe("room:a").positioned


def test_recovery_wider_than_the_limit_is_refused(house: House) -> None:
    """More than the bound is not recovered in part."""
    house.settings = HubSettings(recovery_limit=2)
    _room(house)
    epoch = house.publish("room:a", 1).epoch
    for number in range(3):
        house.publish("room:a", number)
    assert not house.person().recover("room:a", 1, epoch).recovered
    assert house.person().recover("room:a", 2, epoch).recovered


def test_history_expires_and_the_position_stays(house: House) -> None:
    """After its time the history is gone, and a client from before it is told so."""
    _room(house)
    top = house.publish("room:a", 1)
    house.clock.advance(61)
    assert not house.person().recover("room:a", 0, top.epoch).recovered
    assert house.person().recover("room:a", 1, top.epoch).recovered


def test_subscribing_twice_is_error_105(house: House) -> None:
    """A second subscription to a channel is refused; the first stays."""
    _room(house)
    person = house.person()
    person.subscribe("room:a")
    with pytest.raises(ReplyError) as caught:
        person.subscribe("room:a")
    assert caught.value.code == 105
    house.publish("room:a", 1)
    assert person.take()[-1] == ["pub", "room:a", 1, 1]


def test_too_many_subscriptions_is_error_106(house: House) -> None:
    """One subscription over the limit is refused."""
    house.settings = HubSettings(channel_limit=2)
    _room(house)
    person = house.person()
    person.subscribe("room:a")
    person.subscribe("room:b")
    with pytest.raises(ReplyError) as caught:
        person.subscribe("room:c")
    assert caught.value.code == 106


@pytest.mark.parametrize(
    ("channel", "code"),
    [
        ("other:a", 102),
        ("nonamespace", 102),
        ("room:ü", 107),
        ("room:" + "x" * 300, 107),
        ("room:line\nbreak", 107),
        ("$room:a", 103),
        ("room:a#ann", 103),
    ],
)
def test_bad_channels_have_their_codes(house: House, channel: str, code: int) -> None:
    """A channel that does not exist, is no name, or is not for everybody has its own error."""
    _room(house)
    with pytest.raises(ReplyError) as caught:
        house.person().subscribe(channel)
    assert caught.value.code == code


def test_pattern_refuses_other_names(house: House) -> None:
    """A namespace's pattern is matched against the whole rest of the name."""
    _room(house, pattern="[a-z]+")
    person = house.person()
    person.subscribe("room:lobby")
    with pytest.raises(ReplyError) as caught:
        person.subscribe("room:lobby2")
    assert caught.value.code == 107


def test_permission_is_needed(house: House) -> None:
    """Without a grant or a handler nobody may subscribe."""
    _room(house, allow_subscribe=())
    with pytest.raises(ReplyError) as caught:
        house.person().subscribe("room:a")
    assert caught.value.code == 103


def test_anonymous_users_need_a_grant_of_their_own(house: House) -> None:
    """A grant for clients does not hold for users without an id."""
    _room(house)
    house.app.namespace("open", allow_subscribe={"client", "anonymous"})
    nobody = house.person("")
    with pytest.raises(ReplyError):
        nobody.subscribe("room:a")
    nobody.subscribe("open:a")


def test_leaving_stops_delivery_and_frees_the_channel(house: House) -> None:
    """After an unsubscribe nothing arrives; unsubscribing from nothing is fine."""
    _room(house)
    person = house.person()
    person.subscribe("room:a")
    outcome(person.session.unsubscribe("room:a"))
    outcome(person.session.unsubscribe("room:a"))
    house.publish("room:a", 1)
    assert person.take() == [["answer"]]
    assert person.session.channels == ()


def test_lost_connection_leaves_everything(house: House) -> None:
    """A connection that is gone is in no channel and in no presence."""
    _room(house, presence=True, join_leave=True, force_push_join_leave=True)
    ann, bob = house.person("ann"), house.person("bob")
    ann.subscribe("room:a")
    bob.subscribe("room:a")
    ann.take()
    bob.session.close(Closed(1006))
    assert ann.take() == [["leave", "room:a", "bob"]]
    assert len(outcome(house.app.presence("room:a"))) == 1


def test_join_is_told_after_the_answer_to_everybody(house: House) -> None:
    """A join reaches those who were there and the newcomer, behind the newcomer's answer."""
    _room(house, join_leave=True, force_push_join_leave=True)
    ann, bob = house.person("ann"), house.person("bob")
    ann.subscribe("room:a")
    bob.subscribe("room:a")
    assert ann.take() == [["answer"], ["join", "room:a", "ann"], ["join", "room:a", "bob"]]
    assert bob.take() == [["answer"], ["join", "room:a", "bob"]]


def test_server_ends_subscriptions_of_a_user(house: House) -> None:
    """``app.unsubscribe`` tells the client the code and the reason, and others stay."""
    _room(house)
    ann, bob = house.person("ann"), house.person("bob")
    ann.subscribe("room:a")
    bob.subscribe("room:a")
    house.app.unsubscribe("ann", "room:a")
    house.publish("room:a", 1)
    assert ann.take()[1:] == [["unsubscribe", "room:a", 2000, "server unsubscribe"]]
    assert bob.take()[1:] == [["pub", "room:a", 1, 1]]


def test_a_gap_from_the_broker_ends_positioned_subscriptions(house: House) -> None:
    """Where the broker lost a publication the client is told to recover, not left with a hole."""
    _room(house)
    person = house.person()
    person.subscribe("room:a")
    house.publish("room:a", 1)
    person.take()
    outcome(house.broker.unsubscribe("room:a"))
    house.publish("room:a", 2)
    outcome(house.broker.subscribe("room:a"))
    house.publish("room:a", 3)
    assert person.take() == [["unsubscribe", "room:a", 2500, "insufficient state"]]
    assert person.session.channels == ()


def test_a_new_epoch_ends_positioned_subscriptions(house: House) -> None:
    """A stream that was made anew is not carried on with the old one's offsets."""
    _room(house, history=History(5, 60, 120))
    person = house.person()
    person.subscribe("room:a")
    house.publish("room:a", 1)
    person.take()
    house.clock.advance(121)
    house.publish("room:a", 2)
    assert person.take() == [["unsubscribe", "room:a", 2500, "insufficient state"]]


def test_client_wishes_for_positions_need_history_permission(house: House) -> None:
    """Without ``recovery`` a client that may read the history may ask for positions."""
    _room(house, recovery=False, allow_history={"client"})
    person = house.person()
    assert not person.subscribe("room:a").positioned
    assert person.subscribe("room:b", positioned=True).positioned
    result = person.subscribe("room:c", recoverable=True)
    assert result.recoverable
    assert result.positioned


def test_disconnect_from_on_subscribe_reaches_the_protocol(house: House) -> None:
    """A handler may end the connection instead of refusing."""
    _room(house)

    @house.app.namespaces["room"].on_subscribe
    def subscribe(*_args: object) -> None:
        raise Disconnect(4500, "banned")

    with pytest.raises(Disconnect):
        house.person().subscribe("room:a")
