"""What a test needs of the machine: without it the test is skipped, loudly, or fails under CI."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

from tools.debian import find_program
from tools.node import Node, NodeMissingError, find_node
from tools.page import install_packages

__all__ = ["require_node", "require_program"]


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


def _missing(what: str) -> NoReturn:
    message = f"{what}: WHAT NEEDS IT WAS NOT TESTED"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
