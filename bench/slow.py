"""What slow clients cost the others: ``python -m bench.slow``; see README.md.

For each policy one server publishes to 1,000 subscribers, of whom at first all read, and then 5 %
do not. The fast ones must not notice: what they get, and the server's processor time for each frame
that they get, are compared within a round. The server's memory is read at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.crowd import Crowd, medians, save
from bench.memory import read_memory
from bench.place import BENCH, BUILD
from bench.process import Server, cpu_time, free_port
from bench.trial import pick_cores

__all__ = ["POLICIES", "main"]

POLICIES = ("disconnect", "recover", "drop-oldest", "conflate")
CONNECTIONS = 1000
STALLED = 0.05
RATE = 80
"""Publications a second."""
SIZE = 3000
"""Bytes in each, so that queues fill within the time that is measured."""
SECONDS = 6.0
WARM = 4.0
"""Seconds after which the queue of one who does not read has been full for a while."""
MEBIBYTE = 1 << 20


def measure(policy: str, stalled: int, seconds: float) -> dict[str, float]:
    """Measure one policy with so many who do not read."""
    cores = pick_cores()
    if cores.load is not None:
        os.sched_setaffinity(0, {cores.load})
    port = free_port()
    file = BUILD / "slow.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "bench.slow_server",
        str(port),
        str(RATE),
        str(SIZE),
        policy,
        str(file),
    ]
    log = Path("/dev/null")
    with Server(command, port, cores.server, dict(os.environ), log) as server:
        crowd = Crowd(port, {"channel": f"{policy}:a"}, CONNECTIONS, stalled)
        try:
            before = read_memory(server.pid).uss
            crowd.read(WARM)
            began, cpu = time.monotonic(), cpu_time(server.pid)
            read = crowd.read(seconds)
            taken = cpu_time(server.pid) - cpu
            elapsed = time.monotonic() - began
            after = read_memory(server.pid).uss
        finally:
            crowd.close()
    return {
        "rate": read / elapsed / len(crowd.fast),
        "cpu": taken / (read / SIZE) * 1e6,
        "dropped": int(file.read_text()),
        "growth": (after - before) / MEBIBYTE,
    }


def main(arguments: Sequence[str]) -> int:
    """Measure every policy and say what it costs."""
    parser = argparse.ArgumentParser(prog="python -m bench.slow", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--save", type=Path, default=BENCH / "results" / "slow.json")
    chosen = parser.parse_args(arguments)
    policies: dict[str, object] = {}
    for policy in POLICIES:
        rounds = []
        for _ in range(chosen.rounds):
            none = measure(policy, 0, chosen.seconds)
            some = measure(policy, round(CONNECTIONS * STALLED), chosen.seconds)
            rounds.append(
                {
                    "throughput": some["rate"] / none["rate"],
                    "cpu": some["cpu"] / none["cpu"],
                    "growth": some["growth"],
                    "dropped": some["dropped"],
                }
            )
        policies[policy] = medians(rounds)
        sys.stdout.write(f"{policy:12} {json.dumps(policies[policy])}\n")
        sys.stdout.flush()
    result: dict[str, object] = {
        "connections": CONNECTIONS,
        "stalled": STALLED,
        "publications": RATE,
        "size": SIZE,
        "seconds": chosen.seconds,
        "rounds": chosen.rounds,
        "policies": policies,
    }
    save(chosen.save, result)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
