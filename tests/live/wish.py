"""An application whose handlers are made as they are asked to be, and fail as they are asked to.

The tests of handlers copy it into a folder of its own, and serve it from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.internet.task import deferLater

from sennit import App, Credentials, Disconnect, ReplyError

app = App()
SOON = 0.005


class Wish(msgspec.Struct, frozen=True):
    """What a handler shall do.

    Attributes:
        kind: what it is made of: a key of ``KINDS``.
        way: how it ends: a key of ``WAYS``.
        mark: what it answers, or fails with.
    """

    kind: str
    way: str = "answer"
    mark: str = ""


def refuse(mark: str) -> None:
    """Answer with an error of the application's own."""
    raise ReplyError(1400, mark)


def disconnect(mark: str) -> None:
    """End the connection."""
    raise Disconnect(4400, mark)


def crash(mark: str) -> None:
    """Fail as a program does that has a mistake."""
    raise RuntimeError(mark)


def cancel(mark: str) -> None:
    """Fail as what waits for something does that somebody cancels."""
    raise CancelledError(mark)


def give_up(mark: str) -> None:
    """The same, as asyncio says it."""
    raise asyncio.CancelledError(mark)


WAYS: dict[str, Callable[[str], Any]] = {
    "refuse": refuse,
    "disconnect": disconnect,
    "crash": crash,
    "cancel": cancel,
    "give up": give_up,
    "nonsense": lambda _mark: object(),
}


def end(wish: Wish, answer: Any) -> Any:
    """Do what is wished in the end."""
    return answer if wish.way == "answer" else WAYS[wish.way](wish.mark)


async def coroutine(wish: Wish, answer: Any) -> Any:
    """Never wait."""
    return end(wish, answer)


async def waiting_coroutine(wish: Wish, answer: Any) -> Any:
    """Wait for Deferreds, one that has fired and one that fires later."""
    assert await succeed(1) == 1
    await deferLater(reactor, SOON)
    return end(wish, answer)


async def mixed_coroutine(wish: Wish, answer: Any) -> Any:
    """Wait for what is Twisted's, and for what is asyncio's."""
    await deferLater(reactor, SOON)
    await asyncio.sleep(SOON)
    async with asyncio.timeout(10):
        await asyncio.gather(asyncio.sleep(0), asyncio.sleep(SOON))
    await deferLater(reactor, SOON)
    return end(wish, answer)


def late_deferred(wish: Wish, answer: Any) -> Deferred[Any]:
    """Fire later."""
    return deferLater(reactor, SOON, end, wish, answer)


def task(wish: Wish, answer: Any) -> Awaitable[Any]:
    """Be a task of asyncio's."""
    return asyncio.ensure_future(coroutine(wish, answer))


KINDS: dict[str, Callable[[Wish, Any], Any]] = {
    "value": end,
    "coroutine": coroutine,
    "waiting coroutine": waiting_coroutine,
    "Deferred": lambda wish, answer: maybeDeferred(end, wish, answer),
    "late Deferred": late_deferred,
    "mixed coroutine": mixed_coroutine,
    "task": task,
}


def grant(wish: Wish, answer: Any) -> Any:
    """Return what a handler returns of whom this is wished."""
    return KINDS[wish.kind](wish, answer)


@app.on_connect
def connect(request: Any) -> Any:
    """Let somebody in, or not, as wished."""
    wish = request.decode(Wish)
    return grant(wish, Credentials("ann", data=wish.mark))


@app.on_message
def message(_session: Any, data: bytes) -> Any:
    """Take a message that wants no answer, or fail."""
    return grant(msgspec.json.decode(data, type=Wish), None)


wished = app.namespace("wished")
plain = app.namespace("plain", allow_subscribe={"client"})


@wished.on_subscribe
def subscribe(_session: Any, _channel: str, request: Any) -> Any:
    """Take a subscriber, or not, as wished."""
    wish = request.decode(Wish)
    return grant(wish, {"mark": wish.mark})


@wished.on_publish
def publish(_session: Any, publication: Any) -> Any:
    """Publish the mark, or not, as wished."""
    wish = msgspec.json.decode(publication.data, type=Wish)
    return grant(wish, {"mark": wish.mark})


@plain.on_unsubscribe
def unsubscribe(_session: Any, channel: str, _code: int) -> Any:
    """Hear that a subscription has ended; the channel's name says how to fail."""
    kind, way, mark = channel.partition(":")[2].split("/")
    return grant(Wish(kind, way, mark), None)


@app.rpc("wish")
def call(_session: Any, wish: Wish) -> Any:
    """Answer with the mark, or fail as wished."""
    return grant(wish, wish.mark)


async def endless_coroutine() -> None:
    """Wait for ever, for what is Twisted's."""
    await Deferred()


async def endless_sleep() -> None:
    """Wait for ever, for what is asyncio's."""
    await asyncio.sleep(3600)


ENDLESS: dict[str, Callable[[], Any]] = {
    "Deferred": Deferred,
    "coroutine": endless_coroutine,
    "mixed coroutine": endless_sleep,
}
waiting: dict[str, int] = dict.fromkeys(ENDLESS, 0)


@app.rpc("wait")
async def wait(_session: Any, kind: str) -> None:
    """Wait for ever, and count who does."""
    waiting[kind] += 1
    try:
        await ENDLESS[kind]()
    finally:
        waiting[kind] -= 1


@app.rpc("waiting")
def count(_session: Any, kind: str) -> int:
    """Say how many wait."""
    return waiting[kind]


@app.rpc("reactor")
def which(_session: Any, _params: Any) -> list[str]:
    """Say which reactor this runs on, and on which loop."""
    loop: Any = getattr(reactor, "_asyncioEventloop", None)
    return [type(reactor).__name__, type(loop).__module__ if loop else ""]
