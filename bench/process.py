"""Programs beside ours, each on its core, and their certain end."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.place import ROOT

__all__ = ["Server", "StartError", "cpu_time", "free_port", "start_on_core"]

GRACE = 3.0
"""Seconds for a server to end when it is asked to, before it is made to."""
START = 20.0
"""Seconds for a server to listen."""
CLIENTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""Where Linux says which ports clients get; elsewhere it is as IANA suggests."""
_RANDOM = random.SystemRandom()


class StartError(Exception):
    """A server does not listen; the message has what it said."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses.

    It is below those that clients get, so that no connection of a load takes it meanwhile; and it
    is drawn, so that two runs at a time hardly draw the same.
    """
    low = int(CLIENTS.read_text().split()[0]) if CLIENTS.exists() else 49152
    for port in _RANDOM.sample(range(low // 2, low), 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("there is no free port")


def cpu_time(pid: int) -> float:
    """Return the processor time of a process so far, all its threads, in seconds.

    It is the clock that ``clock_getcpuclockid`` names; its resolution is nanoseconds where that of
    ``/proc/PID/stat`` is a hundredth of a second.
    """
    return time.clock_gettime((~pid << 3) | 2)


def start_on_core(
    command: Sequence[str],
    core: int | None,
    *,
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
    pipes: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a program on one core; its threads and children stay there.

    Args:
        command: what to run.
        core: which core; ``None`` for any.
        environment: its environment.
        log: the file for what it writes; ``None`` to leave it with ours.
        pipes: connect its standard input and output with us.
    """
    output = log.open("wb") if log is not None else None
    ours = os.sched_getaffinity(0)
    try:
        # What is inherited holds from the first instruction on, and for every thread.
        if core is not None:
            os.sched_setaffinity(0, {core})
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
            stdout=subprocess.PIPE if pipes else output,
            stderr=None if pipes else output,
        )
    finally:
        os.sched_setaffinity(0, ours)
        if output is not None:
            output.close()


class Server:
    """A server, listening on 127.0.0.1, ended with the block that it is used in.

    Args:
        command: what to run.
        port: where it will listen.
        core: which core it gets.
        environment: its environment.
        log: the file for what it writes.

    Raises:
        StartError: it does not listen.
    """

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        core: int | None,
        environment: Mapping[str, str],
        log: Path,
    ) -> None:
        self._log = log
        self._process = start_on_core(command, core, environment=environment, log=log)
        self.pid = self._process.pid
        try:
            self._wait_for(port)
        except StartError:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def output(self) -> str:
        """The end of what it has written."""
        return self._log.read_text(errors="replace")[-2000:]

    @property
    def is_running(self) -> bool:
        """Whether it has not ended by itself."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it."""
        if self.is_running:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait(GRACE)

    def settle(self, patience: float = 3.0) -> None:
        """Wait until it does nothing more, but not for ever."""
        deadline = time.monotonic() + patience
        before = cpu_time(self.pid)
        while time.monotonic() < deadline:
            time.sleep(0.1)
            after = cpu_time(self.pid)
            if after - before < 0.002:
                return
            before = after

    def _wait_for(self, port: int) -> None:
        deadline = time.monotonic() + START
        while True:
            if not self.is_running:
                raise StartError(f"it ended with {self._process.returncode}:\n{self.output}")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                if time.monotonic() > deadline:
                    raise StartError(f"it does not listen:\n{self.output}") from None
                time.sleep(0.02)
            else:
                return
