"""Calls from the server to a client."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError

from sennit.errors import ConfigurationError, ConnectionClosedError, Disconnect, ReplyError
from sennit.hub.call import ANSWER
from sennit.hub.setting import HubSettings
from sennit.model.request import Closed
from tests.double import outcome
from tests.hub.conftest import House


def _code(deferred: object) -> int:
    with pytest.raises(ReplyError) as caught:
        outcome(deferred)  # type: ignore[arg-type]
    return caught.value.code


def test_an_answer(house: House) -> None:
    """The call is the client's answer, as a value of the type that is asked for."""
    session = house.person().session
    number = session.call("double", 21, form=int)
    text = session.call("double", b'"ab"')
    assert outcome(session.rpc(ANSWER, b'{"id":2,"data":"abab"}')) == b"null"
    assert outcome(text) == "abab"
    assert not number.called
    outcome(session.rpc(ANSWER, b'{"id":1,"data":42}'))
    assert outcome(number) == 42


def test_an_error(house: House) -> None:
    """What the client cannot answer is a ReplyError of its own code."""
    session = house.person().session
    call = session.call("move")
    outcome(session.rpc(ANSWER, b'{"id":1,"error":{"code":404,"message":"no such piece"}}'))
    with pytest.raises(ReplyError, match="no such piece") as caught:
        outcome(call)
    assert (caught.value.code, caught.value.temporary) == (404, False)


@pytest.mark.parametrize(
    "answer",
    [
        b'{"id":2,"data":1}',
        b'{"id":1,"error":{"code":109}}',
        b'{"id":1,"error":{"code":2000}}',
        b'{"id":"1"}',
        b"{}",
        b"x",
        b"",
    ],
)
def test_what_is_no_answer_is_error_107_and_the_call_waits_on(house: House, answer: bytes) -> None:
    """Only who said it hears of it: an unknown id, a code that is not its own, no answer at all."""
    session = house.person().session
    call = session.call("get")
    assert _code(session.rpc(ANSWER, answer)) == 107
    assert not call.called
    outcome(session.rpc(ANSWER, b'{"id":1}'))
    assert outcome(call) is None


def test_an_answer_of_another_type_fails_both(house: House) -> None:
    """The client is told 107, and the call fails with it."""
    session = house.person().session
    call = session.call("get", form=int)
    assert _code(session.rpc(ANSWER, b'{"id":1,"data":"x"}')) == 107
    assert _code(call) == 107


def test_nobody_answers_for_another(house: House) -> None:
    """Ids are each connection's own, and an answer counts once."""
    ann, ben = house.person("ann").session, house.person("ben").session
    call = ann.call("get")
    assert _code(ben.rpc(ANSWER, b'{"id":1,"data":"stolen"}')) == 107
    outcome(ann.rpc(ANSWER, b'{"id":1,"data":"own"}'))
    assert outcome(call) == "own"
    assert _code(ann.rpc(ANSWER, b'{"id":1,"data":"twice"}')) == 107


def test_a_timeout(house: House) -> None:
    """After it the call fails, and the late answer gets error 107; the connection goes on."""
    session = house.person().session
    call = session.call("get", timeout=5)
    house.clock.advance(4.9)
    assert not call.called
    house.clock.advance(0.2)
    with pytest.raises(TimeoutError, match="get within 5 s"):
        outcome(call)
    assert _code(session.rpc(ANSWER, b'{"id":1}')) == 107
    assert not session.ended


def test_a_call_that_is_cancelled_is_forgotten(house: House) -> None:
    """Its place is free at once."""
    house.settings = HubSettings(call_limit=1)
    session = house.person().session
    call = session.call("get")
    call.cancel()
    with pytest.raises(CancelledError):
        outcome(call)
    assert not session.call("get").called
    assert len(house.clock.getDelayedCalls()) == 1


@pytest.mark.parametrize("how", ["lost", "ended"])
def test_the_end_of_the_connection_fails_its_calls(house: House, how: str) -> None:
    """At once, and those that come later as well; no timer is left, another's calls wait on."""
    ann, ben = house.person("ann").session, house.person("ben").session
    call, other = ann.call("get"), ben.call("get")
    if how == "lost":
        ann.close(Closed(1006, ""))
    else:
        ann.disconnect()
    for failed in (call, ann.call("get")):
        with pytest.raises(ConnectionClosedError):
            outcome(failed)
    assert not other.called
    assert len(house.clock.getDelayedCalls()) == 1


def test_calls_are_bounded(house: House) -> None:
    """Over ``call_limit`` of one client a call fails with 106; another client's do not."""
    house.settings = HubSettings(call_limit=2)
    ann, ben = house.person("ann"), house.person("ben")
    for _ in range(2):
        ann.session.call("get")
    ann.take()
    assert _code(ann.session.call("get")) == 106
    assert ann.take() == []
    assert not ben.session.call("get").called
    outcome(ann.session.rpc(ANSWER, b'{"id":1}'))
    assert not ann.session.call("get").called


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan")])
def test_a_timeout_is_a_time(house: House, timeout: float) -> None:
    """No call waits for ever."""
    with pytest.raises(ValueError, match="timeout"):
        house.person().session.call("get", timeout=timeout)


def test_data_without_a_json_form(house: House) -> None:
    """It is a TypeError at once, and the client is sent nothing."""
    ann = house.person()
    with pytest.raises(TypeError):
        ann.session.call("get", object())
    assert ann.take() == []


def test_answers_count_for_no_rate(house: House) -> None:
    """The server has asked for them."""
    house.settings = HubSettings(rpc_rate="1/h")
    session = house.person().session
    for number in range(1, 4):
        call = session.call("get")
        outcome(session.rpc(ANSWER, b'{"id":%d}' % number))
        assert outcome(call) is None


def test_answers_to_nothing_count(house: House) -> None:
    """Nobody goes on for ever with them: they have the rate of calls, and the same end."""
    house.settings = HubSettings(rpc_rate="1/h burst 2", refusal_limit=3)
    session = house.person().session
    call = session.call("get")
    codes = [_code(session.rpc(ANSWER, b'{"id":2}')) for _ in range(5)]
    assert codes == [107, 107, 111, 111, 111]
    outcome(session.rpc(ANSWER, b'{"id":1}'))
    assert outcome(call) is None
    with pytest.raises(Disconnect) as caught:
        outcome(session.rpc(ANSWER, b'{"id":2}'))
    assert caught.value.code == 3013


def test_the_server_keeps_its_names(house: House) -> None:
    """No procedure takes the place of the answers."""
    with pytest.raises(ConfigurationError, match="own"):
        house.app.rpc(ANSWER)(lambda _session, _params: 1)


@pytest.mark.parametrize("limit", [1, 700])
def test_a_call_that_finds_no_room_ends_the_connection(house: House, limit: int) -> None:
    """Calls are never dropped: one to a client that does not read is 3008, and fails at once."""
    house.settings = HubSettings(queue_limit=limit)
    ann = house.person()
    ann.transport.blocked = True
    with pytest.raises(ConnectionClosedError):
        outcome(ann.session.call("get"))
    assert ann.transport.disconnected == (3008, "slow")
    assert house.clock.getDelayedCalls() == []
