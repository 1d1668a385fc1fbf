"""Words that are not the protocol's, or not allowed: its codes, and nobody else is disturbed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sennit.errors import ReplyError
from tests.live.client import Caller, Peer
from tests.live.server import Server

pytestmark = pytest.mark.usefixtures("bystanders")

CONNECT = '{"id": 1, "connect": {"data": {"name": "Eve"}}}'

UNREADABLE = [
    "",
    "\n",
    "{",
    "hello",
    "[]",
    "1",
    "null",
    '"connect"',
    "{'id': 1}",
    '{"id": 1, "connect": {}',
    '{"id": 1, "connect": {}} more',
    '{"id": 1, "connect": {"data": {"name": }}}',
    CONNECT + "\n{",
    '{"id": 1, "rpc": {"data": ' + "[" * 20_000 + "]" * 20_000 + "}}",
]
WRONG_TYPES = [
    '{"id": "1", "connect": {}}',
    '{"id": 1.5, "connect": {}}',
    '{"id": -1, "connect": {}}',
    '{"id": 4294967296, "connect": {}}',
    '{"id": null, "connect": {}}',
    '{"id": 1, "connect": []}',
    '{"id": 1, "connect": {"token": 1}}',
    '{"id": 1, "connect": {"headers": {"a": 1}}}',
    '{"id": 1, "subscribe": {"channel": ["room:lobby"]}}',
    '{"id": 1, "subscribe": {"channel": "room:lobby", "recover": "yes"}}',
    '{"id": 1, "subscribe": {"channel": "room:lobby", "offset": -1}}',
    '{"id": 1, "history": {"channel": "room:lobby", "limit": "all"}}',
    '{"id": 1, "history": {"channel": "room:lobby", "since": 5}}',
    '{"id": 1, "rpc": {"method": {}}}',
]
TOO_EARLY = [
    "{}",
    '{"id": 1}',
    '{"id": 1, "subscribe": {"channel": "room:lobby"}}',
    '{"id": 1, "publish": {"channel": "room:lobby", "data": {}}}',
    '{"id": 1, "rpc": {"method": "chat.rooms"}}',
    '{"id": 1, "presence": {"channel": "room:lobby"}}',
    '{"id": 1, "ping": {}}',
    '{"send": {"data": {}}}',
    '{"connect": {"data": {"name": "Eve"}}}',
    '{"id": 0, "connect": {"data": {"name": "Eve"}}}',
]
UNKNOWN = [
    '{"id": 2}',
    '{"id": 2, "dance": {}}',
    '{"id": 2, "ping": {}}',
    '{"id": 2, "connect": {}}',
    '{"rpc": {"method": "chat.rooms"}}',
    '{"id": 2, "rpc": {"method": "chat.rooms"}, "publish": {"channel": "room:lobby"}}',
    '{"id": 2, "subscribe": {}}',
    '{"id": 2, "subscribe": {"channel": ""}}',
    '{"id": 2, "publish": {"data": {}}}',
    '{"id": 2, "history": {}}',
    '{"id": 2, "subscribe": {"channel": "room:lobby", "delta": "other"}}',
]


def words(texts: list[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("text", texts, ids=range(len(texts)))


@words(UNREADABLE + WRONG_TYPES + TOO_EARLY)
def test_bad_first_frame(chat: Server, text: str) -> None:
    """What is no connect ends the connection with 3501, and in words that say why."""
    with Peer(chat.port) as peer:
        peer.say(text)
        code, reason = peer.closed()
        assert code == 3501
        assert reason.startswith("bad request: ")


@words(UNREADABLE + WRONG_TYPES + UNKNOWN)
def test_bad_later_frame(chat: Server, text: str) -> None:
    """So does what cannot be read once somebody is connected, or is no command."""
    with Caller(chat.port, "Eve") as eve:
        eve.say(text)
        code, reason = eve.closed()
        assert code == 3501
        assert reason.startswith("bad request: ")


@pytest.mark.parametrize("connected", [False, True])
def test_binary_frame(chat: Server, connected: bool) -> None:
    """A binary message where JSON is spoken is a bad request, whatever is in it."""
    with Caller(chat.port, "Eve") if connected else Peer(chat.port) as peer:
        peer.send(peer.engine.send(CONNECT.encode(), binary=True))
        assert peer.closed()[0] == 3501


def test_what_comes_before_a_bad_line_is_not_done(chat: Server) -> None:
    """A frame is read as a whole: nobody is let in by its good half."""
    with Caller(chat.port, "Ann") as ann:
        ann.call("subscribe", channel="room:half")
        assert ann.push()["join"]["info"]["user"] == "ann"
        with Peer(chat.port) as peer:
            peer.say(CONNECT + '\n{"id": 2, "subscribe": {"channel": "room:half"}}\n{"id": 3,')
            assert peer.closed()[0] == 3501
        assert ann.call("presence_stats", channel="room:half")["num_clients"] == 1


def refusal(eve: Caller, command: str, **body: Any) -> int:
    with pytest.raises(ReplyError) as caught:
        eve.call(command, **body)
    assert caught.value.message
    return caught.value.code


@pytest.mark.parametrize("command", ["subscribe", "publish", "presence", "history"])
@pytest.mark.parametrize("channel", ["nowhere:lobby", "nowhere", "Room:lobby", ":lobby", "$x:y"])
def test_unknown_channel(chat: Server, command: str, channel: str) -> None:
    """A channel of no namespace is error 102, for whatever is asked of it."""
    with Caller(chat.port, "Eve") as eve:
        body: dict[str, Any] = {"data": {}} if command == "publish" else {}
        assert refusal(eve, command, channel=channel, **body) == 102
        assert eve.rpc("chat.rooms")["rooms"]


def test_no_permission(chat: Server) -> None:
    """What is not allowed is error 103; the connection goes on, and nobody hears of it."""
    with Caller(chat.port, "Ann") as ann, Caller(chat.port, "Eve") as eve:
        ann.call("subscribe", channel="room:private")
        ann.call("subscribe", channel="typing:private")
        assert ann.push()["join"]["info"]["user"] == "ann"
        asked: list[tuple[str, dict[str, Any]]] = [
            ("publish", {"channel": "room:private", "data": {"text": "forged"}}),
            ("publish", {"channel": "typing:private", "data": {"typing": True}}),
            ("presence", {"channel": "room:private"}),
            ("presence_stats", {"channel": "room:private"}),
            ("history", {"channel": "room:private", "limit": 10}),
            (
                "rpc",
                {"method": "chat.send", "data": {"id": "1", "room": "private", "text": "hi"}},
            ),
        ]
        for command, body in asked:
            assert refusal(eve, command, **body) == 103
        eve.call("subscribe", channel="room:private")
        assert ann.push()["join"]["info"]["user"] == "eve"
        eve.rpc("chat.send", {"id": "1", "room": "private", "text": "allowed"})
        assert ann.publication()["text"] == "allowed"


@pytest.mark.parametrize(
    ("command", "body", "code"),
    [
        ("subscribe", {"channel": "room:NOT A NAME"}, 107),
        ("subscribe", {"channel": "room:" + "a" * 300}, 107),
        ("subscribe", {"channel": "room:lobby", "type": 1}, 108),
        ("subscribe", {"channel": "room:lobby", "tf": {"a": 1}}, 107),
        ("publish", {"channel": "typing:lobby"}, 107),
        ("presence", {"channel": "typing:lobby"}, 108),
        ("history", {"channel": "typing:lobby"}, 108),
        ("rpc", {"method": "chat.nothing", "data": {}}, 104),
        ("rpc", {"data": {}}, 104),
        ("rpc", {"method": "chat.send", "data": {"id": 1, "room": "lobby", "text": "x"}}, 107),
        ("rpc", {"method": "chat.send", "data": ["id", "room", "text"]}, 107),
        ("rpc", {"method": "chat.send"}, 107),
        ("refresh", {"token": "x"}, 108),
        ("sub_refresh", {"channel": "room:lobby", "token": "x"}, 108),
    ],
    ids=range(14),
)
def test_refused_command(chat: Server, command: str, body: dict[str, Any], code: int) -> None:
    """A command that is understood and cannot be done is an error; the connection goes on."""
    with Caller(chat.port, "Eve") as eve:
        assert refusal(eve, command, **body) == code
        assert eve.rpc("chat.rooms")["rooms"]


def test_subscribed_twice(chat: Server) -> None:
    """A second subscription is error 105; one that is over can be made anew."""
    with Caller(chat.port, "Eve") as eve:
        eve.call("subscribe", channel="room:twice")
        assert refusal(eve, "subscribe", channel="room:twice") == 105
        eve.call("unsubscribe", channel="room:twice")
        eve.call("unsubscribe", channel="room:twice")
        eve.call("subscribe", channel="room:twice")


def test_message_that_nobody_takes(chat: Server) -> None:
    """A message that wants no answer, where the application takes none, is 3508."""
    with Caller(chat.port, "Eve") as eve:
        eve.say('{"send": {"data": {}}}')
        assert eve.closed()[0] == 3508


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"name": ""},
        {"name": "a\nb"},
        {"name": "a" * 33},
        {"name": 5},
        {"name": "Eve", "user": "a" * 65},
        [],
        "Eve",
    ],
    ids=range(9),
)
def test_refused_connect(chat: Server, data: Any) -> None:
    """Who is not let in reads why in the answer; whatever else is said then is 3501."""
    with Peer(chat.port) as peer:
        peer.say(json.dumps({"id": 1, "connect": {"data": data}}))
        error = json.loads(peer.text())["error"]
        assert error["code"] in (107, 400)
        assert error["message"]
        peer.say(CONNECT)
        assert peer.closed()[0] == 3501


@pytest.mark.parametrize("payload", [b"\x00", b"hello"])
def test_binary_message_of_a_plain_websocket(chat: Server, payload: bytes) -> None:
    """The raw protocol is text: a binary message ends its connection with 1003."""
    with Peer(chat.port, "/chat") as peer:
        peer.send(peer.engine.send(payload, binary=True))
        assert peer.closed()[0] == 1003


@pytest.mark.parametrize("name", ["NOT A NAME", "a" * 33, "../etc", "room:lobby"])
def test_bad_room_of_a_plain_websocket(chat: Server, name: str) -> None:
    """A room that cannot be is refused for good, with words."""
    with Peer(chat.port, f"/chat?room={name.replace(' ', '%20')}") as peer:
        assert peer.closed() == (3501, "the channel's name does not fit its pattern")


@pytest.mark.parametrize(("text", "why"), [(" ", "needs some text"), ("a" * 4001, "at most 4000")])
def test_bad_text_of_a_plain_websocket(chat: Server, text: str, why: str) -> None:
    """A message that is refused is answered by a line that says so, and the talk goes on."""
    with Peer(chat.port, "/chat?room=plain") as peer:
        peer.say(text)
        answer = peer.text()
        assert answer.startswith("error 400: ")
        assert why in answer
        peer.say("hello")
        assert peer.text().endswith(": hello")
