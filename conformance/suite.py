"""Autobahn|Testsuite, installed from PyPI into ``build/conformance``: nothing else is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.port import SUITE, port

__all__ = ["BUILD", "ROOT", "Suite", "install"]

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "conformance"
REQUIREMENTS = ROOT / "requirements" / "conformance.in"
SEAM = Path(__file__).with_name("seam.py")
PYENV = Path("~/.pyenv/versions").expanduser()
LAUNCH = (
    "import functools, os, site, sys\n"
    "site.addsitedir(os.environ['PYTHONPATH'])\n"
    "from autobahntestsuite import fuzzing, wstest\n"
    "fuzzing.listenWS = functools.partial(fuzzing.listenWS, interface='127.0.0.1')\n"
    "sys.exit(wstest.run())\n"
)
"""For Python 2: the suite as published, but its server is for this machine alone. Its packages
need their ``.pth`` files read."""


@dataclass(frozen=True)
class Suite:
    """The suite, ready to run.

    Attributes:
        name: how it runs: as published on Python 2, or ported to Python 3.
        folder: where it and all that it imports are.
        python2: a Python 2, if there is one.
    """

    name: str
    folder: Path
    python2: str | None

    def command(self, mode: str, spec: Path) -> list[str]:
        """Return the command that runs it as ``fuzzingclient`` or as ``fuzzingserver``."""
        if self.python2 is None:
            return [sys.executable, "-u", "-W", "ignore", str(SEAM), mode, str(spec)]
        return [self.python2, "-u", "-c", LAUNCH, "-m", mode, "-s", str(spec), "-u", "0"]

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment in which it finds its own packages first."""
        return {**os.environ, "PYTHONPATH": str(self.folder)}


def install(python2: str | None, *, build: Path = BUILD) -> Suite:
    """Install the suite, unless it is there already.

    Args:
        python2: a Python 2.7 with pip to run it as published; ``"none"`` to port it to this
            Python; ``None`` to look for one, and else to port it.
        build: the folder to do it in.

    Raises:
        subprocess.CalledProcessError: something could not be fetched.
        conformance.port.PortError: the suite is not the one that the port was written for.
    """
    found = _find(python2)
    if found is None:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        suite = Suite(f"ported to Python {version}", build / f"python{version}", None)
    else:
        suite = Suite("as published, on Python 2.7", build / "python2.7", found)
    stamp = suite.folder / "installed"
    if not stamp.exists():
        shutil.rmtree(suite.folder, ignore_errors=True)
        suite.folder.mkdir(parents=True)
        sys.stdout.write(f"Installing {SUITE}, {suite.name}...\n")
        sys.stdout.flush()
        _fill(suite)
        stamp.touch()
    return suite


def _fill(suite: Suite) -> None:
    # The project's own pins are for what the project imports; this is a world of its own.
    for name in ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT"):
        os.environ.pop(name, None)
    target = ["install", "--quiet", "--no-warn-conflicts", "--target", str(suite.folder)]
    if suite.python2 is not None:
        pip = [suite.python2, "-W", "ignore", "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, *target, SUITE], check=True)
        return
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, *target, "--requirement", str(REQUIREMENTS)], check=True)
    port(pip, suite.folder)


def _find(python2: str | None) -> str | None:
    if python2 == "none":
        return None
    candidates: Sequence[str | None] = (
        [python2]
        if python2 is not None
        else [shutil.which("python2.7"), *map(str, sorted(PYENV.glob("2.7*/bin/python2.7")))]
    )
    check = "import sys, ssl, zlib, pip; sys.exit(sys.version_info[:2] != (2, 7))"
    for candidate in candidates:
        # A pyenv's shim is there for every version, chosen or not: only a try tells.
        if candidate and _succeeds([candidate, "-c", check]):
            return candidate
    return None


def _succeeds(command: Sequence[str]) -> bool:
    try:
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30, check=False
        )
    except OSError:
        return False
    return done.returncode == 0
