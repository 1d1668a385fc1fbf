"""The commands that the pages show exist, with the options that they are shown with."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import click
import pytest
from twisted.python.usage import UsageError

from sennit.cli.command import main
from sennit.cli.plugin import Options
from sennit.cli.websocket import Options as WebSocketOptions
from tests.docs.page import PAGES, ROOT, Page

FILES = (*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "apps" / "chat" / "README.md")

_SENNIT = re.compile(r"(?:^|[\s=/])sennit((?: +[^\s`]+)+)")
_TWIST = re.compile(r"\btwistd?\b.*? (sennit|websocket)((?: +[^\s`]+)*)")
_MAKE = re.compile(r"^make((?: +[\w=.-]+)*)")
TARGETS = frozenset(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def lines_of(page: Page) -> Iterator[str]:
    """Yield what may be a command: lines of blocks, and words set as code."""
    for block in page.blocks:
        if block.language in ("", "sh", "ini"):
            for line in block.source.replace("\\\n", " ").splitlines():
                yield line.partition("  #")[0].removeprefix("ExecStart=")
    yield from page.words


def check(line: str) -> bool:
    """Check a line, and return whether it has a command of ours.

    Raises:
        AssertionError: it is not one that exists.
    """
    if (match := _TWIST.search(line)) is not None:
        _check_twist(Options if match[1] == "sennit" else WebSocketOptions, shlex.split(match[2]))
    elif (match := _SENNIT.search(line)) is not None:
        _check_sennit(shlex.split(match[1]))
    elif (match := _MAKE.match(line)) is not None:
        wrong = [word for word in match[1].split() if "=" not in word and word not in TARGETS]
        assert not wrong, f"make has no {wrong}"
    else:
        return False
    return True


def _check_sennit(arguments: list[str]) -> None:
    try:
        name, command, rest = main.resolve_command(click.Context(main), arguments)
        assert command is not None
        command.make_context(name, rest).close()
    except click.exceptions.Exit:
        pass  # --help and --version
    except click.ClickException as error:
        raise AssertionError(error.format_message()) from error


def _check_twist(kind: Any, arguments: list[str]) -> None:
    options = kind()
    options.postOptions = lambda: None  # The configuration's file need not be here.
    try:
        options.parseOptions(arguments)
    except SystemExit:
        pass  # --help
    except UsageError as error:
        raise AssertionError(str(error)) from error


@pytest.mark.parametrize("page", [Page(path) for path in FILES], ids=repr)
def test_commands(page: Page) -> None:
    """Each is one that can be typed."""
    for line in lines_of(page):
        try:
            check(line)
        except AssertionError as error:
            raise AssertionError(f"{page}: {line}: {error}") from error


@pytest.mark.parametrize(
    "line",
    [
        "sennit serve --prot 80",
        "sennit swerve notes:app",
        "sennit serve notes:app --reactor steam",
        ".venv/bin/sennit serve --log-level loud",
        "twist --reactor asyncio sennit --reactor asyncio notes:app",
        "twist websocket --port 80 echo:echo",
        "make a-wish",
    ],
)
def test_wrong_commands_are_found(line: str) -> None:
    """The checks above can fail."""
    with pytest.raises(AssertionError):
        check(line)


@pytest.mark.parametrize(
    "line",
    [
        "sennit serve --help",
        "sennit serve notes:app --port 80",
        "make serve PORT=80",
        "twist sennit --port 80",
        "twist websocket --listen tcp:80 echo:echo",
    ],
)
def test_right_commands_are_let_through(line: str) -> None:
    """And need not fail."""
    assert check(line)
