"""``sennit serve`` as a user meets it: how it starts, what it says, and how it stops."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.client import Caller, Line, Peer
from tests.live.process import ROOT, Process
from tests.live.requirement import require_program
from tests.live.server import SENNIT

REACTORS = ("epoll", "sennit", "poll", "select", "asyncio", "uvloop")
HOW_TO_STOP = "press Ctrl-C to stop."
STOPPING = "Stopping; once more to stop at once."
Start = Callable[..., Process]

APP = """
from sennit import App

app = App()
app.namespace("room", allow_subscribe={"anonymous"}, allow_publish={"anonymous"})
app.raw("/talk")


@app.rpc("whose")
def whose(_session, _params):
    return WHOSE
"""


def announcement(port: int, host: str = "127.0.0.1") -> str:
    return f"Sennit serves http://{host}:{port}/ - {HOW_TO_STOP}"


def test_alone_it_is_the_chat(
    start_process: Start, free_port: int, tmp_path: Path, page_files: Path
) -> None:
    """Without an app it serves the chat, its page too, and says where and how to stop it."""
    process = start_process(
        [SENNIT, "serve"],
        line=HOW_TO_STOP,
        folder=tmp_path,
        environment={"SENNIT_PORT": str(free_port)},
    )
    assert process.lines == [announcement(free_port)]
    with Line(free_port) as line:
        assert line.get("/").body == (page_files / "index.html").read_bytes()
    with Caller(free_port, "Ann") as ann, Caller(free_port, "Ben") as ben:
        for person in (ann, ben):
            person.call("subscribe", channel="room:lobby")
        ann.rpc("chat.send", {"id": "1", "room": "lobby", "text": "hello"})
        assert ben.publication()["text"] == "hello"
        assert process.lines == [announcement(free_port)]


@pytest.mark.parametrize("reactor", REACTORS)
def test_app_of_a_folder(
    start_process: Start, free_port: int, tmp_path: Path, reactor: str
) -> None:
    """``module:app`` is looked for where the command is given, and runs on every reactor."""
    (tmp_path / "mine.py").write_text(APP.replace("WHOSE", '"mine"'))
    process = start_process(
        [SENNIT, "serve", "mine:app", "--port", str(free_port), "--reactor", reactor],
        line=HOW_TO_STOP,
        folder=tmp_path,
    )
    with Caller(free_port) as ann, Peer(free_port, "/talk", subprotocols=["chat"]) as peer:
        assert ann.rpc("whose") == "mine"
        ann.call("subscribe", channel="room:lobby")
        peer.say("hello")
        assert ann.publication() == peer.text() == "hello"
        with Line(free_port) as line:
            assert line.get("/").status == 404  # The chat's page is the chat's.
    assert process.stop() == 0
    assert process.lines == [announcement(free_port), STOPPING]


def test_app_without_a_name(start_process: Start, free_port: int, tmp_path: Path) -> None:
    """Where only a module is said the app is called ``app``; ``python -m sennit`` is the same."""
    (tmp_path / "mine.py").write_text(APP.replace("WHOSE", '"mine too"'))
    start_process(
        ["-m", "sennit", "serve", "mine", "--port", str(free_port)],
        line=HOW_TO_STOP,
        folder=tmp_path,
    )
    with Caller(free_port) as ann:
        assert ann.rpc("whose") == "mine too"


def test_no_such_app(start_process: Start, free_port: int, tmp_path: Path) -> None:
    """An app that cannot be found is one line, and no traceback."""
    arguments = [SENNIT, "serve", "nowhere:app", "--port", str(free_port)]
    process = start_process(arguments, folder=tmp_path)
    assert process.wait() == 2
    (line,) = process.lines
    assert line.startswith("sennit: there is no module 'nowhere'")


@pytest.mark.parametrize("reactor", ["epoll", "uvloop"])
def test_port_in_use(start_process: Start, reactor: str) -> None:
    """Where somebody else listens it says so in one line, and ends with status 1."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = start_process([SENNIT, "serve", "--port", str(port), "--reactor", reactor])
        assert process.wait() == 1
    where = f"port {port} on 127.0.0.1 is in use"
    assert process.lines == [f"sennit: {where}; choose another with --port"]


def test_port_of_another_server(start_process: Start, free_port: int) -> None:
    """A second server does not disturb the first, and can follow it at once."""
    arguments = [SENNIT, "serve", "--port", str(free_port)]
    first = start_process(arguments, line=HOW_TO_STOP)
    with Caller(free_port) as ann:
        second = start_process(arguments)
        assert second.wait() == 1
        assert "in use" in second.lines[0]
        assert ann.rpc("chat.rooms")["rooms"]
        first.signal(signal.SIGTERM)
        assert ann.closed() == (3001, "shutdown")
        assert first.wait() == 0
    start_process(arguments, line=HOW_TO_STOP)


@pytest.mark.parametrize(
    ("reactor", "number"),
    [*((reactor, signal.SIGINT) for reactor in REACTORS), ("uvloop", signal.SIGTERM)],
)
def test_signal(start_process: Start, free_port: int, reactor: str, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM close every client with 3001; the status is 0, and the log clean."""
    process = start_process(
        [SENNIT, "serve", "--port", str(free_port), "--reactor", reactor], line=HOW_TO_STOP
    )
    with (
        Caller(free_port, "Ann") as ann,
        Peer(free_port, "/chat") as plain,
        Peer(free_port) as silent,
        Line(free_port) as half,
        Line(free_port) as idle,
    ):
        ann.call("subscribe", channel="room:lobby")
        half.send(b"GET / HTTP/1.1\r\n")
        assert idle.get("/health").status == 200
        process.signal(number)
        for peer in (ann, plain, silent):
            assert peer.closed() == (3001, "shutdown")
        assert half.response().status == 503
        assert half.ended()
        assert idle.ended()
        assert process.wait() == 0
    assert process.lines == [announcement(free_port), STOPPING]


def test_client_that_does_not_answer(start_process: Start, free_port: int, tmp_path: Path) -> None:
    """Who does not answer the close is cut off after ``close_timeout``."""
    file = tmp_path / "sennit.toml"
    file.write_text("limits = { close_timeout = 1 }\n")
    process = start_process(
        [SENNIT, "serve", "--port", str(free_port), "--config", file], line=HOW_TO_STOP
    )
    with Caller(free_port), Peer(free_port, "/chat"):
        begun = time.monotonic()
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
        assert 1 <= time.monotonic() - begun < 4
    assert process.lines == [announcement(free_port), STOPPING]


def test_second_signal(start_process: Start, free_port: int) -> None:
    """Who is in a hurry presses Ctrl-C once more: it ends at once, and without noise."""
    process = start_process([SENNIT, "serve", "--port", str(free_port)], line=HOW_TO_STOP)
    with Caller(free_port) as ann:
        begun = time.monotonic()
        process.signal(signal.SIGINT)
        assert ann.closing().code == 3001
        assert process.running()
        process.signal(signal.SIGINT)
        assert process.wait() == 0
        assert time.monotonic() - begun < 4
    assert process.lines == [announcement(free_port), STOPPING]


def test_while_it_stops(start_process: Start, free_port: int) -> None:
    """It takes no connection any more, however long those that are there need to end."""
    process = start_process([SENNIT, "serve", "--port", str(free_port)], line=HOW_TO_STOP)
    with Caller(free_port) as ann:
        process.signal(signal.SIGTERM)
        close = ann.closing()
        assert process.running()
        with pytest.raises(ConnectionRefusedError):
            Line(free_port)
        ann.send(close.reply)
        assert process.wait() == 0


def test_host(start_process: Start, free_port: int) -> None:
    """--host says which address is listened on; with every one, how others reach it too."""
    start_process(
        [SENNIT, "serve", "--host", "127.0.0.2", "--port", str(free_port)],
        line=announcement(free_port, "127.0.0.2"),
    )
    socket.create_connection(("127.0.0.2", free_port), timeout=5).close()
    with pytest.raises(ConnectionRefusedError):
        Line(free_port)


@pytest.mark.parametrize(
    ("arguments", "host", "port"),
    [
        ([], "127.0.0.1", "8000"),
        (["HOST=0.0.0.0", "PORT=9000"], "0.0.0.0", "9000"),  # noqa: S104 - nothing is run
        (["HOST=::1"], "::1", "8000"),
    ],
)
def test_make(arguments: list[str], host: str, port: str) -> None:
    """``make serve`` passes HOST and PORT on, and has the defaults that it says it has."""
    make = require_program("make")
    # Of another make around this one nothing may be seen.
    ours = ("HOST", "PORT", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(  # noqa: S603 - a dry run: nothing is run
        [make, "-n", "serve", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    last = done.stdout.splitlines()[-1]
    assert last == f'exec .venv/bin/sennit serve --host "{host}" --port "{port}"'
