"""The summary of a whole run: ``conformance/autobahn.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from conformance.case import ALL, SECTIONS, compact, section
from conformance.port import SUITE
from conformance.report import BEHAVIOURS, Report
from conformance.suite import Suite

__all__ = ["FILE", "write"]

FILE = Path(__file__).with_name("autobahn.md")


def write(reports: Mapping[str, Report], suite: Suite) -> Path:
    """Write the summary and return where it is.

    Args:
        reports: what came of each run, by its name.
        suite: what has run.
    """
    FILE.write_text("\n".join(_lines(reports, suite)) + "\n")
    return FILE


def _lines(reports: Mapping[str, Report], suite: Suite) -> Iterator[str]:
    yield "# Autobahn|Testsuite: the last whole run"
    yield ""
    yield "`make conformance` writes this file; [README.md](README.md) explains it."
    yield ""
    python = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    yield (
        f"{SUITE}, {suite.name}, against Sennit {version('sennit')} on {python} and Twisted "
        f"{version('twisted')}. Each column is a run: the server or the client, its "
        "build, and its reactor."
    )
    yield ""
    yield f"| Section | Cases | {' | '.join(reports)} |"
    yield f"|---|---|{'---|' * len(reports)}"
    for number, title in SECTIONS.items():
        size = sum(section(case) == number for case in ALL)
        cells = " | ".join(_cell(report, number) for report in reports.values())
        yield f"| {number} {title} | {size} | {cells} |"
    cells = " | ".join(_cell(report, None) for report in reports.values())
    yield f"| All | {len(ALL)} | {cells} |"
    yield ""
    for name, report in reports.items():
        for behaviour in BEHAVIOURS[1:]:
            cases = report.cases(behaviour)
            if cases:
                yield f"* {name}, {behaviour}: {compact(cases)}"
        unclean = [result.case for result in report.wrong]
        yield f"* {name}, wrong or not closed cleanly: {compact(unclean) or 'none'}"


def _cell(report: Report, number: str | None) -> str:
    counts = [(report.count(behaviour, number), behaviour) for behaviour in BEHAVIOURS]
    return ", ".join(f"{count} {behaviour}" for count, behaviour in counts if count)
