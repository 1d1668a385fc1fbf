"""The reactor's timers stay on time while thousands of connections keep the server busy.

So it is on the poll group, which leaves the reactor its turn. Over Twisted's transports it depends
on Twisted's loop, which serves all that are ready before it looks at a timer.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
from collections.abc import Callable, Iterator

import pytest

from bench.native import Native
from sennit.net.native import native_group
from tests.live.process import ROOT, Process
from tools.build import build_environment

CROWD = 5000
LATEST = 0.020
"""Seconds that a timer may be late, at p99."""
ATTEMPTS = 3
"""A machine that is busy with others spoils a run; it does not spoil every one."""
ENOUGH = 20
"""Times that the timer has to have gone off, for its p99 to mean something."""
PUNCTUAL = ROOT / "tests" / "live" / "punctual.py"
LOADS = {
    "echo": ["echo", "--in-flight=4"],
    "broadcast": ["fanout", "--in-flight=4"],
}
WORK = pytest.mark.parametrize("work", LOADS)
pytestmark = [
    pytest.mark.deadline(180),
    pytest.mark.skipif(native_group() is None, reason="there is no poll group"),
]

Late = Callable[..., dict[str, float]]


@pytest.fixture(autouse=True)
def _descriptors() -> Iterator[None]:
    """Let this process and those that it starts have enough descriptors for the crowd."""
    before = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < CROWD + 100:
        message = f"{hard} descriptors are too few: WHETHER TIMERS ARE ON TIME WAS NOT TESTED"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, CROWD + 100), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture(name="late")
def _late(
    native: Native, new_port: Callable[[], int], start_process: Callable[..., Process]
) -> Late:
    """Return ``late(work, turn="")``, which returns what a server tells of its timer."""

    def measure(work: str, turn: str = "") -> dict[str, float]:
        port = new_port()
        server = start_process(
            [PUNCTUAL, work, str(port), str(CROWD), turn],
            line="listening",
            environment=build_environment("native"),
        )
        where = (f"--port={port}", f"--server={server.pid}", f"--connections={CROWD}", "--work=0")
        subprocess.run(  # noqa: S603 - the tests' own command
            [str(native.load), *LOADS[work], *where, "--warmup=0.2", "--seconds=1.5"],
            input=b"\n",
            capture_output=True,
            timeout=60,
            check=True,
        )
        assert server.stop() == 0
        told: dict[str, float] = json.loads(server.lines[-1])
        return told

    return measure


@WORK
def test_timers_are_on_time(late: Late, work: str) -> None:
    """Within 20 ms at p99, while 5,000 connections flood, and while broadcasts to 5,000 go out."""
    told = []
    for _ in range(ATTEMPTS):
        told.append(late(work))
        if told[-1]["times"] >= ENOUGH and told[-1]["p99"] < LATEST:
            return
    pytest.fail(f"late in each of {ATTEMPTS} attempts: {told}")


def test_what_is_late_is_found(late: Late) -> None:
    """A group that broadcasts for a second before it lets the reactor go on is late."""
    told = late("broadcast", "1")
    assert told["times"]
    assert told["p99"] > LATEST
