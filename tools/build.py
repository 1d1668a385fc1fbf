"""The builds of Sennit that one installation has, and how to get each of them.

``native`` is what everybody gets where it could be compiled, ``stream`` the compiled engine over
Twisted's own transports, and ``pure`` Python alone. What is run on each of them asks here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

__all__ = ["BUILDS", "BuildMissingError", "build_environment", "require_build"]

BUILDS: Mapping[str, str] = {"native": "0", "stream": "group", "pure": "1"}
"""The value of ``SENNIT_NO_EXTENSIONS`` for each."""

PROBE = (
    "from sennit.engine.build import COMPILED\n"
    "from sennit.net.native import native_group\n"
    "print('pure' if not COMPILED else 'native' if native_group() else 'stream')\n"
)


class BuildMissingError(Exception):
    """What was not compiled cannot be run; the message says what to do."""


def build_environment(build: str, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of a process that has to be of this build."""
    return {**environment, "SENNIT_NO_EXTENSIONS": BUILDS[build]}


def require_build(build: str, environment: Mapping[str, str] = os.environ) -> None:
    """Make sure that a process is of the build that was asked for.

    Sennit falls back to Python without a word, and that must not pass for what was to be tried.

    Args:
        build: which.
        environment: where such a process finds Sennit.

    Raises:
        BuildMissingError: it is of another.
    """
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        env=build_environment(build, environment),
        capture_output=True,
        text=True,
        check=True,
    )
    found = done.stdout.strip()
    if found != build:
        raise BuildMissingError(
            f"the {build} build was asked for, and Sennit is {found} here: "
            "python setup.py build_ext --inplace compiles it (docs/guide/building.md)"
        )
