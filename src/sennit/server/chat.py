"""The chat: rooms, who is here, who is typing, what was said, and who has read it.

This is the whole of it, and a good place to see how an app is written. Your own begins with
``from sennit import App, Credentials, History, ReplyError``; then ``sennit serve chat:app``.

There are no accounts: a browser makes up its own id and keeps it, and is believed.
"""

from __future__ import annotations

import re
import secrets
import time
from collections import OrderedDict
from typing import Annotated, Any

import msgspec

from sennit.errors import ReplyError
from sennit.hub.app import App
from sennit.hub.namespace import History
from sennit.hub.request import ConnectRequest, Credentials, SubscribeRequest
from sennit.hub.session import Session
from sennit.model.publication import Publication

__all__ = ["app"]

NAME_LIMIT = 32
USER_LIMIT = 64
TEXT_LIMIT = 4000
ROOM = r"[a-z0-9-]{1,32}"
DEFAULT_ROOMS = ("lobby", "random", "help")
LISTED_ROOMS = 50
"""Rooms beyond the default ones that ``chat.rooms`` knows of: those entered last."""
READERS = 100
"""People of a room whose reading is remembered: those who read last."""

app = App()


class Message(msgspec.Struct):
    """What is published to a room.

    Attributes:
        id: made by who sent it; sent again, it is the same message.
        user: who sent it.
        name: what that person is called.
        text: what was said.
        at: when the server took it, in milliseconds since 1970.
    """

    id: str
    user: str
    name: str
    text: str
    at: int


def new_message(session: Session, key: str, text: str) -> Message:
    """Return what somebody says, as the server puts it.

    Raises:
        ReplyError: 400, the text is empty or too long.
    """
    check_text(text)
    return Message(key, session.user, session.state["name"], text, int(time.time() * 1000))


def check_text(text: str) -> None:
    """Check what somebody says.

    Raises:
        ReplyError: 400, it is empty or too long.
    """
    if not text.strip():
        raise ReplyError(400, "a message needs some text")
    if len(text) > TEXT_LIMIT:
        raise ReplyError(400, f"a message has at most {TEXT_LIMIT} characters")


# -- coming in -----------------------------------------------------------------------------------


class Hello(msgspec.Struct):
    """What a client says when it connects; ``user`` is the id that its browser keeps."""

    name: str
    user: str = ""


@app.on_connect
def connect(request: ConnectRequest) -> Credentials:
    """Let everybody in who has a name; plain WebSockets are given one."""
    if request.protocol == "raw":
        name = user = f"guest-{secrets.token_hex(2)}"
    else:
        hello = request.decode(Hello | None)
        if hello is None:
            raise ReplyError(400, 'connect with data like {"name": "Ann"}')
        name, user = hello.name.strip(), hello.user or secrets.token_hex(16)
    if not name or not name.isprintable() or len(name) > NAME_LIMIT:
        raise ReplyError(400, f"a name has 1 to {NAME_LIMIT} characters, on one line")
    if not user.isprintable() or len(user) > USER_LIMIT:
        raise ReplyError(400, f"a user id has at most {USER_LIMIT} characters")
    return Credentials(user, info={"name": name}, state={"name": name})


# -- rooms ---------------------------------------------------------------------------------------

room = app.namespace(
    "room",
    pattern=ROOM,
    presence=True,
    join_leave=True,
    force_push_join_leave=True,
    history=History(size=200, ttl=24 * 3600),
    recovery=True,
    allow_presence={"subscriber"},
    allow_history={"subscriber"},
)
entered: OrderedDict[str, None] = OrderedDict()


@room.on_subscribe
def enter(_session: Session, channel: str, _request: SubscribeRequest) -> dict[str, Any]:
    """Let everybody into every room, remember it for the list, and say who has read how far."""
    slug = channel.partition(":")[2]
    entered[slug] = None
    entered.move_to_end(slug)
    if len(entered) > LISTED_ROOMS:
        forgotten, _ = entered.popitem(last=False)
        marks.pop(forgotten, None)
    return {"read": list(marks.get(slug, {}).values())}


@room.on_publish
def check_source(session: Session, _publication: Publication) -> None:
    """Take nothing that has not been through ``say`` or ``chat.send``."""
    if session.protocol != "raw":
        raise ReplyError(103, "send by the rpc chat.send")


class Draft(msgspec.Struct):
    """What ``chat.send`` is called with."""

    id: str
    room: str
    text: str


@app.rpc("chat.send")
async def send(session: Session, draft: Draft) -> dict[str, Any]:
    """Publish a message; once, however often it is sent."""
    if not re.fullmatch(ROOM, draft.room):
        raise ReplyError(400, "a room's name has 1 to 32 of a-z, 0-9 and -")
    if not 0 < len(draft.id) <= USER_LIMIT:
        raise ReplyError(400, f"a message's id has 1 to {USER_LIMIT} characters")
    channel = f"room:{draft.room}"
    if not session.is_subscribed(channel):
        raise ReplyError(103, "enter the room first")
    message = new_message(session, draft.id, draft.text)
    position = await app.publish(
        channel, message, info=session.info, idempotency_key=f"{session.user}:{draft.id}"
    )
    return {"id": message.id, "at": message.at, "offset": position.offset}


# -- changing one's mind: a change is a publication too, so that who comes back recovers it --------


class Change(msgspec.Struct):
    """What is published to a room when somebody takes back what was said, or puts it otherwise.

    Attributes:
        changes: the id of the message.
        user: who sent it, and who alone may change it.
        text: what it says now; ``None`` if it is taken back.
        at: when the server took this, in milliseconds since 1970.
    """

    changes: str
    user: str
    text: str | None
    at: int


class Edit(msgspec.Struct):
    """What ``chat.edit`` is called with; without a text the message is taken back."""

    room: str
    id: str
    text: str | None = None


@app.rpc("chat.edit", rate="5/s burst 10")
async def edit(session: Session, wish: Edit) -> dict[str, Any]:
    """Change a message of one's own, while it is kept.

    What is taken back is not shown any more; it leaves the server's history as everything does,
    when it is old.
    """
    channel = f"room:{wish.room}"
    if not session.is_subscribed(channel):
        raise ReplyError(103, "enter the room first")
    if not await is_own(session, channel, wish.id):
        raise ReplyError(404, "there is no such message of yours any more")
    if wish.text is not None:
        check_text(wish.text)
    change = Change(wish.id, session.user, wish.text, int(time.time() * 1000))
    position = await app.publish(channel, change, info=session.info)
    return {"offset": position.offset}


async def is_own(session: Session, channel: str, key: str) -> bool:
    """Return whether a channel keeps a message of this id that the client has sent."""
    page = await app.history(channel, reverse=True)
    for publication in page.publications:
        said = decode(publication)
        if isinstance(said, Message) and said.id == key:
            return said.user == session.user
    return False


def decode(publication: Publication) -> Message | Change | None:
    """Return what a publication of a room says; ``None`` if it is neither."""
    try:
        return msgspec.json.decode(publication.data, type=Message)
    except msgspec.DecodeError:
        pass
    try:
        return msgspec.json.decode(publication.data, type=Change)
    except msgspec.DecodeError:
        return None


# -- who has read how far: for those who are there, not kept, and not for the reader ---------------


class Mark(msgspec.Struct):
    """What is published to a room when somebody has read it up to a publication."""

    user: str
    name: str
    offset: int


class Reading(msgspec.Struct):
    """What ``chat.read`` is called with."""

    room: str
    offset: Annotated[int, msgspec.Meta(ge=1)]


marks: dict[str, OrderedDict[str, Mark]] = {}


@app.rpc("chat.read", rate="5/s burst 20")
async def mark(session: Session, reading: Reading) -> None:
    """Tell the others how far somebody has read."""
    channel = f"room:{reading.room}"
    if not session.is_subscribed(channel):
        raise ReplyError(103, "enter the room first")
    position = (await app.history(channel, limit=0)).position
    if reading.room not in entered and reading.room not in DEFAULT_ROOMS:
        return  # so many rooms are not remembered
    made = Mark(session.user, session.state["name"], min(reading.offset, position.offset))
    readers = marks.setdefault(reading.room, OrderedDict())
    before = readers.get(session.user)
    if before is not None and before.offset >= made.offset:
        return
    readers[session.user] = made
    readers.move_to_end(session.user)
    if len(readers) > READERS:
        readers.popitem(last=False)
    await app.publish(channel, {"read": made}, ephemeral=True, exclude=session.id)


@app.rpc("chat.rooms")
async def rooms(_session: Session, _params: Any) -> dict[str, Any]:
    """List the rooms, with how many connections are in each."""
    counts = {slug: await app.presence_stats(f"room:{slug}") for slug in (*DEFAULT_ROOMS, *entered)}
    return {
        "rooms": [
            {"room": slug, "clients": clients}
            for slug, (clients, _users) in counts.items()
            if clients or slug in DEFAULT_ROOMS
        ]
    }


# -- who is typing -------------------------------------------------------------------------------

typing = app.namespace("typing", pattern=ROOM, slow="drop-oldest", allow_subscribe={"client"})


class Typing(msgspec.Struct, forbid_unknown_fields=True):
    """What is published while somebody types; who it is stands beside it."""

    typing: bool


@typing.on_publish
def check_typing(session: Session, publication: Publication) -> Typing:
    """Let those who listen say whether they type, and nothing else."""
    if not session.is_subscribed(publication.channel):
        raise ReplyError(103, "subscribe first")
    try:
        return msgspec.json.decode(publication.data, type=Typing)
    except msgspec.DecodeError:
        raise ReplyError(400, 'publish {"typing": true} or {"typing": false}') from None


# -- plain WebSockets: new WebSocket("ws://localhost:8000/chat?room=lobby", ["chat"]) ------------

plain = app.raw("/chat", namespace="room", parameter="room", default="lobby")


@plain.on_text
def say(session: Session, _channel: str, text: str) -> Message:
    """Publish a line of text as a message."""
    return new_message(session, secrets.token_hex(16), text)


@plain.to_text
def read(publication: Publication) -> str | None:
    """Write a message as a line of text, and a new wording too."""
    said = decode(publication)
    name = said.name if isinstance(said, Message) else name_of(publication)
    if said is None or said.text is None:
        return None
    changed = " (changed)" if isinstance(said, Change) else ""
    return f"{name}{changed}: {said.text}"


def name_of(publication: Publication) -> str:
    """Return the name of who published."""
    shown = None if publication.info is None else publication.info.conn_info
    return msgspec.json.decode(shown or b"{}", type=Hello).name if shown else "somebody"
