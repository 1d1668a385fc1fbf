"""The targets: functions that take any bytes, and fail only where something is wrong."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

__all__ = ["BUILD", "CORPUS", "TARGETS", "load", "read_seed", "seeds"]

CORPUS = Path(__file__).with_name("corpus")
BUILD = Path(__file__).resolve().parents[1] / "build" / "fuzzing"
TARGETS = ("stream", "traffic", "request", "response", "compression")


def load(name: str) -> Callable[[bytes], None]:
    """Return a target by its name."""
    check: Callable[[bytes], None] = import_module(f"fuzzing.{name}").check
    return check


def seeds(name: str) -> Iterator[tuple[str, bytes]]:
    """Yield a target's seeds, each with its name."""
    for path in sorted((CORPUS / name).glob("*.txt")):
        yield path.stem, read_seed(path.read_text())


def read_seed(text: str) -> bytes:
    """Return the bytes of a seed: lines that are bytes as Python writes them, or comments."""
    lines = (line.strip() for line in text.splitlines())
    return b"".join(ast.literal_eval(line) for line in lines if line and line[0] != "#")
