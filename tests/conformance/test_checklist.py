"""The list of what covers the outside suite's sections names tests that there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from conformance.case import ALL, SECTIONS, section

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| ([\d., to]+) \|[^|]*\| (.*) \|$", re.MULTILINE)


def rows() -> dict[str, list[str]]:
    """Return the names of tests by what the first column says."""
    text = (ROOT / "conformance" / "README.md").read_text()
    return {first: re.findall(r"`(test_\w+)`", last) for first, last in ROW.findall(text)}


def test_every_named_test_is_there() -> None:
    """And every row names one."""
    there = {
        node.name
        for path in (ROOT / "tests" / "engine").glob("test_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    assert rows()
    assert [row for row, names in rows().items() if not names] == []
    assert {name for names in rows().values() for name in names} - there == set()


def test_every_section_is_there() -> None:
    """With each of its parts, where it has parts."""
    listed = set()
    for first in rows():
        for entry in first.split(", "):
            number, _, last = entry.partition(" to ")
            head, _, low = number.rpartition(".")
            high = int(last.rpartition(".")[2]) if last else int(low)
            listed |= {f"{head}.{part}".lstrip(".") for part in range(int(low), high + 1)}
    parts = {".".join(case.split(".")[:2]) for case in ALL if case.count(".") == 2}
    covered = {part for part in parts if part in listed or section(part) in listed}
    assert parts - covered == set()
    assert set(SECTIONS) - {entry.partition(".")[0] for entry in listed} == set()
