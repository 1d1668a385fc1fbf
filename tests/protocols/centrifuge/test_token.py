"""What clients meet who show tokens: each outcome of the protocol's section 8, in each format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
import pytest

from sennit.hub.key import KeyRing
from sennit.hub.request import Credentials, RefreshRequest, SubscriptionOptions
from sennit.hub.setting import TokenSettings
from sennit.hub.token import TokenReader, Tokens
from sennit.protocols.centrifuge.setting import ProtocolSettings
from tests.double import LateBroker, outcome
from tests.protocols.conftest import BEGINNING, House, Wire

SECRET = "a secret that is long enough for SHA-256"  # noqa: S105
OTHER = "another secret that is long enough too, really"


@pytest.fixture
def house(house: House) -> House:
    """A house that checks tokens, has no handlers of its own, and sends no pings."""
    house.protocol = ProtocolSettings(version="1.2.3", ping_interval=0)
    house.app.connect_handler = None
    house.tokens = checked(house)
    house.app.namespace("shut", presence=True)
    return house


def checked(house: House, *, anonymous: bool = False) -> Tokens:
    """Return what tokens are worth, at the house's time."""
    settings = TokenSettings(hmac_secret=SECRET)
    reader = TokenReader(settings, KeyRing(settings, None), house.now)
    return Tokens(reader, reader, allow_anonymous=anonymous)


def token(*, secret: str = SECRET, last: float | None = None, **claims: Any) -> str:
    """Return a token; ``last`` is how long it is good, in seconds from the beginning."""
    if last is not None:
        claims["exp"] = BEGINNING + last
    return jwt.encode(claims, secret)


def connected(house: House, **claims: Any) -> Wire:
    """Return somebody who has come in by a token."""
    wire = house.wire()
    wire.begin("connect", token=token(**{"sub": "ann", **claims}))
    (reply, *_) = wire.take()
    assert "connect" in reply
    return wire


# -- connect -------------------------------------------------------------------------------------


def test_a_good_token(house: House) -> None:
    """The client is who it says, and is told when the connection ends."""
    wire = house.wire()
    claims: dict[str, Any] = {"sub": "ann", "info": {"n": 1}, "channels": ["plain:a"]}
    wire.begin("connect", token=token(last=60, **claims))
    answer = wire.take()[0]["connect"]
    assert (answer["expires"], answer["ttl"], answer["subs"]) == (True, 60, {"plain:a": {}})
    (session,) = house.hub.sessions
    assert (session.user, session.info.conn_info) == ("ann", b'{"n":1}')


def test_a_token_for_ever(house: House) -> None:
    """Where there is no end, nothing is said of one."""
    wire = house.wire()
    answer = wire.ask("connect", token=token(sub="ann"))
    assert "expires" not in answer
    assert "ttl" not in answer


@pytest.mark.parametrize(
    "make",
    [
        lambda: "no token",
        lambda: token(sub="ann", secret=OTHER),
        lambda: token(sub="ann", channel="room:a"),
        lambda: jwt.encode({"sub": "ann"}, "", "none"),
    ],
)
def test_connect_with_a_bad_token(house: House, make: Callable[[], str]) -> None:
    """3500, which is final, and no word of why."""
    wire = house.wire()
    wire.begin("connect", token=make())
    assert wire.take() == []
    assert wire.ended == (3500, "invalid token")


def test_connect_with_an_expired_token(house: House) -> None:
    """Error 109: the connection stays open for the stale timeout, and is good for nothing else."""
    wire = house.wire()
    assert wire.ask("connect", token=token(sub="ann", last=0))["code"] == 109
    assert wire.ended is None
    house.pass_time(11)
    assert wire.ended == (3502, "stale")


def test_connect_with_an_unknown_namespace(house: House) -> None:
    """Error 102."""
    wire = house.wire()
    assert wire.ask("connect", token=token(sub="ann", channels=["nowhere:x"]))["code"] == 102


def test_connect_without_a_token(house: House) -> None:
    """3501, unless anonymous users may come."""
    wire = house.wire()
    wire.begin("connect")
    assert wire.ended == (3501, "bad request: connect without token")


def test_anonymous_users_may_come(house: House) -> None:
    """Then they have no user id; a bad token is bad all the same."""
    house.tokens = checked(house, anonymous=True)
    house.wire().ask("connect")
    (session,) = house.hub.sessions
    assert session.user == ""
    wire = house.wire()
    wire.begin("connect", token="no token")  # noqa: S106
    assert wire.ended == (3500, "invalid token")


def test_the_handler_has_the_last_word(house: House) -> None:
    """``on_connect`` gets what the token says, and may change it, or let in who has none."""
    seen: list[Credentials | None] = []

    @house.app.on_connect
    def connect(request: Any) -> Credentials | None:
        seen.append(request.credentials)
        if request.credentials is None:
            return Credentials("guest") if request.version == "guest" else None
        return None if request.version == "keep" else Credentials("changed")

    for version, user in (("keep", "ann"), ("x", "changed")):
        wire = house.wire()
        wire.ask("connect", token=token(sub="ann"), version=version)
        assert {session.user for session in house.hub.sessions} == {user}
        wire.lose()
    house.wire().ask("connect", version="guest")
    assert {session.user for session in house.hub.sessions} == {"guest"}
    refused = house.wire()
    refused.begin("connect", version="stranger")
    assert refused.ended == (3501, "bad request: connect without token")
    assert [None if one is None else one.user for one in seen] == ["ann", "ann", None, None]


# -- refresh, and the end of a connection --------------------------------------------------------


def test_a_connection_expires(house: House) -> None:
    """25 seconds after its end it is ended with 3005, on which clients come back."""
    wire = connected(house, last=60)
    house.clock.advance(60 + 24.9)
    assert wire.ended is None
    house.clock.advance(0.2)
    assert wire.ended == (3005, "connection expired")


def test_a_clock_that_is_set_back(house: House) -> None:
    """The end is that of the wall's clock, however long it was waited for."""
    wire = connected(house, last=60)
    house.wall -= 100
    house.clock.advance(184)
    assert wire.ended is None
    house.clock.advance(2)
    assert wire.ended == (3005, "connection expired")


def test_refresh(house: House) -> None:
    """A new token puts off the end; one without an end takes it away."""
    wire = connected(house, last=60)
    house.clock.advance(50)
    answer = wire.ask("refresh", token=token(sub="ann", last=100))
    assert (answer["expires"], answer["ttl"], answer["version"]) == (True, 50, "1.2.3")
    answer = wire.ask("refresh", token=token(sub="ann"))
    assert "ttl" not in answer
    (session,) = house.hub.sessions
    assert answer["client"] == session.id


@pytest.mark.parametrize(
    ("make", "ended"),
    [
        (lambda: "no token", (3500, "invalid token")),
        (lambda: token(sub="ann", secret=OTHER), (3500, "invalid token")),
        (lambda: token(sub="ann", channel="a"), (3500, "invalid token")),
        (lambda: token(sub="bob"), (3500, "invalid token")),
        (lambda: token(sub="ann", last=0), (3005, "connection expired")),
        (lambda: "", (3501, "bad request: refresh without token")),
    ],
)
def test_refresh_with_a_bad_token(
    house: House, make: Callable[[], str], ended: tuple[int, str]
) -> None:
    """It ends the connection: for good, or to come back with another token."""
    wire = connected(house, last=60)
    wire.begin("refresh", token=make())
    assert wire.take() == []
    assert wire.ended == ended


# -- subscribe -----------------------------------------------------------------------------------


def test_subscribe_with_a_token(house: House) -> None:
    """A good token always allows, a private channel too, and says how and how long."""
    wire = connected(house)
    good = token(
        sub="ann",
        channel="$shut:a",
        last=30,
        data={"seat": 4},
        info=[1],
        override={"presence": {"value": False}},
    )
    answer = wire.ask("subscribe", channel="$shut:a", token=good)
    assert answer == {"expires": True, "ttl": 30, "data": {"seat": 4}}
    assert outcome(house.hub.app.presence("$shut:a")) == {}


def test_what_others_see_of_a_subscriber(house: House) -> None:
    """``info`` of a subscription token is the ``chan_info`` of who shows it."""
    wire = connected(house, info="conn")
    wire.ask("subscribe", channel="shut:a", token=token(sub="ann", channel="shut:a", info="chan"))
    (info,) = outcome(house.hub.app.presence("shut:a")).values()
    assert (info.conn_info, info.chan_info) == (b'"conn"', b'"chan"')


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: "no token", 103),
        (lambda: token(sub="ann", channel="shut:a", secret=OTHER), 103),
        (lambda: token(sub="ann"), 103),
        (lambda: "", 103),
        (lambda: token(sub="ann", channel="shut:a", last=0), 109),
        (lambda: token(sub="ann", channel="shut:a", last=9, nbf=BEGINNING + 5), 109),
    ],
)
def test_subscribe_with_a_bad_token(house: House, make: Callable[[], str], code: int) -> None:
    """The error is the answer; the connection goes on, and so do its other subscriptions."""
    wire = connected(house, channels=["plain:a"])
    for channel in ("shut:a", "$shut:a") if not make() else ("shut:a",):
        assert wire.ask("subscribe", channel=channel, token=make())["code"] == code
    assert wire.ended is None
    outcome(house.hub.app.publish("plain:a", 1))
    assert wire.take()[0]["push"]["pub"]["data"] == 1


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "ann", "channel": "shut:b"},
        {"sub": "bob", "channel": "shut:a"},
        {"channel": "shut:a"},
        {"sub": "ann", "channel": "shut:a", "client": "another"},
    ],
)
def test_subscribe_with_anothers_token(house: House, claims: dict[str, Any]) -> None:
    """Another channel's, user's or connection's token ends the connection for good."""
    wire = connected(house)
    wire.begin("subscribe", channel="shut:a", token=token(**claims))
    assert wire.ended == (3500, "invalid token")


def test_subscribe_with_an_unknown_namespace(house: House) -> None:
    """Error 102, whatever the token is worth."""
    wire = connected(house)
    good = token(sub="ann", channel="nowhere:x")
    assert wire.ask("subscribe", channel="nowhere:x", token=good)["code"] == 102


def test_a_grant_needs_no_token(house: House) -> None:
    """Where the namespace lets everybody in, a token need not be shown."""
    connected(house).ask("subscribe", channel="plain:a")


# -- sub_refresh, and the end of a subscription --------------------------------------------------


def subscribed(house: House, last: float = 60) -> Wire:
    """Return somebody whose subscription to shut:a will end."""
    wire = connected(house)
    good = token(sub="ann", channel="shut:a", last=last)
    assert wire.ask("subscribe", channel="shut:a", token=good)["ttl"] == last
    return wire


def test_a_subscription_expires(house: House) -> None:
    """25 seconds after its end it ends with 2501, on which clients fetch a token and come back."""
    wire = subscribed(house, last=60)
    house.clock.advance(84.9)
    assert wire.take() == []
    house.clock.advance(0.2)
    pushes = [each["push"] for each in wire.take()]
    gone = {"code": 2501, "reason": "subscription expired"}
    assert pushes == [{"channel": "shut:a", "unsubscribe": gone}]
    assert outcome(house.hub.app.presence("shut:a")) == {}
    assert wire.ask("sub_refresh", channel="shut:a", token=token())["code"] == 103


@pytest.mark.parametrize("channel", ["shut:a", ""])
def test_sub_refresh(house: House, channel: str) -> None:
    """A new token puts off the end; old SDKs leave the channel to the token."""
    wire = subscribed(house)
    good = token(sub="ann", channel="shut:a", last=99)
    assert wire.ask("sub_refresh", channel=channel, token=good) == {"expires": True, "ttl": 99}
    assert wire.ask("sub_refresh", channel=channel, token=token(sub="ann", channel="shut:a")) == {}
    house.pass_time(20)
    assert wire.ended is None


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: "", 107),
        (lambda: token(sub="ann", channel="shut:a", last=0), 109),
    ],
)
def test_sub_refresh_with_an_error(house: House, make: Callable[[], str], code: int) -> None:
    """The subscription goes on until its end."""
    wire = subscribed(house)
    assert wire.ask("sub_refresh", channel="shut:a", token=make())["code"] == code
    assert wire.ended is None
    outcome(house.hub.app.publish("shut:a", 1))
    assert wire.take()[0]["push"]["pub"]["data"] == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: "no token",
        lambda: token(sub="ann", channel="shut:a", secret=OTHER),
        lambda: token(sub="ann", channel="shut:b"),
        lambda: token(sub="bob", channel="shut:a"),
        lambda: token(sub="ann"),
    ],
)
def test_sub_refresh_with_a_bad_token(house: House, make: Callable[[], str]) -> None:
    """A bad token, or another's, ends the connection for good."""
    wire = subscribed(house)
    wire.begin("sub_refresh", channel="shut:a", token=make())
    assert wire.ended == (3500, "invalid token")


@pytest.mark.parametrize("channel", ["shut:b", ""])
def test_sub_refresh_without_a_subscription(house: House, channel: str) -> None:
    """Error 103."""
    wire = subscribed(house)
    good = token(sub="ann", channel="shut:b")
    assert wire.ask("sub_refresh", channel=channel, token=good)["code"] == 103


def test_a_subscription_of_the_servers_expires(house: House) -> None:
    """The connection ends with 3006, and comes back as a whole."""
    wire = connected(house)
    options = SubscriptionOptions(expire_at=house.now() + 1)
    outcome(house.hub.app.subscribe("ann", "plain:a", options))
    house.clock.advance(25.9)
    assert wire.ended is None
    house.clock.advance(0.2)
    assert wire.ended == (3006, "subscription expired")


def test_a_subscription_that_is_over_when_it_is_made(house: House) -> None:
    """The answer is written, and the end follows it: never an error behind a success."""
    house.broker = LateBroker(house.clock)
    wire = connected(house)
    good = token(sub="ann", channel="room:a", last=0.5)
    number = wire.begin("subscribe", channel="room:a", token=good)
    for _ in range(40):
        house.clock.advance(0.5)
    answer, *pushes = wire.take()
    assert (answer["id"], answer["subscribe"]["ttl"]) == (number, 1)
    codes = [
        push["push"]["unsubscribe"]["code"] for push in pushes if "unsubscribe" in push["push"]
    ]
    assert codes == [2501]
    assert wire.ended is None


# -- without tokens ------------------------------------------------------------------------------


def test_handlers_can_do_without(house: House) -> None:
    """``expire_at`` of a handler counts as well, and ``on_refresh`` puts it off."""
    house.tokens = None
    seen: list[RefreshRequest] = []
    house.app.on_connect(lambda _: Credentials("ann", expire_at=house.now() + 60))
    room = house.app.namespaces["shut"]
    room.on_subscribe(lambda *_: SubscriptionOptions(expire_at=house.now() + 30))

    @house.app.on_refresh
    def refresh(_session: Any, request: RefreshRequest) -> Credentials | None:
        seen.append(request)
        good = request.token == "good"  # noqa: S105
        return Credentials("ann", expire_at=house.now() + 90) if good else None

    @room.on_refresh
    def stay(_session: Any, _channel: str, request: RefreshRequest) -> SubscriptionOptions | None:
        good = request.token == "good"  # noqa: S105
        return SubscriptionOptions(expire_at=house.now() + 40) if good else None

    wire = house.wire()
    assert wire.ask("connect")["ttl"] == 60
    assert wire.ask("subscribe", channel="shut:a") == {"expires": True, "ttl": 30}
    assert wire.ask("refresh", token="good")["ttl"] == 90  # noqa: S106
    assert wire.ask("refresh", token="bad")["code"] == 110  # noqa: S106
    asked = wire.ask("sub_refresh", channel="shut:a", token="good")  # noqa: S106
    assert asked == {"expires": True, "ttl": 40}
    asked = wire.ask("sub_refresh", channel="shut:a", token="bad")  # noqa: S106
    assert asked["code"] == 110
    assert [(request.token, request.credentials) for request in seen] == [
        ("good", None),
        ("bad", None),
    ]


def test_what_would_be_over_at_once(house: House) -> None:
    """An end that has passed is error 110: a ttl of 0 would have clients ask without end."""
    house.tokens = None
    house.app.on_connect(lambda request: Credentials("ann", expire_at=float(request.token)))
    house.app.namespaces["shut"].on_subscribe(lambda *_: SubscriptionOptions(expire_at=house.now()))
    assert house.wire().ask("connect", token=str(house.now()))["code"] == 110
    wire = house.wire()
    assert wire.ask("connect", token=str(house.now() + 0.01))["ttl"] == 1
    assert wire.ask("subscribe", channel="shut:a")["code"] == 110
    assert outcome(house.hub.app.presence("shut:a")) == {}


def test_nothing_to_renew_by(house: House) -> None:
    """Without tokens and without handlers it is error 108."""
    house.tokens = None
    wire = house.wire()
    wire.ask("connect")
    assert wire.ask("refresh", token="x")["code"] == 108  # noqa: S106
    assert wire.ask("sub_refresh", channel="room:a", token="x")["code"] == 108  # noqa: S106


@pytest.mark.parametrize("command", ["refresh", "sub_refresh"])
def test_a_handler_that_answers_with_something_else(house: House, command: str) -> None:
    """It has failed: error 100, and an entry in the log."""
    house.tokens = None
    house.app.on_refresh(lambda *_: "yes")
    house.app.namespaces["plain"].on_refresh(lambda *_: "yes")
    house.app.on_connect(lambda _: Credentials("ann"))
    wire = house.wire()
    wire.ask("connect")
    wire.ask("subscribe", channel="plain:a")
    body = {"token": "x"} if command == "refresh" else {"token": "x", "channel": "plain:a"}
    assert wire.ask(command, **body)["code"] == 100
    assert house.failures() == ["TypeError"]


def test_subscription_tokens_alone(house: House) -> None:
    """Where only these have keys, who connects is the handlers' affair."""
    settings = TokenSettings(hmac_secret=SECRET)
    reader = TokenReader(settings, KeyRing(settings, None), house.now)
    house.tokens = Tokens(None, reader)
    house.app.on_connect(lambda request: Credentials(request.token))
    wire = house.wire()
    wire.ask("connect", token="ann")  # noqa: S106
    good = token(sub="ann", channel="$shut:a")
    assert wire.ask("subscribe", channel="$shut:a", token=good) == {}
    assert wire.ask("refresh", token="ann")["code"] == 108  # noqa: S106
