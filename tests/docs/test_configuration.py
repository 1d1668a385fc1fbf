"""The page on the configuration against the code: the same keys, the same defaults."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest

from sennit.cli.serve import serve
from sennit.hub.namespace import History, NamespaceOptions
from sennit.server import configuration as code
from sennit.server.configuration import Configuration
from tests.docs.page import ROOT, Page

PAGE = Page(ROOT / "docs" / "reference" / "configuration.md")
TABLES = PAGE.tables()

NUMBERS = {
    int: {
        "bytes",
        "calls",
        "commands",
        "connections",
        "frames",
        "port",
        "publications",
        "seconds",
        "subscriptions",
    },
    float: {"seconds"},
}
"""In which units numbers may be, by their type."""


def keys_of(form: Any, defaults: Any) -> dict[str, Any]:
    """Return the default of each of these keys."""
    values = {key: getattr(defaults, key) for key in form}
    return {k: frozenset(v) if isinstance(v, tuple) else v for k, v in values.items()}


def described(heading: str) -> dict[str, Any]:
    """Return the default of each key of a table on the page."""
    return {row["Key"].strip("`"): default(row["Default"]) for row in TABLES[heading]}


def default(cell: str) -> Any:
    if cell == "none":
        return None
    value = tomllib.loads(f"value = {cell.strip('`')}")["value"]
    return frozenset(value) if isinstance(value, list) else value


SECTIONS: Mapping[str, Mapping[str, Any]] = {
    "The server": keys_of(code._TOP, Configuration()),
    **{
        f"`[{table}]`": keys_of(code._keys_of(table), getattr(Configuration(), table))
        for table in code._TABLES
    },
    "`[namespaces.NAME]`": keys_of(code._NAMESPACE, NamespaceOptions()),
}


@pytest.mark.parametrize("heading", SECTIONS)
def test_keys_and_defaults(heading: str) -> None:
    """Each key is on the page, with the default that it has."""
    assert described(heading) == dict(SECTIONS[heading])


def test_history() -> None:
    """Two of its keys have no default."""
    rows = {row["Key"].strip("`"): row["Default"] for row in TABLES["`history`"]}
    assert list(rows) == list(code._HISTORY)
    for key in dataclasses.fields(History):
        if key.default is dataclasses.MISSING:
            assert rows[key.name] == "needed"
        else:
            assert default(rows[key.name]) == key.default


@pytest.mark.parametrize("heading", [*SECTIONS, "`history`"])
def test_units(heading: str) -> None:
    """A number is in one of few units; times are in seconds."""
    for row in TABLES[heading]:
        value = None if row["Default"] == "needed" else default(row["Default"])
        if type(value) in NUMBERS:
            assert row["Unit"] in NUMBERS[type(value)], row["Key"]
        assert row["Unit"], row["Key"]
        assert row["What it says"], row["Key"]
        if "timeout" in row["Key"] or "interval" in row["Key"] or "ttl" in row["Key"]:
            assert row["Unit"] == "seconds"


def test_options() -> None:
    """Each option of the command is on the page, with the key that it sets."""
    options = {
        option: parameter.name
        for parameter in serve.params
        for option in parameter.opts
        if option.startswith("--")
    }
    del options["--config"]
    rows = TABLES["The command line"]
    assert {
        row["Option of `sennit serve`"].strip("`"): row["Key"].strip("`") for row in rows
    } == options


def test_every_key_can_be_set_in_the_environment() -> None:
    """By the name that the page's rule makes of it."""
    for heading in [heading for heading in SECTIONS if heading != "`[namespaces.NAME]`"]:
        for row in TABLES[heading]:
            table = heading.strip("`[]") + "_" if heading.startswith("`[") else ""
            name = f"SENNIT_{table}{row['Key'].strip('`')}".upper()
            read = code._read_environment({name: "1"})
            assert list(read.names.values()) == [name]
