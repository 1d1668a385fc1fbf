"""The raw protocol: text in, text out, in a room of the same hub."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from sennit.errors import Disconnect, ReplyError
from sennit.hub.request import ConnectRequest, Credentials
from sennit.model.publication import Publication
from tests.double import LateBroker
from tests.protocols.conftest import House


@pytest.fixture
def chat(house: House) -> House:
    """A house with a raw route in the rooms, where everybody is a guest."""
    house.app.on_connect(lambda request: Credentials(request.token or "guest"))
    house.app.raw("/chat")
    return house


def test_text_goes_round(chat: House) -> None:
    """A text message is published as a JSON string, and comes back as text to everybody."""
    ann, ben = chat.raw(), chat.raw()
    ann.say("hällo")
    assert ann.heard() == ben.heard() == ["hällo"]


def test_both_protocols_share_a_room(chat: House) -> None:
    """What is said raw arrives at SDKs, and the other way round; other JSON comes as it is."""
    raw, client = chat.raw(), chat.client()
    client.begin("subscribe", channel="room:lobby")
    client.take()
    raw.say("hello")
    (push,) = client.take()
    assert push["push"]["pub"]["data"] == "hello"
    raw.heard()
    client.begin("publish", channel="room:lobby", data={"a": 1})
    assert raw.heard() == ['{"a": 1}']


@pytest.mark.parametrize(
    ("query", "room"),
    [
        ({}, "lobby"),
        ({"room": ("den",)}, "den"),
        ({"room": ("",)}, "lobby"),
        ({"x": ("y",)}, "lobby"),
    ],
)
def test_the_room_of_the_query(chat: House, query: dict[str, tuple[str, ...]], room: str) -> None:
    """``?room=name`` chooses it; without a name it is the default."""
    raw = chat.raw(query)
    chat.app.publish(f"room:{room}", "here")
    assert raw.heard() == ["here"]


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(("chat", "superchat"), "chat"), (("superchat",), None), ((), None)],
)
def test_the_subprotocol(chat: House, offered: tuple[str, ...], chosen: str | None) -> None:
    """The first of the route's that was offered; pings are the WebSocket's own."""
    accepted = chat.raw(subprotocols=offered).accepted
    assert (accepted.subprotocol, accepted.binary, accepted.ping_interval) == (chosen, False, 25)


def test_handlers_of_the_route(chat: House) -> None:
    """They make payloads of texts and texts of payloads; ``None`` is nothing."""
    (route,) = chat.app.raw_routes.values()

    @route.on_text
    async def on_text(_session: Any, _channel: str, text: str) -> Any:
        return {"text": text} if text else None

    @route.to_text
    def to_text(publication: Publication) -> str | None:
        return None if publication.data == b'{"text":"quiet"}' else f"[{publication.offset}]"

    raw = chat.raw()
    for text in ("one", "", "quiet", "three"):
        raw.say(text)
    assert raw.heard() == ["[1]", "[3]"]


def test_a_text_that_cannot_be_made(chat: House) -> None:
    """It is logged, and nothing is sent; the next one is."""
    (route,) = chat.app.raw_routes.values()
    route.to_text(lambda publication: publication.data.decode("ascii"))
    raw = chat.raw()
    raw.say("ä")
    raw.say("a")
    assert raw.heard() == ['"a"']
    assert chat.failures() == ["UnicodeDecodeError"]


def test_a_message_that_is_refused(chat: House) -> None:
    """It is answered with a line that says why, and the connection goes on."""
    (route,) = chat.app.raw_routes.values()

    @route.on_text
    def on_text(_session: Any, _channel: str, text: str) -> str:
        if text == "bad":
            raise ReplyError(400, "mind your words")
        return str(1 / len(text))

    raw = chat.raw()
    raw.say("bad")
    raw.say("")
    raw.say("four")
    assert raw.heard() == [
        "error 400: mind your words",
        "error 100: internal server error",
        "0.25",
    ]
    assert raw.ended is None
    assert chat.failures() == ["ZeroDivisionError"]


def test_a_message_that_ends_the_connection(chat: House) -> None:
    """A Disconnect does, with its code; what follows is dropped."""
    (route,) = chat.app.raw_routes.values()

    @route.on_text
    def on_text(_session: Any, _channel: str, _text: str) -> str:
        raise Disconnect(4000, "enough")

    raw = chat.raw()
    raw.say("one")
    raw.say("two")
    assert raw.ended == (4000, "enough")
    assert raw.heard() == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ReplyError(103, "permission denied"), 3507),
        (ReplyError(400, "no name"), 3501),
        (ReplyError(111, "too many requests", temporary=True), 3004),
        (ReplyError(400, "x" * 200), 3501),
    ],
)
def test_a_connection_that_is_refused(chat: House, error: ReplyError, code: int) -> None:
    """The close code says whether to come back, the reason is the error's."""

    @chat.app.on_connect
    def connect(_request: ConnectRequest) -> None:
        raise error

    assert chat.raw().ended == (code, error.message[:123])


@pytest.mark.parametrize(
    ("room", "reason"), [("ä", "printable ASCII"), ("#1", "permission denied")]
)
def test_a_room_that_is_none(chat: House, room: str, reason: str) -> None:
    """The connection ends, and the reason says what is wrong with the name."""
    ended = chat.raw({"room": (room,)}).ended
    assert ended is not None
    assert reason in ended[1]


def test_a_mistake_of_ours(chat: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is logged and ends this connection with 3004."""

    def mistaken(*_: object) -> None:
        raise RuntimeError("a mistake, for the test")

    monkeypatch.setattr("sennit.hub.session.Session.connect", mistaken)
    assert chat.raw().ended == (3004, "internal server error")
    assert chat.failures() == ["RuntimeError"]


def test_binary(chat: House) -> None:
    """It ends the connection with 1003."""
    raw = chat.raw()
    raw.handler.message_received(b"\x00", is_text=False)
    assert raw.ended == (1003, "this protocol is text")
    raw.say("too late")
    assert raw.heard() == []


def test_messages_keep_their_order(chat: House) -> None:
    """However late the broker answers, also to the subscribe; reading pauses at the bound."""
    chat.broker = LateBroker(chat.clock, seed=3)
    raw = chat.raw()
    texts = [str(number) for number in range(40)]
    for text in texts:
        raw.say(text)
    assert not raw.transport.reading
    chat.pass_time(300)
    assert raw.heard() == texts
    assert raw.transport.reading


def test_a_lost_connection_cancels_what_runs(chat: House) -> None:
    """The handler hears of it, what waits is dropped, and nobody is left in the room."""
    (route,) = chat.app.raw_routes.values()
    events: list[str] = []

    @route.on_text
    def on_text(_session: Any, _channel: str, text: str) -> Deferred[str]:
        events.append(text)
        return Deferred(lambda _: events.append("cancelled"))

    raw = chat.raw()
    raw.say("one")
    raw.say("two")
    raw.lose()
    assert events == ["one", "cancelled"]
    assert chat.hub.channel_count == 0


def test_a_slow_client_that_reads_again(chat: House) -> None:
    """It gets what waited, in order."""
    raw = chat.raw()
    raw.transport.blocked = True
    for number in range(3):
        chat.app.publish("room:lobby", str(number))
    raw.transport.blocked = False
    raw.handler.writable()
    assert raw.heard() == ["0", "1", "2"]


@pytest.mark.parametrize(("code", "ended"), [(2000, 3503), (2500, 3010)])
def test_a_subscription_that_is_ended(chat: House, code: int, ended: int) -> None:
    """It takes the connection with it, for good or to come back."""
    raw = chat.raw()
    chat.app.unsubscribe("guest", "room:lobby", code)
    assert raw.ended is not None
    assert raw.ended[0] == ended


def test_messages_of_the_app(chat: House) -> None:
    """``session.send`` arrives as JSON; nothing tells of joins and leaves."""
    raw, other = chat.raw(), chat.raw()
    for session in chat.hub.sessions:
        session.send({"a": 1})
    other.lose()
    assert raw.heard() == ['{"a":1}']
