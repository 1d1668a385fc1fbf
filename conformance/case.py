"""The cases of Autobahn|Testsuite: their numbers, their sections, and choices among them."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["ALL", "QUICK", "SECTIONS", "Case", "UnknownCaseError", "choose", "compact", "section"]

Case = str
"""A case's number, as in ``"9.1.3"`` or ``"2.7"``."""

SECTIONS = {
    "1": "Framing",
    "2": "Pings and pongs",
    "3": "Reserved bits",
    "4": "Opcodes",
    "5": "Fragmentation",
    "6": "UTF-8",
    "7": "Closing",
    "9": "Limits and speed",
    "10": "Automatic fragmentation",
    "12": "Compression: payloads",
    "13": "Compression: parameters",
}
"""What the sections are about; there is no section 8 and no section 11."""

_SIZES: dict[str, Sequence[int] | int] = {
    "1": (8, 8),
    "2": 11,
    "3": 7,
    "4": (5, 5),
    "5": 20,
    "6": (3, 4, 2, 4, 5, 11, 4, 2, 4, 3, 5, 8, 5, 10, 1, 3, 5, 5, 5, 7, 8, 34, 7),
    "7": (6, 0, 6, 0, 1, 0, 13, 0, 9, 0, 0, 0, 2),
    "9": (6, 6, 9, 9, 6, 6, 6, 6),
    "10": (1,),
    "12": (18,) * 5,
    "13": (18,) * 7,
}
"""How many cases a section has, or each of its parts: a missing one has to be noticed."""


class UnknownCaseError(ValueError):
    """A pattern fits no case."""


def section(case: Case) -> str:
    """Return the section that a case is in."""
    return case.partition(".")[0]


def _list() -> list[Case]:
    cases = []
    for number, sizes in _SIZES.items():
        if isinstance(sizes, int):
            cases += [f"{number}.{last}" for last in range(1, sizes + 1)]
        else:
            for part, size in enumerate(sizes, 1):
                cases += [f"{number}.{part}.{last}" for last in range(1, size + 1)]
    return cases


ALL: tuple[Case, ...] = tuple(_list())
"""All of them, in order."""

QUICK = "1,2,3,4,5,6,7,10,9.7.1,9.8.6,12.1.4,12.2.4,12.3.4,12.4.11,12.5.4,13.*.3"
"""A choice that takes a minute: everything but the limits, and a little of the compression."""


def choose(patterns: str) -> list[Case]:
    """Return the cases that patterns fit, in order.

    Args:
        patterns: with commas between them: a case (``9.1.3``), the beginning of its number (``9``
            or ``9.1``, also as ``9.1.*``), or with a ``*`` for a part (``13.*.3``).

    Raises:
        UnknownCaseError: a pattern fits no case.
    """
    wanted: set[Case] = set()
    for pattern in patterns.split(","):
        parts = pattern.strip().removesuffix(".*").split(".")
        fitting = {case for case in ALL if _fits(case.split("."), parts)}
        if not fitting:
            raise UnknownCaseError(f"no case is {pattern.strip()!r}")
        wanted |= fitting
    return [case for case in ALL if case in wanted]


def _fits(case: Sequence[str], parts: Sequence[str]) -> bool:
    return len(parts) <= len(case) and all(
        part in ("*", number) for part, number in zip(parts, case, strict=False)
    )


def compact(cases: Sequence[Case]) -> str:
    """Return cases as text, with neighbours joined: ``6.4.1-6.4.3, 9.1.1``."""
    runs: list[list[Case]] = []
    for case in cases:
        if runs and ALL.index(case) == ALL.index(runs[-1][-1]) + 1:
            runs[-1].append(case)
        else:
            runs.append([case])
    return ", ".join(run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
