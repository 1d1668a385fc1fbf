"""Connections one after the other: waits, ends, and every way out of the loop."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.error import ConnectionRefusedError as RefusedError

from sennit.engine.build import SERVER, Close, Connection
from sennit.errors import (
    ConnectionClosed,
    ConnectionClosedError,
    HandshakeError,
    LocalProtocolError,
)
from sennit.net.backoff import Backoff
from sennit.net.client import reconnect
from sennit.net.coroutine import runner_for
from sennit.net.reconnecting import Reconnecting
from sennit.net.websocket import WebSocket
from tests.double import LogKeeper, outcome
from tests.net.network import FakeNetwork, Server
from tests.net.test_client import error_of

Body = Callable[[WebSocket], Awaitable[object]]


class Loop:
    """A loop over the connections to one server; each wait takes all of its bound.

    Attributes:
        websockets: those that the body had.
        received: what it received.
        done: fires when the loop is over.
    """

    def __init__(self, body: Body | None = None, **options: Any) -> None:
        self.network = FakeNetwork()
        options = {"random": lambda: 1.0, "ping_interval": None, **options}
        self.again: Reconnecting = reconnect(self.network, "ws://me:secret@a/x?token=y", **options)
        self.websockets: list[WebSocket] = []
        self.received: list[str | bytes] = []
        self.body = body or self._receive
        self.done: Deferred[str] = Deferred.fromCoroutine(self._run())
        self.engine = Connection(SERVER)

    async def _run(self) -> str:
        async for ws in self.again:
            self.websockets.append(ws)
            if await self.body(ws) == "break":
                break
        return "left"

    async def _receive(self, ws: WebSocket) -> None:
        try:
            async for message in ws:
                self.received.append(message)
        except ConnectionClosed:
            pass

    def open(self) -> Server:
        """Let the client's attempt succeed."""
        server: Server = self.network.connect()
        self.engine = Connection(SERVER)
        server.accept()
        return server

    def say(self, server: Server, text: str) -> None:
        """Send a message to the client."""
        server.send(self.engine.send(text.encode(), binary=False))

    def close(self, server: Server, code: int, reason: str = "") -> None:
        """Close a connection from the server's side."""
        server.send(self.engine.close(code, reason))
        server.hang_up()

    def closed_with(self, server: Server) -> int | None:
        """Return the code with which the client has closed a connection, if it has."""
        for event in self.engine.receive(server.take()):
            if isinstance(event, Close):
                return event.code
        return None

    def answer_close(self, server: Server) -> None:
        """Answer the client's close frame, as a server does."""
        (event,) = (e for e in self.engine.receive(server.take()) if isinstance(e, Close))
        server.send(event.reply)
        server.hang_up()

    def attempts(self) -> int:
        return len(self.network.asked)

    def wait_until_attempt(self) -> float:
        """Return the seconds until the client tries again."""
        before, start = self.attempts(), self.network.seconds()
        while self.attempts() == before:
            assert self.network.seconds() - start < 1000
            self.network.advance(0.125)
        return self.network.seconds() - start


# -- one after the other -------------------------------------------------------------------------


def test_when_a_connection_is_lost_there_is_another() -> None:
    """After a wait; messages come from each."""
    loop = Loop()
    server = loop.open()
    loop.say(server, "one")
    server.hang_up(ConnectionLost())
    assert loop.attempts() == 1
    assert loop.wait_until_attempt() == 0.5
    server = loop.open()
    loop.say(server, "two")
    assert loop.received == ["one", "two"]
    assert len(loop.websockets) == 2
    assert loop.again.websocket is loop.websockets[1]
    assert loop.websockets[0].close_code == 1006
    assert not loop.done.called


def test_waits_grow_while_nobody_is_there() -> None:
    """Up to the longest."""
    loop = Loop(backoff=Backoff(first=1, most=5, factor=2))
    waits = []
    for _ in range(5):
        loop.network.fail(RefusedError())
        waits.append(loop.wait_until_attempt())
    assert waits == [1, 2, 4, 5, 5]
    loop.open()
    assert len(loop.websockets) == 1


def test_a_connection_that_lived_lets_waits_begin_anew() -> None:
    """As long as the longest wait; one that is dropped at once is one more failure."""
    loop = Loop(backoff=Backoff(first=1, most=8))
    for wait in (1, 2, 4):
        loop.close(loop.open(), 1001)
        assert loop.wait_until_attempt() == wait
    server = loop.open()
    loop.network.advance(7)
    loop.close(server, 1012)
    assert loop.wait_until_attempt() == 8
    server = loop.open()
    loop.network.advance(8)
    loop.close(server, 1012)
    assert loop.wait_until_attempt() == 1


def test_waits_are_a_random_part_of_their_bound() -> None:
    """By the numbers that are injected."""
    chances = iter([0.0, 0.5])
    loop = Loop(random=lambda: next(chances), backoff=Backoff(first=4, most=8))
    loop.open().hang_up()
    loop.network.advance(0)
    assert loop.attempts() == 2
    loop.open().hang_up()
    assert loop.wait_until_attempt() == 4


def test_a_servers_wish_is_waited_for() -> None:
    """Within a bound, and then as long as it would have been without."""
    loop = Loop(backoff=Backoff(first=1, most=8, most_asked=60))
    for asked, wait in (("20", 21), ("3600", 62)):
        server = loop.network.connect()
        server.refuse(503, f"Retry-After: {asked}")
        assert loop.wait_until_attempt() == wait


def test_what_is_tried_again_is_in_the_log() -> None:
    """With the wait, and without the secrets of the URL."""
    with LogKeeper() as log:
        loop = Loop()
        loop.network.fail(RefusedError())
    (event,) = log.events
    text = event["log_format"].format(**event)
    assert text.startswith("ws://a/x: Connection was refused")
    assert text.endswith("; the next try is in 0.5 seconds")


# -- what is not worth another try ---------------------------------------------------------------


def test_a_refusal_for_good_ends_the_loop() -> None:
    """With the refusal."""
    loop = Loop()
    loop.open().hang_up()
    loop.wait_until_attempt()
    loop.network.connect().refuse(401)
    error = error_of(loop.done)
    assert isinstance(error, HandshakeError)
    assert error.status == 401
    loop.network.check_quiet()


def test_a_close_for_good_ends_the_loop() -> None:
    """With what the server has said."""
    loop = Loop()
    loop.close(loop.open(), 4500, "you are banned")
    error = error_of(loop.done)
    assert isinstance(error, ConnectionClosedError)
    assert (error.code, error.reason) == (4500, "you are banned")
    loop.network.check_quiet()


def test_a_policy_of_ones_own() -> None:
    """It hears of each error, and has the word."""
    heard: list[BaseException] = []

    def retry(error: BaseException) -> bool:
        heard.append(error)
        return len(heard) < 4

    loop = Loop(retry=retry)
    loop.network.connect().refuse(403)
    loop.wait_until_attempt()
    loop.close(loop.open(), 1008)
    loop.wait_until_attempt()
    loop.close(loop.open(), 1000, "done")
    loop.wait_until_attempt()
    loop.network.fail(RefusedError())
    assert isinstance(error_of(loop.done), RefusedError)
    kinds = [getattr(error, "status", getattr(error, "code", None)) for error in heard]
    assert kinds[:3] == [403, 1008, 1000]
    loop.network.check_quiet()


def test_a_policy_that_fails() -> None:
    """Is a mistake of the program's, which is told."""
    loop = Loop(retry=lambda _: 1 / 0 > 1)
    loop.network.fail(RefusedError())
    assert isinstance(error_of(loop.done), ZeroDivisionError)


@pytest.mark.parametrize("options", [{"headers": {"Host": "b"}}, {"proxy": "x"}])
def test_what_cannot_be_asked_is_said_at_once(options: dict[str, Any]) -> None:
    """Before any loop."""
    with pytest.raises(ValueError, match=r"\w"):
        reconnect(FakeNetwork(), "ws://a/", **options)
    with pytest.raises(TypeError):
        reconnect(FakeNetwork(), "ws://a/", nonsense=1)  # type: ignore[call-arg]


# -- out of the loop -----------------------------------------------------------------------------


def in_the_body(**options: Any) -> Loop:
    loop = Loop(**options)
    loop.open()
    return loop


def connecting(**options: Any) -> Loop:
    return Loop(**options)


def asking(**options: Any) -> Loop:
    loop = Loop(**options)
    loop.network.connect()
    return loop


def pausing(**options: Any) -> Loop:
    loop = Loop(**options)
    loop.open().hang_up()
    return loop


def closing(**options: Any) -> Loop:
    async def body(_: WebSocket) -> None:
        """Be done with it at once."""

    loop = Loop(body, **options)
    loop.open()
    return loop


MOMENTS = [in_the_body, connecting, asking, pausing, closing]


def settle(loop: Loop) -> None:
    """Let the servers answer the client's close frames, and nothing be left."""
    for server in loop.network.servers:
        if not server.let_go and not server.transport.disconnected:
            assert loop.closed_with(server) == 1000
            server.hang_up()
    loop.network.check_quiet()


@pytest.mark.parametrize("moment", MOMENTS)
def test_cancelling_closes_what_is_open(moment: Callable[..., Loop]) -> None:
    """And leaves nothing behind."""
    with LogKeeper() as log:
        loop = moment()
        loop.done.cancel()
        assert isinstance(error_of(loop.done), CancelledError)
        settle(loop)
        del loop
        gc.collect()
    assert log.failures() == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_stopping_ends_the_loop(moment: Callable[..., Loop]) -> None:
    """As if there were no more connections; it fires when the last one is gone."""
    with LogKeeper() as log:
        loop = moment()
        stopped = loop.again.stop()
        settle(loop)
        assert outcome(stopped) is None
        assert outcome(loop.done) == "left"
        assert outcome(loop.again.stop()) is None
        del loop, stopped
        gc.collect()
    assert log.failures() == []


def test_a_code_and_a_reason_to_stop_with() -> None:
    """For the server."""
    loop = in_the_body()
    loop.again.stop(4000, "off")
    (event,) = loop.engine.receive(loop.network.servers[0].take())
    assert isinstance(event, Close)
    assert (event.code, event.reason) == (4000, "off")


def test_a_code_that_may_not_be_sent() -> None:
    """Is refused, and the loop goes on."""
    loop = in_the_body()
    with pytest.raises(LocalProtocolError):
        loop.again.stop(1006)
    loop.say(loop.network.servers[0], "still here")
    assert loop.received == ["still here"]


def test_stopping_before_it_begins() -> None:
    """Nothing is connected."""
    network = FakeNetwork()
    again = reconnect(network, "ws://a/")
    assert outcome(again.stop()) is None
    assert outcome(again.run()) is None
    assert network.asked == []


def test_breaking_out_closes_the_connection() -> None:
    """At once; the loop may be begun again, and goes on where it was."""

    async def body(_: WebSocket) -> str:
        return "break"

    loop = Loop(body)
    server = loop.open()
    assert outcome(loop.done) == "left"
    assert loop.closed_with(server) == 1000
    server.hang_up()
    loop.network.check_quiet()
    loop.done = Deferred.fromCoroutine(loop._run())
    assert loop.attempts() == 2
    loop.open()
    assert len(loop.websockets) == 2
    assert outcome(loop.done) == "left"


def test_an_exception_in_the_body_closes_the_connection() -> None:
    """And goes its way."""

    async def body(_: WebSocket) -> None:
        raise ZeroDivisionError

    loop = Loop(body)
    server = loop.open()
    assert isinstance(error_of(loop.done), ZeroDivisionError)
    assert loop.closed_with(server) == 1000
    server.hang_up()
    loop.network.check_quiet()


def test_a_body_that_is_done_before_the_connection() -> None:
    """That is closed before there is another, and cut off if the server does not answer."""
    loop = closing(close_timeout=5)
    server = loop.network.servers[0]
    loop.network.advance(4)
    assert loop.attempts() == 1
    loop.answer_close(server)
    loop.wait_until_attempt()
    server = loop.open()
    loop.network.advance(5)
    assert server.let_go
    server.hang_up()
    loop.wait_until_attempt()
    assert loop.attempts() == 3


def test_two_loops_at_once() -> None:
    """There is one connection at a time, for one of them."""
    loop = in_the_body()
    assert isinstance(error_of(loop.again.run()), LocalProtocolError)
    assert not loop.done.called
    loop.say(loop.network.servers[0], "still here")
    assert loop.received == ["still here"]


# -- without a loop ------------------------------------------------------------------------------


class Receiver:
    """The other style."""

    received: list[bytes]

    def __init__(self, ws: WebSocket) -> None:
        self.ws = ws

    def message_received(self, data: bytes, is_text: bool) -> None:
        self.received.append(data)


def running(handler: Any = Receiver) -> tuple[FakeNetwork, Reconnecting, Deferred[None]]:
    Receiver.received = []
    network = FakeNetwork()
    again = reconnect(network, "ws://a/", handler=handler, random=lambda: 1.0, ping_interval=None)
    return network, again, again.run()


def test_a_handler_gets_each_connection() -> None:
    """Of the class style, from its first message."""
    network, again, done = running()
    for text in (b"one", b"two"):
        server = network.connect()
        server.accept(Connection(SERVER).send(text, binary=False))
        server.hang_up(ConnectionLost())
        network.advance(1)
    assert Receiver.received == [b"one", b"two"]
    assert not done.called
    again.stop()
    assert outcome(done) is None


def test_a_coroutine_as_handler() -> None:
    """Its connection is closed when it is done, and another follows."""

    async def handler(ws: WebSocket) -> None:
        await ws.recv()

    network, _, done = running(handler)
    server = network.connect()
    engine = Connection(SERVER)
    server.accept(engine.send(b"that will do", binary=False))
    (event,) = engine.receive(server.take())
    assert isinstance(event, Close)
    server.send(event.reply)
    server.hang_up()
    network.advance(1)
    assert len(network.asked) == 2
    assert not done.called


def test_a_run_fails_with_what_is_not_worth_it() -> None:
    """As a loop does."""
    network, _, done = running()
    network.connect().refuse(404)
    error = error_of(done)
    assert isinstance(error, HandshakeError)
    network.check_quiet()


@pytest.mark.parametrize("stop", [False, True])
def test_the_end_of_a_run(stop: bool) -> None:
    """Cancelled or stopped, it closes what is open."""
    network, again, done = running()
    server = network.connect()
    server.accept()
    if stop:
        again.stop()
    else:
        done.cancel()
        assert isinstance(error_of(done), CancelledError)
    (event,) = Connection(SERVER).receive(server.take())
    assert isinstance(event, Close)
    assert event.code == 1000
    server.hang_up()
    if stop:
        assert outcome(done) is None
    network.check_quiet()


def test_a_handler_that_stops_it() -> None:
    """Before it has returned: the connection does not stay."""

    async def handler(_: WebSocket) -> None:
        stopped.append(again.stop())

    stopped: list[Deferred[None]] = []
    network, again, done = running(handler)
    server = network.connect()
    server.accept()
    assert server.let_go
    assert outcome(done) is None
    assert outcome(stopped[0]) is None
    server.hang_up()
    network.check_quiet()


# -- on an asyncio loop --------------------------------------------------------------------------


class AsyncioNetwork(FakeNetwork):
    """The same as a reactor on an asyncio loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._asyncioEventloop = loop


@pytest.fixture
def play() -> Iterator[Callable[..., None]]:
    """Return what calls a function inside a running asyncio loop."""
    loop = asyncio.new_event_loop()

    def run(scene: Callable[[AsyncioNetwork], Coroutine[Any, Any, None]]) -> None:
        loop.run_until_complete(scene(AsyncioNetwork(loop)))

    yield run
    loop.close()


async def turns(number: int = 8) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def test_a_loop_in_a_task(play: Callable[..., None]) -> None:
    """Connections follow one another, and leaving closes the last one, a turn later."""

    async def scene(network: AsyncioNetwork) -> None:
        websockets = []

        async def body() -> None:
            async for ws in reconnect(network, "ws://a/", random=lambda: 0, ping_interval=None):
                websockets.append(ws)
                if len(websockets) == 2:
                    break
                await ws.wait_closed()

        done = runner_for(network)(body())
        for _ in range(2):
            await turns()
            server = network.connect()
            server.accept()
            await turns()
            if len(websockets) == 1:
                server.hang_up()
                await turns()
                network.advance(0)
        await turns()
        assert outcome(done) is None
        (event,) = Connection(SERVER).receive(server.take())
        assert isinstance(event, Close)
        server.hang_up()
        network.check_quiet()

    play(scene)


def test_a_connection_that_is_there_when_its_task_is_cancelled(play: Callable[..., None]) -> None:
    """The task has not seen it yet, and never will: it is closed all the same."""

    async def scene(network: AsyncioNetwork) -> None:
        async def body() -> None:
            async for _ in reconnect(network, "ws://a/", ping_interval=None):
                raise AssertionError("nobody gets it")

        done = runner_for(network)(body())
        await turns()
        server = network.connect()
        server.accept()
        done.cancel()
        await turns()
        with pytest.raises(CancelledError):
            outcome(done)
        (event,) = Connection(SERVER).receive(server.take())
        assert isinstance(event, Close)
        server.hang_up()
        network.check_quiet()

    play(scene)
