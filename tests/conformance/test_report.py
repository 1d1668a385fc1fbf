"""What the outside suite has found, judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.report import Report, read


def entry(behaviour: str = "OK", closing: str = "OK", file: str = "none.json") -> dict[str, Any]:
    """Return a case as the suite's index has it."""
    return {
        "behavior": behaviour,
        "behaviorClose": closing,
        "duration": 1500,
        "remoteCloseCode": 1000,
        "reportfile": file,
    }


def report(folder: Path, cases: dict[str, dict[str, Any]], *wanted: str) -> Report:
    """Return what is read of an index with these cases."""
    (folder / "index.json").write_text(json.dumps({"us": cases}))
    return read(folder, "us", wanted)


@pytest.mark.parametrize("behaviour", ["OK", "NON-STRICT", "INFORMATIONAL"])
@pytest.mark.parametrize("closing", ["OK", "INFORMATIONAL"])
def test_what_passes(tmp_path: Path, behaviour: str, closing: str) -> None:
    """As it must, as it may, or as is left open, with a clean end."""
    found = report(tmp_path, {"1.1.1": entry(behaviour, closing)}, "1.1.1")
    assert found.passed
    assert found.count(behaviour, "1") == found.count(behaviour) == 1
    assert list(found.lines())[-1] == "PASSED"


@pytest.mark.parametrize(
    ("behaviour", "closing"),
    [
        ("FAILED", "OK"),
        ("UNIMPLEMENTED", "OK"),
        ("OK", "FAILED"),
        ("OK", "UNCLEAN"),
        ("OK", "WRONG CODE"),
        ("OK", "FAILED BY CLIENT"),
    ],
)
def test_what_does_not(tmp_path: Path, behaviour: str, closing: str) -> None:
    """Everything else; one such case fails the run, and is named."""
    cases = {"1.1.1": entry(), "1.1.2": entry(behaviour, closing)}
    found = report(tmp_path, cases, "1.1.1", "1.1.2")
    assert not found.passed
    assert [result.case for result in found.wrong] == ["1.1.2"]
    assert any(line.startswith(f"1.1.2: {behaviour}") for line in found.lines())


def test_what_was_not_run(tmp_path: Path) -> None:
    """A case without a result is missing, without an index all are, and nothing is no success."""
    assert not report(tmp_path, {"1.1.1": entry()}, "1.1.1", "1.1.2").passed
    assert not read(tmp_path / "nowhere", "us", ["1.1.1"]).passed
    assert not read(tmp_path, "somebody", ["1.1.1"]).passed
    assert not read(tmp_path, "us", []).passed


@pytest.mark.parametrize(
    ("size", "ours", "plain"), [(4096, 1.0, True), (4096, 0.3, False), (16, 1.0, False)]
)
def test_compression_that_is_none(tmp_path: Path, size: int, ours: float, plain: bool) -> None:
    """To agree on compression and to send large messages plain is a failure of ours."""
    traffic = {
        "outgoingWebSocketMessages": 10,
        "outgoingOctetsAppLevel": 10 * size,
        "incomingCompressionRatio": ours,
        "outgoingCompressionRatio": 0.3,
    }
    (tmp_path / "details.json").write_text(json.dumps({"trafficStats": traffic}))
    found = report(tmp_path, {"12.1.5": entry(file="details.json")}, "12.1.5")
    assert found.passed != plain
