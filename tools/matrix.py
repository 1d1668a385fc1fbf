"""The network's tests on every build and every reactor: ``python -m tools.matrix``.

``make live`` runs all tests on the native build once, its servers on the reactor that they choose
themselves. What depends on how bytes come and go is run again here: pytest for each row of
``ROWS``, two at a time, each with its output in one piece.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tools.build import BuildMissingError, build_environment, require_build

__all__ = ["ROWS", "Row", "main"]

ROOT = Path(__file__).resolve().parents[1]
LIVE = Path("tests", "live")
AT_A_TIME = 2
DEADLINE = 400.0
"""Seconds for a row, several times what it takes."""

NETWORK = (
    "listener",
    "client",
    "embedding",
    "raw",
    "bad_frame",
    "bad_request",
    "slow_client",
)
"""What serves, connects, or is misused, in the tests' own process and in others."""
GROUP = ("group", "connector", "native_door", "tls_group", "tls_server")
"""What is about native sockets alone."""
WHOLE = (*NETWORK, "plain_client", "late_client", "example", "flood")
"""The network, and what takes longer: waiting, large messages, programs on their own reactors."""


@dataclass(frozen=True)
class Row:
    """One run.

    Attributes:
        build: of ``tools.build.BUILDS``.
        reactor: of the tests, and of the servers that they start.
        tests: the modules.
    """

    build: str
    reactor: str
    tests: Sequence[str]

    @property
    def name(self) -> str:
        """What it is called."""
        return f"{self.build}-{self.reactor}"

    @property
    def command(self) -> list[str]:
        """What runs it."""
        files = [str(LIVE / f"test_{name}.py") for name in self.tests]
        options = ["-q", "-p", "no:cacheprovider", "--reactor", self.reactor]
        return [sys.executable, "-m", "pytest", *options, *files]


ROWS = (
    # The longest first: the end comes sooner.
    Row("pure", "epoll", WHOLE),
    Row("stream", "epoll", WHOLE),
    # Twisted's transports are those of each reactor, and ours tries their sockets by itself.
    Row("stream", "poll", NETWORK),
    Row("stream", "select", NETWORK),
    Row("stream", "asyncio", NETWORK),
    Row("stream", "uvloop", NETWORK),
    # The group is polled by each in a way of its own.
    Row("native", "epoll", NETWORK),
    Row("native", "sennit", (*NETWORK, *GROUP)),
    Row("native", "poll", (*NETWORK, *GROUP)),
    Row("native", "select", (*NETWORK, *GROUP)),
    Row("native", "asyncio", (*NETWORK, *GROUP)),
    Row("native", "uvloop", (*NETWORK, *GROUP)),
)
"""Every build on epoll, and both ways of the bytes on every reactor.

The pure build differs from ``stream`` in the engine alone, which knows no reactor.
"""


def run(row: Row) -> tuple[bool, str]:
    """Run a row; return whether it has passed, and what it has said."""
    began = time.monotonic()
    try:
        done = subprocess.run(
            row.command,
            cwd=ROOT,
            env=build_environment(row.build),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=DEADLINE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        said = error.stdout.decode(errors="replace") if error.stdout else ""
        return False, f"{row.name}: not done after {DEADLINE:.0f} seconds\n{said}"
    seconds = time.monotonic() - began
    passed = done.returncode == 0
    lines = done.stdout.strip().splitlines() or ["it has said nothing"]
    said = lines[-1] if passed else done.stdout
    return passed, f"{row.name}, {seconds:.0f} seconds: {said}"


def main(arguments: Sequence[str]) -> int:
    """Run the rows that are asked for, or all; the exit status is 1 if one has failed."""
    parser = argparse.ArgumentParser(prog="python -m tools.matrix", description=__doc__)
    names = [row.name for row in ROWS]
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(names)}")
    chosen = parser.parse_args(arguments)
    unknown = sorted(set(chosen.rows) - set(names))
    if unknown:
        parser.error(f"{unknown[0]!r} is no row; there are {', '.join(names)}")
    rows = [row for row in ROWS if not chosen.rows or row.name in chosen.rows]
    outcomes = []
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for passed, said in pool.map(run, _there(rows)):
            outcomes.append(passed)
            sys.stdout.write(f"{said}\n")
            sys.stdout.flush()
    return 0 if all(outcomes) else 1


def _there(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield the rows whose build is there; in CI all of them have to be."""
    missing: dict[str, str] = {}
    for build in {row.build for row in rows}:
        try:
            require_build(build)
        except BuildMissingError as error:
            if os.environ.get("CI") == "true":
                raise
            missing[build] = str(error)
    for build, why in missing.items():
        sys.stdout.write(f"*** left out: {build}, since {why}\n")
    yield from (row for row in rows if row.build not in missing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
