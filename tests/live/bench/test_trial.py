"""A measurement from its beginning to its end, and the processes that it starts."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import program, trial
from bench.certificate import Certificate
from bench.native import Native
from bench.outcome import LoadError
from bench.process import Server, StartError, cpu_time, free_port
from bench.program import PROGRAMS_MEASURED, Program
from bench.trial import Laboratory, pick_cores
from bench.workload import Workload

BY_NAME = {one.name: one for one in PROGRAMS_MEASURED}
ECHO = Workload("small", "small", "echo", ("echo", "--connections=4"))
HELD = Workload("held", "held", "echo", ("idle", "--connections=300"), group="memory")


@pytest.fixture(autouse=True)
def _build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let logs and configurations be written there."""
    monkeypatch.setattr(trial, "BUILD", tmp_path)
    monkeypatch.setattr(program, "BUILD", tmp_path)


@pytest.fixture
def laboratory(native: Native, certificate: Certificate) -> Laboratory:
    """Return one for short measurements."""
    return Laboratory(native, certificate, pick_cores(), seconds=0.2, warmup=0.05)


@pytest.mark.parametrize("name", ["limit", "sennit", "sennit-coroutine"])
def test_an_echo(laboratory: Laboratory, name: str) -> None:
    """Operations, and what they cost the server."""
    outcome = laboratory.measure(BY_NAME[name], ECHO)
    assert outcome.operations > 0
    assert 0 < outcome.cost < 0.01
    assert outcome.pss is None


@pytest.mark.parametrize("name", ["limit", "sennit"])
def test_memory(laboratory: Laboratory, name: str) -> None:
    """Bytes for a connection that is held: few for bare C."""
    outcome = laboratory.measure(BY_NAME[name], HELD)
    assert outcome.operations == 300
    assert outcome.uss is not None
    assert outcome.pss is not None
    assert outcome.uss < (1024 if name == "limit" else 64 * 1024)


def test_a_server_that_does_something_else(laboratory: Laboratory) -> None:
    """It has no figure, but an error with what it said."""
    script = (
        "import http.server as h; h.test(h.SimpleHTTPRequestHandler, bind='127.0.0.1', port={})"
    )
    other = Program(
        "other",
        "Other",
        lambda stage: (sys.executable, "-c", script.format(stage.port)),
        frozenset({"echo"}),
    )
    with pytest.raises(LoadError, match=r"the upgrade was refused(.|\n)*GET /"):
        laboratory.measure(other, ECHO)


def test_a_server_that_does_not_start(laboratory: Laboratory) -> None:
    """The same, with its last words."""
    other = Program(
        "other",
        "Other",
        lambda _: (sys.executable, "-c", "raise SystemExit('no licence')"),
        frozenset({"echo"}),
    )
    with pytest.raises(StartError, match=r"ended with 1(.|\n)*no licence"):
        laboratory.measure(other, ECHO)


def test_somebody_else_on_its_port(laboratory: Laboratory, start_limit: Any) -> None:
    """What another server has answered is nobody's figure."""
    port, _ = start_limit("echo")
    other = Program(
        "other",
        "Other",
        lambda _: (sys.executable, "-c", "import time; time.sleep(60)"),
        frozenset({"echo"}),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial, "free_port", lambda: port)
        with pytest.raises(LoadError, match="not this server"):
            laboratory.measure(other, ECHO)


LISTEN = (
    "import signal, socket, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "port = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
    "while True: time.sleep(0.01)"
)


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Server]:
    """Return a function that starts a server which does not want to end."""

    def begin(core: int | None) -> Server:
        port = free_port()
        command = (sys.executable, "-c", LISTEN, str(port))
        return Server(command, port, core, os.environ, tmp_path / "log")

    return begin


def test_a_core_of_its_own(start: Callable[..., Server]) -> None:
    """The server stays on its core, and we where we were."""
    ours = os.sched_getaffinity(0)
    core = min(ours)
    with start(core) as server:
        assert os.sched_getaffinity(server.pid) == {core}
        assert os.sched_getaffinity(0) == ours
        before = cpu_time(server.pid)
        time.sleep(0.2)
        assert 0 < before < cpu_time(server.pid) < 10


def test_its_certain_end(start: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it does not end when it is asked to."""
    monkeypatch.setattr("bench.process.GRACE", 0.3)
    with start(None) as server:
        pid = server.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
