"""The application that tests are served: one of each thing that a client can ask for."""

from __future__ import annotations

from typing import Any

import msgspec

from sennit import App, Credentials, Disconnect, History, ReplyError
from sennit.hub.namespace import Grant

app = App()


class Hello(msgspec.Struct):
    """What a client of the tests says when it connects.

    Attributes:
        user: the user id it wants.
        refuse: with which code it wants to be refused; 0 to be let in.
        subs: what it wants to be subscribed to from the start.
    """

    user: str = ""
    refuse: int = 0
    subs: list[str] = []


class Order(msgspec.Struct):
    """What the rpc methods that do something to a client take.

    Attributes:
        code: an error's, a disconnect's or an unsubscribe's.
        reason: in words.
        channel: where.
        data: what is published or sent.
    """

    code: int = 0
    reason: str = ""
    channel: str = ""
    data: Any = None


@app.on_connect
def connect(request: Any) -> Credentials:
    """Let everybody be who they say, and refuse those who want it."""
    hello: Hello = request.decode(Hello | None) or Hello()
    if hello.refuse >= 3000:
        raise Disconnect(hello.refuse, "refused as asked")
    if hello.refuse:
        raise ReplyError(hello.refuse, "refused as asked")
    return Credentials(
        hello.user,
        info={"name": hello.user},
        data={"welcome": hello.user},
        subscriptions=hello.subs,
    )


@app.on_message
def message(session: Any, data: bytes) -> None:
    """Send a message that wants no answer back, as a message that wants none."""
    session.send({"you said": msgspec.json.decode(data)})


app.namespace(
    "room",
    presence=True,
    join_leave=True,
    force_push_join_leave=True,
    history=History(size=100, ttl=600),
    recovery=True,
    allow_subscribe={"client"},
    allow_publish={"subscriber"},
    allow_presence={"subscriber"},
    allow_history={"subscriber"},
)
app.namespace(
    "short",
    history=History(size=2, ttl=600),
    recovery=True,
    allow_subscribe={"client"},
    allow_publish={"client"},
)
app.namespace("plain", allow_subscribe={"client"})
app.namespace(
    "ticks",
    history=History(size=1000, ttl=600),
    recovery=True,
    allowed_delta_types={"fossil"},
    delta_publish=True,
    allow_subscribe={"client"},
    allow_history={"client"},
)
app.namespace(
    "latest",
    history=History(size=2, ttl=600),
    recovery=True,
    recovery_mode="cache",
    allow_subscribe={"client"},
)
app.namespace("closed")
anybody: set[Grant] = {"client", "anonymous"}
app.namespace(
    "loud",
    join_leave=True,
    force_push_join_leave=True,
    allow_subscribe=anybody,
    allow_publish=anybody,
)
app.namespace("lossy", slow="drop-oldest", allow_subscribe=anybody, allow_publish=anybody)
app.namespace(
    "again",
    slow="recover",
    history=History(size=10, ttl=600),
    recovery=True,
    allow_subscribe=anybody,
    allow_publish=anybody,
)
app.raw("/loud", namespace="loud")
app.namespace("inbox", personal=True)
app.namespace("talk", allow_user_limited_channels=True)
app.channel("room:fixed", allow_subscribe=anybody)
guarded = app.namespace("guarded")


@guarded.on_subscribe
async def guard(_session: Any, _channel: str, request: Any) -> None:
    """Let in who knows the word."""
    if request.decode(Any) != {"word": "friend"}:
        raise ReplyError(103, "permission denied")


@guarded.on_publish
def shout(_session: Any, publication: Any) -> Any:
    """Publish something else than what was asked."""
    return {"loud": msgspec.json.decode(publication.data)["text"].upper()}


@app.rpc("echo")
def echo(_session: Any, params: Any) -> Any:
    """Answer with what was asked."""
    return params


@app.rpc("fail")
def fail(_session: Any, order: Order) -> None:
    """Answer with an error of the application's own."""
    raise ReplyError(order.code, order.reason)


@app.rpc("crash")
def crash(_session: Any, _params: Any) -> None:
    """Fail as a program does that has a mistake."""
    raise RuntimeError("a mistake, for the test")


@app.rpc("disconnect")
def disconnect(session: Any, order: Order) -> None:
    """End the caller's connection."""
    session.disconnect(order.code, order.reason)


@app.rpc("unsubscribe")
def unsubscribe(session: Any, order: Order) -> None:
    """End the caller's subscription."""
    session.end_subscription(order.channel, order.code)


@app.rpc("ask")
async def ask(session: Any, order: Order) -> Any:
    """Call the caller, and answer with its answer, or with how it failed."""
    try:
        return {"answer": await session.call(order.reason, order.data, timeout=order.code or 5)}
    except ReplyError as error:
        return {"code": error.code, "message": error.message}
    except TimeoutError:
        return {"timeout": True}


@app.rpc("seldom", rate="1/s burst 2")
def seldom(_session: Any, _params: Any) -> str:
    """Answer, but not often."""
    return "here"


@app.rpc("subscribe")
async def subscribe(session: Any, order: Order) -> None:
    """Subscribe every connection of the caller's user."""
    await app.subscribe(session.user, order.channel)


@app.rpc("quote")
async def quote(_session: Any, order: Order) -> None:
    """Publish a book of prices that differs from one number to the next in two places."""
    levels = [[100 - level, 10 * level] for level in range(200)]
    levels[5] = levels[150] = [0, order.code]
    await app.publish(order.channel, {"symbol": "ACME", "levels": levels, "n": order.code})


@app.rpc("publish")
async def publish(_session: Any, order: Order) -> dict[str, Any]:
    """Publish as the application."""
    position = await app.publish(order.channel, order.data, tags={"from": "the app"})
    return {"offset": position.offset, "epoch": position.epoch}
