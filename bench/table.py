"""Tables of what was measured, in Markdown and for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.outcome import Outcome
from bench.program import LIMIT, PROGRAMS_MEASURED
from bench.result import Result
from bench.summary import Figure, Summary
from bench.workload import WORKLOADS, Workload

__all__ = [
    "NOTHING",
    "Table",
    "cost_table",
    "latency_table",
    "memory_table",
    "rate_table",
    "ratio_table",
]

NOTHING = "–"  # noqa: RUF001 - a dash, for people
TITLES = {program.name: program.title for program in PROGRAMS_MEASURED}
OURS = {program.name for program in PROGRAMS_MEASURED if program.is_ours}


@dataclass(frozen=True)
class Table:
    """Rows of text.

    Attributes:
        head: the first row.
        rows: the others.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Return it in Markdown."""
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        return "\n".join(f"| {' | '.join(row)} |" for row in lines)

    def plain(self) -> str:
        """Return it for a terminal."""
        rows = [[cell.replace("**", "") for cell in row] for row in (self.head, *self.rows)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(self.head))]
        lines = []
        for row in rows:
            first, *others = row
            cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
            lines.append("  ".join([first.ljust(widths[0]), *cells]).rstrip())
        return "\n".join(lines)


def ratio_table(result: Result, group: str, *, titles: bool = True) -> Table:
    """Return the ratios of processor time to the limit's, with their spreads."""
    summary = Summary(result)

    def cell(program: str, workload: Workload) -> str:
        figure = summary.ratio(program, workload.name)
        if figure is None:
            return _lack(summary, program, workload)
        spread = f" ±{figure.spread:.2f}" if figure.rounds > 1 else ""
        return f"{_ratio(figure.median)}{spread}"

    table = _table(result, group, cell, titles=titles, limit=False)
    goals = [workload.goal for workload in _workloads(result, group)]
    if not any(goal is not None for goal in goals):
        return table
    last = ["*what Sennit aims at*"] + [
        NOTHING if goal is None else f"{goal:.2f}" for goal in goals
    ]
    return Table(table.head, [*table.rows, last])


def rate_table(result: Result, group: str, *, titles: bool = True) -> Table:
    """Return operations in a second."""
    return _figures(result, group, lambda outcome: outcome.rate, _thousands, titles=titles)


def cost_table(result: Result, group: str, *, titles: bool = True) -> Table:
    """Return microseconds of the server's processor time for an operation."""

    def show(figure: Figure) -> str:
        return f"{figure.median:.2f}" if figure.median < 10 else f"{figure.median:.0f}"

    return _figures(result, group, lambda outcome: outcome.cost * 1e6, show, titles=titles)


def memory_table(result: Result, *, titles: bool = True) -> Table:
    """Return bytes of a server's own memory for each idle connection."""
    return _figures(
        result,
        "memory",
        lambda outcome: outcome.uss,
        lambda figure: f"{figure.median:,.0f}",
        titles=titles,
    )


def latency_table(result: Result, workload: str) -> Table:
    """Return the percentiles of a workload, in microseconds."""
    summary = Summary(result)
    names = ("p50", "p90", "p99", "p999")

    def one(program: str, name: str) -> str:
        def pick(outcome: Outcome) -> float | None:
            return getattr(outcome.latency, name) if outcome.latency else None

        figure = summary.figure(program, workload, pick)
        return NOTHING if figure is None else f"{figure.median:,.0f}"

    rows = [
        [_title(program), *(one(program, name) for name in names)] for program in _programs(result)
    ]
    rows = [row for row in rows if set(row[1:]) - {NOTHING}]
    return Table(["", "median", "90 %", "99 %", "99.9 %"], rows)


def _figures(
    result: Result,
    group: str,
    number: Callable[[Outcome], float | None],
    show: Callable[[Figure], str],
    *,
    titles: bool,
) -> Table:
    summary = Summary(result)

    def cell(program: str, workload: Workload) -> str:
        figure = summary.figure(program, workload.name, number)
        return _lack(summary, program, workload) if figure is None else show(figure)

    return _table(result, group, cell, titles=titles, limit=True)


def _table(
    result: Result,
    group: str,
    cell: Callable[[str, Workload], str],
    *,
    titles: bool,
    limit: bool,
) -> Table:
    workloads = _workloads(result, group)
    rows = []
    for program in _programs(result):
        if program == LIMIT and not limit:
            continue
        cells = [cell(program, workload) for workload in workloads]
        if set(cells) - {NOTHING}:
            rows.append([_title(program) if titles else program, *cells])
    head = [workload.title if titles else workload.name for workload in workloads]
    return Table(["", *head], rows)


def _workloads(result: Result, group: str) -> list[Workload]:
    measured = set(result.names("workload"))
    return [one for one in WORKLOADS if one.group == group and one.name in measured]


def _programs(result: Result) -> list[str]:
    measured = set(result.names("program"))
    return [name for name in TITLES if name in measured]


def _title(program: str) -> str:
    return f"**{TITLES[program]}**" if program in OURS else TITLES[program]


def _lack(summary: Summary, program: str, workload: Workload) -> str:
    return "failed" if summary.error(program, workload.name) else NOTHING


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def _thousands(figure: Figure) -> str:
    return f"{figure.median:,.0f}"
