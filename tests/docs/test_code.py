"""The page on errors against the code: the same codes, words and exceptions, and who uses them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum

import pytest

from sennit import errors
from sennit.engine import close
from sennit.model.code import (
    DisconnectCode,
    ErrorCode,
    UnsubscribeCode,
    disconnect,
    reply_error,
    unsubscribe_reason,
)
from tests.docs.page import ROOT, Page

PAGE = Page(ROOT / "docs" / "reference" / "errors.md")
TABLES = PAGE.tables()
SOURCES = {
    path: path.read_text()
    for path in (ROOT / "src" / "sennit").rglob("*.py")
    if path.name != "code.py"
}


def used(kind: type[IntEnum]) -> set[str]:
    """Return the names of the codes that the source uses anywhere."""
    pattern = re.compile(rf"\b{kind.__name__}\.([A-Z_]+)\b")
    return {name for text in SOURCES.values() for name in pattern.findall(text)}


def rows_of(heading: str, kind: type[IntEnum]) -> list[dict[str, str]]:
    """Return the rows of a table of codes, once it is sure that they are all there."""
    column = f"`{kind.__name__}`"
    rows = [row for row in TABLES[heading] if column in row]
    assert [(int(row["Code"]), row[column].strip("`")) for row in rows] == [
        (int(code), code.name) for code in kind
    ]
    return rows


def test_errors() -> None:
    """Each with its usual words, and with its reason where this server sends it."""
    for row, code in zip(rows_of("Error codes", ErrorCode), ErrorCode, strict=True):
        error = reply_error(code)
        assert row["Message"] == error.message
        assert row["Temporary"] == ("yes" if error.temporary else "")
        assert bool(row["Sennit sends it"]) == (code.name in used(ErrorCode)), code


def test_unsubscribes() -> None:
    """Likewise."""
    for row, code in zip(
        rows_of("Unsubscribe codes", UnsubscribeCode), UnsubscribeCode, strict=True
    ):
        assert row["Reason"] == unsubscribe_reason(code)
        assert bool(row["Sennit uses it"]) == (code.name in used(UnsubscribeCode)), code


def test_disconnects() -> None:
    """Likewise."""
    for row, code in zip(rows_of("Disconnect codes", DisconnectCode), DisconnectCode, strict=True):
        assert row["Reason"] == disconnect(code).reason
        assert bool(row["Sennit sends it"]) == (code.name in used(DisconnectCode)), code


def test_close_codes() -> None:
    """Those that the engine has a name for."""
    codes = {int(row["Code"]) for row in TABLES["WebSocket close codes"]}
    assert codes == {value for value in vars(close).values() if isinstance(value, int)} - {123}


def test_statuses() -> None:
    """Every status with which the source refuses a handshake, and no other."""
    pattern = re.compile(r"(?:HandshakeError\(|_give_up\()\s*(\d{3}),")
    statuses = {int(status) for text in SOURCES.values() for status in pattern.findall(text)}
    assert {int(row["Status"]) for row in TABLES["Statuses of a refused handshake"]} == statuses


@pytest.mark.parametrize("row", TABLES["Exceptions"], ids=lambda row: row["Exception"].strip("`"))
def test_exception(row: Mapping[str, str]) -> None:
    """Its parent is the one that the page says, and so are its attributes."""
    kind = getattr(errors, row["Exception"].strip("`"))
    assert kind.__base__.__name__ == row["Under"].strip("`")
    _, has, attributes = row["When"].partition("; has ")
    if has:
        assert set(re.findall(r"`(\w+)`", attributes)) == set(vars(kind(4500, "reason")))


def test_every_exception() -> None:
    """None is missing."""
    assert {row["Exception"].strip("`") for row in TABLES["Exceptions"]} == set(errors.__all__)
