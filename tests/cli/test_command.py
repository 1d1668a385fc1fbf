"""The command ``sennit``."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from sennit.cli.command import main
from sennit.engine.build import COMPILED
from sennit.server.version import version
from tests.cli.double import run_python

LAZY = """
import sys
import sennit
print(sorted({name.partition(".")[0] for name in sys.modules} & {"twisted", "zope", "msgspec"}))
import sennit.cli.command, sennit.cli.plugin
for name in sennit.__all__:
    getattr(sennit, name)
print("twisted.internet.reactor" in sys.modules)
"""


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help(flag: str) -> None:
    """It says what it is, and which commands there are."""
    result = CliRunner().invoke(main, [flag])
    assert (result.exit_code, result.stderr) == (0, "")
    assert "a real-time messaging server on Twisted" in result.stdout
    assert "serve    Serve an app, by default the chat." in result.stdout


def test_version() -> None:
    """It is that of the package."""
    result = CliRunner().invoke(main, ["--version"])
    build = "" if COMPILED else ", without native code"
    assert (result.exit_code, result.stdout) == (0, f"sennit, version {version()}{build}\n")


def test_no_command() -> None:
    """It is a question, answered by the help."""
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 2
    assert "Commands:" in result.output


def test_no_such_command() -> None:
    """It is a mistake."""
    result = CliRunner().invoke(main, ["sevre"])
    assert result.exit_code == 2
    assert "'sevre'" in result.stderr


def test_python_m_sennit() -> None:
    """It is the same command, and calls itself by the same name."""
    done = run_python("-m", "sennit", "serve", "--port", "http")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: sennit serve [OPTIONS] [MODULE:APP]\n")


def test_nothing_is_chosen_before_a_command_runs() -> None:
    """In a fresh process, ``import sennit`` imports nothing of Twisted, and all of Sennit together
    installs no reactor.
    """
    done = run_python("-c", LAZY)
    assert (done.stdout.splitlines(), done.stderr) == (["[]", "False"], "")
