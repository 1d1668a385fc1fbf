"""How much memory a process has, as the kernel tells it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Memory", "parse_rollup", "read_memory"]


@dataclass(frozen=True)
class Memory:
    """A process's memory, in bytes.

    Attributes:
        pss: its own, and its share of what it shares with others.
        uss: its own alone.
    """

    pss: int
    uss: int


def parse_rollup(text: str) -> Memory:
    """Return what ``smaps_rollup`` says.

    Raises:
        ValueError: it does not say it.
    """
    values: dict[str, int] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[0].endswith(":") and words[2] == "kB":
            values[words[0][:-1]] = int(words[1]) * 1024
    try:
        return Memory(values["Pss"], values["Private_Clean"] + values["Private_Dirty"])
    except KeyError as error:
        raise ValueError(f"smaps_rollup has no {error}") from error


def read_memory(pid: int) -> Memory:
    """Return the memory of a process, now."""
    return parse_rollup(Path(f"/proc/{pid}/smaps_rollup").read_text())
