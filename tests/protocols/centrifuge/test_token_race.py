"""Tokens while something else takes its time: a handler, a broker, keys, another client."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.defer import Deferred

from sennit.hub.key import Fetch, JsonWebKeys, KeyRing
from sennit.hub.request import ConnectRequest, Credentials, SubscriptionOptions
from sennit.hub.setting import HubSettings, TokenSettings
from sennit.hub.token import TokenReader, Tokens
from sennit.protocols.centrifuge.setting import ProtocolSettings
from sennit.web import fetch as fetch_module
from tests.double import LateBroker, LogKeeper
from tests.protocols.conftest import BEGINNING, House, Wire

SECRET = "a secret that is long enough for SHA-256"  # noqa: S105
REFUSED = (3501, "bad request: connect was refused")


@pytest.fixture
def house(house: House) -> House:
    """A house that checks tokens, has no handlers of its own, and sends no pings."""
    house.protocol = ProtocolSettings(version="1.2.3", ping_interval=0)
    house.app.connect_handler = None
    house.tokens = checked(house)
    house.app.namespace("shut")
    return house


def checked(house: House, fetch: Fetch | None = None) -> Tokens:
    """Return what tokens are worth, at the house's time; with keys at an address, if so."""
    settings = TokenSettings(hmac_secret=SECRET, jwks_url="https://id.example/" if fetch else "")
    remote = JsonWebKeys(settings.jwks_url, fetch, house.clock) if fetch else None
    reader = TokenReader(settings, KeyRing(settings, remote), house.now)
    return Tokens(reader, reader)


def token(last: float | None = None, **claims: Any) -> str:
    """Return a token; ``last`` is how long it is good, in seconds from the beginning."""
    if last is not None:
        claims["exp"] = BEGINNING + last
    return jwt.encode({"sub": "ann", **claims}, SECRET)


def later(house: House, answer: Any = None) -> Any:
    """Return a handler that takes two seconds."""

    def handle(*_: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        house.clock.callLater(2, done.callback, answer)
        return done

    return handle


def connected(house: House, **claims: Any) -> Wire:
    """Return somebody who has come in by a token."""
    wire = house.wire()
    wire.ask("connect", token=token(**claims))
    return wire


def code_of(wire: Wire) -> int:
    """Return the code of the error that is all that was received."""
    (reply,) = wire.take()
    code: int = reply["error"]["code"]
    return code


# -- connect -------------------------------------------------------------------------------------


def test_a_token_that_expires_while_the_handler_works(house: House) -> None:
    """It is one that has expired, 109: after 110 an SDK would not come back with another."""
    house.app.on_connect(later(house))
    wire = house.wire()
    wire.begin("connect", token=token(last=1))
    house.clock.advance(2)
    assert code_of(wire) == 109
    wire.begin("connect", token=token(last=9))
    assert wire.ended == REFUSED


def test_a_token_that_expires_while_it_is_subscribed(house: House) -> None:
    """Who was refused is in nothing: not among the sessions, not in the channel."""
    house.broker = LateBroker(house.clock)
    left: list[Any] = []
    house.app.on_disconnect(lambda session, _: left.append(session))
    wire = house.wire()
    wire.begin("connect", token=token(last=0.01, channels=["room:a"]))
    for _ in range(40):
        house.clock.advance(0.5)
        if wire.transport.sent:
            break
    assert code_of(wire) == 109
    assert list(house.hub.sessions) == []
    house.clock.pump([0.5] * 18)
    assert house.hub.channel_count == 0
    wire.lose()
    assert left == []


def test_two_at_once_where_one_may_come(house: House) -> None:
    """The bound on a user's connections holds for those who come at the same time."""
    house.settings = HubSettings(connections_per_user=1)
    house.broker = LateBroker(house.clock)
    wires = [house.wire(), house.wire()]
    for wire in wires:
        wire.begin("connect", token=token(channels=["room:a"]))
    for _ in range(40):
        house.clock.advance(0.5)
        if all(wire.ended or wire.transport.sent for wire in wires):
            break
    ends = [wire.ended for wire in wires]
    assert sorted(ends, key=str) == [(3504, "connection limit"), None]
    assert len(list(house.hub.sessions)) == 1


def test_a_handler_that_gives_a_time_that_is_none(house: House) -> None:
    """It is answered with error 100, and the client is refused as by any other error."""
    end: Any = "tomorrow"
    house.app.on_connect(lambda _: Credentials("ann", expire_at=end))
    wire = house.wire()
    assert wire.ask("connect", token=token())["code"] == 100
    assert house.failures() == ["TypeError"]
    wire.begin("rpc", method="x")
    assert wire.ended == REFUSED


def test_an_address_of_keys_that_does_not_answer(house: House) -> None:
    """The client is told to try again, by error 100, before it is taken for a stale one."""

    def fetch(_: str) -> Deferred[bytes]:
        return Deferred[bytes]().addTimeout(fetch_module._TIMEOUT, house.clock)

    house.tokens = checked(house, fetch)
    wire = house.wire()
    key = ec.generate_private_key(ec.SECP256R1())
    signed = jwt.encode({"sub": "ann"}, key, "ES256", headers={"kid": "k"})
    with LogKeeper() as log:
        wire.begin("connect", token=signed)
        house.pass_time(house.protocol.stale_timeout - 0.2)
        (reply,) = wire.take()
        assert len(log.events) == 1
    assert (reply["error"]["code"], reply["error"]["temporary"]) == (100, True)
    assert wire.ended is None


# -- afterwards ----------------------------------------------------------------------------------


def test_a_client_under_another_name(house: House) -> None:
    """A handler may name the client otherwise; whom its tokens are for, they go on saying."""

    @house.app.on_connect
    def connect(request: ConnectRequest) -> Credentials:
        assert request.credentials is not None
        return Credentials("Ann of Green Gables", expire_at=request.credentials.expire_at)

    wire = connected(house, last=60)
    assert wire.ask("refresh", token=token(last=90))["ttl"] == 90
    wire.begin("refresh", token=token(sub="Ann of Green Gables"))
    assert wire.ended == (3500, "invalid token")


def test_a_client_that_came_without_a_token(house: House) -> None:
    """Who was let in by a handler renews by a token of the user that it is."""
    house.app.on_connect(lambda _: Credentials("ann", expire_at=house.now() + 60))
    wire = house.wire()
    wire.ask("connect")
    assert wire.ask("refresh", token=token(last=90))["ttl"] == 90
    wire.begin("refresh", token=token(sub="bob"))
    assert wire.ended == (3500, "invalid token")


def test_a_refresh_that_takes_longer_than_its_token(house: House) -> None:
    """It has expired, 3005: the client comes back and fetches another."""
    house.app.on_refresh(later(house))
    wire = connected(house, last=60)
    wire.begin("refresh", token=token(last=1))
    house.clock.advance(2)
    assert wire.take() == []
    assert wire.ended == (3005, "connection expired")


def test_a_refresh_that_is_answered_with_an_end_that_has_passed(house: House) -> None:
    """That is the handler's word, and error 110; the connection goes on until its end."""
    house.app.on_refresh(lambda *_: Credentials("ann", expire_at=house.now()))
    wire = connected(house, last=60)
    assert wire.ask("refresh", token=token(last=90))["code"] == 110
    house.clock.advance(84)
    assert wire.ended is None
    house.clock.advance(1.1)
    assert wire.ended == (3005, "connection expired")


def test_a_subscription_token_that_expires_on_the_way(house: House) -> None:
    """Error 109, and nothing is left of it."""
    wire = connected(house)
    waiting: list[Deferred[None]] = []

    async def parted(_: str) -> None:
        waiting.append(Deferred())
        await waiting[-1]

    (session,) = house.hub.sessions
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(session), "parted", lambda _, name: parted(name))
        wire.begin("subscribe", channel="shut:a", token=token(last=1, channel="shut:a"))
        house.clock.advance(1)
        waiting[0].callback(None)
    assert code_of(wire) == 109
    assert session.channels == ()


def test_a_subscription_that_is_still_being_made_is_not_renewed(house: House) -> None:
    """Whether its channel is said or left to the token: error 103."""
    house.broker = LateBroker(house.clock)
    wire = connected(house)
    good = token(last=60, channel="room:a")
    wire.begin("subscribe", channel="room:a", token=good)
    number = wire.begin("sub_refresh", channel="", token=good)
    (reply,) = wire.take()
    assert (reply["id"], reply["error"]["code"]) == (number, 103)


def test_a_subscription_that_is_gone_before_the_handler_answers(house: House) -> None:
    """It is not there to be renewed any more: error 103."""
    options = SubscriptionOptions(expire_at=house.now() + 90)
    house.app.namespaces["plain"].on_refresh(later(house, options))
    wire = connected(house)
    wire.ask("subscribe", channel="plain:a", token=token(last=60, channel="plain:a"))
    wire.begin("sub_refresh", channel="plain:a", token=token(last=90, channel="plain:a"))
    (session,) = house.hub.sessions
    session.end_subscription("plain:a")
    wire.take()
    house.clock.advance(2)
    assert code_of(wire) == 103
