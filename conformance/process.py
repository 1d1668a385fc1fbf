"""A program that runs beside ours, its output in a file, and its certain end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from conformance.suite import ROOT

__all__ = ["Process", "free_port"]

GRACE = 10.0
"""Seconds for a program to end when it is asked to, before it is made to."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """A program, ended with the block that it is used in.

    Args:
        command: what to run.
        log: the file for what it writes.
        environment: its environment.
        niceness: how far it stands back for others, 0 to 19.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        niceness: int = 0,
    ) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**(environment or os.environ), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        os.setpriority(os.PRIO_PROCESS, self._process.pid, niceness)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self.status is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait(GRACE)

    @property
    def status(self) -> int | None:
        """Its exit status, ``None`` while it runs."""
        return self._process.poll()

    @property
    def output(self) -> str:
        """What it has written so far."""
        return self._log.read_text(errors="replace")

    def wait_for(self, text: str, seconds: float = 30.0) -> None:
        """Wait until it has written a text.

        Raises:
            TimeoutError: it has not, or it has ended.
        """
        deadline = time.monotonic() + seconds
        while text not in self.output:
            if self.status is not None or time.monotonic() > deadline:
                raise TimeoutError(f"{text!r} was not written; instead:\n{self.output[-2000:]}")
            time.sleep(0.05)

    def finish(self, watched: Process, patience: float, deadline: float) -> str:
        """Wait until it ends.

        Args:
            watched: the program that writes a line for each case: this one, or its peer.
            patience: seconds without such a line, after which it is given up.
            deadline: seconds in all.

        Returns:
            Why it was given up, or an empty string.
        """
        began = heard = time.monotonic()
        size = -1
        while self.status is None:
            time.sleep(0.2)
            now = time.monotonic()
            length = watched._log.stat().st_size
            if length != size:
                size, heard = length, now
            if now - heard > patience:
                return f"no case has begun or ended for {patience:.0f} seconds"
            if now - began > deadline:
                return f"not done after {deadline:.0f} seconds"
        return "" if self.status == 0 else f"it ended with status {self.status}"
