"""One run of the suite: against our echo server on one reactor, or against our client."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.case import Case
from conformance.process import Process, free_port
from conformance.report import Report, read
from conformance.suite import BUILD, ROOT, Suite

__all__ = ["Trial", "run"]

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


@dataclass(frozen=True)
class Trial:
    """What is tested.

    Attributes:
        role: ``server`` or ``client``.
        reactor: the reactor that ours runs on.
        compression: ``on`` or ``off``.
    """

    role: str
    reactor: str
    compression: str

    @property
    def name(self) -> str:
        """Its name, for people and for files."""
        return f"{self.role}-{self.reactor}"


def run(suite: Suite, trial: Trial, cases: Sequence[Case]) -> tuple[Report, str]:
    """Run the suite.

    Args:
        suite: the installed suite.
        trial: what to test.
        cases: which cases.

    Returns:
        What came of each case, and what went wrong with the run itself, or an empty string.
    """
    folder = BUILD / "reports" / trial.name
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


def _test_server(suite: Suite, trial: Trial, port: int, folder: Path, cases: Sequence[Case]) -> str:
    spec = _write(
        folder,
        {"servers": [{"agent": AGENT, "url": f"ws://127.0.0.1:{port}"}]},
        cases,
    )
    ours = [sys.executable, "examples/echo.py", "--port", str(port), *_options(trial)]
    with Process(ours, folder / "ours.log", _environment()) as server:
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
        with Process(ours, folder / "ours.log", _environment()) as client:
            trouble = client.finish(fuzzer, _patience(cases), DEADLINE)
        if trouble:
            # Whatever was found until then is worth a report.
            with Process([*ours, "--report"], folder / "report.log", _environment()) as report:
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


def _environment() -> Mapping[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}:{ROOT / 'examples'}"}
