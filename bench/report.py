"""The page ``docs/performance.md``: its tables and drawings, from a result.

What people have written there stays; what stands between two comments ``begin`` and ``end`` with
the same name is written anew.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bench.machine import BUSY
from bench.place import ROOT
from bench.plot import Bar, Group, draw
from bench.program import LIMIT, PROGRAMS_MEASURED
from bench.result import Result
from bench.summary import Summary
from bench.table import (
    NOTHING,
    OURS,
    TITLES,
    Table,
    cost_table,
    latency_table,
    memory_table,
    rate_table,
    ratio_table,
)
from bench.workload import WORKLOADS

__all__ = ["PAGE", "MissingBlockError", "blocks", "drawings", "fill", "write"]

PAGE = ROOT / "docs" / "performance.md"
IMAGES = PAGE.parent / "images"
STORM = "storm5000"


class MissingBlockError(Exception):
    """The page has no place for a table."""


def write(result: Result, page: Path = PAGE, images: Path = IMAGES) -> list[Path]:
    """Write the tables and the drawings, and return what was written.

    Raises:
        MissingBlockError: the page has no place for one.
    """
    page.write_text(fill(page.read_text(), blocks(result)))
    written = [page]
    for name, drawing in drawings(result).items():
        path = images / name
        path.write_text(drawing)
        written.append(path)
    return written


def fill(text: str, contents: Mapping[str, str]) -> str:
    """Return the page with new contents between its comments.

    Raises:
        MissingBlockError: there is no place for one.
    """
    for name, content in contents.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if not pattern.search(text):
            raise MissingBlockError(f"the page has no block {name!r}")
        whole = f"{begin}\n{content}\n{end}"
        text = pattern.sub(lambda _, whole=whole: whole, text)  # type: ignore[misc]
    return text


def blocks(result: Result) -> dict[str, str]:
    """Return what stands in each block."""
    return {
        "machine": _machine(result),
        "ratio": _or_nothing(ratio_table(result, "cpu")),
        "more": _or_nothing(ratio_table(result, "more")),
        "storm": _storm(result),
        "memory": _or_nothing(memory_table(result)),
        "latency": _or_nothing(latency_table(result, "latency64")),
        "rate": _or_nothing(rate_table(result, "cpu")),
        "cost": _or_nothing(cost_table(result, "cpu")),
    }


def drawings(result: Result) -> dict[str, str]:
    """Return the drawings by their files' names."""
    summary = Summary(result)
    drawn = {}
    for group, title in (
        ("cpu", "Processor time of bare C, divided by the server's own"),
        ("more", "The same for compression, TLS and the protocol"),
    ):
        groups = []
        for workload in WORKLOADS:
            if workload.group != group:
                continue
            bars = [
                Bar(one.name, figure.median, figure.low, figure.high, one.is_ours)
                for one in PROGRAMS_MEASURED
                if one.is_drawn
                and one.name != LIMIT
                and (figure := summary.ratio(one.name, workload.name))
            ]
            if bars:
                groups.append(Group(workload.title, bars))
        drawn[f"performance-{group}.svg"] = draw(title, groups)
    return drawn


def _or_nothing(table: Table) -> str:
    return table.markdown() if table.rows else "*Not measured.*"


def _machine(result: Result) -> str:
    machine, settings = result.machine, result.settings
    busy = float(machine.get("load", "0")) > BUSY
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    first = (
        f"Measured on {settings['date']}: {machine['processor']}, {machine['memory']}, "
        f"{machine['system']}, {machine['python']}, {machine['compiler']}. "
        f"{result.rounds} round{'s' * (result.rounds != 1)} of {settings['seconds']} seconds for "
        "each figure."
    )
    lines = [first]
    if busy:
        lines.append(
            f"**Others were at work on this machine** (load average {machine['load']} before the "
            "first round): rates and latencies suffer from that; the ratios much less."
        )
    return "\n\n".join([*lines, f"Versions: {versions}."])


def _storm(result: Result) -> str:
    summary = Summary(result)
    rows = []
    for name, title in TITLES.items():
        seconds = summary.figure(name, STORM, lambda outcome: outcome.seconds)
        if seconds is None or name == LIMIT:
            continue
        own = summary.worth(name, STORM, "handshake")
        cost = summary.figure(name, STORM, lambda outcome: outcome.cost * 1e6)
        rows.append(
            [
                f"**{title}**" if name in OURS else title,
                f"{seconds.median:.2f} s",
                f"{cost.median:.0f} µs" if cost else NOTHING,
                f"{own.median:.1f}" if own else NOTHING,
            ]
        )
    head = ["", "until all are whole", "processor time of a session", "in handshakes of its own"]
    return _or_nothing(Table(head, rows))
