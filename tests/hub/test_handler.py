"""Handlers: values, coroutines and Deferreds, each failing in each way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed

from sennit.errors import ConfigurationError, Disconnect, ReplyError
from sennit.hub.request import ConnectRequest, Credentials
from sennit.hub.setting import HubSettings
from sennit.model.publication import Publication
from sennit.model.request import Closed
from tests.double import outcome
from tests.hub.conftest import House, Person

Answer = Callable[[Any], Callable[..., Any]]


def _value(answer: Any) -> Callable[..., Any]:
    def handler(_first: object, _second: object = None, _third: object = None) -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return handler


def _coroutine(answer: Any) -> Callable[..., Any]:
    async def handler(_first: object, _second: object = None, _third: object = None) -> Any:
        await succeed(None)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return handler


def _deferred(answer: Any) -> Callable[..., Any]:
    def handler(_first: object, _second: object = None, _third: object = None) -> Deferred[Any]:
        return fail(answer) if isinstance(answer, BaseException) else succeed(answer)

    return handler


KINDS = pytest.mark.parametrize("kind", [_value, _coroutine, _deferred])


def _rpc(handler: Callable[..., Any]) -> Callable[..., Any]:
    def two(session: object, params: Any) -> Any:
        return handler(session, params)

    return two


def _call(person: Person, method: str, params: bytes = b"null") -> bytes:
    return outcome(person.session.rpc(method, params))


@KINDS
def test_rpc_answers(house: House, kind: Answer) -> None:
    """Whatever a handler is made of, its value is the answer, as JSON."""
    house.app.rpc("get")(_rpc(kind({"a": [1, None]})))
    assert _call(house.person(), "get") == b'{"a":[1,null]}'


@KINDS
def test_rpc_refuses(house: House, kind: Answer) -> None:
    """A ``ReplyError`` is the answer, and no failure for the log."""
    house.app.rpc("get")(_rpc(kind(ReplyError(409, "taken", temporary=True))))
    with pytest.raises(ReplyError) as caught:
        _call(house.person(), "get")
    assert (caught.value.code, caught.value.message, caught.value.temporary) == (
        409,
        "taken",
        True,
    )


@KINDS
def test_rpc_disconnects(house: House, kind: Answer) -> None:
    """A ``Disconnect`` is handed to the protocol as it is."""
    house.app.rpc("get")(_rpc(kind(Disconnect(4000, "bye"))))
    with pytest.raises(Disconnect):
        _call(house.person(), "get")


@KINDS
def test_failed_rpc_is_error_100_and_one_log_entry(house: House, kind: Answer) -> None:
    """Any other exception is error 100 to this request, logged once with its traceback."""
    house.app.rpc("get")(_rpc(kind(ZeroDivisionError("oops"))))
    person = house.person()
    with pytest.raises(ReplyError) as caught:
        _call(person, "get")
    assert (caught.value.code, caught.value.temporary) == (100, True)
    assert "oops" not in caught.value.message
    assert house.failures() == ["ZeroDivisionError"]
    assert person.transport.disconnected is None


@KINDS
def test_unencodable_answer_is_a_failure(house: House, kind: Answer) -> None:
    """An answer without a JSON form is the handler's failure."""
    house.app.rpc("get")(_rpc(kind(object())))
    with pytest.raises(ReplyError) as caught:
        _call(house.person(), "get")
    assert caught.value.code == 100
    assert house.failures() == ["TypeError"]


@KINDS
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Credentials("ann", info={"n": 1}, data=[1]), ("ann", b'{"n":1}', b"[1]")),
        (None, ("", None, None)),
    ],
)
def test_connect_handler_says_who_it_is(
    house: House, kind: Answer, answer: Any, expected: tuple[Any, ...]
) -> None:
    """``on_connect`` gives a user, what others see, and a payload; ``None`` is anonymous."""
    house.app.on_connect(kind(answer))
    person = Person(house, "x")
    outcome(person.connecting)
    (result,) = person.welcomes
    info = person.session.info
    assert (person.session.user, info.conn_info, result.data) == expected
    assert result.client == person.session.id


@KINDS
@pytest.mark.parametrize("answer", [ZeroDivisionError(), "not credentials"])
def test_failed_connect_handler_is_error_100(house: House, kind: Answer, answer: Any) -> None:
    """A failed ``on_connect``, or a wrong type, is an error reply and a log entry."""
    house.app.on_connect(kind(answer))
    person = Person(house, "x")
    with pytest.raises(ReplyError):
        outcome(person.connecting)
    assert not person.session.connected
    assert len(house.failures()) == 1


@KINDS
def test_subscribe_handler_answers_and_refuses(house: House, kind: Answer) -> None:
    """``on_subscribe`` returns the answer's payload, or refuses."""
    room = house.app.namespace("room")
    room.on_subscribe(kind({"topic": "x"}))
    assert house.person().subscribe("room:a").data == b'{"topic":"x"}'
    room.on_subscribe(kind(None))
    assert house.person().subscribe("room:a").data is None
    room.on_subscribe(kind(ReplyError(103, "no")))
    with pytest.raises(ReplyError):
        house.person().subscribe("room:a")
    room.on_subscribe(kind(KeyError("x")))
    with pytest.raises(ReplyError) as caught:
        house.person().subscribe("room:a")
    assert caught.value.code == 100
    assert house.failures() == ["KeyError"]


@KINDS
@pytest.mark.parametrize(
    ("answer", "published"),
    [
        (None, b'"hi"'),
        ("HI", b'"HI"'),
        (Publication(b'"bye"'), b'"bye"'),
    ],
    ids=["passes", "other-payload", "other-publication"],
)
def test_publish_handler_changes(house: House, kind: Answer, answer: Any, published: bytes) -> None:
    """``on_publish`` lets pass, or changes the payload or the publication."""
    room = house.app.namespace("room", allow_subscribe={"client"})
    room.on_publish(kind(answer))
    person = house.person()
    person.subscribe("room:a")
    outcome(person.session.publish("room:a", b'"hi"'))
    assert person.take()[-1] == ["pub", "room:a", 0, msgspec.json.decode(published)]


@KINDS
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (ReplyError(103, "no"), 103),
        (ValueError("x"), 100),
        (object(), 100),
        (b"words", 100),
        (Publication(b"words"), 100),
    ],
)
def test_publish_handler_refuses(house: House, kind: Answer, answer: Any, code: int) -> None:
    """A refused or failed publish is an error reply, and nothing is published."""
    room = house.app.namespace("room", allow_subscribe={"client"})
    room.on_publish(kind(answer))
    person = house.person()
    person.subscribe("room:a")
    with pytest.raises(ReplyError) as caught:
        outcome(person.session.publish("room:a", b'"hi"'))
    assert caught.value.code == code
    assert person.take() == [["answer"]]
    assert len(house.failures()) == (code == 100)


@KINDS
def test_unsubscribe_handler_hears_why(house: House, kind: Answer) -> None:
    """``on_unsubscribe`` gets the code; its failure is logged and harms nobody."""
    heard: list[tuple[str, int]] = []
    room = house.app.namespace("room", allow_subscribe={"client"})
    failing = kind(ValueError("x"))

    @room.on_unsubscribe
    def unsubscribed(session: object, channel: str, code: int) -> Any:
        heard.append((channel, code))
        return failing(session)

    person = house.person()
    person.subscribe("room:a")
    outcome(person.session.unsubscribe("room:a"))
    person.subscribe("room:a")
    house.app.unsubscribe("ann", "room:a")
    person.subscribe("room:a")
    person.session.close(Closed(1001))
    assert heard == [("room:a", 0), ("room:a", 2000), ("room:a", 1)]
    assert house.failures() == ["ValueError"] * 3


def test_disconnect_handler_hears_how_it_ended(house: House) -> None:
    """``on_disconnect`` gets the session and the close code, once, if it was connected."""
    heard: list[tuple[str, int]] = []

    @house.app.on_disconnect
    def gone(session: Any, closed: Closed) -> None:
        heard.append((session.user, closed.code))

    person = house.person()
    person.session.close(Closed(1001))
    person.session.close(Closed(1001))
    house.hub.open_session(person.transport, house.codec, person.session.request, "t").close(
        Closed(1006)
    )
    assert heard == [("ann", 1001)]


@KINDS
def test_message_handler(house: House, kind: Answer) -> None:
    """``send`` without a handler ends the connection with 3508; a failure is one for the log."""
    person = house.person()
    with pytest.raises(Disconnect) as caught:
        outcome(person.session.message(b"1"))
    assert caught.value.code == 3508
    house.app.on_message(kind(None))
    outcome(person.session.message(b"1"))
    house.app.on_message(kind(ValueError()))
    with pytest.raises(ReplyError):
        outcome(person.session.message(b"1"))
    assert house.failures() == ["ValueError"]


class Move(msgspec.Struct):
    """Typed parameters."""

    x: int


def test_params_are_checked_against_the_annotation(house: House) -> None:
    """A struct is decoded, ``bytes`` are raw, anything else is JSON; a mismatch is 107."""

    @house.app.rpc("typed")
    def typed(_session: object, params: Move) -> int:
        return params.x + 1

    @house.app.rpc("raw")
    def raw(_session: object, params: bytes) -> bytes:
        return params

    @house.app.rpc("any")
    def anything(_session: object, params: Any) -> Any:
        return params

    person = house.person()
    assert _call(person, "typed", b'{"x":1}') == b"2"
    assert _call(person, "raw", b'{"x" : 1}') == b'{"x" : 1}'
    assert _call(person, "any", b"") == b"null"
    for params in (b'{"x":"1"}', b"{", b"", b"\xff"):
        with pytest.raises(ReplyError) as caught:
            _call(person, "typed", params)
        assert caught.value.code == 107
    with pytest.raises(ReplyError, match="x"):
        _call(person, "typed", b'{"x":"1"}')
    with pytest.raises(ReplyError) as caught:
        _call(person, "any", b"[" * 100_000 + b"]" * 100_000)
    assert caught.value.code == 107


def test_unknown_method(house: House) -> None:
    """104 where there are procedures but not this one; 108 where there are none at all."""
    with pytest.raises(ReplyError) as caught:
        _call(house.person(), "get")
    assert caught.value.code == 108
    other = House()
    other.app.rpc("get")(lambda _session, _params: 1)
    with pytest.raises(ReplyError) as caught:
        _call(other.person(), "put")
    assert caught.value.code == 104


def test_timeout_cancels_the_handler(house: House) -> None:
    """After its time a handler is cancelled, and the request gets an error, not silence."""
    cancelled: list[object] = []

    @house.app.rpc("slow", timeout=5)
    def slow(_session: object, _params: Any) -> Deferred[None]:
        return Deferred(cancelled.append)

    answer = house.person().session.rpc("slow", b"")
    house.clock.advance(4.9)
    assert not answer.called
    house.clock.advance(0.2)
    with pytest.raises(ReplyError) as caught:
        outcome(answer)
    assert caught.value.code == 100
    assert len(cancelled) == 1


def test_timeout_that_is_not_reached(house: House) -> None:
    """A handler that is in time is answered, and no timer is left."""
    house.app.rpc("quick", timeout=5)(lambda _session, _params: 1)
    assert _call(house.person(), "quick") == b"1"
    assert house.clock.getDelayedCalls() == []


def test_concurrency_is_bounded_and_in_order(house: House) -> None:
    """So many run at once; the next starts when one ends; over the bound there is error 111."""
    house.settings = HubSettings(waiting_limit=1)
    running: list[Deferred[int]] = []

    @house.app.rpc("work", concurrency=2)
    def work(_session: object, _params: Any) -> Deferred[int]:
        running.append(Deferred())
        return running[-1]

    person = house.person()
    answers = [person.session.rpc("work", b"") for _ in range(4)]
    assert len(running) == 2
    with pytest.raises(ReplyError) as caught:
        outcome(answers[3])
    assert caught.value.code == 111
    running[0].callback(1)
    assert outcome(answers[0]) == b"1"
    assert len(running) == 3
    running[1].errback(ValueError())
    running[2].callback(3)
    assert outcome(answers[2]) == b"3"
    with pytest.raises(ReplyError):
        outcome(answers[1])
    assert house.failures() == ["ValueError"]


def test_cancelling_reaches_the_handler(house: House) -> None:
    """A request that is cancelled cancels its handler, and that is no failure."""
    heard: list[str] = []

    @house.app.rpc("wait")
    async def wait(_session: object, _params: Any) -> None:
        try:
            await Deferred()
        except CancelledError:
            heard.append("cancelled")
            raise

    answer = house.person().session.rpc("wait", b"")
    answer.cancel()
    with pytest.raises(CancelledError):
        outcome(answer)
    assert heard == ["cancelled"]


def test_cancelling_while_waiting_for_a_turn(house: House) -> None:
    """A call that is cancelled while it waits gives its place up."""
    running: list[Deferred[int]] = []

    @house.app.rpc("work", concurrency=1)
    def work(_session: object, _params: Any) -> Deferred[int]:
        running.append(Deferred())
        return running[-1]

    person = house.person()
    first, second, third = (person.session.rpc("work", b"") for _ in range(3))
    second.cancel()
    running[0].callback(1)
    assert outcome(first) == b"1"
    assert len(running) == 2
    running[1].callback(3)
    assert outcome(third) == b"3"
    with pytest.raises(CancelledError):
        outcome(second)


@KINDS
@pytest.mark.parametrize("error", [CancelledError, asyncio.CancelledError])
def test_cancelled_by_somebody_else(house: House, kind: Answer, error: type[BaseException]) -> None:
    """What a handler waits for may be cancelled behind our back: that is a failure of its own."""
    house.app.rpc("wait")(_rpc(kind(error("why"))))
    with pytest.raises(ReplyError) as caught:
        _call(house.person(), "wait")
    assert caught.value.code == 100
    assert house.failures() == ["CancelledError"]


def test_asyncio_cancellation_is_cancellation(house: House) -> None:
    """A handler that is cancelled, and ends with asyncio's own exception, has not failed."""

    async def wait(_session: object, _params: Any) -> None:
        try:
            await Deferred()
        except CancelledError:
            raise asyncio.CancelledError from None

    house.app.rpc("wait")(wait)
    answer = house.person().session.rpc("wait", b"")
    answer.cancel()
    with pytest.raises(CancelledError):
        outcome(answer)


def test_cancelled_handler_may_take_its_time(house: House) -> None:
    """The outcome is what the handler makes of it, when it is ready."""
    ready: Deferred[None] = Deferred()

    @house.app.rpc("wait")
    async def wait(_session: object, _params: Any) -> str:
        try:
            await Deferred()
        except CancelledError:
            await ready
        return "done"

    answer = house.person().session.rpc("wait", b"")
    outcomes: list[object] = []
    answer.addBoth(outcomes.append)
    answer.cancel()
    assert outcomes == []
    ready.callback(None)
    assert outcomes == [b'"done"']


def test_other_awaitables_are_awaited(house: House) -> None:
    """A handler may return any awaitable."""

    class Later:
        def __await__(self) -> Any:
            return (yield from succeed(7).__await__())

    house.app.rpc("later")(_rpc(_value(Later())))
    assert _call(house.person(), "later") == b"7"


@pytest.mark.parametrize(
    ("options", "match"),
    [({"timeout": 0}, "more than 0"), ({"concurrency": 0}, "more than 0")],
)
def test_bad_bounds_are_refused_when_declared(
    house: House, options: dict[str, Any], match: str
) -> None:
    """A bound that is not positive is a ConfigurationError that names the method."""
    with pytest.raises(ConfigurationError, match=match):
        house.app.rpc("x", **options)(lambda _session, _params: 1)


def test_bad_handlers_are_refused(house: House) -> None:
    """Two of one name, a wrong number of arguments, and unknown types are refused."""
    house.app.rpc("x")(lambda _session, _params: 1)
    with pytest.raises(ConfigurationError, match="declared twice"):
        house.app.rpc("x")(lambda _session, _params: 1)
    with pytest.raises(ConfigurationError, match=r"\(session, params\)"):
        house.app.rpc("y")(lambda _session: 1)

    def strange(_session: object, params: Nonsense) -> None:  # type: ignore[name-defined]  # noqa: F821
        del params

    house.app.rpc("z")(strange)
    with pytest.raises(ConfigurationError, match="rpc 'z'"):
        _ = house.hub


def test_connect_request_decodes(house: House) -> None:
    """``request.decode`` gives the payload as a type, ``None`` without one."""
    request = ConnectRequest(data=b'{"x":1}')
    assert request.decode(Move) == Move(1)
    assert ConnectRequest().decode() is None
    assert house.app.connect_handler is not None
