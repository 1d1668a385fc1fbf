"""What a program says about handshakes: the hook, and the choice of a subprotocol."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from sennit.errors import HandshakeError
from sennit.interfaces import Accepted
from sennit.model.request import ConnectionRequest
from sennit.net.coroutine import runner_for
from sennit.net.driver import WebSocketDriver
from sennit.net.mount import Accept, HandlerMount
from sennit.net.websocket import WebSocket
from tests.double import outcome

REQUEST = ConnectionRequest("/", subprotocols=("superchat", "chat"))


async def handler(ws: Any) -> None:
    await ws.recv()


def mount_of(**options: Any) -> HandlerMount:
    return HandlerMount(Clock(), handler, runner_for(None), **options)


def open_at_once(**options: Any) -> tuple[WebSocket, Accepted]:
    accepted = mount_of(**options).open(REQUEST)
    assert isinstance(accepted, Accepted)
    assert isinstance(accepted.handler, WebSocketDriver)
    return accepted.handler.websocket, accepted


# -- subprotocols --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subprotocols", "chosen"),
    [
        ((), None),
        (["chat", "superchat"], "chat"),
        (("other",), None),
        (lambda offered: offered[0], "superchat"),
        (lambda _: None, None),
    ],
)
def test_a_subprotocol_is_chosen(subprotocols: Any, chosen: str | None) -> None:
    """By the server's preference, or by a function of what is offered."""
    ws, accepted = open_at_once(subprotocols=subprotocols)
    assert ws.subprotocol == accepted.subprotocol == chosen


def test_the_function_is_told_what_is_offered() -> None:
    """In the client's order."""
    offers: list[Sequence[str]] = []
    open_at_once(subprotocols=offers.append)
    assert offers == [("superchat", "chat")]


def test_one_name_is_no_sequence() -> None:
    """Its letters would be taken for names."""
    with pytest.raises(ValueError, match="not one name"):
        mount_of(subprotocols="chat")


# -- the hook ------------------------------------------------------------------------------------


def test_without_a_hook_there_is_no_state() -> None:
    """Nor are there headers."""
    ws, accepted = open_at_once()
    assert (ws.state, ws.request, accepted.headers) == (None, REQUEST, ())


@pytest.mark.parametrize("answer", [None, Accept()])
def test_a_hook_that_has_nothing_to_say(answer: Accept | None) -> None:
    """The client is taken as it is."""
    asked: list[ConnectionRequest] = []

    def hook(request: ConnectionRequest) -> Accept | None:
        asked.append(request)
        return answer

    ws, accepted = open_at_once(on_handshake=hook, subprotocols=["chat"])
    assert (ws.state, ws.subprotocol, accepted.headers) == (None, "chat", ())
    assert asked == [REQUEST]


def test_what_a_hook_says() -> None:
    """Headers, a subprotocol before all preference, and what the handler finds."""
    state = object()
    answer = Accept(headers=[("X-Node", "a")], subprotocol="superchat", state=state)
    ws, accepted = open_at_once(on_handshake=lambda _: answer, subprotocols=["chat"])
    assert ws.state is state
    assert ws.subprotocol == accepted.subprotocol == "superchat"
    assert accepted.headers == (("X-Node", "a"),)


def test_headers_may_be_a_mapping() -> None:
    """Where none is repeated."""
    _, accepted = open_at_once(on_handshake=lambda _: Accept(headers={"X-Node": "a"}))
    assert accepted.headers == (("X-Node", "a"),)


def test_a_hook_may_return_a_deferred() -> None:
    """Cancelling what the mount returns cancels it."""
    waiting: Deferred[Accept] = Deferred()
    answer = mount_of(on_handshake=lambda _: waiting).open(REQUEST)
    assert isinstance(answer, Deferred)
    assert not answer.called
    waiting.callback(Accept(state=1))
    driver: Any = outcome(answer).handler
    assert driver.websocket.state == 1
    cancelled: list[object] = []
    again: Deferred[Accept] = Deferred(cancelled.append)
    second: Any = mount_of(on_handshake=lambda _: again).open(REQUEST)
    second.addErrback(lambda _: None)
    second.cancel()
    assert len(cancelled) == 1


def test_a_hook_may_be_a_coroutine_function() -> None:
    """One that need not wait has decided at once."""

    async def hook(request: ConnectionRequest) -> Accept:
        return Accept(state=await succeed(request.path))

    answer: Any = mount_of(on_handshake=hook).open(REQUEST)
    assert outcome(answer).handler.websocket.state == "/"


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop of asyncio, as a reactor on it has one."""
    made = asyncio.new_event_loop()
    yield made
    made.close()


def test_on_asyncio_a_hook_may_return_a_future(loop: asyncio.AbstractEventLoop) -> None:
    """Or a task: any awaitable."""

    class Reactor:
        _asyncioEventloop = loop  # noqa: N815 - Twisted's name

    future = loop.create_future()
    mount = HandlerMount(Clock(), handler, runner_for(Reactor()), on_handshake=lambda _: future)
    answer: Any = mount.open(REQUEST)
    loop.call_soon(future.set_result, Accept(state=7))
    done = asyncio.ensure_future(answer.asFuture(loop), loop=loop)
    assert loop.run_until_complete(done).handler.websocket.state == 7


def test_a_hook_refuses_by_raising() -> None:
    """At once or later."""

    def refuse(_request: ConnectionRequest) -> None:
        raise HandshakeError(401, "log in first")

    async def refuse_later(request: ConnectionRequest) -> None:
        refuse(request)

    with pytest.raises(HandshakeError):
        mount_of(on_handshake=refuse).open(REQUEST)
    answer: Any = mount_of(on_handshake=refuse_later).open(REQUEST)
    with pytest.raises(HandshakeError):
        outcome(answer)


@pytest.mark.parametrize("answer", [True, "yes", {"state": 1}])
def test_a_hook_that_says_something_else(answer: Any) -> None:
    """That is a mistake, and not taken for a yes."""
    with pytest.raises(TypeError, match="on_handshake returns None or an Accept"):
        mount_of(on_handshake=lambda _: answer).open(REQUEST)
    later: Any = mount_of(on_handshake=lambda _: succeed(answer)).open(REQUEST)
    with pytest.raises(TypeError):
        outcome(later)
