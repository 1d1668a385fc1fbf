"""What differences save on market data: ``python -m bench.delta``; see README.md.

One server publishes an order book to 1,000 subscribers, once whole and once as differences. Bytes,
and the server's processor time, are compared within a round. One more subscriber puts together
what it is sent, and checks that nothing is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.crowd import Crowd, medians, save
from bench.place import BENCH
from bench.process import Server, cpu_time, free_port
from bench.trial import pick_cores
from sennit.protocols.centrifuge.fossil import apply_delta

__all__ = ["Sample", "main", "payloads", "put_together"]

CONNECTIONS = 1000
RATE = 20
"""Publications a second."""
BOOKS = (8, 60)
"""Levels on each side of a book: about 350 bytes, and about 2 kB."""
SECONDS = 4.0
WARM = 1.0


class Sample:
    """What one measurement found.

    Attributes:
        read: bytes for each publication and subscriber.
        cpu: microseconds of the server for each publication and subscriber.
        size: bytes of a payload.
    """

    def __init__(self, read: float, cpu: float, size: float) -> None:
        self.read = read
        self.cpu = cpu
        self.size = size


def payloads(stream: bytes) -> Iterator[bytes]:
    """Yield what is in the frames of a server, and leave out the last if a part is missing."""
    at = 0
    while at + 2 <= len(stream):
        length, begin = stream[at + 1], at + 2
        if length >= 126:
            begin += 2 if length == 126 else 8
            length = int.from_bytes(stream[at + 2 : begin])
        if begin + length > len(stream):
            return
        yield stream[begin : begin + length]
        at = begin + length


def put_together(stream: bytes) -> list[bytes]:
    """Return the payloads of a subscriber's publications, whole.

    Raises:
        ValueError: one is missing, or a difference does not fit.
    """
    found: list[bytes] = []
    before = 0
    for payload in payloads(stream):
        for line in payload.splitlines():
            push = json.loads(line).get("push")
            if push is None:
                continue
            publication = push["pub"]
            if before and publication["offset"] != before + 1:
                raise ValueError(f"{publication['offset']} came after {before}")
            before = publication["offset"]
            data = publication["data"]
            if publication.get("delta"):
                found.append(apply_delta(found[-1], data.encode()))
            elif isinstance(data, str):
                found.append(data.encode())
            else:
                found.append(json.dumps(data, separators=(",", ":")).encode())
    return found


def measure(namespace: str, levels: int, seconds: float) -> Sample:
    """Measure one way to send one book."""
    cores = pick_cores()
    if cores.load is not None:
        os.sched_setaffinity(0, {cores.load})
    port = free_port()
    command = [sys.executable, "-m", "bench.delta_server"]
    command += [str(port), str(RATE), str(levels), namespace]
    wish = {"channel": f"{namespace}:a"}
    if namespace == "delta":
        wish["delta"] = "fossil"
    with Server(command, port, cores.server, dict(os.environ), Path("/dev/null")) as server:
        crowd = Crowd(port, wish, CONNECTIONS)
        witness = Crowd(port, wish, 1)
        try:
            crowd.read(WARM)
            began, cpu = time.monotonic(), cpu_time(server.pid)
            read = crowd.read(seconds)
            taken, elapsed = cpu_time(server.pid) - cpu, time.monotonic() - began
            whole = put_together(witness.take())
        finally:
            witness.close()
            crowd.close()
    if len(whole) < seconds * RATE:
        raise ValueError(f"only {len(whole)} publications in {seconds} seconds")
    sent = elapsed * RATE * CONNECTIONS
    return Sample(read / sent, taken / sent * 1e6, statistics.fmean(map(len, whole)))


def main(arguments: Sequence[str]) -> int:
    """Measure every book and say what differences save."""
    parser = argparse.ArgumentParser(prog="python -m bench.delta", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--save", type=Path, default=BENCH / "results" / "delta.json")
    chosen = parser.parse_args(arguments)
    books: list[dict[str, float]] = []
    for levels in BOOKS:
        rounds = []
        for _ in range(chosen.rounds):
            whole = measure("whole", levels, chosen.seconds)
            delta = measure("delta", levels, chosen.seconds)
            rounds.append(
                {
                    "payload": whole.size,
                    "whole": whole.read,
                    "delta": delta.read,
                    "bytes": delta.read / whole.read,
                    "cpu": delta.cpu / whole.cpu,
                    "whole_cpu": whole.cpu,
                    "delta_cpu": delta.cpu,
                }
            )
        books.append(medians(rounds))
        sys.stdout.write(f"{levels:4} {json.dumps(books[-1])}\n")
        sys.stdout.flush()
    result: dict[str, object] = {
        "connections": CONNECTIONS,
        "publications": RATE,
        "seconds": chosen.seconds,
        "rounds": chosen.rounds,
        "books": books,
    }
    save(chosen.save, result)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
