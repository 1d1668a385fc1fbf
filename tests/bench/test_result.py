"""Results, as they are kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.outcome import Latency
from bench.result import Result, ResultError
from tests.bench.double import make_result, measured, spent


def test_there_and_back(tmp_path: Path) -> None:
    """A file has all of it."""
    result = make_result(
        measured(1, "echo1", "limit", 5),
        measured(1, "echo1", "ws", spent(9, latency=Latency(1, 2, 3, 4, 5))),
        measured(2, "echo64", "ws", None),
    )
    path = tmp_path / "new" / "result.json"
    result.save(path)
    assert Result.load(path) == result
    assert result.rounds == 2
    assert result.names("program") == ["limit", "ws"]
    assert result.names("workload") == ["echo1", "echo64"]


def test_a_line_for_each_measurement(tmp_path: Path) -> None:
    """So that a difference can be read."""
    result = make_result(measured(1, "echo1", "limit", 5), measured(1, "echo1", "ws", 5))
    path = tmp_path / "result.json"
    result.save(path)
    lines = [line for line in path.read_text().splitlines() if '"round"' in line]
    assert [json.loads(line.rstrip(","))["program"] for line in lines] == ["limit", "ws"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 1}', '{"format": 0}'])
def test_what_is_no_result(tmp_path: Path, text: str) -> None:
    """It is said, rather than half of it read."""
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(ResultError):
        Result.load(path)
    with pytest.raises(ResultError):
        Result.load(tmp_path / "nowhere.json")
