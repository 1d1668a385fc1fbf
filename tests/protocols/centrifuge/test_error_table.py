"""Each row of the protocol's tables of errors (section 6): the exact code, and what stays open.

How each comes about in detail is tested where it belongs; here is that every one of them does, in
both formats, and that an error is no more than an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
import pytest

from sennit.errors import Disconnect, ReplyError
from sennit.hub.key import KeyRing
from sennit.hub.request import Credentials, SubscriptionOptions
from sennit.hub.setting import HubSettings, TokenSettings
from sennit.hub.token import TokenReader, Tokens
from sennit.model.code import DisconnectCode, ErrorCode, UnsubscribeCode, disconnect, reply_error
from sennit.model.publication import Publication
from tests.double import outcome
from tests.protocols.conftest import House, Wire
from tests.protocols.tongue import Tongue

SECRET = "a secret that is long enough for SHA-256"  # noqa: S105


def client(house: House) -> Wire:
    """Return somebody who is subscribed to a channel that is to go on."""
    wire = house.client("ann")
    wire.ask("subscribe", channel="plain:on")
    return wire


def still_open(house: House, wire: Wire) -> None:
    """Check that the connection, and its subscription, are as they were."""
    assert wire.ended is None
    wire.take()
    outcome(house.hub.app.publish("plain:on", "still here"))
    (push,) = wire.take()
    assert push["push"]["pub"]["data"] == "still here"
    assert wire.ask("presence_stats", channel="room:a")["num_clients"] >= 0


# -- errors --------------------------------------------------------------------------------------


def raising(code: ErrorCode) -> Callable[[House], Any]:
    """Return what has an rpc method answer with an error of the protocol's."""

    def ask(house: House) -> Any:
        @house.app.rpc("raise")
        def refuse(_session: Any, _params: Any) -> None:
            raise reply_error(code)

        return ("rpc", {"method": "raise", "data": 1})

    return ask


def crashing(house: House) -> Any:
    house.app.rpc("crash")(lambda _session, _params: 1 / 0)
    return ("rpc", {"method": "crash", "data": 1})


def unknown_method(house: House) -> Any:
    house.app.rpc("known")(lambda _session, _params: None)
    return ("rpc", {"method": "unknown", "data": 1})


def too_many_channels(house: House) -> Any:
    house.settings = HubSettings(channel_limit=1)
    return ("subscribe", {"channel": "plain:b"})


def expired_token(house: House) -> Any:
    settings = TokenSettings(hmac_secret=SECRET)
    reader = TokenReader(settings, KeyRing(settings, None), house.now)
    house.tokens = Tokens(None, reader)
    old = jwt.encode({"sub": "ann", "channel": "plain:b", "exp": house.now() - 1}, SECRET)
    return ("subscribe", {"channel": "plain:b", "token": old})


def expired_at_once(house: House) -> Any:
    ended = SubscriptionOptions(expire_at=house.now() - 1)
    house.app.namespaces["plain"].on_subscribe(
        lambda _session, channel, _request: None if channel == "plain:on" else ended
    )
    return ("subscribe", {"channel": "plain:b"})


def too_often(house: House) -> Any:
    house.settings = HubSettings(rpc_rate="1/h burst 1")
    house.app.rpc("once")(lambda _session, _params: None)
    return ("rpc", {"method": "once", "data": 1})


ERRORS: dict[ErrorCode, Callable[[House], Any]] = {
    ErrorCode.INTERNAL: crashing,
    ErrorCode.UNAUTHORIZED: raising(ErrorCode.UNAUTHORIZED),
    ErrorCode.UNKNOWN_CHANNEL: lambda _: ("subscribe", {"channel": "nowhere:a"}),
    ErrorCode.PERMISSION_DENIED: lambda _: ("subscribe", {"channel": "$room:a"}),
    ErrorCode.METHOD_NOT_FOUND: unknown_method,
    ErrorCode.ALREADY_SUBSCRIBED: lambda _: ("subscribe", {"channel": "plain:on"}),
    ErrorCode.LIMIT_EXCEEDED: too_many_channels,
    ErrorCode.BAD_REQUEST: lambda _: (
        "history",
        {"channel": "room:a", "since": {}, "reverse": True},
    ),
    ErrorCode.NOT_AVAILABLE: lambda _: ("history", {"channel": "plain:on"}),
    ErrorCode.TOKEN_EXPIRED: expired_token,
    ErrorCode.EXPIRED: expired_at_once,
    ErrorCode.TOO_MANY_REQUESTS: too_often,
    ErrorCode.UNRECOVERABLE_POSITION: lambda _: (
        "subscribe",
        {"channel": "room:a", "recover": True, "epoch": "other", "offset": 1, "flag": 2},
    ),
    ErrorCode.CONCURRENT_PAGINATION: raising(ErrorCode.CONCURRENT_PAGINATION),
}
TEMPORARY = {100, 111, 113}


@pytest.mark.parametrize("code", ErrorCode)
def test_errors(house: House, code: ErrorCode) -> None:
    """The answer has the code and the words; the connection and its subscriptions go on."""
    name, body = ERRORS[code](house)
    wire = client(house)
    if code == ErrorCode.TOO_MANY_REQUESTS:
        wire.ask(name, **body)
    error = wire.ask(name, **body)
    assert (error["code"], error.get("temporary", False)) == (code, code in TEMPORARY)
    assert error["message"]
    still_open(house, wire)
    assert house.failures() == (["ZeroDivisionError"] if code == ErrorCode.INTERNAL else [])


@pytest.mark.parametrize("code", [400, 1999])
def test_errors_of_an_application(house: House, code: int) -> None:
    """Its own codes reach the client as they are."""

    @house.app.rpc("raise")
    def refuse(_session: Any, _params: Any) -> None:
        raise ReplyError(code, "words", temporary=True)

    wire = client(house)
    error = wire.ask("rpc", method="raise", data=1)
    assert error == {"code": code, "message": "words", "temporary": True}
    still_open(house, wire)


# -- unsubscribes --------------------------------------------------------------------------------


@pytest.mark.parametrize("code", UnsubscribeCode)
def test_unsubscribes(house: House, code: UnsubscribeCode) -> None:
    """The push has the code and the usual words; the connection goes on, and so do others."""
    wire = client(house)
    wire.ask("subscribe", channel="plain:b")
    house.hub.app.unsubscribe("ann", "plain:b", code)
    (push,) = wire.take()
    assert push["push"]["channel"] == "plain:b"
    assert push["push"]["unsubscribe"]["code"] == code
    assert push["push"]["unsubscribe"]["reason"]
    still_open(house, wire)


# -- disconnects ---------------------------------------------------------------------------------


def stopped(house: House, _wire: Wire) -> None:
    outcome(house.hub.stop())


def slow(house: House, wire: Wire) -> None:
    wire.transport.blocked = True
    for _ in range(10):
        outcome(house.hub.app.publish("plain:on", "x" * 900))


def gap(house: House, _wire: Wire) -> None:
    outcome(house.hub.app.subscribe("ann", "room:a"))
    outcome(house.hub.app.publish("room:a", 1))
    house.hub.on_publication("room:a", Publication(b"9", 9, "other", channel="room:a"))


def ended_with(code: int) -> Callable[[House, Wire], None]:
    """Return what ends a subscription of the server's."""

    def end(house: House, _wire: Wire) -> None:
        outcome(house.hub.app.subscribe("ann", "plain:b"))
        house.hub.app.unsubscribe("ann", "plain:b", code)

    return end


def silent(house: House, _wire: Wire) -> None:
    house.pass_time(40)


def busy(_house: House, wire: Wire) -> None:
    for _ in range(2):
        wire.say('{"send":{"data":1}}')


def bad_token(_house: House, wire: Wire) -> None:
    wire.begin("refresh", token="no token")  # noqa: S106


def many(house: House, wire: Wire) -> None:
    other = house.wire()
    other.begin("connect", token="ann")  # noqa: S106
    wire.transport.disconnected = other.ended


def subscribed_too_often(house: House, wire: Wire) -> None:
    house.app.on_connect(lambda _: Credentials("bob", subscriptions=["plain:a", "plain:b"]))
    other = house.wire()
    other.begin("connect")
    wire.transport.disconnected = other.ended


def bytes_for_json(house: House, _wire: Wire) -> None:
    session = next(iter(house.hub.sessions))
    outcome(session.publish("plain:on", b"\xff"))


def stale(house: House, wire: Wire) -> None:
    other = house.wire()
    house.pass_time(11)
    wire.transport.disconnected = other.ended


def by_the_application(code: DisconnectCode) -> Callable[[House, Wire], None]:
    """Return what has a handler end the connection."""

    def end(_house: House, wire: Wire) -> None:
        wire.begin("rpc", method="end", data=int(code))

    return end


DISCONNECTS: dict[DisconnectCode, Callable[[House, Wire], None]] = {
    DisconnectCode.SHUTDOWN: stopped,
    DisconnectCode.CONNECTION_EXPIRED: lambda house, _: house.hub.app.refresh("ann", expired=True),
    DisconnectCode.SUBSCRIPTION_EXPIRED: ended_with(2501),
    DisconnectCode.SLOW: slow,
    DisconnectCode.INSUFFICIENT_STATE: gap,
    DisconnectCode.NO_PONG: silent,
    DisconnectCode.TOO_MANY_REQUESTS: busy,
    DisconnectCode.STATE_INVALIDATED: ended_with(2502),
    DisconnectCode.INVALID_TOKEN: bad_token,
    DisconnectCode.BAD_REQUEST: lambda _, wire: wire.say('{"id":99}'),
    DisconnectCode.STALE: stale,
    DisconnectCode.FORCE_DISCONNECT: lambda house, _: house.hub.app.disconnect("ann"),
    DisconnectCode.CONNECTION_LIMIT: many,
    DisconnectCode.CHANNEL_LIMIT: subscribed_too_often,
    DisconnectCode.INAPPROPRIATE_PROTOCOL: bytes_for_json,
    DisconnectCode.NOT_AVAILABLE: lambda _, wire: wire.say('{"send":{"data":1}}'),
}
"""How each comes about. Those that are not here an application may send: see the test."""


@pytest.mark.parametrize("code", DisconnectCode)
def test_disconnects(house: House, tongue: Tongue, code: DisconnectCode) -> None:
    """The connection ends with the code and a reason of plain words; presence is left at once."""
    @house.app.rpc("end")
    def end(_session: Any, params: int) -> None:
        raise disconnect(DisconnectCode(params))

    house.settings = SETTINGS.get(code, house.settings)
    if code == DisconnectCode.TOO_MANY_REQUESTS:
        house.app.on_message(lambda _session, _data: None)
    if code == DisconnectCode.INVALID_TOKEN:
        house.tokens = _tokens(house)
    wire = client(house)
    DISCONNECTS.get(code, by_the_application(code))(house, wire)
    if code == DisconnectCode.INAPPROPRIATE_PROTOCOL and tongue.name == "protobuf":
        still_open(house, wire)  # which can say any bytes
        return
    assert wire.ended is not None
    assert wire.ended[0] == code
    assert Disconnect(*wire.ended)  # which refuses what an SDK would take for something else
    assert outcome(house.hub.presence.clients("room:a")) == {}


SETTINGS = {
    DisconnectCode.TOO_MANY_REQUESTS: HubSettings(send_rate="1/h"),
    DisconnectCode.CHANNEL_LIMIT: HubSettings(channel_limit=1),
    DisconnectCode.CONNECTION_LIMIT: HubSettings(connections_per_user=1),
    DisconnectCode.SLOW: HubSettings(queue_limit=4096),
}
"""What it takes for some of them."""


def _tokens(house: House) -> Tokens:
    settings = TokenSettings(hmac_secret=SECRET)
    reader = TokenReader(settings, KeyRing(settings, None), house.now)
    tokens = Tokens(reader, reader, allow_anonymous=True)
    tokens.connect = _let_in  # type: ignore[method-assign]
    return tokens


async def _let_in(token: str) -> Credentials:
    return Credentials(token)


# -- what a command can be (section 3) -----------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        '{"id":9,"connect":{}}',
        '{"id":9}',
        '{"id":9,"ping":{}}',
        '{"id":9,"subscribe":{}}',
        '{"id":9,"unsubscribe":{"channel":""}}',
        '{"id":9,"publish":{"data":1}}',
        '{"id":9,"presence":{}}',
        '{"id":9,"presence_stats":{}}',
        '{"id":9,"history":{}}',
        '{"subscribe":{"channel":"plain:b"}}',
        '{"id":9,"subscribe":{"channel":"plain:b","delta":"other"}}',
    ],
)
def test_what_ends_the_connection(house: House, line: str) -> None:
    """A command that cannot be is 3501, with a sentence."""
    wire = client(house)
    wire.say(line)
    assert wire.ended is not None
    assert wire.ended[0] == 3501
    assert wire.ended[1].startswith("bad request: ")
