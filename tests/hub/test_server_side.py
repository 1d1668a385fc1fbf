"""Subscriptions that the server makes: with the connection, and at any time later."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sennit.errors import Disconnect, ReplyError
from sennit.hub.namespace import History
from sennit.hub.request import ConnectRequest, Credentials, SubscriptionOptions
from sennit.hub.session import Session
from sennit.hub.setting import HubSettings
from sennit.model.publication import Publication, StreamPosition
from sennit.model.request import Closed
from tests.double import LateBroker, outcome
from tests.hub.conftest import House, Person


def subscribed_to(house: House, *channels: str, **options: SubscriptionOptions) -> None:
    """Have everybody subscribed to channels from the start, in namespaces of all kinds."""
    house.app.namespace("plain")
    house.app.namespace("room", presence=True, join_leave=True, force_push_join_leave=True)
    house.app.namespace("news", history=History(9, 99), recovery=True)

    @house.app.on_connect
    def connect(request: ConnectRequest) -> Credentials:
        wanted = {channel: SubscriptionOptions() for channel in channels}
        named = {name.replace("_", ":"): option for name, option in options.items()}
        return Credentials(request.token, subscriptions=wanted | named)


def settle(house: House) -> None:
    """Let whatever is late come."""
    for _ in range(60):
        house.clock.advance(0.5)


def back(house: House, **positions: StreamPosition) -> Person:
    """Return somebody who comes back with positions."""
    held = {name.replace("_", ":"): position for name, position in positions.items()}
    return house.person(subscriptions=held)


def test_connect_answers_with_all_of_them(house: House) -> None:
    """The answer to connect says where the client stands in each, and then all comes."""
    subscribed_to(house, "plain:a", "news:a")
    house.publish("news:a", 1)
    ann = house.person()
    (welcome,) = ann.welcomes
    assert set(welcome.subscriptions) == {"plain:a", "news:a"}
    assert welcome.subscriptions["news:a"].position.offset == 1
    assert welcome.subscriptions["news:a"].recoverable
    assert not welcome.subscriptions["plain:a"].positioned
    assert ann.session.channels == ("plain:a", "news:a")
    house.publish("plain:a", 2)
    house.publish("news:a", 3)
    assert ann.take() == [["pub", "plain:a", 0, 2], ["pub", "news:a", 2, 3]]


def test_names_alone_are_enough() -> None:
    """``Credentials`` take names, or names with options."""
    assert set(Credentials(subscriptions=["a", "b"]).subscriptions) == {"a", "b"}
    options = SubscriptionOptions(info=1)
    assert Credentials(subscriptions={"a": options}).subscriptions == {"a": options}


def test_no_permission_is_asked(house: House) -> None:
    """The server may subscribe where clients may not: no grant counts, and no handler is asked."""
    subscribed_to(house, "plain:a", "$plain:b", "plain:#c")
    house.app.namespaces["plain"].on_subscribe(lambda *_: pytest.fail("was asked"))
    assert house.person().session.channels == ("plain:a", "$plain:b", "plain:#c")


def test_coming_back_recovers(house: House) -> None:
    """A client that says where it stood is given what it missed, with the answer."""
    subscribed_to(house, "news:a")
    ann = house.person()
    held = ann.welcomes[0].subscriptions["news:a"].position
    ann.session.close(Closed(1006))
    house.publish("news:a", 1)
    house.publish("news:a", 2)
    again = back(house, news_a=held).welcomes[0].subscriptions["news:a"]
    assert (again.was_recovering, again.recovered) == (True, True)
    assert [publication.data for publication in again.publications] == [b"1", b"2"]
    lost = back(house, news_a=StreamPosition(0, "other")).welcomes[0].subscriptions["news:a"]
    assert (lost.was_recovering, lost.recovered, lost.publications) == (True, False, ())


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_lost_while_the_broker_is_late(house: House, seed: int) -> None:
    """What is published while they are being made follows the answer, each once and in order."""
    house.broker = LateBroker(house.clock, seed)
    subscribed_to(house, "news:a", "news:b")
    ann = Person(house, "ann")
    for count in range(40):
        house.hub.app.publish(f"news:{'ab'[count % 2]}", count)
        house.clock.advance(0.2)
    settle(house)
    outcome(ann.connecting)
    results = ann.welcomes[0].subscriptions
    at = {channel: result.position.offset for channel, result in results.items()}
    for _, channel, offset, _data in ann.take():
        assert offset == at[channel] + 1
        at[channel] = offset
    assert at == {"news:a": 20, "news:b": 20}


@pytest.mark.parametrize(
    ("channel", "code"), [("nowhere:a", 102), ("caf\u00e9", 107), ("short:aa", 107)]
)
def test_one_that_cannot_be_fails_the_connect(house: House, channel: str, code: int) -> None:
    """The error says why; nothing is left of the others, and nobody was told of them."""
    house.app.namespace("short", pattern="a")
    subscribed_to(house, "room:a", channel)
    ann = Person(house, "ann")
    with pytest.raises(ReplyError) as caught:
        outcome(ann.connecting)
    assert caught.value.code == code
    assert not ann.session.connected
    assert ann.welcomes == []
    assert outcome(house.hub.app.presence("room:a")) == {}
    assert house.hub.channel_count == 0


def test_a_broker_that_fails_fails_the_connect(house: House) -> None:
    """With the temporary error 100, on which clients try again; nothing is left."""
    broker = house.broker = LateBroker(house.clock)
    subscribed_to(house, "room:a", "news:a")
    broker.failing.add("history")
    ann = Person(house, "ann")
    settle(house)
    with pytest.raises(ReplyError) as caught:
        outcome(ann.connecting)
    assert (caught.value.code, caught.value.temporary) == (100, True)
    settle(house)
    assert outcome(house.presence.clients("room:a")) == {}
    assert house.hub.channel_count == 0
    assert len(house.failures()) == 1


def test_a_client_that_goes_meanwhile_leaves_nothing(house: House) -> None:
    """Cancelled, and gone: no presence, no channel, no join."""
    house.broker = LateBroker(house.clock)
    subscribed_to(house, "room:a", "news:a")
    ann = Person(house, "ann")
    ann.session.close(Closed(1006))
    ann.connecting.cancel()
    ann.connecting.addErrback(lambda _: None)
    settle(house)
    assert ann.welcomes == []
    assert outcome(house.presence.clients("room:a")) == {}
    assert house.hub.channel_count == 0


def test_too_many_end_the_connection(house: House) -> None:
    """More than a connection may have are 3505 at connect; clients' own count beside them."""
    house.settings = HubSettings(channel_limit=2)
    subscribed_to(house, "plain:a", "plain:b", "plain:c")
    with pytest.raises(Disconnect) as caught:
        house.person()
    assert caught.value.code == 3505


def test_they_count_with_the_clients_own(house: House) -> None:
    """One more of the client's own is error 106, one more of the server's too."""
    house.settings = HubSettings(channel_limit=1)
    subscribed_to(house, "plain:a")
    house.app.namespace("open", allow_subscribe={"client"})
    ann = house.person()
    with pytest.raises(ReplyError) as caught:
        ann.subscribe("open:a")
    assert caught.value.code == 106
    with pytest.raises(ReplyError) as caught:
        outcome(ann.session.subscribe_server_side("plain:b"))
    assert caught.value.code == 106


def test_a_client_cannot_subscribe_once_more(house: House) -> None:
    """A channel that the server has subscribed it to is error 105."""
    subscribed_to(house, "news:a")
    ann = house.person()
    with pytest.raises(ReplyError) as caught:
        ann.subscribe("news:a")
    assert caught.value.code == 105


def test_options_of_one_subscription(house: House) -> None:
    """They overrule the namespace: presence, joins, positions, and what others see."""
    subscribed_to(
        house,
        room_quiet=SubscriptionOptions(
            presence=False, join_leave=False, force_push_join_leave=False
        ),
        plain_shown=SubscriptionOptions(presence=True, info={"seat": 4}, data=[1]),
        news_loose=SubscriptionOptions(force_recovery=False, force_positioning=True),
    )
    ann = house.person()
    results = ann.welcomes[0].subscriptions
    assert ann.take() == []
    assert outcome(house.hub.app.presence("room:quiet")) == {}
    shown = outcome(house.presence.clients("plain:shown"))
    assert [(info.user, info.chan_info) for info in shown.values()] == [("ann", b'{"seat":4}')]
    assert results["plain:shown"].data == b"[1]"
    assert (results["news:loose"].positioned, results["news:loose"].recoverable) == (True, False)
    ann.session.close(Closed(1006))
    assert outcome(house.presence.clients("plain:shown")) == {}


def test_positions_need_a_history(house: House) -> None:
    """Where nothing is kept, or a slow client may miss something, nothing is promised."""
    house.app.namespace("lossy", history=History(9, 9), slow="drop-oldest")
    forced = SubscriptionOptions(force_recovery=True, force_positioning=True)
    subscribed_to(house, plain_a=forced, lossy_a=forced)
    results = house.person().welcomes[0].subscriptions
    assert not results["plain:a"].positioned
    assert not results["lossy:a"].positioned


def test_who_asks_for_a_position_in_a_lossy_channel(house: House) -> None:
    """Neither a wish nor the right to read the history brings a position there."""
    house.app.namespace(
        "lossy",
        history=History(9, 9),
        slow="drop-oldest",
        allow_subscribe={"client"},
        allow_history={"client"},
    )
    answer = house.person().subscribe("lossy:a", recoverable=True, positioned=True)
    assert (answer.positioned, answer.recoverable) == (False, False)


@pytest.mark.parametrize("wish", ["positioned", "recoverable"])
def test_wishes_that_the_namespace_grants(house: House, wish: str) -> None:
    """``allow_positioning`` and ``allow_recovery`` grant what a client asks for, to no other."""
    for name in ("granting", "other"):
        house.app.namespace(
            name,
            history=History(9, 9),
            allow_subscribe={"client"},
            allow_positioning=name == "granting" and wish == "positioned",
            allow_recovery=name == "granting" and wish == "recoverable",
        )
    ann = house.person()
    asked = ann.subscribe("granting:x", **{wish: True})
    assert asked.positioned
    assert asked.recoverable is (wish == "recoverable")
    assert not ann.subscribe("granting:y").positioned
    assert not ann.subscribe("other:x", **{wish: True}).positioned


def test_joins_for_those_who_ask(house: House) -> None:
    """Without the force, joins come to who wants them and may see who is there."""
    house.app.namespace(
        "room", join_leave=True, allow_subscribe={"client"}, allow_presence={"subscriber"}
    )
    house.app.namespace("shut", join_leave=True, allow_subscribe={"client"})
    ann, bob = house.person("ann"), house.person("bob")
    ann.subscribe("room:a", join_leave=True)
    ann.subscribe("shut:a", join_leave=True)
    ann.take()
    bob.subscribe("room:a")
    bob.subscribe("shut:a")
    assert ann.take() == [["join", "room:a", "bob"]]
    assert bob.take() == [["answer"], ["answer"]]


# -- personal channels ---------------------------------------------------------------------------


def test_personal_channels(house: House) -> None:
    """Each user is subscribed to a channel of its own; anonymous users have none."""
    house.app.namespace("", personal=True)
    house.app.namespace("inbox", personal=True)
    ann, nobody = house.person("ann"), house.person("")
    assert ann.session.channels == ("#ann", "inbox:#ann")
    assert nobody.session.channels == ()
    house.publish("inbox:#ann", "hi")
    assert ann.take() == [["pub", "inbox:#ann", 0, "hi"]]


def test_credentials_say_how_a_personal_channel_is(house: House) -> None:
    """Options for its name count."""
    house.app.namespace("inbox", personal=True)

    @house.app.on_connect
    def connect(_: ConnectRequest) -> Credentials:
        options = SubscriptionOptions(data="yours")
        return Credentials("ann", subscriptions={"inbox:#ann": options})

    assert house.person().welcomes[0].subscriptions["inbox:#ann"].data == b'"yours"'


@pytest.mark.parametrize("user", ["ann,bob", "ann#bob", "caf\u00e9"])
def test_users_who_cannot_have_one(house: House, user: str) -> None:
    """An id that would make a channel of others', or no name, is refused with 107."""
    house.app.namespace("inbox", personal=True)
    with pytest.raises(ReplyError) as caught:
        house.person(user)
    assert caught.value.code == 107


# -- at run time ---------------------------------------------------------------------------------


def test_subscribing_at_run_time(house: House) -> None:
    """Every connection of the user is told, then the publications come."""
    subscribed_to(house)
    ann, again, bob = house.person("ann"), house.person("ann"), house.person("bob")
    house.publish("news:a", 1)
    outcome(house.hub.app.subscribe("ann", "news:a"))
    house.publish("news:a", 2)
    for person in (ann, again):
        assert person.take() == [["subscribe", "news:a", 1], ["pub", "news:a", 2, 2]]
        assert person.session.is_subscribed("news:a")
    assert bob.take() == []


def test_subscribing_twice_changes_nothing(house: House) -> None:
    """Who is subscribed stays so, without being told again."""
    subscribed_to(house, "plain:a")
    ann = house.person()
    outcome(house.hub.app.subscribe("ann", "plain:a"))
    assert ann.take() == []


def test_subscribing_nobody(house: House) -> None:
    """A user without a connection is no error; a namespace that is not there is."""
    subscribed_to(house)
    outcome(house.hub.app.subscribe("nobody", "plain:a"))
    for channel, code in (("nowhere:a", 102), ("", 107)):
        with pytest.raises(ReplyError) as caught:
            outcome(house.hub.app.subscribe("nobody", channel))
        assert caught.value.code == code


def test_what_came_since_follows_the_push(house: House) -> None:
    """With a position that the client holds, what it missed comes as publications."""
    subscribed_to(house)
    first = house.publish("news:a", 1)
    house.publish("news:a", 2)
    house.publish("news:a", 3)
    ann = house.person()
    options = SubscriptionOptions(recover_since=first)
    outcome(house.hub.app.subscribe("ann", "news:a", options))
    house.publish("news:a", 4)
    expected = [["pub", "news:a", offset, offset] for offset in (2, 3, 4)]
    assert ann.take() == [["subscribe", "news:a", 1], *expected]


def test_a_position_that_is_gone(house: House) -> None:
    """A client that cannot be given everything is not subscribed, and the caller is told 112."""
    subscribed_to(house)
    house.publish("news:a", 1)
    ann = house.person()
    options = SubscriptionOptions(recover_since=StreamPosition(0, "other"))
    with pytest.raises(ReplyError) as caught:
        outcome(house.hub.app.subscribe("ann", "news:a", options))
    assert caught.value.code == 112
    assert ann.take() == []
    assert ann.session.channels == ()


def test_a_protocol_without_words_for_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a client has none of them: not at connect, and later it is error 108."""
    monkeypatch.setattr(house.codec, "encode_subscribe", lambda *_: None)
    subscribed_to(house, "plain:a")
    ann = house.person()
    assert ann.session.channels == ()
    with pytest.raises(ReplyError) as caught:
        outcome(ann.session.subscribe_server_side("plain:a"))
    assert caught.value.code == 108


# -- how they end --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "closed"), [(2500, 3010), (2501, 3006), (2502, 3014), (2000, None), (2999, None)]
)
def test_how_they_end(house: House, code: int, closed: int | None) -> None:
    """Where the client would have to subscribe again, and cannot, it comes back as a whole."""
    subscribed_to(house, "room:a")
    ann = house.person()
    ann.take()
    house.hub.app.unsubscribe("ann", "room:a", code, "why")
    if closed is None:
        assert ann.take()[0][:3] == ["unsubscribe", "room:a", code]
        assert ann.transport.disconnected is None
    else:
        assert ann.transport.disconnected is not None
        assert ann.transport.disconnected[0] == closed
    assert outcome(house.hub.app.presence("room:a")) == {}


def test_connections_of_one_user_are_bounded(house: House) -> None:
    """One more than may be is 3504; others, and anonymous ones, are not counted with them."""
    house.settings = HubSettings(connections_per_user=2)
    first = house.person("ann")
    house.person("ann")
    with pytest.raises(Disconnect) as caught:
        house.person("ann")
    assert caught.value.code == 3504
    for user in ("bob", "", "", ""):
        house.person(user)
    first.session.close(Closed(1000))
    house.person("ann")


# -- ephemeral publications, and without the sender ----------------------------------------------


def test_ephemeral_publications_are_not_kept(house: House) -> None:
    """They reach who is there, without an offset, and the stream goes on as if they were none."""
    house.app.namespace(
        "room",
        history=History(9, 99),
        recovery=True,
        allow_subscribe={"client"},
        allow_history={"client"},
    )
    ann = house.person()
    held = ann.subscribe("room:a").position
    ann.take()
    for data in ("typing", "still"):
        assert house.publish("room:a", data, ephemeral=True) == StreamPosition()
    house.publish("room:a", 1)
    house.publish("room:a", "typing", ephemeral=True)
    house.publish("room:a", 2)
    expected = [(0, "typing"), (0, "still"), (1, 1), (0, "typing"), (2, 2)]
    assert [(offset, data) for _, _, offset, data in ann.take()] == expected
    again = house.person("bob").recover("room:a", held.offset, held.epoch)
    assert [publication.data for publication in again.publications] == [b"1", b"2"]


def test_ephemeral_ones_reach_who_is_just_coming(house: House) -> None:
    """One that arrives while a subscription is made follows the answer and is no gap."""
    broker = house.broker = LateBroker(house.clock)
    house.app.namespace("room", history=History(9, 99), recovery=True, allow_subscribe={"client"})
    ann = house.person()
    ann.subscribing("room:a")
    while ("history", "room:a") not in broker.calls:
        house.clock.advance(0.05)
    house.hub.on_publication("room:a", Publication(b'"typing"', channel="room:a", ephemeral=True))
    settle(house)
    assert ann.take() == [["answer"], ["pub", "room:a", 0, "typing"]]


def test_ephemeral_ones_pass_who_is_slow(house: House) -> None:
    """Who lags gets them in their turn, and they change nothing about the position."""
    house.app.namespace("room", history=History(9, 99), recovery=True, allow_subscribe={"client"})
    ann = house.person()
    ann.subscribe("room:a")
    ann.take()
    ann.transport.blocked = True
    house.publish("room:a", 1)
    house.publish("room:a", "typing", ephemeral=True)
    house.publish("room:a", 2)
    ann.unblock()
    assert [offset for _, _, offset, _ in ann.take()] == [1, 0, 2]


@pytest.mark.parametrize("state", ["grouped", "lagging"])
def test_a_publication_that_leaves_one_out(house: House, state: str) -> None:
    """Everybody else gets it, and the next one everybody."""
    house.app.namespace("cursor", allow_subscribe={"client"})
    ann, bob, eve = (house.person(name) for name in ("ann", "bob", "eve"))
    for person in (ann, bob, eve):
        person.subscribe("cursor:a")
        person.take()
    if state == "lagging":
        ann.transport.blocked = True
        house.publish("cursor:a", "first")
    house.publish("cursor:a", "here", exclude=ann.session.id)
    house.publish("cursor:a", "all")
    ann.unblock()
    first = ["first"] if state == "lagging" else []
    assert [data for *_, data in ann.take()] == [*first, "all"]
    for person in (bob, eve):
        assert [data for *_, data in person.take()] == [*first, "here", "all"]


def test_what_is_kept_leaves_nobody_out(house: House) -> None:
    """It would come back by recovery: 107, unless it is ephemeral."""
    house.app.namespace("room", history=History(9, 99))
    with pytest.raises(ReplyError) as caught:
        house.publish("room:a", 1, exclude="somebody")
    assert caught.value.code == 107
    house.publish("room:a", 1, exclude="somebody", ephemeral=True)


def test_a_handler_makes_a_publication_ephemeral(house: House) -> None:
    """``on_publish`` may answer with one that is not kept and that its sender does not get."""
    room = house.app.namespace("room", history=History(9, 99), allow_subscribe={"client"})

    @room.on_publish
    def check(session: Session, publication: Publication) -> Publication:
        return replace(publication, ephemeral=True, exclude=session.id)

    ann, bob = house.person("ann"), house.person("bob")
    for person in (ann, bob):
        person.subscribe("room:a")
        person.take()
    outcome(ann.session.publish("room:a", b'"typing"'))
    assert ann.take() == []
    assert bob.take() == [["pub", "room:a", 0, "typing"]]
    assert outcome(house.hub.app.history("room:a")).publications == ()
