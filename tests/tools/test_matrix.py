"""The network's tests on every build and every reactor: what is run, and what it comes to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.conftest import REACTORS
from tools import matrix
from tools.build import BUILDS, BuildMissingError
from tools.matrix import ROWS, Row, main

ROOT = Path(__file__).resolve().parents[2]


class _Row(Row):
    """A row whose run is a line of Python."""

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-c", *self.tests]


def test_every_build_and_every_reactor() -> None:
    """All of them on both ways of the bytes, and each build on epoll; their modules are there."""
    pairs = [(row.build, row.reactor) for row in ROWS]
    assert len(pairs) == len(set(pairs))
    assert {(build, "epoll") for build in BUILDS} <= set(pairs)
    native, stream = (
        {reactor for build, reactor in pairs if build == one} for one in ("native", "stream")
    )
    assert native == set(REACTORS)
    # Without the group's sockets, Sennit's own reactor is the epoll reactor.
    assert stream == set(REACTORS) - {"sennit"}
    for row in ROWS:
        files = [ROOT / argument for argument in row.command if argument.endswith(".py")]
        assert files
        assert [path for path in files if not path.exists()] == []


def test_outcomes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One that fails is shown whole, one that passes by its last line, and one alone is enough."""
    monkeypatch.setattr(matrix, "require_build", lambda _build: None)
    switch = "import os; print('first'); print(os.environ['SENNIT_NO_EXTENSIONS'])"
    fine = _Row("stream", "epoll", [switch])
    wrong = _Row("pure", "poll", ["print('why'); raise SystemExit(1)"])
    monkeypatch.setattr(matrix, "ROWS", (fine, wrong))
    assert main(["stream-epoll"]) == 0
    said = capsys.readouterr().out
    assert "group" in said
    assert "first" not in said
    assert main([]) == 1
    assert "why" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["native-kqueue"])


def test_a_row_that_hangs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is ended, and has failed."""

    def expire(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("pytest", 1, b"so far")

    monkeypatch.setattr(matrix, "require_build", lambda _build: None)
    monkeypatch.setattr(subprocess, "run", expire)
    assert main([ROWS[0].name]) == 1
    assert "so far" in capsys.readouterr().out


def test_a_build_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its rows are left out, which is said; in CI it is an error."""

    def missing(_build: str) -> None:
        raise BuildMissingError("there is no compiler")

    monkeypatch.setattr(matrix, "require_build", missing)
    monkeypatch.delenv("CI", raising=False)
    assert main(["native-epoll"]) == 0
    assert "there is no compiler" in capsys.readouterr().out
    monkeypatch.setenv("CI", "true")
    with pytest.raises(BuildMissingError):
        main(["native-epoll"])
