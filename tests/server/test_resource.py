"""An app inside a ``twisted.web`` site."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from twisted.internet.defer import CancelledError
from twisted.web.resource import IResource, Resource
from twisted.web.server import Site
from twisted.web.static import Data

from sennit.errors import ConfigurationError, NotRunning
from sennit.hub.app import App
from sennit.net.setting import WebSocketSettings
from sennit.server.configuration import Configuration
from sennit.server.resource import AppResource, resource
from sennit.web.api import ApiSettings
from tests.double import LogKeeper, outcome
from tests.net.double import FakeSocket, header_of, status_of, upgrade_request
from tests.server.double import FakeReactor, Visitor
from tests.server.test_node import SlowBroker
from tests.web.reader import Reader


class Tree:
    """A site with an app at ``/live`` and a page beside it."""

    def __init__(self, app: App | None = None, configuration: Configuration | None = None) -> None:
        self.app = app or App()
        self.reactor = FakeReactor()
        self.resource: AppResource = resource(self.app, self.reactor, configuration)
        root = Resource()
        root.putChild(b"live", self.resource)
        root.putChild(b"page", Data(b"a page", "text/plain"))
        self.site = Site(root, reactor=self.reactor, timeout=60)

    def ask(self, data: bytes) -> FakeSocket:
        socket = FakeSocket(self.site.buildProtocol(None))
        socket.protocol.makeConnection(socket)
        socket.deliver(data)
        socket.drain()
        return socket

    def get(self, path: str) -> bytes:
        return bytes(self.ask(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()).taken)

    def knock(self, path: str = "/live/connection/websocket") -> int:
        return status_of(bytes(self.ask(upgrade_request(path)).taken))

    def visit(self, path: str = "/live/connection/websocket") -> Visitor:
        socket = self.ask(upgrade_request(path))
        assert status_of(bytes(socket.taken)) == 101
        socket.taken.clear()
        return Visitor(socket)


def test_it_starts_with_the_reactor() -> None:
    """Until then clients are told to come again, and health says why."""
    tree = Tree()
    assert IResource.providedBy(tree.resource)
    assert tree.knock() == 503
    assert tree.get("/live/health").endswith(b'{"status": "starting"}\n')
    tree.reactor.begin()
    assert tree.get("/live/health").endswith(b'{"status": "ok"}\n')
    assert tree.app.hub is tree.resource.hub
    tree.visit().connect()


def test_it_starts_at_once_where_the_reactor_runs() -> None:
    """Nobody has to start it."""
    app, reactor = App(), FakeReactor()
    reactor.begin()
    found = resource(app, reactor)
    assert app.hub is found.hub


def test_its_addresses() -> None:
    """Those of a server, below where it is put; what is beside it stays."""
    app = App()
    app.raw("/chat")
    tree = Tree(app)
    tree.reactor.begin()
    tree.visit("/live/chat?room=lobby")
    assert status_of(tree.get("/live/connection/websocket")) == 426
    assert status_of(tree.get("/live/elsewhere")) == 404
    assert status_of(tree.get("/live")) == 404
    assert tree.get("/page").endswith(b"a page")


def test_a_page_has_a_slash_at_its_end(tmp_path: Path) -> None:
    """Else its relative addresses would lead elsewhere."""
    (tmp_path / "index.html").write_text("<p>hello")
    tree = Tree(configuration=Configuration(page=str(tmp_path)))
    found = tree.get("/live?room=den")
    assert (status_of(found), header_of(found, "location")) == (308, "./live/?room=den")
    assert tree.get("/live/").endswith(b"<p>hello")


def test_the_limits_reach_the_websockets() -> None:
    """All but those of the heads, which are the site's."""
    tree = Tree(configuration=Configuration(limits=WebSocketSettings(max_message=5)))
    tree.reactor.begin()
    visitor = tree.visit()
    visitor.say("123456")
    visitor.close(1009)


def test_its_websockets_have_their_limits_together() -> None:
    """However many paths they have."""
    app = App()
    app.raw("/chat")
    tree = Tree(app, Configuration(limits=WebSocketSettings(max_connections=2)))
    tree.reactor.begin()
    first = tree.visit()
    tree.visit("/live/chat")
    assert (tree.knock(), tree.knock("/live/chat")) == (503, 503)
    first.lose()
    assert tree.knock("/live/chat") == 101


def test_starting_it_by_hand() -> None:
    """Every call waits for the one start, the reactor's as well."""
    tree = Tree()
    broker = tree.resource.hub.broker = SlowBroker()
    calls = [tree.resource.start(), tree.resource.start()]
    tree.reactor.begin()
    assert not calls[0].called
    broker.starting.callback(None)
    for call in calls:
        outcome(call)
    assert tree.knock() == 101


def test_it_stops_with_the_reactor() -> None:
    """Gracefully: everybody is told 3001, and waited for."""
    app = App()
    app.raw("/chat")
    tree = Tree(app)
    tree.reactor.begin()
    ann, raw = tree.visit(), tree.visit("/live/chat")
    ann.connect()
    (waited,) = tree.reactor.shut_down()
    assert tree.knock() == 503
    assert tree.get("/live/health").endswith(b'{"status": "stopping"}\n')
    ann.close(3001)
    assert not waited.called
    raw.lose()
    outcome(waited)
    with pytest.raises(NotRunning):
        _ = app.hub


def test_who_does_not_go_is_cut_off() -> None:
    """After ``close_timeout``."""
    tree = Tree(configuration=Configuration(limits=WebSocketSettings(close_timeout=3)))
    tree.reactor.begin()
    stubborn = tree.visit()
    stopping = [tree.resource.stop(), tree.resource.stop()]
    tree.reactor.advance(3)
    assert stubborn.socket.aborted
    stubborn.lose()
    for call in stopping:
        outcome(call)


def test_a_stop_before_the_start() -> None:
    """It is final: the reactor does not start it any more, and nobody else does."""
    tree = Tree()
    outcome(tree.resource.stop())
    tree.reactor.begin()
    assert tree.knock() == 503
    with pytest.raises(NotRunning):
        outcome(tree.resource.start())
    with pytest.raises(NotRunning):
        _ = tree.app.hub


def test_a_stop_during_the_start() -> None:
    """The start is given up without a word in the log."""
    tree = Tree()
    broker = tree.resource.hub.broker = SlowBroker()
    tree.reactor.begin()
    starting = tree.resource.start()
    with LogKeeper() as log:
        outcome(tree.resource.stop())
    with pytest.raises(CancelledError):
        outcome(starting)
    assert log.failures() == []
    assert broker.stops == 0


def test_an_app_that_is_served_already() -> None:
    """The log says so, clients are refused, and stopping leaves the other server alone."""
    app = App()
    first = Tree(app)
    first.reactor.begin()
    second = Tree(app)
    with LogKeeper() as log:
        second.reactor.begin()
    (failure,) = log.failures()
    assert failure.check(ConfigurationError)
    assert second.knock() == 503
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="this app is served already"):
            outcome(second.resource.start())
    outcome(second.resource.stop())
    assert app.hub is first.resource.hub


def test_a_setting_that_cannot_be_honoured() -> None:
    """It is found at once."""
    with pytest.raises(ConfigurationError, match="is not a folder"):
        Tree(configuration=Configuration(page="/no/such/folder"))


# -- clients without WebSockets ------------------------------------------------------------------


def stream(tree: Tree) -> Reader:
    reader = Reader(tree.ask(b""))
    reader.send("/live/connection/http_stream", body=b'{"id":1,"connect":{}}')
    return reader


def test_streams_and_uplinks() -> None:
    """They are below where it is put, once it runs, and are told when it stops."""
    tree = Tree()
    early = stream(tree)
    assert (early.status, early.headers["retry-after"]) == (503, "1")
    tree.reactor.begin()
    reader = stream(tree)
    (reply,) = reader.lines()
    where = {name: reply["connect"][name] for name in ("session", "node")}
    body = json.dumps({**where, "data": '{"id":2,"rpc":{"method":"none"}}'}).encode()
    uplink = Reader(tree.ask(b""))
    uplink.send("/live/emulation", body=body)
    assert uplink.status == 204
    assert reader.lines()[0]["error"]["code"] == 108
    stopping = tree.resource.stop()
    assert reader.lines() == [{"push": {"disconnect": {"code": 3001, "reason": "shutdown"}}}]
    gone: list[None] = []
    stopping.addCallback(gone.append)
    assert gone == []
    tree.reactor.advance(0)
    assert gone == [None]
    assert stream(tree).status == 503


def test_the_api() -> None:
    """It is below where it is put, while the app runs; before and afterwards it is 503."""
    app = App()
    app.namespace("news")
    tree = Tree(app, Configuration(api=ApiSettings(keys=("k",))))

    def call() -> Reader:
        reader = Reader(tree.ask(b""))
        body = b'{"channel": "news:a", "data": 1}'
        reader.send("/live/api/publish", body=body, X_API_Key="k")
        return reader

    early = call()
    assert (early.status, early.headers["retry-after"]) == (503, "1")
    tree.reactor.begin()
    assert call().status == 200
    outcome(tree.resource.stop())
    assert call().status == 503


def test_without_a_key_there_is_no_api() -> None:
    """404, and no description either."""
    tree = Tree()
    tree.reactor.begin()
    assert status_of(tree.get("/live/api/openapi.json")) == 404


def test_streams_share_the_limits_of_websockets() -> None:
    """One of either kind takes the place of one of the other."""
    tree = Tree(configuration=Configuration(limits=WebSocketSettings(max_connections=1)))
    tree.reactor.begin()
    reader = stream(tree)
    assert tree.knock() == 503
    reader.lose()
    assert tree.knock() == 101
    assert stream(tree).status == 503
