"""The peers, installed into ``build/bench``; one that cannot be had is not measured."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.place import BENCH, NODE, PROGRAMS, PYTHON, ROOT

__all__ = ["CENTRIFUGO", "install_peers"]

REQUIREMENTS = ROOT / "requirements" / "bench.in"
CENTRIFUGO = "github.com/centrifugal/centrifugo/v6@v6.9.1"
PATIENCE = 1200.0
"""Seconds for one of them to be installed; Centrifugo is compiled."""


def install_peers() -> dict[str, str]:
    """Install those that are not there, and return why one is missing, by its name."""
    problems = {}
    for name, install in {"python": _python, "node": _node, "centrifugo": _centrifugo}.items():
        problem = _try(install)
        if problem:
            problems[name] = problem
    return problems


def _try(install: Callable[[], None]) -> str:
    try:
        install()
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stdout", b"") or b""
        return f"{error} {said.decode(errors='replace')[-500:]}".strip()
    return ""


def _python() -> None:
    stamp = PYTHON / "installed"
    if _is_newer(stamp, REQUIREMENTS):
        return
    _say("Installing the peers' packages into build/bench...")
    venv.create(PYTHON, with_pip=True, symlinks=True)
    pip = [str(PYTHON / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    _run([*pip, "install", "--upgrade", "--requirement", str(REQUIREMENTS)])
    stamp.touch()


def _node() -> None:
    npm, lock = shutil.which("npm"), BENCH / "peer" / "package-lock.json"
    stamp = NODE / "installed"
    if npm is None or _is_newer(stamp, lock):
        return
    NODE.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(lock.with_name(name), NODE / name)
    _run([npm, "ci", "--silent"], folder=NODE)
    stamp.touch()


def _centrifugo() -> None:
    go = shutil.which("go")
    if go is None or (PROGRAMS / "centrifugo").exists():
        return
    _say("Building Centrifugo; it takes some minutes...")
    _run([go, "install", CENTRIFUGO], environment={**os.environ, "GOBIN": str(PROGRAMS)})


def _is_newer(stamp: Path, source: Path) -> bool:
    return stamp.exists() and stamp.stat().st_mtime >= source.stat().st_mtime


def _run(
    command: Sequence[str],
    *,
    folder: Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> None:
    whole = dict(environment or os.environ)
    # The project's own pins are for what the project imports; these are a world of their own.
    for name in ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT"):
        whole.pop(name, None)
    subprocess.run(
        command,
        cwd=folder,
        env=whole,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE,
        check=True,
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
