"""Listening for WebSockets alone."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import succeed
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.testing import MemoryReactorClock
from zope.interface import implementer

from sennit.net.front_door import FrontDoor
from sennit.net.listener import listen
from tests.double import outcome


async def handler(ws: Any) -> None:
    await ws.recv()


def test_an_endpoint_by_its_description() -> None:
    """Any path leads to the handler; pings are on by default."""
    reactor: Any = MemoryReactorClock()
    port = outcome(listen(reactor, "tcp:8000:interface=127.0.0.1", handler, max_message=5))
    host: Any = port.getHost()
    assert host.port == 8000
    ((number, door, _, interface),) = reactor.tcpServers
    assert (number, interface) == (8000, "127.0.0.1")
    assert isinstance(door, FrontDoor)
    assert (door.settings.max_message, door.settings.ping_interval) == (5, 20.0)
    assert door.mount_for("/anything") is not None


def test_an_endpoint_of_twisteds() -> None:
    """With options of its own."""
    doors: list[Any] = []

    @implementer(IStreamServerEndpoint)
    class Endpoint:
        def listen(self, protocolFactory: Any) -> Any:  # noqa: N803 - Twisted names it
            doors.append(protocolFactory)
            return succeed("port")

    endpoint = Endpoint()
    reactor: Any = MemoryReactorClock()
    port: Any = outcome(listen(reactor, endpoint, handler, ping_interval=None))
    assert port == "port"
    assert doors[0].settings.ping_interval is None
