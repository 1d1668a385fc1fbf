"""Fuzz what reads bytes: ``python -m fuzzing --seconds 600 [TARGET…]``; see README.md."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from fuzzing.target import BUILD, TARGETS, load

ROOT = BUILD.parents[1]
PACKAGES = BUILD / "packages"
"""Where ``make fuzz`` installs atheris."""
WIDTH = 200
"""Characters of a log's line that are shown."""
GRACE = 120.0
"""Seconds beyond its time for a process to begin and to end."""


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m fuzzing", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--engine", choices=("atheris", "hypothesis"))
    parser.add_argument("--replay", type=Path, help="run one target on this file only")
    chosen = parser.parse_args(arguments)
    targets = chosen.targets or TARGETS
    unknown = set(targets) - set(TARGETS)
    if unknown:
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    if chosen.replay is not None:
        for target in targets:
            load(target)(chosen.replay.read_bytes())
        return 0
    engine = chosen.engine or ("atheris" if _has_atheris() else "hypothesis")
    found = [target for target in targets if not _fuzz(target, engine, chosen.seconds)]
    for target in found:
        sys.stdout.write(f"{target}: FOUND SOMETHING, see {BUILD / target}\n")
    return 1 if found else 0


def _fuzz(target: str, engine: str, seconds: int) -> bool:
    """Run one target in a process of its own, and return whether nothing was found."""
    guided = engine == "atheris"
    module = "fuzzing.guided" if guided else "fuzzing.unguided"
    # Python is what it is guided by.
    build = {"SENNIT_NO_EXTENSIONS": "1"} if guided else {}
    sys.stdout.write(f"{target}, {seconds} seconds, {engine}\n")
    sys.stdout.flush()
    log = BUILD / target / "log.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        try:
            done = subprocess.run(
                [sys.executable, "-m", module, target, str(seconds)],
                cwd=ROOT,
                env={**os.environ, **build, "PYTHONPATH": _path()},
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=seconds + GRACE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
    for line in log.read_text(errors="replace").splitlines()[-200:]:
        if line.startswith(("stat::number_of_executed", f"{target}: ")) or "Error" in line:
            sys.stdout.write(f"  {line[:WIDTH]}\n")
    return done.returncode == 0


def _path() -> str:
    return os.pathsep.join(map(str, (ROOT / "src", ROOT, PACKAGES)))


def _has_atheris() -> bool:
    sys.path.append(str(PACKAGES))
    return find_spec("atheris") is not None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
