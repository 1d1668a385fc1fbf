"""``twist sennit``: its options, and the service that they describe."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from twisted.application.service import IService
from twisted.python.usage import UsageError

from sennit.cli.plugin import Options, makeService
from sennit.server import chat
from sennit.server.service import ServerService
from tests.cli.double import RunnableReactor, run_python
from tests.double import outcome

Write = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("environment")


def parse(*arguments: str) -> Options:
    """Return the options of a command line."""
    kind: Any = Options  # Its base is not typed.
    options: Options = kind()
    parse: Any = options.parseOptions
    parse(arguments)
    return options


# -- options -------------------------------------------------------------------------------------


def test_no_options() -> None:
    """It is the chat, where it always is."""
    options = parse()
    assert options["app"] == "sennit.server.chat:app"
    configuration = options.configuration
    assert (configuration.host, configuration.port, configuration.page) == ("127.0.0.1", 8000, "")


def test_options(tmp_path: Path) -> None:
    """They are those of ``sennit serve``, and the file and the environment count as well."""
    file = tmp_path / "sennit.toml"
    file.write_text('host = "192.0.2.1"\nport = 1\n')
    options = parse("--port", "9000", "--page", "none", "--config", str(file), "notes:app")
    assert options["app"] == "notes:app"
    configuration = options.configuration
    assert (configuration.host, configuration.port) == ("192.0.2.1", 9000)
    assert configuration.page == "none"
    assert parse("--endpoint", "unix:/run/s.sock").configuration.endpoint == "unix:/run/s.sock"


def test_the_environment(environment: pytest.MonkeyPatch) -> None:
    """It is read as by ``sennit serve``."""
    environment.setenv("SENNIT_LIMITS_MAX_MESSAGE", "1000")
    assert parse().configuration.limits.max_message == 1000


def test_help() -> None:
    """It names every option."""
    text = str(parse())
    for words in ("[options] [module:app]", "--host=", "--port=", "--endpoint=", "--config="):
        assert words in text
    assert '"chat", "none", or a folder' in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "http"], "'http'"),
        (["--port", "70000"], "port is a whole number from 0 to 65535, not 70000"),
        (["--prot", "1"], "prot"),
        (["--config", "/none.toml"], "/none.toml cannot be read: No such file or directory"),
        (["--endpoint", "tcp:1", "--port", "1"], "endpoint goes without host and port"),
        (["a:app", "b:app"], "Wrong number of arguments"),
    ],
)
def test_options_that_cannot_be(arguments: list[str], words: str) -> None:
    """They are found while the command line is read, as ``twist`` expects."""
    with pytest.raises(UsageError, match=words):
        parse(*arguments)


# -- the service ---------------------------------------------------------------------------------


def test_the_service(reactor: RunnableReactor, write_module: Write) -> None:
    """It serves the app on the reactor that is installed."""
    write_module("notes")
    made = makeService(parse("--port", "9000", "notes:app"))
    assert IService.providedBy(made)
    assert reactor.ports == []
    made.startService()
    assert reactor.port.health() == (200, b'{"status": "ok"}\n')
    assert isinstance(made, ServerService)
    assert made.server is not None
    assert made.server.addresses == ("http://127.0.0.1:9000/",)
    outcome(made.stopService())


def test_the_chats_service(reactor: RunnableReactor) -> None:
    """Without an app it is the chat's."""
    made: Any = makeService(parse())
    made.startService()
    assert chat.app.hub is made.server.hub
    outcome(made.stopService())
    assert not reactor.port.listening


@pytest.mark.usefixtures("reactor")
def test_an_app_that_is_none(write_module: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """It is the end, with a line that says why; a traceback is the module's own."""
    with pytest.raises(SystemExit) as caught:
        makeService(parse("nothing:app"))
    assert str(caught.value).startswith("sennit: there is no module 'nothing'")
    assert capsys.readouterr().err == ""
    write_module("notes", "1 / 0\n")
    with pytest.raises(SystemExit, match="sennit: notes cannot be loaded: ZeroDivisionError"):
        makeService(parse("notes:app"))
    assert "Traceback" in capsys.readouterr().err


# -- Twisted's commands --------------------------------------------------------------------------


def test_twisted_knows_it() -> None:
    """By its name, and without importing what it names."""
    found = import_module("twisted.plugins.sennit_plugin").sennit
    assert found.tapname == "sennit"
    assert found.description == "A real-time messaging server for Sennit apps."
    assert found.options is Options
    assert found.makeService is makeService


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--port", "70000"], 64, "Error: the command line: port is a whole number from 0 to"),
        (["nothing:app"], 1, "sennit: there is no module 'nothing', neither in "),
    ],
)
def test_twist(tmp_path: Path, arguments: list[str], status: int, words: str) -> None:
    """A mistake is said in a line, and not by a traceback."""
    done = run_python("-m", "twisted", "sennit", *arguments, directory=tmp_path)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(words)
    assert "Traceback" not in done.stderr
