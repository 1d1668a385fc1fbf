"""What a test needs of the machine: without it the test is skipped, loudly, or fails under CI."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from tools.debian import find_program
from tools.node import Node, NodeMissingError, find_node
from tools.page import install_packages

__all__ = ["require_go", "require_node", "require_program"]


def require_program(name: str) -> str:
    """Return where a program is; without it the test does not run."""
    return find_program(name) or _missing(f"{name} is not installed (apt-get install {name})")


def require_node(folder: Path) -> Node:
    """Return Node, once the packages of the folder's lock file are installed there."""
    try:
        node = find_node()
    except NodeMissingError as error:
        _missing(str(error))
    install_packages(node, folder)
    return node


def require_go(folder: Path, program: Path) -> Path:
    """Build a program of a Go module, and return where it is.

    Go is for where it is: nobody has to install it, so that its absence is never a failure.
    """
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin:/usr/lib/go/bin")
    if go is None:
        pytest.skip("go is not installed: THE SDK FOR GO WAS NOT TESTED")
    command = [go, "build", "-mod=readonly", "-o", str(program), "."]
    built = subprocess.run(  # noqa: S603 - the toolchain, on our own module
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    if built.returncode and ("dial tcp" in built.stderr or "proxy" in built.stderr):
        pytest.skip(f"go cannot fetch its modules: THE SDK FOR GO WAS NOT TESTED\n{built.stderr}")
    assert built.returncode == 0, built.stderr
    return program


def _missing(what: str) -> NoReturn:
    message = f"{what}: WHAT NEEDS IT WAS NOT TESTED"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
