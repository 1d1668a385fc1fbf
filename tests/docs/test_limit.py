"""The page on limits against the code: every option, its default, and a test for each bound."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from sennit.net.listener import PING_INTERVAL
from sennit.net.setting import WebSocketOptions, WebSocketSettings
from tests.docs.page import ROOT, Page

TABLES = Page(ROOT / "docs" / "guide" / "websocket-limit.md").tables()
HOSTILE = ROOT / "tests" / "net" / "test_hostile_peer.py"


def shown_by(path: Path) -> set[str]:
    """Return the names of a file's tests."""
    return {
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_option() -> None:
    """None is missing, none is made up."""
    rows = [row["Option"].strip("`") for row in TABLES["The options"]]
    assert sorted(rows) == sorted(WebSocketOptions.__annotations__)


@pytest.mark.parametrize("row", TABLES["The options"], ids=lambda row: row["Option"].strip("`"))
def test_defaults(row: dict[str, str]) -> None:
    """A number is the default; words stand for ``None``, ``False`` or nothing."""
    name = row["Option"].strip("`")
    default: Any = getattr(WebSocketSettings(), name)
    if name == "ping_interval":
        default = PING_INTERVAL
    number = re.match(r"[\d.]+", row["Default"])
    if number is None:
        assert default in (None, False, ())
    else:
        assert str(default) == number[0]


def test_every_bound_is_shown() -> None:
    """By a test of that name; and no test is left out."""
    named = [row["Test"].strip("`") for row in TABLES["What a peer can cost"]]
    assert sorted(named) == sorted(shown_by(HOSTILE))


@pytest.mark.parametrize("row", TABLES["A server that means ill"], ids=lambda row: row["Test"])
def test_those_of_clients(row: dict[str, str]) -> None:
    """By a test in the file that is named with it."""
    match = re.fullmatch(r"`(\w+)` in `([\w/.]+)`", row["Test"])
    assert match is not None
    assert match[1] in shown_by(ROOT / match[2])
