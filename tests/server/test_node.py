"""A node: the parts of a served app, and the order in which they start and stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock

from sennit.brokers.memory import MemoryBroker
from sennit.errors import ConfigurationError, Disconnect, HandshakeError, NotRunning, ReplyError
from sennit.hub.app import App
from sennit.hub.namespace import NamespaceOptions
from sennit.hub.setting import TokenSettings
from sennit.interfaces import PublicationSink
from sennit.model.request import ConnectionRequest
from sennit.net.reception import Reception
from sennit.net.setting import WebSocketSettings
from sennit.server import chat
from sennit.server import node as node_module
from sennit.server.configuration import Configuration
from sennit.server.node import EVENT_PATH, SDK_PATH, STREAM_PATH, UPLINK_PATH, Node
from sennit.web.emulation import UplinkResource
from sennit.web.notice import Notice, not_found
from sennit.web.page import File, page_folder
from tests.double import LogKeeper, outcome

NEWS = Configuration(namespaces={"news": NamespaceOptions()})
UNASKED: Any = None
"""A session that nobody looks at, since a token was refused before."""


class SlowBroker(MemoryBroker):
    """Starts when it is let, and counts how often it was stopped."""

    def __init__(self) -> None:
        super().__init__(Clock())
        self.starting: Deferred[None] = Deferred()
        self.stops = 0

    def start(self, sink: PublicationSink) -> Deferred[None]:
        super().start(sink)
        return self.starting

    def stop(self) -> Deferred[None]:
        self.stops += 1
        return succeed(None)


def start(node: Node) -> Deferred[None]:
    return Deferred.fromCoroutine(node.start())


def stop(node: Node) -> Deferred[None]:
    return Deferred.fromCoroutine(node.stop())


def knock(node: Node, path: str = SDK_PATH) -> Any:
    return node.mounts[path].open(ConnectionRequest(path=path))


# -- its life ------------------------------------------------------------------------------------


def test_it_lets_people_in_only_while_it_runs() -> None:
    """Before and afterwards they are told to come again in a second."""
    app = App()
    app.raw("/chat")
    node = Node(app, Clock(), Configuration())
    assert set(node.mounts) == {SDK_PATH, "/chat"}
    for path in node.mounts:
        with pytest.raises(HandshakeError) as caught:
            knock(node, path)
        assert (caught.value.status, caught.value.headers) == (503, (("Retry-After", "1"),))
        assert caught.value.reason == "the server is starting"
    outcome(start(node))
    assert knock(node).handler is not knock(node).handler
    assert knock(node, "/chat").subprotocol is None
    node.retire()
    with pytest.raises(HandshakeError, match="the server is stopping"):
        knock(node)
    outcome(stop(node))


def test_its_status() -> None:
    """It is what ``/health`` says."""
    node = Node(App(), Clock(), Configuration())
    seen = [str(node.status)]
    outcome(start(node))
    seen.append(node.status)
    outcome(stop(node))
    assert [*seen, node.status] == ["starting", "ok", "stopping"]


def test_the_app_has_the_configurations_namespaces_while_it_runs() -> None:
    """It can publish there then, and no longer."""
    app = App()
    node = Node(app, Clock(), NEWS)
    assert app.namespaces == {}
    outcome(start(node))
    assert outcome(app.publish("news:1", "hello")) is not None
    outcome(stop(node))
    assert app.namespaces == {}
    with pytest.raises(NotRunning):
        app.publish("news:1", "hello")


def test_two_nodes_cannot_run_one_app() -> None:
    """The second leaves nothing behind, and stopping it leaves the first alone."""
    app = App()
    first, second = Node(app, Clock(), NEWS), Node(app, Clock(), Configuration())
    outcome(start(first))
    with pytest.raises(ConfigurationError, match="this app is served already"):
        outcome(start(second))
    outcome(stop(second))
    assert app.hub is first.hub
    assert set(app.namespaces) == {"news"}
    outcome(stop(first))
    third = Node(app, Clock(), NEWS)
    outcome(start(third))
    outcome(stop(third))


def test_a_namespace_of_the_apps_own_is_not_declared_again() -> None:
    """Then the node does not start, and the app's namespace is as it was."""
    app = App()
    own = app.namespace("news")
    node = Node(app, Clock(), NEWS)
    with pytest.raises(ConfigurationError, match="declares this namespace itself"):
        outcome(start(node))
    outcome(stop(node))
    assert app.namespaces == {"news": own}


def test_a_broker_that_cannot_start() -> None:
    """The app is free again, without the configuration's namespaces."""
    app = App()
    node = Node(app, Clock(), NEWS)
    broker = node.hub.broker = SlowBroker()
    starting = start(node)
    assert set(app.namespaces) == {"news"}
    broker.starting.errback(ConnectionError("the broker is away"))
    with pytest.raises(ConnectionError):
        outcome(starting)
    assert (app.namespaces, node.status) == ({}, "starting")
    outcome(stop(node))
    assert broker.stops == 0


def test_a_start_that_is_cancelled() -> None:
    """It reaches the broker, and the app is free again."""
    app = App()
    node = Node(app, Clock(), NEWS)
    node.hub.broker = SlowBroker()
    starting = start(node)
    starting.cancel()
    with pytest.raises(CancelledError):
        outcome(starting)
    assert app.namespaces == {}


def test_a_stop_while_the_broker_starts() -> None:
    """It wins: nobody is let in, and what has started by then is stopped."""
    app = App()
    node = Node(app, Clock(), NEWS)
    broker = node.hub.broker = SlowBroker()
    starting = start(node)
    outcome(stop(node))
    assert broker.stops == 0
    broker.starting.callback(None)
    with pytest.raises(NotRunning, match="the server was stopped"):
        outcome(starting)
    assert (broker.stops, node.status, app.namespaces) == (1, "stopping", {})


def test_stopping_is_final() -> None:
    """A further stop does nothing, and there is no further start."""
    node = Node(App(), Clock(), Configuration())
    broker = node.hub.broker = SlowBroker()
    broker.starting.callback(None)
    outcome(start(node))
    outcome(stop(node))
    outcome(stop(node))
    assert broker.stops == 1
    with pytest.raises(NotRunning, match="the server was stopped"):
        outcome(start(node))


def test_the_namespaces_go_even_if_the_broker_cannot_stop() -> None:
    """The failure is told, the app is free."""
    app = App()
    node = Node(app, Clock(), NEWS)
    outcome(start(node))

    class Broken(SlowBroker):
        def stop(self) -> Deferred[None]:
            raise ConnectionError("the broker is away")

    node.hub.broker = Broken()
    with pytest.raises(ConnectionError):
        outcome(stop(node))
    assert app.namespaces == {}


@pytest.mark.parametrize("path", [SDK_PATH, STREAM_PATH, EVENT_PATH, UPLINK_PATH])
def test_the_sdks_paths_are_taken(path: str) -> None:
    """A raw route there would make one of the two unreachable."""
    app = App()
    app.raw(path)
    with pytest.raises(ConfigurationError, match=f"'{path}' is that of the SDKs"):
        Node(app, Clock(), Configuration())


def test_the_configurations_bounds_reach_the_hub() -> None:
    """It has the settings, and the reactor for a clock."""
    clock, configuration = Clock(), Configuration()
    node = Node(App(), clock, configuration)
    assert node.hub.settings is configuration.hub
    assert node.hub.clock is clock


# -- its pages -----------------------------------------------------------------------------------


def children(app: App, page: str = "") -> dict[bytes, Any]:
    """Return what is at its addresses, besides those where SDKs connect without WebSockets."""
    reception = Reception(Clock(), WebSocketSettings(), pages=True)
    found = dict(Node(app, Clock(), Configuration(page=page)).web(reception).children)
    assert set(found.pop(b"connection").children) == {b"http_stream", b"sse"}
    assert isinstance(found.pop(b"emulation"), UplinkResource)
    return found


@pytest.mark.parametrize("page", ["", "none"])
def test_an_app_has_no_page(page: str) -> None:
    """Of its own accord there is its health and nothing else."""
    assert set(children(App(), page)) == {b"health"}


def test_the_chat_has_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And another app that asks for it; the chat may also go without."""
    (tmp_path / "index.html").write_text("<p>chat")
    monkeypatch.setattr(node_module, "built_page", lambda _name: page_folder(tmp_path))
    for found in (children(chat.app), children(App(), "chat")):
        assert set(found) == {b"", b"index.html", b"health"}
        assert isinstance(found[b""], File)
    assert set(children(chat.app, "none")) == {b"health"}


def test_a_page_that_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server serves all the same, and says it at the page's address."""
    notice = not_found()
    monkeypatch.setattr(node_module, "built_page", lambda _name: notice)
    found = children(chat.app)
    assert set(found) == {b"", b"health"}
    assert isinstance(found[b""], Notice)


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    """It is served with health in it, which goes before a file of that name."""
    for name in ("index.html", "app.js", "health"):
        (tmp_path / name).write_text(name)
    found = children(App(), str(tmp_path))
    assert set(found) == {b"", b"index.html", b"app.js", b"health"}
    assert not isinstance(found[b"health"], File)


def test_a_folder_without_an_index(tmp_path: Path) -> None:
    """It is a mistake in the configuration, and so is one that is not there."""
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(ConfigurationError) as caught:
            children(App(), str(folder))
        assert str(caught.value) == f"page: {folder} is not a folder with an index.html"


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is one too, rather than a traceback."""

    def refuse(_folder: Path) -> None:
        raise PermissionError(13, "Permission denied", "secret.js")

    (tmp_path / "index.html").write_text("")
    monkeypatch.setattr(node_module, "page_folder", refuse)
    with pytest.raises(ConfigurationError) as caught:
        children(App(), str(tmp_path))
    assert str(caught.value) == (
        f"page: {tmp_path} cannot be read: [Errno 13] Permission denied: 'secret.js'"
    )


def test_nothing_is_logged() -> None:
    """A life without incidents leaves no entries."""
    with LogKeeper() as log:
        node = Node(App(), Clock(), NEWS)
        outcome(start(node))
        outcome(stop(node))
    assert log.events == []


def test_keys_at_an_address_are_fetched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections and subscriptions share them, unless subscriptions have keys of their own."""
    asked: list[str] = []

    def fetch(url: str) -> Deferred[bytes]:
        asked.append(url)
        return succeed(b'{"keys": []}')

    monkeypatch.setattr(node_module, "fetcher", lambda _: fetch)
    token = jwt.encode({"sub": "ann"}, ec.generate_private_key(ec.SECP256R1()), "ES256")
    one = TokenSettings(jwks_url="https://id.example/")
    other = TokenSettings(jwks_url="https://other.example/")
    for subscription, expected in ((TokenSettings(), [one]), (other, [one, other])):
        asked.clear()
        configuration = Configuration(tokens=one, subscription_tokens=subscription)
        tokens = Node(App(), Clock(), configuration).hub.tokens
        assert tokens is not None
        with pytest.raises(Disconnect):
            outcome(Deferred.fromCoroutine(tokens.connect(token)))
        with pytest.raises(ReplyError):
            outcome(Deferred.fromCoroutine(tokens.subscribe(token, "a", UNASKED)))
        assert asked == [settings.jwks_url for settings in expected]


def test_without_keys_there_are_no_tokens() -> None:
    """What clients show is the handlers' affair then."""
    assert Node(App(), Clock(), Configuration()).hub.tokens is None
