"""The chat's own rules: who may change what, and who is told how far somebody has read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock

from sennit.brokers.memory import MemoryBroker, MemoryPresence
from sennit.errors import ReplyError
from sennit.hub.hub import Hub
from sennit.hub.request import ConnectRequest, SubscribeRequest
from sennit.model.publication import ClientInfo, Publication
from sennit.model.request import Closed
from sennit.server import chat
from tests.double import FakeCodec, FakeFraming, FakeTransport, outcome

ROOM = "room:lobby"


class Visitor:
    """Somebody who is in the lobby.

    Args:
        hub: the running chat.
        name: who it is.
    """

    def __init__(self, hub: Hub, name: str, framing: FakeFraming, codec: FakeCodec) -> None:
        self.transport = FakeTransport(framing)
        hello = json.dumps({"name": name, "user": name.lower()}).encode()
        request = ConnectRequest(data=hello, protocol="test")
        self.session = hub.open_session(self.transport, codec, request.connection, "test")
        outcome(self.session.connect(request, lambda _: None))
        self.told: Any = None

    def enter(self, channel: str = ROOM) -> Visitor:
        """Enter a room."""

        def answer(result: Any) -> None:
            self.told = json.loads(result.data)

        outcome(self.session.subscribe(SubscribeRequest(channel=channel), answer))
        self.take()
        return self

    def call(self, method: str, **params: Any) -> Any:
        """Call a procedure."""
        answered = outcome(self.session.rpc(method, json.dumps(params).encode()))
        return json.loads(answered)

    def refused(self, method: str, **params: Any) -> int:
        """Call a procedure, and return the code of the error."""
        with pytest.raises(ReplyError) as caught:
            self.call(method, **params)
        return caught.value.code

    def say(self, key: str, text: str = "hello") -> None:
        """Say something."""
        self.call("chat.send", id=key, room="lobby", text=text)

    def take(self) -> list[Any]:
        """Return the payloads that were received since the last call."""
        return [rest[2] for word, *rest in self.transport.take() if word == "pub"]


@pytest.fixture
def hub() -> Iterator[Hub]:
    """Run the chat."""
    clock = Clock()
    hub = Hub(chat.app, broker=MemoryBroker(clock), presence=MemoryPresence(), clock=clock)
    outcome(hub.start())
    yield hub
    outcome(hub.stop())
    chat.marks.clear()
    chat.entered.clear()


@pytest.fixture
def people(hub: Hub) -> tuple[Visitor, Visitor]:
    """Two people in the lobby."""
    framing, codec = FakeFraming(), FakeCodec()
    both = Visitor(hub, "Ann", framing, codec), Visitor(hub, "Ben", framing, codec)
    for one in both:
        one.enter()
    for one in both:
        one.take()
    return both


def test_changing_a_message(people: tuple[Visitor, Visitor]) -> None:
    """Everybody hears of it, and it is kept like a message; the time is the server's."""
    ann, ben = people
    ann.say("m1")
    ann.call("chat.edit", room="lobby", id="m1", text="hullo")
    ann.call("chat.edit", room="lobby", id="m1")
    _, changed, taken_back = ben.take()
    assert (changed["changes"], changed["user"], changed["text"]) == ("m1", "ann", "hullo")
    assert (taken_back["changes"], taken_back["text"]) == ("m1", None)
    page = outcome(chat.app.history(ROOM))
    assert len(page.publications) == 3


def test_who_may_not(people: tuple[Visitor, Visitor]) -> None:
    """Another's message, one that is not kept, an empty text, and a room that was not entered."""
    ann, ben = people
    ann.say("m1")
    assert ben.refused("chat.edit", room="lobby", id="m1", text="mine") == 404
    assert ann.refused("chat.edit", room="lobby", id="m2", text="what") == 404
    assert ann.refused("chat.edit", room="lobby", id="m1", text=" ") == 400
    assert ann.refused("chat.edit", room="lobby", id="m1", text="x" * 4001) == 400
    assert ann.refused("chat.edit", room="other", id="m1", text="x") == 103
    assert len(outcome(chat.app.history(ROOM)).publications) == 1


def test_an_id_that_somebody_else_uses_too(people: tuple[Visitor, Visitor]) -> None:
    """Ids are made by browsers: of two messages with one id each belongs to its own."""
    ann, ben = people
    ann.say("same")
    ben.say("same", "mine")
    ben.call("chat.edit", room="lobby", id="same", text="ben's")
    assert ann.refused("chat.edit", room="lobby", id="same", text="ann's") == 404


def test_reading(people: tuple[Visitor, Visitor], hub: Hub) -> None:
    """Others are told how far somebody has read, newcomers in the answer, and nothing is kept."""
    ann, ben = people
    ann.say("m1")
    ann.say("m2")
    ann.take()
    ben.take()
    ben.call("chat.read", room="lobby", offset=1)
    mark = {"user": "ben", "name": "Ben", "offset": 1}
    assert ann.take() == [{"read": mark}]
    assert ben.take() == []
    ben.call("chat.read", room="lobby", offset=1)
    assert ann.take() == []
    ben.call("chat.read", room="lobby", offset=99)
    assert ann.take() == [{"read": {**mark, "offset": 2}}]
    eve = Visitor(hub, "Eve", FakeFraming(), FakeCodec()).enter()
    assert eve.told == {"read": [{**mark, "offset": 2}]}
    assert len(outcome(chat.app.history(ROOM)).publications) == 2
    assert ben.refused("chat.read", room="other", offset=1) == 103
    assert ben.refused("chat.read", room="lobby", offset=0) == 107


def test_what_is_remembered_is_bounded(people: tuple[Visitor, Visitor], hub: Hub) -> None:
    """So many readers of a room, so many rooms."""
    ann, _ = people
    ann.say("m1")
    for number in range(chat.READERS + 5):
        visitor = Visitor(hub, f"v{number}", FakeFraming(), FakeCodec()).enter()
        visitor.call("chat.read", room="lobby", offset=1)
        visitor.session.close(Closed(1001))
    assert len(chat.marks["lobby"]) == chat.READERS
    for number in range(chat.LISTED_ROOMS + 5):
        ann.enter(f"room:r{number}")
        outcome(ann.session.unsubscribe(f"room:r{number}"))
    assert len(chat.entered) == chat.LISTED_ROOMS
    ann.enter("room:again")
    chat.entered.clear()
    outcome(chat.app.publish("room:again", 1))
    ann.call("chat.read", room="again", offset=1)
    assert "again" not in chat.marks


def test_plain_text() -> None:
    """Lines for plain WebSockets: messages, changes, and nothing for what is neither."""
    info = ClientInfo("ann", "c", b'{"name":"Ann"}')

    def line(value: Any, info: ClientInfo | None = info) -> str | None:
        return chat.read(Publication(json.dumps(value).encode(), info=info))

    said = {"id": "m", "user": "ann", "name": "Ann", "text": "hi", "at": 1}
    assert line(said) == "Ann: hi"
    change = {"changes": "m", "user": "ann", "text": "hello", "at": 2}
    assert line(change) == "Ann (changed): hello"
    assert line(change, None) == "somebody (changed): hello"
    assert line({**change, "text": None}) is None
    assert line({"read": {}}) is None
