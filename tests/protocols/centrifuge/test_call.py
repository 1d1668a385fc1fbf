"""Calls from the server, as a client of either format sees them."""

from __future__ import annotations

from typing import Any

import pytest

from sennit.errors import ReplyError
from tests.double import outcome
from tests.protocols.conftest import House


def test_a_call_and_its_answer(house: House) -> None:
    """The first call opens a channel that the client has not asked for, and an rpc answers."""
    ann = house.client()
    (session,) = house.hub.sessions
    call = session.call("double", {"number": 21})
    opened, asked = ann.take()
    assert opened["push"]["channel"] == "@sennit:call"
    assert "subscribe" in opened["push"]
    assert asked["push"]["channel"] == "@sennit:call"
    assert asked["push"]["pub"]["data"] == {"id": 1, "method": "double", "data": {"number": 21}}
    ann.ask("rpc", method="@sennit:answer", data={"id": 1, "data": 42})
    assert outcome(call) == 42
    session.call("more")
    (asked,) = ann.take()
    assert asked["push"]["pub"]["data"] == {"id": 2, "method": "more", "data": None}


def test_a_handler_may_call_the_client_that_called(house: House) -> None:
    """The answer is taken while the client's own rpc waits."""

    @house.app.rpc("ask me")
    async def ask(session: Any, _params: Any) -> Any:
        return await session.call("name")

    ann = house.client()
    number = ann.begin("rpc", method="ask me")
    assert len(ann.take()) == 2
    ann.begin("rpc", method="@sennit:answer", data={"id": 1, "data": "Ann"})
    replies = {reply["id"]: reply for reply in ann.take()}
    assert replies[number]["rpc"]["data"] == "Ann"
    assert set(replies) == {number, number + 1}


def test_nobody_subscribes_to_the_calls(house: House) -> None:
    """Neither subscribing nor publishing reaches the channel: 102; and calls go on."""
    ann, ben = house.client("ann"), house.client("ben")
    session = next(it for it in house.hub.sessions if it.user == "ben")
    assert ann.ask("subscribe", channel="@sennit:call")["code"] == 102
    assert ann.ask("publish", channel="@sennit:call", data={"id": 1})["code"] == 102
    session.call("get")
    assert ann.take() == []
    assert len(ben.take()) == 2


def test_a_wrong_answer(house: House) -> None:
    """It is error 107 for that client, and the connection stays open."""
    ann = house.client()
    error = ann.ask("rpc", method="@sennit:answer", data={"id": 7})
    assert error["code"] == 107
    assert ann.ended is None


def test_raw_clients_cannot_be_called(house: House) -> None:
    """A call fails at once with 108, and nothing is sent."""
    house.app.on_connect(lambda _request: None)
    house.app.raw("/chat")
    raw = house.raw()
    (session,) = house.hub.sessions
    with pytest.raises(ReplyError) as caught:
        outcome(session.call("get"))
    assert caught.value.code == 108
    assert raw.heard() == []


def test_rates(house: House) -> None:
    """Over its rate a command is error 111, temporary; over the limit the end is 3013."""
    house.settings = type(house.settings)(rpc_rate="1/s", refusal_limit=1)
    house.app.rpc("get")(lambda _session, _params: 1)
    ann, ben = house.client("ann"), house.client("ben")
    ann.ask("rpc", method="get")
    error = ann.ask("rpc", method="get")
    assert (error["code"], error["temporary"]) == (111, True)
    assert ann.ended is None
    ann.begin("rpc", method="get")
    assert ann.ended == (3013, "too many requests")
    assert ann.take() == []
    assert ben.ended is None


def test_too_many_connects(house: House) -> None:
    """The connect has no answer but 3013, on which SDKs come back later."""
    house.settings = type(house.settings)(connect_rate="1/s")
    house.client()
    wire = house.wire()
    wire.begin("connect")
    assert wire.ended == (3013, "too many requests")
    assert wire.take() == []
