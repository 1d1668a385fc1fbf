"""Debian's packages that the tests use: installed where they are missing and the user may.

``python tools/debian.py chromium`` takes program names. What cannot be installed is said, and the
tests that need it then say that they did not run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from shutil import which

__all__ = ["SEARCH_PATH", "find_program"]

SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
"""Where programs are looked for: Debian puts servers where a user's path does not lead."""


def find_program(name: str) -> str | None:
    """Return where a program is, or ``None``."""
    return which(name, path=SEARCH_PATH)


def main(names: Sequence[str]) -> int:
    """Install the missing ones, each from the package of its name; the exit status is always 0."""
    missing = [name for name in names if find_program(name) is None]
    if missing:
        problem = _install(missing)
        left = [name for name in missing if find_program(name) is None]
        if left:
            sys.stderr.write(
                f"\n*** {', '.join(left)} is missing and could not be installed: {problem}.\n"
                f"*** As root: apt-get install {' '.join(left)}\n\n"
            )
    return 0


def _install(packages: Sequence[str]) -> str:
    """Try to install packages, and return why it may not have worked."""
    if which("apt-get") is None:
        return "there is no apt-get here"
    prefix: list[str] = []
    if os.geteuid() != 0:
        sudo = which("sudo")
        if sudo is None or subprocess.run([sudo, "-n", "true"], check=False).returncode != 0:
            return "it takes root, or sudo without a password"
        prefix = [sudo, "-n"]
    sys.stdout.write(f"Installing {' '.join(packages)} by apt-get...\n")
    sys.stdout.flush()
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y"]
    install = [*apt, "install", "--no-install-recommends", *packages]
    for command in (install, [*apt, "update"], install):
        # The lists of a fresh machine are empty or old: the first try may fail for that alone.
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if command is install and done.returncode == 0:
            return ""
    return " ".join(done.stdout.split()[-40:]) or "apt-get failed"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
