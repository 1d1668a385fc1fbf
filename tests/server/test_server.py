"""A server: an app on a port, from its start to the order of its stop."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import CannotListenError, ConnectionAborted
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.python.failure import Failure
from zope.interface import implementer

from sennit.engine.build import Close
from sennit.errors import ConfigurationError, NotRunning
from sennit.hub.app import App
from sennit.hub.namespace import NamespaceOptions
from sennit.hub.request import ConnectRequest, Credentials
from sennit.net.setting import WebSocketSettings
from sennit.server.configuration import Configuration
from sennit.server.listening import ListenError
from sennit.server.server import Server, serve
from tests.double import LogKeeper, outcome
from tests.net.double import status_of, upgrade_request
from tests.server.double import FakeReactor, Visitor
from tests.web.reader import Reader

OK = (200, b'{"status": "ok"}\n')
STOPPING = (503, b'{"status": "stopping"}\n')


@implementer(IStreamServerEndpoint)
class SlowEndpoint:
    """An endpoint that listens when it is let."""

    def __init__(self, reactor: FakeReactor) -> None:
        self.endpoint = TCP4ServerEndpoint(reactor, 8000)
        self.waiting: Deferred[Any] = Deferred()

    def listen(self, protocolFactory: Any) -> Deferred[IListeningPort]:  # noqa: N803 - Twisted's
        return self.waiting.addCallback(lambda _: self.endpoint.listen(protocolFactory))


def in_use() -> CannotListenError:
    return CannotListenError("127.0.0.1", 8000, OSError(errno.EADDRINUSE, "in use"))


# -- starting ------------------------------------------------------------------------------------


def test_serving() -> None:
    """The server comes once it listens, and the app can publish by then."""
    app, reactor = App(), FakeReactor()
    app.namespace("news")
    server = outcome(serve(app, reactor))
    assert (server.port, server.addresses) == (8000, ("http://127.0.0.1:8000/",))
    assert server.connections == 0
    assert server.hub is app.hub
    outcome(app.publish("news:1", "hello"))
    assert reactor.port.health() == OK


def test_an_endpoint_and_a_configuration() -> None:
    """Both reach the parts; the endpoint given is nearer than the configuration's."""
    app, reactor = App(), FakeReactor()
    app.raw("/chat")
    configuration = Configuration(
        port=1, namespaces={"news": NamespaceOptions()}, limits=WebSocketSettings(max_message=5)
    )
    server = outcome(serve(app, reactor, "tcp:9000:interface=127.0.0.1", configuration))
    assert server.addresses == ("http://127.0.0.1:9000/",)
    assert set(app.namespaces) == {"news"}
    visitor = reactor.port.visit()
    visitor.say("123456")
    (close,) = visitor.hear()
    assert isinstance(close, Close)
    assert close.code == 1009
    reactor.port.visit("/chat").lose()


def test_behind_a_trusted_proxy() -> None:
    """Handlers see the client's address, and the limits count by it."""
    app, reactor = App(), FakeReactor()
    seen: list[str] = []

    @app.on_connect
    def connect(request: ConnectRequest) -> Credentials:
        seen.append(request.address)
        return Credentials("ann")

    limits = WebSocketSettings(trusted_proxies=("192.0.2.1",), max_per_address=1)
    outcome(serve(app, reactor, None, Configuration(limits=limits)))
    path = "/connection/websocket"
    for number in (7, 8):
        request = upgrade_request(path, X_Forwarded_For=f"203.0.113.{number}")
        socket = reactor.port.ask(request)
        socket.taken.clear()
        Visitor(socket).connect()
    assert seen == ["203.0.113.7", "203.0.113.8"]
    assert status_of(bytes(reactor.port.ask(request).taken)) == 429


def test_what_is_at_which_address() -> None:
    """WebSockets at their paths, health beside them, and nothing else of its own accord."""
    reactor = FakeReactor()
    outcome(serve(App(), reactor))

    def ask(data: bytes) -> int:
        return status_of(bytes(reactor.port.ask(data).taken))

    assert ask(upgrade_request("/connection/websocket")) == 101
    assert ask(upgrade_request("/elsewhere")) == 404
    assert ask(b"GET /connection/websocket HTTP/1.1\r\nHost: a\r\n\r\n") == 426
    for place in (b"/connection/http_stream", b"/emulation"):
        assert ask(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % place) == 405
    assert ask(b"GET /connection/sse HTTP/1.1\r\nHost: a\r\n\r\n") == 400
    assert ask(b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n") == 404
    nothing = bytes(reactor.port.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").taken)
    assert status_of(nothing) == 404
    assert b"SDKs connect to <code>/connection/websocket</code>" in nothing


def test_listening_that_fails_leaves_nothing_running() -> None:
    """The app is free, nothing waits for the shutdown, and the next attempt can succeed."""
    app, reactor = App(), FakeReactor()
    reactor.refusal = in_use()
    configuration = Configuration(namespaces={"news": NamespaceOptions()})
    with pytest.raises(ListenError, match=r"^port 8000 on 127\.0\.0\.1 is in use$"):
        outcome(serve(app, reactor, None, configuration))
    with pytest.raises(NotRunning):
        _ = app.hub
    assert app.namespaces == {}
    assert reactor.triggers_left == 0
    assert reactor.getDelayedCalls() == []
    reactor.refusal = None
    outcome(serve(app, reactor, None, configuration))
    assert reactor.port.health() == OK


@pytest.mark.parametrize(
    ("endpoint", "configuration", "words"),
    [
        ("tcp", None, "'tcp' is not the description of a Twisted endpoint"),
        (None, Configuration(page="/no/such/folder"), "page: /no/such/folder is not a folder"),
    ],
)
def test_a_mistake_in_the_settings(
    endpoint: str | None, configuration: Configuration | None, words: str
) -> None:
    """It comes from the Deferred, as every failure does; nothing was started."""
    app, reactor = App(), FakeReactor()
    with pytest.raises(ConfigurationError, match=words):
        outcome(serve(app, reactor, endpoint, configuration))
    assert (reactor.ports, reactor.triggers_left) == ([], 0)
    outcome(serve(app, reactor))


def test_an_app_that_is_served_already() -> None:
    """The second server does not listen, and the first one goes on."""
    app, reactor = App(), FakeReactor()
    first = outcome(serve(app, reactor))
    with pytest.raises(ConfigurationError, match="this app is served already"):
        outcome(serve(app, reactor))
    second = Server(app, reactor)
    outcome(second.stop())
    assert app.hub is first.hub
    assert reactor.port.health() == OK


def test_a_start_that_is_cancelled() -> None:
    """While the endpoint takes its time; the app is free afterwards."""
    app, reactor = App(), FakeReactor()
    starting = serve(app, reactor, SlowEndpoint(reactor))
    assert app.hub is not None
    starting.cancel()
    with pytest.raises(CancelledError):
        outcome(starting)
    with pytest.raises(NotRunning):
        _ = app.hub


def test_a_stop_while_the_endpoint_takes_its_time() -> None:
    """It wins: the port is closed as soon as it is there."""
    app, reactor = App(), FakeReactor()
    endpoint = SlowEndpoint(reactor)
    server = Server(app, reactor, endpoint)
    starting = Deferred.fromCoroutine(server.start())
    outcome(server.stop())
    endpoint.waiting.callback(None)
    with pytest.raises(NotRunning, match="the server was stopped"):
        outcome(starting)
    assert not reactor.port.listening


# -- stopping ------------------------------------------------------------------------------------


def test_the_order_of_the_stop() -> None:
    """No further port, then everybody is told 3001 and waited for, and the broker comes last."""
    app, reactor = App(), FakeReactor()
    server = outcome(serve(app, reactor))
    port = reactor.port
    ann, silent = port.visit(), port.visit()
    ann.connect()
    assert server.connections == 2
    late = port.connect()
    port.closing = Deferred()

    stopping = server.stop()
    assert not port.listening
    late.deliver(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
    late.drain()
    assert late.taken.endswith(STOPPING[1])
    assert ann.hear() == []

    port.closing.callback(None)
    assert app.hub is server.hub
    ann.close(3001)
    silent.close(3001)
    assert server.connections == 0
    assert not stopping.called  # the HTTP connection is kept alive
    late.protocol.connectionLost(None)
    outcome(stopping)
    with pytest.raises(NotRunning):
        _ = app.hub
    assert (server.port, server.addresses) == (None, ())
    assert reactor.triggers_left == 0
    assert reactor.getDelayedCalls() == []


def test_an_upgrade_during_the_stop() -> None:
    """A connection that was made before is told to come again."""
    app, reactor = App(), FakeReactor()
    server = outcome(serve(app, reactor))
    late = reactor.port.connect()
    reactor.port.closing = Deferred()
    server.stop()
    late.deliver(upgrade_request("/connection/websocket"))
    late.drain()
    assert status_of(bytes(late.taken)) == 503
    assert b"Retry-After: 1\r\n" in late.taken


def test_who_does_not_go_is_cut_off() -> None:
    """After ``close_timeout``, so the stop is certain to end."""
    reactor = FakeReactor()
    configuration = Configuration(limits=WebSocketSettings(close_timeout=3))
    server = outcome(serve(App(), reactor, None, configuration))
    stubborn = reactor.port.visit()
    stubborn.connect()
    stopping = server.stop()
    reactor.advance(2.9)
    assert not stubborn.socket.aborted
    reactor.advance(0.1)
    assert stubborn.socket.aborted
    assert not stopping.called
    stubborn.lose()
    outcome(stopping)


def test_stopping_twice() -> None:
    """Every call waits for the one stop, and one who gives up waiting does not end it."""
    reactor = FakeReactor()
    server = outcome(serve(App(), reactor))
    visitor = reactor.port.visit()
    calls = [server.stop(), server.stop(), server.stop()]
    calls[0].cancel()
    with pytest.raises(CancelledError):
        outcome(calls[0])
    assert not calls[1].called
    visitor.close(3001)
    for call in calls[1:]:
        outcome(call)
    outcome(server.stop())


def test_a_handler_that_stops_it() -> None:
    """It may be told to stop by what happens because it stops."""
    app, reactor = App(), FakeReactor()
    calls: list[Deferred[None]] = []

    @app.on_disconnect
    def left(_session: object, _closed: object) -> None:
        calls.append(server.stop())

    server = outcome(serve(app, reactor))
    visitor = reactor.port.visit()
    visitor.connect()
    stopping = server.stop()
    visitor.close(3001)
    outcome(stopping)
    outcome(calls[0])


def test_cut_waits_for_nobody() -> None:
    """It ends the waiting for connections; the rest of the stop is done."""
    app, reactor = App(), FakeReactor()
    server = outcome(serve(app, reactor))
    visitor = reactor.port.visit()
    server.cut()  # Nothing to cut yet.
    stopping = server.stop()
    assert not stopping.called
    server.cut()
    outcome(stopping)
    with pytest.raises(NotRunning):
        _ = app.hub
    server.cut()
    visitor.lose()


def test_the_reactors_shutdown_stops_it() -> None:
    """The reactor waits for the same stop."""
    reactor = FakeReactor()
    server = outcome(serve(App(), reactor))
    visitor = reactor.port.visit()
    (waited,) = reactor.shut_down()
    assert not waited.called
    visitor.close(3001)
    outcome(waited)
    outcome(server.stop())


def test_a_stopped_server_does_not_hold_up_the_shutdown() -> None:
    """Its trigger is gone, so a program may start and stop servers without end."""
    reactor = FakeReactor()
    server = outcome(serve(App(), reactor))
    assert reactor.triggers_left == 1
    outcome(server.stop())
    assert reactor.shut_down() == []


def test_it_may_be_served_again() -> None:
    """The app outlives its server."""
    app, reactor = App(), FakeReactor()
    for _ in range(2):
        server = outcome(serve(app, reactor))
        outcome(server.stop())
    assert [port.listening for port in reactor.ports] == [False, False]


def test_a_life_without_incidents_leaves_no_failures() -> None:
    """Starting, serving and stopping log none."""
    with LogKeeper() as log:
        reactor = FakeReactor()
        server = outcome(serve(App(), reactor))
        visitor = reactor.port.visit()
        visitor.connect()
        stopping = server.stop()
        visitor.close(3001)
        outcome(stopping)
    assert log.failures() == []


# -- clients without WebSockets ------------------------------------------------------------------


def test_streams_end_when_it_stops() -> None:
    """They count as its connections, are told, and it waits for them; late ones get 503."""
    reactor = FakeReactor()
    server = outcome(serve(App(), reactor))
    reader = Reader(reactor.port.connect())
    reader.send("/connection/http_stream", body=b'{"id":1,"connect":{}}')
    assert "connect" in reader.lines()[0]
    assert server.connections == 1
    idle = Reader(reactor.port.connect())
    idle.send("/emulation", body=b"?")
    assert idle.status == 400
    stopping = server.stop()
    gone: list[None] = []
    stopping.addCallback(gone.append)
    assert reader.lines() == [{"push": {"disconnect": {"code": 3001, "reason": "shutdown"}}}]
    assert reader.complete
    for one in (reader, idle):
        one.socket.drain()
        assert one.socket.disconnected
    reactor.advance(0)
    assert gone == [None]
    assert server.connections == 0


def test_a_stream_that_is_not_read_when_it_stops() -> None:
    """It is cut off after the close timeout."""
    app, reactor = App(), FakeReactor()
    app.rpc("much")(lambda _session, _data: "x" * 100_000)
    server = outcome(serve(app, reactor))
    socket = reactor.port.connect()
    socket.room = 0
    body = b'{"id":1,"connect":{}}\n{"id":2,"rpc":{"method":"much"}}'
    head = "POST /connection/http_stream HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n"
    socket.deliver(head.format(len(body)).encode() + body)
    gone: list[None] = []
    server.stop().addCallback(gone.append)
    reactor.advance(4.9)
    assert (socket.aborted, gone) == (False, [])
    reactor.advance(0.2)
    assert socket.aborted
    socket.connectionLost(Failure(ConnectionAborted()))
    assert gone == [None]
