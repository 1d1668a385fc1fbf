"""A reactor that a command can run without sockets, and a fresh Python for what needs one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRestartable, ReactorNotRunning

from tests.double import outcome
from tests.server.double import FakeReactor

__all__ = ["ROOT", "RunnableReactor", "run_python"]

ROOT = Path(__file__).resolve().parents[2]
"""The root of the repository."""


class RunnableReactor(FakeReactor):
    """A reactor that runs through a script. At its end somebody must have stopped it.

    Attributes:
        script: what happens while it runs, one call a turn, ten turns a second.
    """

    def __init__(self) -> None:
        super().__init__()
        self.script: list[Callable[[], object]] = []
        self._calls: list[Callable[[], object]] = []
        self._waited: list[Deferred[None]] | None = None

    def callFromThread(self, call: Callable[[], object]) -> None:  # noqa: N802 - Twisted's name
        self._calls.append(call)

    def stop(self) -> None:
        if self.hasStopped:
            raise ReactorNotRunning
        self.hasStopped = True

    def run(self) -> None:
        if self.hasRun:
            raise ReactorNotRestartable
        for step in (self.begin, *self.script):
            step()
            calls, self._calls = self._calls, []
            for call in calls:
                call()
            self.advance(0.1)
            if self.hasStopped and self._waited is None:
                self._waited = self.shut_down()
        assert self._waited is not None, "it would run on"
        for waited in self._waited:
            outcome(waited)


def run_python(
    *arguments: str, directory: Path = ROOT, environment: Mapping[str, str] | None = None
) -> Any:
    """Run this Python, with the sources of Sennit, and return the ended process.

    Args:
        arguments: what is run.
        directory: where.
        environment: variables besides ``PYTHONPATH``.
    """
    return subprocess.run(  # noqa: S603 - this Python
        [sys.executable, *arguments],
        cwd=directory,
        env={"PYTHONPATH": str(ROOT / "src"), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
