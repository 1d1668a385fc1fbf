"""What connections do, told in words, on any reactor: in memory it has to be as on real sockets.

Each scenario is a coroutine function that takes a reactor and returns what was seen. The tests of
this folder check that with what is right; ``tests/live/testing`` does the same over sockets.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    UNIXClientEndpoint,
    UNIXServerEndpoint,
)
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import ClientFactory, Factory, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.testing.double import HalfRecorder, Recorder, pair, stop

__all__ = ["SCENARIOS"]

Scenario = Callable[[Any], Coroutine[Any, Any, object]]
SCENARIOS: list[tuple[Scenario, object]] = []
"""Each with what it has to return."""

BIG = 20_000_000
"""Bytes that no kernel's buffers take at once."""


def returns(expected: object) -> Callable[[Scenario], Scenario]:
    """Note a scenario and its outcome."""

    def note(scenario: Scenario) -> Scenario:
        SCENARIOS.append((scenario, expected))
        return scenario

    return note


@returns((b"question", b"answer", ["made", "ConnectionDone"], ["made", "ConnectionDone"]))
async def a_conversation(reactor: Any) -> object:
    """Ends when the server has said all; what was written before is sent first."""
    ends = await pair(reactor)
    ends.client.transport.write(b"ques")
    ends.client.transport.writeSequence([b"ti", b"on"])
    await ends.server.until_data(8)
    ends.server.transport.write(b"answer")
    ends.server.transport.loseConnection()
    ends.server.transport.write(b"")
    await ends.client.until_lost()
    await ends.server.until_lost()
    await ends.stop()
    return ends.server.data, ends.client.data, ends.client.events, ends.server.events


@returns((BIG, "ConnectionDone", "ConnectionDone"))
async def much_is_sent_before_the_end(reactor: Any) -> object:
    """However many buffers it takes."""
    ends = await pair(reactor)
    ends.client.transport.write(bytes(BIG))
    ends.client.transport.loseConnection()
    await ends.server.until_lost()
    await ends.client.until_lost()
    await ends.stop()
    return len(ends.server.data), ends.client.lost, ends.server.lost


@returns((["made", "write lost", "read lost"], ["made", "read lost"], b"late", "ConnectionDone"))
async def half_a_close(reactor: Any) -> object:
    """One end has said all and still listens."""
    ends = await pair(reactor, HalfRecorder, HalfRecorder)
    ends.client.transport.write(b"all")
    ends.client.transport.loseWriteConnection()
    await ends.server.until(lambda: "read lost" in ends.server.events)
    heard = list(ends.server.events)
    ends.server.transport.write(b"late")
    ends.server.transport.loseConnection()
    await ends.server.until_lost()
    await ends.client.until(lambda: "read lost" in ends.client.events)
    seen = list(ends.client.events)
    ends.client.transport.loseConnection()
    await ends.client.until_lost()
    await ends.stop()
    return seen, heard, ends.client.data, ends.client.lost


@returns((["made", "ConnectionDone"], ["made", "ConnectionDone"]))
async def half_a_close_that_nobody_understands(reactor: Any) -> object:
    """Ends the connection."""
    ends = await pair(reactor)
    ends.client.transport.loseWriteConnection()
    await ends.server.until_lost()
    await ends.client.until_lost()
    await ends.stop()
    return ends.client.events, ends.server.events


@returns((["made", "ConnectionAborted"], ["made", "ConnectionLost"]))
async def an_abort(reactor: Any) -> object:
    """Is a reset at the other end."""
    ends = await pair(reactor)
    ends.client.transport.write(bytes(100))
    ends.client.transport.abortConnection()
    ends.client.transport.abortConnection()
    await ends.client.until_lost()
    await ends.server.until_lost()
    await ends.stop()
    return ends.client.events, ends.server.events


@returns("ConnectionDone")
async def a_close_with_something_unread(reactor: Any) -> object:
    """Is an end with a reset behind it: who reads sees the end."""
    ends = await pair(reactor)
    ends.server.transport.pauseProducing()
    ends.client.transport.write(b"unread")
    await deferLater(reactor, 0.05)
    ends.server.transport.loseConnection()
    await ends.client.until_lost()
    await ends.stop()
    return ends.client.lost


@returns("ConnectionLost")
async def a_write_to_who_has_closed(reactor: Any) -> object:
    """Is answered with a reset."""
    ends = await pair(reactor, client=HalfRecorder)
    ends.server.transport.loseConnection()
    await ends.client.until(lambda: "read lost" in ends.client.events)
    ends.client.transport.write(b"hello?")
    await deferLater(reactor, 0.05)
    ends.client.transport.write(b"hello?")
    await ends.client.until_lost()
    await ends.stop()
    return ends.client.lost


@returns((b"", b"paused", ["made", "ConnectionDone"]))
async def a_pause(reactor: Any) -> object:
    """While nobody reads, nothing arrives: not even the end."""
    ends = await pair(reactor)
    ends.server.transport.pauseProducing()
    ends.client.transport.write(b"paused")
    ends.client.transport.loseConnection()
    await ends.client.until_lost()
    await deferLater(reactor, 0.05)
    before = ends.server.data
    assert ends.server.events == ["made"]
    ends.server.transport.resumeProducing()
    await ends.server.until_lost()
    await ends.stop()
    return before, ends.server.data, ends.server.events


@implementer(IPushProducer)
class Producer:
    """Writes pieces until it is told to pause."""

    def __init__(self, transport: Any, size: int) -> None:
        self.transport = transport
        self.left = size
        self.calls: list[str] = []
        self.paused = False

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        if self.calls:
            self.calls.append("resume")
        self.paused = False
        while self.left and not self.paused:
            self.left -= 1
            self.transport.write(bytes(100_000))
        if not self.left and not self.paused:
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        self.calls.append("pause")
        self.paused = True

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        self.calls.append("stop")


@returns(("pause", "resume", 200 * 100_000, "ConnectionDone"))
async def a_streaming_producer(reactor: Any) -> object:
    """Pauses while the other end does not read, and goes on when it does."""
    ends = await pair(reactor)
    ends.server.transport.pauseProducing()
    producer = Producer(ends.client.transport, 200)
    ends.client.transport.registerProducer(producer, True)
    producer.resumeProducing()
    await deferLater(reactor, 0.05)
    assert producer.left
    ends.server.transport.resumeProducing()
    await ends.server.until_lost()
    await ends.stop()
    return *producer.calls[:2], len(ends.server.data), ends.client.lost


@returns(["pause", "stop"])
async def a_producer_whose_connection_ends(reactor: Any) -> object:
    """Is told to stop."""
    ends = await pair(reactor)
    ends.server.transport.pauseProducing()
    producer = Producer(ends.client.transport, 1000)
    ends.client.transport.registerProducer(producer, True)
    producer.resumeProducing()
    ends.server.transport.abortConnection()
    await ends.client.until_lost()
    await ends.stop()
    return producer.calls


@returns((b"0123456789", ["made", "ConnectionDone"]))
async def a_pulling_producer(reactor: Any) -> object:
    """Is asked for each piece."""
    ends = await pair(reactor)

    class Pulled:
        count = 0

        def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
            if self.count == 10:
                ends.client.transport.unregisterProducer()
                ends.client.transport.loseConnection()
                return
            ends.client.transport.write(b"%d" % self.count)
            self.count += 1

        def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
            """It has stopped by then."""

    ends.client.transport.registerProducer(Pulled(), False)
    await ends.server.until_lost()
    await ends.stop()
    return ends.server.data, ends.server.events


async def _error(attempt: Deferred[Any]) -> str:
    try:
        await attempt
    except Exception as error:
        return type(error).__name__
    return "no error"


def _factory(protocol: type[Recorder] = Recorder) -> Factory[Any]:
    factory = Factory.forProtocol(protocol)
    factory.noisy = False
    return factory


@returns(["ConnectionRefusedError", "ConnectionRefusedError"])
async def nobody_listens(reactor: Any) -> object:
    """Any more."""
    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(_factory())
    number = port.getHost().port
    await stop(port)
    return [
        await _error(TCP4ClientEndpoint(reactor, "127.0.0.1", number).connect(_factory())),
        await _error(HostnameEndpoint(reactor, "127.0.0.1", number).connect(_factory())),
    ]


@returns(["CannotListenError", "CannotListenError", "CannotListenError", "OverflowError", ""])
async def where_nobody_can_listen(reactor: Any) -> object:
    """Where another does, or there is no such interface or port; afterwards one can."""
    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(_factory())
    number = port.getHost().port
    errors = [
        await _error(TCP4ServerEndpoint(reactor, n, interface=interface).listen(_factory()))
        for n, interface in (
            (number, "127.0.0.1"),
            (number, ""),
            (0, "nowhere.invalid"),
            (70_000, "127.0.0.1"),
        )
    ]
    await stop(port)
    again = await TCP4ServerEndpoint(reactor, number, interface="127.0.0.1").listen(_factory())
    await stop(again)
    return [*errors, ""]


@returns(["DNSLookupError", "DNSLookupError"])
async def a_name_that_nobody_has(reactor: Any) -> object:
    """Is no host, whichever way one asks."""
    failed: Deferred[None] = Deferred()

    class Failing(ClientFactory):
        noisy = False

        def clientConnectionFailed(self, _connector: object, reason: Failure) -> None:  # noqa: N802
            failed.errback(reason)

    reactor.connectTCP("nowhere.invalid", 80, Failing())
    return [
        await _error(HostnameEndpoint(reactor, "nowhere.invalid", 80).connect(_factory())),
        await _error(failed),
    ]


@returns(("127.0.0.1", True, True, "127.0.0.2", True))
async def addresses(reactor: Any) -> object:
    """Each end knows both; a client can say where it comes from."""
    ends = await pair(reactor)
    client, server = ends.client.transport, ends.server.transport
    seen = (
        server.getPeer().host,
        (client.getHost(), client.getPeer()) == (server.getPeer(), server.getHost()),
        server.getHost() == ends.port.getHost() != server.getPeer(),
    )
    accepted: Deferred[str] = Deferred()

    class Accepting(Factory[Any]):
        noisy = False

        def buildProtocol(self, addr: Any) -> None:  # noqa: N802 - Twisted's name
            accepted.callback(addr.host)

    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(Accepting())
    where: Any = port.getHost()
    refused: Any = await TCP4ClientEndpoint(
        reactor, "127.0.0.1", where.port, bindAddress=("127.0.0.2", 0)
    ).connect(_factory())
    await refused.until_lost()
    client.loseConnection()
    await ends.server.until_lost()
    await stop(port)
    await ends.stop()
    return *seen, await accepted, refused.lost == "ConnectionDone"


@returns((False, True, True))
async def options(reactor: Any) -> object:
    """Of a TCP socket."""
    ends = await pair(reactor)
    transport = ends.client.transport
    before = transport.getTcpKeepAlive()
    transport.setTcpKeepAlive(True)
    transport.setTcpNoDelay(True)
    after = bool(transport.getTcpKeepAlive()), bool(transport.getTcpNoDelay())
    transport.loseConnection()
    await ends.server.until_lost()
    await ends.stop()
    return before, *after


@returns(["ConnectError", "CannotListenError", b"over a path", True, "ConnectError"])
async def unix_sockets(reactor: Any) -> object:
    """The same, at a path."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "socket")
        seen: list[object] = [await _error(UNIXClientEndpoint(reactor, path).connect(_factory()))]
        accepted: Deferred[Recorder] = Deferred()

        class Accepting(Factory[Recorder]):
            noisy = False

            def buildProtocol(self, addr: object) -> Recorder:  # noqa: N802 - Twisted's name
                made = Recorder()
                accepted.callback(made)
                return made

        port = await UNIXServerEndpoint(reactor, path).listen(Accepting())
        seen.append(await _error(UNIXServerEndpoint(reactor, path).listen(_factory())))
        client: Any = await UNIXClientEndpoint(reactor, path).connect(_factory())
        server = await accepted
        client.transport.write(b"over a path")
        await server.until_data(11)
        seen += [
            server.data,
            port.getHost() == client.transport.getPeer() == server.transport.getHost(),
        ]
        client.transport.loseConnection()
        await server.until_lost()
        await stop(port)
        return [*seen, await _error(UNIXClientEndpoint(reactor, path).connect(_factory()))]


@returns((["started", "made", "lost", "started", "made", "lost"], b""))
async def a_factory_that_connects_again(reactor: Any) -> object:
    """Through its connector, as before there were endpoints."""
    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(_factory())
    where: Any = port.getHost()
    calls: list[str] = []
    done: Deferred[None] = Deferred()

    class Parting(Recorder):
        def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
            calls.append("made")
            self.transport.loseConnection()

        def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
            """The factory hears of it."""

    class Again(ClientFactory):
        noisy = False
        protocol = Parting

        def startedConnecting(self, connector: Any) -> None:  # noqa: N802
            calls.append("started")

        def clientConnectionLost(self, connector: Any, reason: Failure) -> None:  # noqa: N802
            calls.append("lost")
            if len(calls) < 6:
                connector.connect()
            else:
                done.callback(None)

    reactor.connectTCP("127.0.0.1", where.port, Again())
    await done
    await stop(port)
    return calls, b""
