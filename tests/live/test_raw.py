"""Plain WebSockets in the chat: text in, text out, and the web chat of the same room beside it."""

from __future__ import annotations

import json
import re
import uuid

import pytest

from tests.live.client import SDK_PATH, Caller, Peer
from tests.live.server import Server

OFFERS = pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["chat", "superchat"], "chat"),
        (["superchat", "chat"], "chat"),
        (["chat"], "chat"),
        (["superchat"], None),
        ([], None),
    ],
)


@pytest.fixture
def room() -> str:
    """Return a room that no other test uses."""
    return uuid.uuid4().hex[:12]


def said(line: str) -> tuple[str, str]:
    """Return who said a line of text, and what."""
    name, _, text = line.partition(": ")
    return name, text


def ann_in(chat: Server, room: str) -> Caller:
    """Return Ann, who uses the web chat and is in a room."""
    ann = Caller(chat.port, "Ann")
    ann.call("subscribe", channel=f"room:{room}")
    return ann


def send(person: Caller, room: str, text: str) -> None:
    """Send a message as the web chat does."""
    person.rpc("chat.send", {"id": uuid.uuid4().hex, "room": room, "text": text})


@OFFERS
def test_subprotocol(chat: Server, offered: list[str], chosen: str | None) -> None:
    """Of what a client offers ``chat`` is chosen, wherever it stands."""
    with Peer(chat.port, "/chat", subprotocols=offered) as peer:
        assert peer.subprotocol == chosen
        peer.say("hello")
        assert said(peer.text())[1] == "hello"


def test_default_room(chat: Server) -> None:
    """Without a room it is the lobby; an empty name is none."""
    with (
        ann_in(chat, "lobby") as ann,
        Peer(chat.port, "/chat") as one,
        Peer(chat.port, "/chat?room=") as other,
    ):
        for peer in (one, other):
            peer.say("hello")
            assert ann.publication()["text"] == "hello"


def test_two_plain_clients(chat: Server, room: str) -> None:
    """Each hears what both say, in the same order, under names of their own."""
    path = f"/chat?room={room}"
    with Peer(chat.port, path) as one, Peer(chat.port, path) as other:
        one.say("hello")
        first = said(one.text())
        assert said(other.text()) == first
        other.say("hello yourself")
        second = said(one.text())
        assert said(other.text()) == second
        assert (first[1], second[1]) == ("hello", "hello yourself")
        assert re.fullmatch(r"guest-[0-9a-f]{4}", first[0])
        assert first[0] != second[0]


@pytest.mark.parametrize(
    "text", ["hello", "käse ☃ 🧀", '"quoted" \\ and {"json": 1}', "two\nlines", "<b>bold</b>"]
)
def test_from_the_web_chat(chat: Server, room: str, text: str) -> None:
    """What is sent by ``chat.send`` arrives as text, with the name before it, unchanged."""
    with Peer(chat.port, f"/chat?room={room}") as peer, ann_in(chat, room) as ann:
        send(ann, room, text)
        assert peer.text() == f"Ann: {text}"


@pytest.mark.parametrize("text", ["hello", "käse ☃ 🧀", '{"text": "no JSON is read here"}', "a\nb"])
def test_to_the_web_chat(chat: Server, room: str, text: str) -> None:
    """What is said in plain text arrives as a message like any other, and is kept."""
    with ann_in(chat, room) as ann, Peer(chat.port, f"/chat?room={room}") as peer:
        peer.say(text)
        message = ann.publication()
        name, echo = said(peer.text())
        assert echo == text
        assert (message["text"], message["name"], message["user"]) == (text, name, name)
        assert message["id"]
        assert message["at"] > 0
        (kept,) = ann.call("history", channel=f"room:{room}", limit=10)["publications"]
        assert kept["data"] == message


def test_order(chat: Server, room: str) -> None:
    """Many messages at once arrive in the order they were sent, both ways."""
    texts = [str(number) for number in range(200)]
    with ann_in(chat, room) as ann, Peer(chat.port, f"/chat?room={room}") as peer:
        for text in texts:
            peer.say(text)
        assert [ann.publication()["text"] for _ in texts] == texts
        assert [said(peer.text())[1] for _ in texts] == texts
        for text in texts:
            send(ann, room, text)
        assert [peer.text() for _ in texts] == [f"Ann: {text}" for text in texts]


def test_who_is_here(chat: Server, room: str) -> None:
    """Plain clients are in the list of who is here, come and go."""
    with ann_in(chat, room) as ann:
        assert ann.push()["join"]["info"]["user"] == "ann"
        with Peer(chat.port, f"/chat?room={room}") as peer:
            joined = ann.push()["join"]["info"]
            assert joined["conn_info"] == {"name": joined["user"]}
            present = ann.call("presence", channel=f"room:{room}")["presence"]
            assert sorted(info["user"] for info in present.values()) == ["ann", joined["user"]]
            assert peer.close() == (1000, "")
        assert ann.push()["leave"]["info"]["user"] == joined["user"]


def test_rooms_are_apart(chat: Server, room: str) -> None:
    """What is said elsewhere, before, or while typing is no text here."""
    with ann_in(chat, room) as ann:
        send(ann, room, "earlier")
        with Peer(chat.port, f"/chat?room={room}") as peer, ann_in(chat, "elsewhere") as ben:
            peer.say("first")
            assert said(peer.text())[1] == "first"
            send(ben, "elsewhere", "not here")
            ann.call("subscribe", channel=f"typing:{room}")
            ann.call("publish", channel=f"typing:{room}", data={"typing": True})
            send(ann, room, "second")
            assert peer.text() == "Ann: second"


def test_both_protocols_on_one_port(chat: Server) -> None:
    """Each path speaks its own words, whatever subprotocol is offered."""
    with Peer(chat.port, SDK_PATH, subprotocols=["chat", "centrifuge-json"]) as peer:
        assert peer.subprotocol == "centrifuge-json"
        peer.say('{"id": 1, "connect": {"data": {"name": "Ann"}}}')
        assert json.loads(peer.text())["connect"]["client"]
