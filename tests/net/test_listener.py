"""Serving WebSockets alone: on a port, in a site, as a service."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.testing import MemoryReactorClock
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface import implementer

from sennit.errors import ConfigurationError
from sennit.net.client import connect
from sennit.net.listener import listen, resource
from sennit.net.mount import Accept
from sennit.net.port import WebSocketPort
from sennit.testing import Network
from tests.double import outcome
from tests.net.double import FakeSocket, header_of, status_of, upgrade_request


async def handler(ws: Any) -> None:
    await ws.recv()


def ask(factory: Any, data: bytes) -> Any:
    socket = FakeSocket(factory.buildProtocol(None))
    socket.protocol.makeConnection(socket)
    socket.deliver(data)
    socket.drain()
    return socket


def test_an_endpoint_by_its_description() -> None:
    """Any path leads to the handler; pings are on by default."""
    network = Network()
    port = network.result(listen(network, "tcp:8000:interface=127.0.0.1", handler, max_message=5))
    assert port.getHost() == IPv4Address("TCP", "127.0.0.1", 8000)
    talkative = network.result(connect(network, "ws://localhost:8000/"))
    talkative.send("123456")
    network.result(talkative.wait_closed())
    assert talkative.close_code == 1009
    network.result(connect(network, "ws://localhost:8000/any/path", ping_interval=None))
    assert [ws.request.path for ws in port.connections] == ["/any/path"]
    network.link().drop()
    network.advance(41)
    assert len(port.connections) == 0


def test_other_endpoints_by_their_descriptions() -> None:
    """Unix sockets are Twisted's to make."""
    network = Network()
    port = network.result(listen(network, "unix:/run/echo.sock", handler))
    network.result(connect(network, "ws://echo/", endpoint="unix:/run/echo.sock"))
    assert [ws.request.address for ws in port.connections] == ["unix"]


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
    port = outcome(listen(reactor, endpoint, handler, ping_interval=None))
    assert isinstance(port, WebSocketPort)
    assert doors[0].settings.ping_interval is None


def test_an_endpoint_that_cannot_listen() -> None:
    """The failure is Twisted's."""
    network = Network()
    network.result(listen(network, "tcp:8000", handler))
    with pytest.raises(CannotListenError, match="in use"):
        network.result(listen(network, "tcp:8000", handler))


def test_a_setting_that_cannot_be_honoured() -> None:
    """Is found before anything listens."""
    reactor: Any = MemoryReactorClock()
    with pytest.raises(ConfigurationError, match="trusted_proxies"):
        listen(reactor, "tcp:8000", handler, trusted_proxies=("nginx",))
    assert reactor.tcpServers == []


def test_a_hook_and_a_choice_of_subprotocols() -> None:
    """They reach the handshake."""
    reactor: Any = MemoryReactorClock()
    states: list[Any] = []

    async def greet(ws: Any) -> None:
        states.append((ws.state, ws.subprotocol))
        await ws.recv()

    async def check(request: Any) -> Accept:
        return Accept(state=request.cookies["user"], headers={"X-Node": "a"})

    options: Any = {"subprotocols": lambda offered: offered[-1], "on_handshake": check}
    outcome(listen(reactor, "tcp:8000", greet, **options))
    request = upgrade_request(Cookie="user=ada", Sec_WebSocket_Protocol="chat, superchat")
    response = ask(reactor.tcpServers[0][1], request).taken
    assert status_of(response) == 101
    assert header_of(response, "X-Node") == "a"
    assert header_of(response, "Sec-WebSocket-Protocol") == "superchat"
    root = Resource()
    root.putChild(b"ws", resource(reactor, greet, **options))
    response = ask(Site(root, reactor=reactor), request).taken
    assert header_of(response, "X-Node") == "a"
    assert states == [("ada", "superchat")] * 2


def test_a_plain_request_gets_426() -> None:
    """Whatever its path."""
    reactor: Any = MemoryReactorClock()
    outcome(listen(reactor, "tcp:8000", handler))
    door = reactor.tcpServers[0][1]
    response = ask(door, b"GET /any HTTP/1.1\r\nHost: a\r\n\r\n").taken
    assert status_of(response) == 426
    assert header_of(response, "Upgrade") == "websocket"


def test_a_resource_has_the_defaults_of_a_port() -> None:
    """Pings are on."""
    reactor: Any = MemoryReactorClock()
    made = resource(reactor, handler)
    root = Resource()
    root.putChild(b"ws", made)
    socket = ask(Site(root, reactor=reactor), upgrade_request())
    size = len(socket.taken)
    reactor.advance(20)
    assert socket.taken[size : size + 1] == b"\x89"
