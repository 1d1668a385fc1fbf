"""An app served from code: ``sennit.serve``, ``sennit.service`` and ``sennit.resource``."""

from __future__ import annotations

import json
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data

import sennit
from sennit.errors import ConfigurationError, HandshakeError, NotRunning
from sennit.server.listening import ListenError
from tests.live.client import Caller, Line, Peer, upgrade_request
from tests.live.loop import Loop
from tests.live.process import Process

TWIST = Path(sys.executable).with_name("twist")
TWISTD = Path(sys.executable).with_name("twistd")
ENDED = (0, -signal.SIGTERM)
"""Twisted's commands send themselves the signal again, once all is stopped."""
HERE = "tcp:0:interface=127.0.0.1"
Run = Callable[..., Any]
Visit = Callable[..., Any]
Start = Callable[..., Process]

MODULE = """
from sennit import App

app = App()


@app.rpc("greet")
def greet(_session, name: str):
    return f"hello {name}"
"""
TAC = """
from twisted.application.service import Application
from twisted.internet import reactor

import sennit
from greeting import app

application = Application("greeting")
sennit.service(app, reactor, "tcp:{port}:interface=127.0.0.1").setServiceParent(application)
"""


@pytest.fixture
def visit(run: Run) -> Visit:
    """Return what calls a function of a client's in another thread, while the reactor runs."""
    return lambda function, *args, **options: run(deferToThread(function, *args, **options))


def new_app() -> sennit.App:
    """Return an app with one namespace and one method."""
    app = sennit.App()
    app.namespace(
        "room", allow_subscribe={"client", "anonymous"}, allow_publish={"client", "anonymous"}
    )
    app.raw("/plain")
    app.rpc("greet")(greet)
    return app


def greet(_session: Any, name: str) -> str:
    """Greet."""
    return f"hello {name}"


def ask_for_greeting(port: int) -> str:
    """Return the app's greeting, over a connection that is closed afterwards."""
    with Caller(port) as ann:
        greeting: str = ann.rpc("greet", "Ann")
        assert ann.close() == (1000, "")
        return greeting


# -- sennit.serve ----------------------------------------------------------------------------------


def test_serve(run: Run, visit: Visit, reactor: Any) -> None:
    """It serves from when it says so until it is stopped, and can be published to."""
    app = new_app()
    with pytest.raises(NotRunning):
        app.publish("room:a", "too early")
    server = run(sennit.serve(app, reactor, HERE))
    assert server.addresses == (f"http://127.0.0.1:{server.port}/",)

    def listen(ann: Caller) -> Any:
        ann.call("subscribe", channel="room:a")
        return ann.rpc("greet", "Ann")

    with visit(Caller, server.port) as ann:
        assert visit(listen, ann) == "hello Ann"
        assert server.connections == 1
        run(app.publish("room:a", {"text": "from the program"}))
        assert ann.publication() == {"text": "from the program"}
        stopping = server.stop()
        assert visit(ann.closed) == (3001, "shutdown")
        run(stopping)
    assert (server.connections, server.port) == (0, None)
    with pytest.raises(NotRunning):
        app.publish("room:a", "too late")


def test_serve_again(run: Run, visit: Visit, reactor: Any) -> None:
    """An app is served once at a time, and after that again."""
    app = new_app()
    server = run(sennit.serve(app, reactor, HERE))
    with pytest.raises(ConfigurationError, match="served already"):
        run(sennit.serve(app, reactor, HERE))
    assert visit(ask_for_greeting, server.port) == "hello Ann"
    run(server.stop())
    again = run(sennit.serve(app, reactor, HERE))
    assert visit(ask_for_greeting, again.port) == "hello Ann"
    run(again.stop())


def test_serve_where_somebody_listens(run: Run, reactor: Any) -> None:
    """It is an error that says so; the app is free to be served elsewhere."""
    app = new_app()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ListenError, match=f"port {port} on 127.0.0.1 is in use"):
            run(sennit.serve(app, reactor, f"tcp:{port}:interface=127.0.0.1"))
    server = run(sennit.serve(app, reactor, HERE))
    run(server.stop())


def test_two_apps(run: Run, visit: Visit, reactor: Any) -> None:
    """Two apps in one process do not hear each other."""
    one, other = new_app(), new_app()
    servers = [run(sennit.serve(app, reactor, HERE)) for app in (one, other)]

    def talk() -> list[str]:
        with Peer(servers[0].port, "/plain") as ann, Peer(servers[1].port, "/plain") as ben:
            ann.say("to one")
            ben.say("to the other")
            return [ann.text(), ben.text()]

    assert visit(talk) == ["to one", "to the other"]
    for server in servers:
        run(server.stop())


def test_unix_socket(run: Run, visit: Visit, reactor: Any, tmp_path: Path) -> None:
    """A UNIX socket does as well."""
    path = tmp_path / "sennit.sock"
    server = run(sennit.serve(new_app(), reactor, f"unix:{path}"))
    assert (server.port, server.addresses) == (None, (f"unix:{path}",))

    def health() -> bytes:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(path))
            client.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            return client.makefile("rb").read()

    assert visit(health).startswith(b"HTTP/1.1 200 OK\r\n")
    run(server.stop())


def test_clients_that_are_gone_before_they_are_read(run: Run, loop: Loop) -> None:
    """They leave no place taken, whatever they had sent, and the server stops without them."""
    server = run(sennit.serve(new_app(), loop.reactor, HERE))
    requests = (
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2,
        upgrade_request("/plain"),
    )
    for request in requests:
        # The reactor does not run meanwhile: all of it is there at once.
        for _ in range(5):
            line = Line(server.port)
            line.send(request)
            line.reset()
    loop.pause(0.1)
    loop.wait_until(lambda: not len(server._door._keepers))
    assert (server._door.limits.handshakes, server._door.limits.connections) == (0, 0)
    run(server.stop(), 3)


# -- sennit.service --------------------------------------------------------------------------------


def test_plugin_of_twist(start_process: Start, free_port: int, tmp_path: Path) -> None:
    """``twist sennit`` serves the chat, or an app; it stops as gracefully."""
    (tmp_path / "greeting.py").write_text(MODULE)
    arguments = [TWIST, "sennit", "--port", str(free_port)]
    process = start_process([*arguments, "greeting:app"], port=free_port, folder=tmp_path)
    with Caller(free_port) as ann:
        assert ann.rpc("greet", "Ann") == "hello Ann"
        process.signal(signal.SIGTERM)
        assert ann.closed() == (3001, "shutdown")
    assert process.wait() in ENDED
    assert "Traceback" not in process.output
    start_process(arguments, port=free_port, folder=tmp_path)
    with Caller(free_port, "Ann") as ann:
        assert ann.rpc("chat.rooms")["rooms"]


@pytest.mark.parametrize("what", ["plugin", "tac"])
def test_twistd(start_process: Start, free_port: int, tmp_path: Path, what: str) -> None:
    """``twistd`` runs the plugin, and a service in an application of one's own."""
    (tmp_path / "greeting.py").write_text(MODULE)
    (tmp_path / "greeting.tac").write_text(TAC.format(port=free_port))
    arguments = {
        "plugin": ["sennit", "--port", str(free_port), "greeting:app"],
        "tac": ["--python=greeting.tac"],
    }
    process = start_process(
        [TWISTD, "--nodaemon", "--pidfile=", *arguments[what]],
        port=free_port,
        folder=tmp_path,
        environment={"PYTHONPATH": str(tmp_path)},
    )
    with Caller(free_port) as ann:
        assert ann.rpc("greet", "Ann") == "hello Ann"
        process.signal(signal.SIGTERM)
        assert ann.closed() == (3001, "shutdown")
    assert process.wait() in ENDED
    assert "Traceback" not in process.output
    assert "Server Shut Down." in process.output


@pytest.mark.parametrize("command", [[TWIST], [TWISTD, "--nodaemon", "--pidfile="]])
def test_plugin_that_cannot_start(
    start_process: Start, tmp_path: Path, command: list[str | Path]
) -> None:
    """Twisted's commands end with status 1, and the last line says why."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = start_process([*command, "sennit", "--port", str(port)], folder=tmp_path)
        assert process.wait() == 1
        assert process.output.rstrip().endswith(f"port {port} on 127.0.0.1 is in use")


# -- sennit.resource -------------------------------------------------------------------------------


def test_resource(run: Run, visit: Visit, reactor: Any) -> None:
    """Within a site an app is at the address where it was put, beside other pages."""
    app = new_app()
    root = Resource()
    root.putChild(b"about", Data(b"about us", "text/plain"))
    served = sennit.resource(app, reactor)
    root.putChild(b"talk", served)
    port = reactor.listenTCP(0, Site(root, reactor=reactor), interface="127.0.0.1")
    number = port.getHost().port

    def look() -> None:
        with Line(number) as line:
            assert line.get("/about").text == "about us"
            assert json.loads(line.get("/talk/health").body) == {"status": "ok"}
            assert line.get("/talk/connection/websocket").status == 426
            assert line.get("/talk/nothing").status == 404
            assert line.get("/connection/websocket").status == 404
            # An upgrade may follow on the same connection.
            line.send(upgrade_request("/talk/plain", sec_websocket_protocol="chat"))
            assert b"101 Switching Protocols" in line.head()
        with Line(number) as line:
            line.send(upgrade_request("/talk/plain", origin="https://evil.example"))
            assert line.response().status == 403

    def talk(ann: Caller, plain: Peer) -> None:
        ann.call("subscribe", channel="room:lobby")
        plain.say("hello")
        assert ann.publication() == plain.text() == "hello"
        assert ann.rpc("greet", "Ann") == "hello Ann"

    run(served.start())
    visit(look)
    ann = visit(Caller, number, path="/talk/connection/websocket")
    plain = visit(Peer, number, "/talk/plain")
    with ann, plain:
        visit(talk, ann, plain)
        stopping = served.stop()
        for peer in (ann, plain):
            assert visit(peer.closed) == (3001, "shutdown")
        run(stopping)
    with pytest.raises(HandshakeError) as refused:
        run(sennit.websocket.connect(reactor, f"ws://127.0.0.1:{number}/talk/plain"))
    assert refused.value.status == 503
    run(port.stopListening())
