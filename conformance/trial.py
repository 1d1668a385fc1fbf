"""One run of the suite: against our echo server, or our client, in one build on one reactor."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.case import Case
from conformance.process import Process, free_port
from conformance.report import MISSING, Report, read
from conformance.suite import BUILD, ROOT, Suite
from tools.build import build_environment, require_build

__all__ = ["Trial", "recall", "run"]

AGENT = "sennit"
LARGEST = 16 * 1024 * 1024
"""Bytes in the largest message that the suite sends (9.1.6)."""
PATIENCE = 500.0
"""Seconds for a case of the slow sections: the suite itself gives none more than 480."""
LESS_PATIENCE = 60.0
"""Seconds for a case of the others: the suite gives none more than 10."""
SLOW = ("9.", "12.", "13.")
DEADLINE = 3600.0
"""Seconds for a run."""
NICENESS = 5
"""The suite works harder than what it tests: it stands back."""
SOURCES = ROOT / "src" / "sennit"
CODE = (".py", ".pyx", ".pxd", ".so")


@dataclass(frozen=True)
class Trial:
    """What is tested.

    Attributes:
        role: ``server`` or ``client``.
        build: which build of ours, one of ``tools.build.BUILDS``.
        reactor: the reactor that it runs on.
        compression: ``on`` or ``off``.
    """

    role: str
    build: str
    reactor: str
    compression: str

    @property
    def name(self) -> str:
        """Its name, for people and for files."""
        plain = "" if self.compression == "on" else "-uncompressed"
        return f"{self.role}-{self.build}-{self.reactor}{plain}"

    @property
    def folder(self) -> Path:
        """Where everything is that its last run has left."""
        return BUILD / "reports" / self.name


def run(suite: Suite, trial: Trial, cases: Sequence[Case]) -> tuple[Report, str]:
    """Run the suite.

    Args:
        suite: the installed suite.
        trial: what to test.
        cases: which cases.

    Returns:
        What came of each case, and what went wrong with the run itself, or an empty string.

    Raises:
        tools.build.BuildMissingError: the build that is to be tested was not compiled.
    """
    require_build(trial.build, _environment(trial))
    folder = trial.folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    port = free_port()
    test = _test_server if trial.role == "server" else _test_client
    try:
        trouble = test(suite, trial, port, folder, cases)
    except TimeoutError as error:
        trouble = str(error)
    if trouble:
        trouble += f" (more in {folder})"
    return read(folder, AGENT, cases), trouble


def recall(trial: Trial, cases: Sequence[Case]) -> Report | None:
    """Return what the last run has left, if that is whole and of the Sennit that is there now."""
    found = read(trial.folder, AGENT, cases)
    index = trial.folder / "index.json"
    if found.count(MISSING) or index.stat().st_mtime < _changed():
        return None
    return found


def _changed() -> float:
    """Return when our sources, or what is compiled of them, have changed."""
    files = [path for path in SOURCES.rglob("*") if path.suffix in CODE]
    return max(path.stat().st_mtime for path in files)


def _test_server(suite: Suite, trial: Trial, port: int, folder: Path, cases: Sequence[Case]) -> str:
    spec = _write(
        folder,
        {"servers": [{"agent": AGENT, "url": f"ws://127.0.0.1:{port}"}]},
        cases,
    )
    ours = [sys.executable, "examples/echo.py", "--port", str(port), *_options(trial)]
    with Process(ours, folder / "ours.log", _environment(trial)) as server:
        server.wait_for("listening on")
        with _start(suite, "fuzzingclient", spec, folder) as fuzzer:
            trouble = fuzzer.finish(fuzzer, _patience(cases), DEADLINE)
        if server.status is not None:
            return f"our server ended with status {server.status}"
        return trouble


def _test_client(suite: Suite, trial: Trial, port: int, folder: Path, cases: Sequence[Case]) -> str:
    url = f"ws://127.0.0.1:{port}"
    spec = _write(folder, {"url": url}, cases)
    ours = [sys.executable, "-m", "conformance.client", url, AGENT, *_options(trial)]
    with _start(suite, "fuzzingserver", spec, folder) as fuzzer:
        fuzzer.wait_for("Cases = ")
        with Process(ours, folder / "ours.log", _environment(trial)) as client:
            trouble = client.finish(fuzzer, _patience(cases), DEADLINE)
        if trouble:
            # Whatever was found until then is worth a report.
            with Process([*ours, "--report"], folder / "report.log", _environment(trial)) as report:
                report.finish(fuzzer, 60, 60)
        return trouble


def _patience(cases: Sequence[Case]) -> float:
    return PATIENCE if any(case.startswith(SLOW) for case in cases) else LESS_PATIENCE


def _start(suite: Suite, mode: str, spec: Path, folder: Path) -> Process:
    command = suite.command(mode, spec)
    return Process(command, folder / "suite.log", suite.environment, NICENESS)


def _write(folder: Path, what: Mapping[str, Any], cases: Sequence[Case]) -> Path:
    spec = folder / "spec.json"
    rest = {"outdir": str(folder), "cases": list(cases), "exclude-agent-cases": {}}
    spec.write_text(json.dumps({**what, **rest}))
    return spec


def _options(trial: Trial) -> list[str]:
    return [
        f"--reactor={trial.reactor}",
        f"--compression={trial.compression}",
        f"--max-message={LARGEST}",
    ]


def _environment(trial: Trial) -> Mapping[str, str]:
    path = f"{ROOT / 'src'}:{ROOT}:{ROOT / 'examples'}"
    return {**build_environment(trial.build), "PYTHONPATH": path}
