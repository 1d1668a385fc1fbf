"""``sennit serve``, from its command line to its exit status."""

from __future__ import annotations

import errno
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from sennit.cli import serve as serve_module
from sennit.cli.command import main
from sennit.cli.log import format_entry
from sennit.cli.serve import serve as command
from sennit.server import node as node_module
from tests.cli.double import RunnableReactor
from tests.double import LogKeeper
from tests.server.double import Visitor
from tests.server.test_node import SlowBroker

Write = Callable[..., Path]

SERVES = "Sennit serves http://127.0.0.1:8000/ - press Ctrl-C to stop.\n"
STOPPING = "Stopping; once more to stop at once.\n"


class Stage:
    """Where the command is run.

    Attributes:
        reactor: the reactor it runs on. It is stopped at the end of its script.
        chosen: the names of the reactors that were asked for.
        levels: the levels that logs were begun with.
    """

    def __init__(self, reactor: RunnableReactor, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reactor = reactor
        self.chosen: list[str] = []
        self.levels: list[str] = []

        def install(name: str) -> RunnableReactor:
            self.chosen.append(name)
            return reactor

        def begin(level: str, stream: object) -> None:
            assert stream is sys.stderr
            self.levels.append(level)

        monkeypatch.setattr(serve_module, "install_reactor", install)
        monkeypatch.setattr(serve_module, "begin_log", begin)

    def run(
        self, *arguments: str, script: tuple[Callable[[], object], ...] | None = None
    ) -> Result:
        """Run the command through a script; without one it is interrupted as soon as it serves."""
        self.reactor.script = [interrupt] if script is None else list(script)
        return CliRunner().invoke(main, ["serve", *arguments], catch_exceptions=False)

    def get(self, path: str) -> bytes:
        """Ask what is being served for a page, while it is."""
        socket = self.reactor.port.ask(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        socket.connectionLost(Failure(ConnectionDone()))
        return bytes(socket.taken)

    def refuse(self, *arguments: str) -> str:
        """Run a command line that is wrong, and return the one line that is said about it."""
        result = self.run(*arguments, script=())
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith("sennit: ")
        assert result.stderr.endswith("\n")
        assert result.stderr.count("\n") == 1
        assert self.reactor.ports == []
        return result.stderr.removeprefix("sennit: ").removesuffix("\n")


@pytest.fixture
def stage(reactor: RunnableReactor, environment: pytest.MonkeyPatch, write_module: Write) -> Stage:
    """Return where the command is run; in a directory with notes.py, without variables."""
    write_module("notes")
    return Stage(reactor, environment)


def interrupt() -> None:
    """Press Ctrl-C."""
    signal.raise_signal(signal.SIGINT)


def nothing() -> None:
    """Let a turn go by."""


def cannot_listen(number: int) -> CannotListenError:
    return CannotListenError("127.0.0.1", 8000, OSError(number, os.strerror(number)))


# -- serving -------------------------------------------------------------------------------------


def test_the_chat(stage: Stage) -> None:
    """It is what is served where nothing is said, and one line says where."""
    seen: list[tuple[int, bytes]] = []
    result = stage.run(script=(lambda: seen.append(stage.reactor.port.health()), interrupt))
    assert (result.exit_code, result.stdout, result.stderr) == (0, SERVES, STOPPING)
    assert seen == [(200, b'{"status": "ok"}\n')]
    assert (stage.chosen, stage.levels) == (["auto"], ["info"])


def test_what_was_loaded_is_not_looked_through_again(stage: Stage) -> None:
    """The collector leaves it alone while the server runs."""
    frozen: list[int] = []
    gc.unfreeze()
    stage.run(script=(lambda: frozen.append(gc.get_freeze_count()), interrupt))
    gc.unfreeze()
    assert frozen[0] > 10_000


def test_an_app(stage: Stage, write_module: Write) -> None:
    """The one at the address."""
    write_module("notes", "from sennit import App\nserver = App()\nserver.raw('/plain')\n")

    def visit() -> None:
        stage.reactor.port.visit("/plain").lose()

    assert stage.run("notes:server", script=(visit, interrupt)).stdout == SERVES


def test_every_option_reaches_its_place(stage: Stage, tmp_path: Path) -> None:
    """Whatever else is said elsewhere."""
    (tmp_path / "index.html").write_text("<p>my page")
    page: list[bytes] = []

    def look() -> None:
        page.append(stage.get("/"))

    result = stage.run(
        *("--host", "::1", "--port", "9000", "--reactor", "poll", "--page", str(tmp_path)),
        *("--log-level", "warn"),
        script=(look, interrupt),
    )
    assert "http://[::1]:9000/" in result.stdout
    assert (stage.chosen, stage.levels) == (["poll"], ["warn"])
    assert page[0].endswith(b"<p>my page")


def test_the_file_and_the_environment(
    stage: Stage, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    """What is nearer wins: the command line, the environment, the file."""
    (tmp_path / "sennit.toml").write_text('host = "192.0.2.1"\nport = 1\nlog_level = "error"\n')
    environment.setenv("SENNIT_PORT", "2")
    environment.setenv("SENNIT_REACTOR", "epoll")
    result = stage.run("--config", "sennit.toml", "--reactor", "select")
    assert "http://192.0.2.1:2/" in result.stdout
    assert (stage.chosen, stage.levels) == (["select"], ["error"])


def test_an_endpoint(stage: Stage) -> None:
    """It is said as it was given."""
    result = stage.run("--endpoint", "unix:/run/s.sock")
    assert result.stdout == "Sennit serves unix:/run/s.sock - press Ctrl-C to stop.\n"


def test_every_address(stage: Stage) -> None:
    """There is one for this machine and one for others."""
    result = stage.run("--host", "")
    assert result.stdout.splitlines() == [
        "Sennit serves http://127.0.0.1:8000/ - press Ctrl-C to stop.",
        f"From other machines: http://{socket.gethostname()}:8000/",
    ]


def test_nothing_is_logged_that_nobody_asked_for(stage: Stage) -> None:
    """Serving, being visited and stopping leave the terminal as it is."""

    def visit() -> None:
        stage.get("/health")
        stage.get("/none")
        visitor = stage.reactor.port.visit()
        visitor.connect()
        visitor.lose()

    with LogKeeper() as log:
        stage.run("notes", script=(visit, interrupt))
    shown = [event for event in log.events if event["log_level"] >= LogLevel.info]
    assert [format_entry(event) for event in shown] == []


# -- the command line ----------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help(stage: Stage, flag: str) -> None:
    """It names every option, its default, and what else there is to know."""
    result = stage.run(flag)
    assert (result.exit_code, result.stderr, stage.chosen) == (0, "", [])
    options = ("--host", "--port", "--endpoint", "--config", "--reactor", "--page", "--log-level")
    named = {name for parameter in command.params for name in parameter.opts if "-" in name}
    assert named == set(options)
    for option in (
        *options,
        "[MODULE:APP]",
        "[127.0.0.1]",
        "[8000]",
        "[auto]",
        "[info]",
        "SENNIT_",
    ):
        assert option in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "http"], "'http' is not a valid integer"),
        (["--reactor", "fast"], "'fast' is not one of 'auto', 'asyncio'"),
        (["--log-level", "loud"], "'loud' is not one of 'debug', 'info'"),
        (["--prot", "1"], "'--prot'"),
        (["--port"], "requires an argument"),
        (["a:app", "b:app"], "unexpected extra argument (b:app)"),
    ],
)
def test_a_command_line_that_is_none(stage: Stage, arguments: list[str], words: str) -> None:
    """It says what is wrong."""
    result = stage.run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "70000"], "port is a whole number from 0 to 65535, not 70000"),
        (["--port", "-1"], "port is a whole number from 0 to 65535, not -1"),
        (["--endpoint", "tcp:1", "--port", "1"], "endpoint goes without host and port"),
        (["--config", "none.toml"], "none.toml cannot be read: No such file or directory"),
        (["--config", "broken.toml"], "broken.toml is not TOML: "),
        (["--config", "unknown.toml"], "unknown.toml: prot is not a setting of Sennit"),
        (["--config", "."], ". cannot be read: Is a directory"),
    ],
)
def test_a_setting_that_cannot_be(
    stage: Stage, tmp_path: Path, arguments: list[str], words: str
) -> None:
    """One line says which, and it is found before anything is begun."""
    (tmp_path / "broken.toml").write_text("port = = 1\n")
    (tmp_path / "unknown.toml").write_text("prot = 1\n")
    assert words in stage.refuse(*arguments)
    assert stage.chosen == []


def test_a_variable_that_is_unknown(stage: Stage, environment: pytest.MonkeyPatch) -> None:
    """It may be a slip, and is not passed over."""
    environment.setenv("SENNIT_PROT", "1")
    assert stage.refuse() == "the environment: SENNIT_PROT is not a setting of Sennit"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--page", "none.d"], "page: none.d is not a folder with an index.html"),
        (["--endpoint", "fax:1"], "'fax:1' is not the description of a Twisted endpoint"),
    ],
)
def test_a_setting_that_is_found_to_be_wrong_later(
    stage: Stage, arguments: list[str], words: str
) -> None:
    """It is a line and not a traceback, too."""
    assert words in stage.refuse(*arguments)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nothing:app", "there is no module 'nothing'"),
        ("./notes.py", "'./notes.py' is not like module:app; try notes:app"),
        ("notes:server", "notes has no 'server'; try notes:app"),
        ("notes:App", "notes:App is not a sennit.App but a type"),
    ],
)
def test_an_app_that_is_none(stage: Stage, address: str, words: str) -> None:
    """One line says why."""
    assert words in stage.refuse(address)


def test_a_module_that_raises(stage: Stage, write_module: Write) -> None:
    """Its own traceback comes before the line."""
    write_module("notes", "1 / 0\n")
    result = stage.run("notes:app", script=())
    assert result.exit_code == 2
    assert result.stderr.startswith("Traceback (most recent call last):\n")
    assert result.stderr.endswith(
        "\nsennit: notes cannot be loaded: ZeroDivisionError: division by zero\n"
    )
    assert stage.reactor.hasRun is False


def test_a_module_that_replaces_the_reactor(stage: Stage, write_module: Write) -> None:
    """It would wait for events of another one for ever."""
    write_module(
        "notes",
        """
        import sys
        from sennit import App
        sys.modules["twisted.internet.reactor"] = object()
        app = App()
        """,
    )
    assert stage.refuse("notes:app") == (
        "notes:app replaces the server's reactor; choose one by --reactor"
    )


def test_a_module_that_runs_the_reactor(stage: Stage, write_module: Write) -> None:
    """As a program does; when that is over, it is told that this is the server's business."""
    write_module(
        "notes",
        """
        from twisted.internet import reactor
        from sennit import App
        app = App()
        reactor.run()
        """,
    )
    result = stage.run("notes:app", script=(stage.reactor.stop,))
    assert result.exit_code == 2
    assert result.stderr == ("sennit: the app's module runs the reactor; leave it to the server\n")


# -- a server that cannot start ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "port 8000 on 127.0.0.1 is in use; choose another with --port"),
        (
            ["--endpoint", "tcp:8000:interface=127.0.0.1"],
            "port 8000 on 127.0.0.1 is in use; choose another with --endpoint",
        ),
    ],
)
def test_a_port_in_use(stage: Stage, arguments: list[str], words: str) -> None:
    """One line says so, and what to do."""
    stage.reactor.refusal = cannot_listen(errno.EADDRINUSE)
    result = stage.run("notes", *arguments, script=())
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"sennit: {words}\n")


def test_a_port_that_one_may_not_have(stage: Stage) -> None:
    """Another port may be no help there, so none is advised."""
    stage.reactor.refusal = cannot_listen(errno.EACCES)
    result = stage.run("notes", script=())
    assert result.exit_code == 1
    assert result.stderr == (
        "sennit: port 8000 on 127.0.0.1 needs more rights than this user has\n"
    )


def test_a_start_that_fails_unexpectedly(stage: Stage) -> None:
    """Then there is a traceback, and a line below it."""
    stage.reactor.refusal = RuntimeError("boom")
    result = stage.run("notes", script=())
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Traceback (most recent call last):\n")
    assert result.stderr.endswith("sennit: the server could not start: RuntimeError('boom')\n")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [([], 1, "is in use"), (["--page", "none.d"], 2, "is not a folder")],
)
def test_signals_after_a_start_that_failed(
    stage: Stage, arguments: list[str], status: int, words: str
) -> None:
    """They change nothing: it is on its way out."""
    stage.reactor.refusal = cannot_listen(errno.EADDRINUSE)
    result = stage.run("notes", *arguments, script=(interrupt, interrupt, nothing))
    assert result.exit_code == status
    assert words in result.stderr


def test_a_start_that_fails_after_the_app_has_stopped_the_reactor(
    stage: Stage, write_module: Write
) -> None:
    """The complaint is made all the same."""
    write_module(
        "hasty",
        """
        from twisted.internet import reactor
        from sennit import App
        app = App()
        reactor.callWhenRunning(reactor.stop)
        """,
    )
    stage.reactor.refusal = cannot_listen(errno.EADDRINUSE)
    result = stage.run("hasty", script=())
    assert result.exit_code == 1
    assert "is in use" in result.stderr


# -- signals -------------------------------------------------------------------------------------


class Crowd:
    """One visitor, who stays until told to go."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.visitor: Any = None

    def come(self) -> None:
        self.visitor = self._stage.reactor.port.visit()
        self.visitor.connect()

    def go(self) -> None:
        visitor: Visitor = self.visitor
        visitor.close(3001)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal(stage: Stage, number: int) -> None:
    """Everybody is told to come back, and waited for."""
    crowd = Crowd(stage)
    listening: list[bool] = []

    def stop() -> None:
        signal.raise_signal(number)

    def look() -> None:
        listening.append(stage.reactor.port.listening)

    result = stage.run("notes", script=(crowd.come, look, stop, look, crowd.go))
    assert (result.exit_code, result.stdout, result.stderr) == (0, SERVES, STOPPING)
    assert listening == [True, False]


def test_the_second_signal(stage: Stage) -> None:
    """It waits for nobody."""
    crowd = Crowd(stage)
    result = stage.run("notes", script=(crowd.come, interrupt, interrupt, nothing))
    assert (result.exit_code, result.stderr) == (0, STOPPING)
    crowd.visitor.lose()


def test_the_third_signal(stage: Stage) -> None:
    """It ends the process, whatever holds it up: from the second on the system answers it."""
    crowd = Crowd(stage)
    handlers: list[Any] = []

    def look() -> None:
        handlers.extend(map(signal.getsignal, (signal.SIGINT, signal.SIGTERM)))

    stage.run("notes", script=(crowd.come, interrupt, look, interrupt, look))
    crowd.visitor.lose()
    assert signal.SIG_DFL not in handlers[:2]
    assert handlers[2:] == [signal.SIG_DFL, signal.SIG_DFL]


def test_signals_in_one_turn(stage: Stage) -> None:
    """They count one by one, however busy the reactor is."""

    def twice() -> None:
        interrupt()
        interrupt()

    crowd = Crowd(stage)
    result = stage.run("notes", script=(crowd.come, twice, nothing))
    assert result.exit_code == 0
    crowd.visitor.lose()


def test_a_signal_before_it_has_started(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an end as any other, and not a start that failed."""
    broker = SlowBroker()
    monkeypatch.setattr(node_module, "MemoryBroker", lambda _clock: broker)

    def start() -> None:
        broker.starting.callback(None)

    result = stage.run("notes", script=(interrupt, start))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", STOPPING)
    assert stage.reactor.ports == []


def test_a_signal_after_the_app_has_stopped_it(stage: Stage) -> None:
    """It is still the first: the reactor waits for the visitors already."""
    crowd = Crowd(stage)
    result = stage.run("notes", script=(crowd.come, stage.reactor.stop, interrupt, crowd.go))
    assert (result.exit_code, result.stderr) == (0, STOPPING)


def test_an_app_that_stops_the_reactor(stage: Stage) -> None:
    """It is an end without an error."""
    result = stage.run("notes", script=(stage.reactor.stop,))
    assert (result.exit_code, result.stdout, result.stderr) == (0, SERVES, "")
