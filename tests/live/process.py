"""A program of ours as another process, as a test sees it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["ROOT", "Process", "wait_for_port"]

ROOT = Path(__file__).resolve().parents[2]
"""The root of the repository, where processes start."""


def wait_for_port(port: int, timeout: float = 15.0, host: str = "127.0.0.1") -> None:
    """Wait until something listens on a port.

    Raises:
        TimeoutError: nothing does.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing listens on port {port}") from None
            time.sleep(0.05)
        else:
            return


class Process:
    """A process that was started, its output, and its end.

    Args:
        arguments: the command; a first element that ends in ``.py``, or ``-m`` or ``-c``, is run
            by this Python.
        environment: changes to the environment.
        folder: where it is started; ``None`` for the root of the repository.

    Attributes:
        pid: the process's id.
        lines: what it has written to its two outputs so far, line by line.
    """

    def __init__(
        self,
        arguments: Sequence[str | Path],
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        command = [str(argument) for argument in arguments]
        if command[0].endswith(".py") or command[0] in ("-m", "-c"):
            command.insert(0, sys.executable)
        path = os.pathsep.join(filter(None, (str(ROOT / "src"), os.environ.get("PYTHONPATH"))))
        inherited = {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(  # noqa: S603 - the tests' own commands
            command,
            cwd=folder or ROOT,
            env={**inherited, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.pid = self._process.pid
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                with self._changed:
                    self.lines.append(line.decode(errors="replace").rstrip("\n"))
                    self._changed.notify_all()

    @property
    def output(self) -> str:
        """Everything it has written so far."""
        return "\n".join(self.lines)

    def wait_for_line(self, text: str, timeout: float = 15.0) -> str:
        """Wait until it has written a line with this text, and return the line.

        Raises:
            TimeoutError: it has not.
        """
        deadline = time.monotonic() + timeout
        seen = 0
        with self._changed:
            while True:
                for line in self.lines[seen:]:
                    if text in line:
                        return line
                seen = len(self.lines)
                left = deadline - time.monotonic()
                if left <= 0 or (not self._reader.is_alive() and seen == len(self.lines)):
                    raise TimeoutError(f"no line with {text!r} in:\n{self.output}")
                self._changed.wait(min(left, 0.1))

    def wait(self, timeout: float = 15.0) -> int:
        """Wait for its end and return its status; negative for a signal."""
        status = self._process.wait(timeout)
        self._reader.join(timeout)
        return status

    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def resident(self) -> int:
        """Return the bytes of memory that it holds (Linux)."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def stop(self, timeout: float = 10.0) -> int:
        """End it as an operator would, by SIGTERM, then by SIGKILL; return its status."""
        if self.running():
            self.signal(signal.SIGTERM)
            try:
                return self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
        return self.wait(timeout)
