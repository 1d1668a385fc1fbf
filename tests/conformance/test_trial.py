"""Which runs there are, what each is given, and what is left of the last ones."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from conformance import trial as trial_module
from conformance.__main__ import REACTORS, trials_for
from conformance.case import ALL, choose
from conformance.trial import AGENT, Trial, recall
from tools.build import BUILDS

CASES = choose("1.1.1,1.1.2")


def names(role: str = "both", build: str = "all", reactor: str = "all") -> list[str]:
    return [trial.name for trial in trials_for(role, build, reactor, "on")]


def test_all_of_them() -> None:
    """Every build is run on epoll, every reactor natively, and the client once."""
    servers = names("server")
    assert {f"server-{build}-epoll" for build in BUILDS} <= set(servers)
    assert {f"server-native-{reactor}" for reactor in REACTORS} <= set(servers)
    assert len(servers) == len(set(servers)) == 5
    assert names() == [*servers, "client-native-epoll"]
    assert names("client") == ["client-native-epoll"]


def test_a_build_or_a_reactor() -> None:
    """It is what a whole run has of it; a pair by its two names is that pair, listed or not."""
    assert names("server", build="pure") == ["server-pure-epoll"]
    assert names("server", reactor="uvloop") == ["server-native-uvloop"]
    assert names("server", reactor="epoll") == [f"server-{build}-epoll" for build in BUILDS]
    assert names(build="pure", reactor="uvloop") == ["server-pure-uvloop", "client-pure-uvloop"]


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    """Return a trial whose last run has left two cases, after our sources had changed."""
    monkeypatch.setattr(trial_module, "BUILD", tmp_path)
    monkeypatch.setattr(trial_module, "SOURCES", tmp_path / "src")
    source = tmp_path / "src" / "a.py"
    source.parent.mkdir()
    source.touch()
    trial = Trial("server", "native", "epoll", "on")
    trial.folder.mkdir(parents=True)
    entry = {"behavior": "OK", "behaviorClose": "OK", "duration": 1, "reportfile": "none.json"}
    index = trial.folder / "index.json"
    index.write_text(json.dumps({AGENT: dict.fromkeys(CASES, entry)}))
    os.utime(index, (2e9, 2e9))
    os.utime(source, (1e9, 1e9))
    return trial


def test_what_has_run_already(left: Trial) -> None:
    """A whole run is taken as it is."""
    report = recall(left, CASES)
    assert report is not None
    assert report.passed


def test_what_has_not(left: Trial) -> None:
    """Not a part of a run, nor one of another trial, nor one from before a change."""
    assert recall(left, ALL) is None
    assert recall(Trial("server", "pure", "epoll", "on"), CASES) is None
    assert recall(Trial("server", "native", "epoll", "off"), CASES) is None
    changed = trial_module.SOURCES / "_a.so"
    changed.touch()
    os.utime(changed, (3e9, 3e9))
    assert recall(left, CASES) is None
