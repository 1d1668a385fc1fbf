"""A server of WebSockets as a service of ``twisted.application``."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.application.service import IService, MultiService
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from zope.interface.verify import verifyObject

from sennit.net.listener import service
from sennit.net.port import WebSocketPort
from sennit.net.service import WebSocketService
from tests.double import LogKeeper, outcome
from tests.net.double import status_of, upgrade_request
from tests.net.test_port import Harbour, close_of, lose


async def handler(ws: Any) -> None:
    await ws.recv()


def test_it_listens_from_its_start() -> None:
    """With the endpoint and the options that it was given; each start listens anew."""
    reactor: Any = MemoryReactorClock()
    made = service(reactor, "tcp:8000", handler, max_message=5)
    assert verifyObject(IService, made)
    assert reactor.tcpServers == []
    for starts in (1, 2):
        made.startService()
        assert made.running
        assert len(reactor.tcpServers) == starts
        assert reactor.tcpServers[-1][1].settings.max_message == 5
        outcome(made.stopService())
        assert (made.running, made.port) == (0, None)


def test_it_listens_while_it_still_may() -> None:
    """``twistd`` gives up its privileges between the two calls; there is still one port."""
    reactor: Any = MemoryReactorClock()
    parent: Any = MultiService()
    made: Any = service(reactor, "tcp:80", handler)
    made.setServiceParent(parent)
    parent.privilegedStartService()
    assert len(reactor.tcpServers) == 1
    parent.startService()
    assert len(reactor.tcpServers) == 1


def test_its_stop_is_graceful() -> None:
    """It waits for the connections, which are closed with 1001."""
    harbour = Harbour()

    def listen() -> Deferred[WebSocketPort]:
        listening: Deferred[WebSocketPort] = Deferred()
        listening.callback(harbour.port)
        return listening

    made = WebSocketService(listen)
    made.startService()
    socket = harbour.ask(upgrade_request())
    assert status_of(socket.taken) == 101
    stopped = made.stopService()
    assert close_of(socket.taken).code == 1001
    assert not stopped.called
    lose(socket)
    assert outcome(stopped) is None


class Slow:
    """Listens when it is told to."""

    def __init__(self) -> None:
        self.listening: list[Deferred[WebSocketPort]] = []

    def __call__(self) -> Deferred[WebSocketPort]:
        self.listening.append(Deferred())
        return self.listening[-1]


def test_it_cannot_listen() -> None:
    """The start raises; it may be started again."""
    slow = Slow()
    made = WebSocketService(lambda: slow() if slow.listening else _refused(slow))
    with LogKeeper() as log, pytest.raises(CannotListenError):
        made.startService()
    assert log.failures() == []
    assert not made.running
    made.startService()
    assert len(slow.listening) == 2


def _refused(slow: Slow) -> Deferred[WebSocketPort]:
    refused = slow()
    refused.errback(CannotListenError("127.0.0.1", 80, OSError()))
    return refused


def test_a_failure_that_comes_later_is_logged() -> None:
    """There is nobody left to raise it to."""
    slow = Slow()
    made = WebSocketService(slow)
    made.startService()
    with LogKeeper() as log:
        slow.listening[0].errback(CannotListenError("127.0.0.1", 80, OSError()))
    assert [failure.type for failure in log.failures()] == [CannotListenError]
    outcome(made.stopService())


def test_a_stop_before_it_listens() -> None:
    """It is given up without a word."""
    slow = Slow()
    made = WebSocketService(slow)
    made.startService()
    with LogKeeper() as log:
        outcome(made.stopService())
        assert slow.listening[0].called
    assert log.failures() == []
    outcome(made.stopService())
