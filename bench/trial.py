"""One measurement: a server on its core, the load on another."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.certificate import Certificate
from bench.memory import Memory, read_memory
from bench.native import Native
from bench.outcome import LoadError, Outcome
from bench.place import BUILD
from bench.process import Server, free_port, start_on_core
from bench.program import LIMIT, Program, Stage
from bench.workload import Workload

__all__ = ["Cores", "Laboratory", "pick_cores"]

WORK = 0.4
"""The least share of a core that a measured server has had; where it gets less, it takes longer."""
DEADLINE = 180.0
"""Seconds for the load generator beyond what it was told to measure."""


@dataclass(frozen=True)
class Cores:
    """Where they run; ``None`` for anywhere, on a machine with one core.

    Attributes:
        server: the server's.
        load: the load generator's.
    """

    server: int | None
    load: int | None


def pick_cores() -> Cores:
    """Return the first two cores that we may use."""
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(allowed[0], allowed[1]) if len(allowed) > 1 else Cores(None, None)


@dataclass(frozen=True)
class Laboratory:
    """What measurements share.

    Attributes:
        native: the native programs.
        certificate: what TLS needs.
        cores: who runs where.
        seconds: how long is measured.
        warmup: seconds before that.
    """

    native: Native
    certificate: Certificate
    cores: Cores
    seconds: float
    warmup: float

    def measure(self, program: Program, workload: Workload) -> Outcome:
        """Start the program, measure it, and end it.

        Raises:
            StartError: it does not start.
            LoadError: it does not do what it should.
        """
        load = workload.load
        if program.name == LIMIT and workload.limit_load is not None:
            load = workload.limit_load
        with self.serve(program, workload) as (server, port):
            arguments = self._arguments(load, workload, port, server.pid)
            outcome = self._hold(arguments, server) if workload.is_held else self._run(arguments)
            if not (server.is_running and (outcome.server_cpu or workload.is_held)):
                raise LoadError("it was not this server that has answered")
            return outcome

    @contextmanager
    def serve(self, program: Program, workload: Workload) -> Iterator[tuple[Server, int]]:
        """Start a program for a workload, with its port, and end it with the block.

        Raises:
            StartError: it does not start.
            LoadError: what the block has raised, with the program's last words.
        """
        is_limit = program.name == LIMIT
        role = workload.limit_role if is_limit else workload.role
        port = free_port()
        compression = workload.compression and not is_limit
        stage = Stage(self.native, self.certificate, role, port, compression, workload.tls)
        log = BUILD / "log" / f"{program.name}-{workload.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        command = program.command(stage)
        environment = program.whole_environment
        with Server(command, port, self.cores.server, environment, log) as server:
            try:
                server.settle()
                yield server, port
            except LoadError as error:
                raise LoadError(f"{error} {_tail(log)}".strip()) from error

    def load(self, workload: Workload, server: Server, port: int) -> Outcome:
        """Load a server that runs, once more.

        Raises:
            LoadError: it does not do what it should.
        """
        return self._run(self._arguments(workload.load, workload, port, server.pid))

    def _arguments(self, load: Sequence[str], workload: Workload, port: int, pid: int) -> list[str]:
        seconds = self.seconds * workload.seconds
        return [
            str(self.native.load),
            *load,
            f"--port={port}",
            f"--server={pid}",
            f"--seconds={seconds}",
            f"--warmup={self.warmup}",
            *(() if workload.is_paced else (f"--work={WORK * seconds}",)),
            *(("--tls",) if workload.tls else ()),
        ]

    def _run(self, arguments: Sequence[str]) -> Outcome:
        process = start_on_core(arguments, self.cores.load, pipes=True)
        try:
            said, _ = process.communicate(timeout=self.seconds + DEADLINE)
        except subprocess.TimeoutExpired as error:
            raise LoadError("the load generator did not end") from error
        finally:
            _end(process)
        return Outcome.parse(said.decode(errors="replace"))

    def _hold(self, arguments: Sequence[str], server: Server) -> Outcome:
        """Measure the memory of a few connections and of all; the difference is what they cost."""
        process = start_on_core(arguments, self.cores.load, pipes=True)
        try:
            few, before = _held(process, server)
            many, after = _held(process, server)
            said, _ = process.communicate(b"\n", timeout=DEADLINE)
        except subprocess.TimeoutExpired as error:
            raise LoadError("the load generator did not end") from error
        finally:
            _end(process)
        outcome = Outcome.parse(said.decode(errors="replace"))
        number = many - few
        return dataclasses.replace(
            outcome,
            pss=(after.pss - before.pss) / number,
            uss=(after.uss - before.uss) / number,
        )


def _held(process: subprocess.Popen[bytes], server: Server) -> tuple[int, Memory]:
    """Return how many connections are held, and the server's memory with them; then go on."""
    assert process.stdin is not None  # noqa: S101 - it was started with pipes
    assert process.stdout is not None  # noqa: S101
    line = process.stdout.readline().decode(errors="replace")
    said = json.loads(line) if line.startswith("{") else {}
    if "held" not in said:
        raise LoadError(str(said.get("error", line[:200])))
    server.settle()
    memory = read_memory(server.pid)
    if said["held"] <= 100:
        process.stdin.write(b"\n")
        process.stdin.flush()
    return int(said["held"]), memory


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait(5)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _tail(log: Path) -> str:
    said = log.read_text(errors="replace").strip()
    return f"({said[-300:]})" if said else ""
