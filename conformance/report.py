"""What the suite has found, read from its report and judged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.case import ALL, Case, compact

__all__ = ["BEHAVIOURS", "MISSING", "Report", "Result", "read"]

PASSED = ("OK", "NON-STRICT", "INFORMATIONAL")
"""How a peer may behave: as it must; as it may, though not best; as the RFC leaves to it."""
CLOSED = ("OK", "INFORMATIONAL")
"""How a connection may end."""
MISSING = "MISSING"
"""A case of which there is no result: the peer, or the suite, has ended before."""
WORTH_IT = 1024
"""Bytes in a message that ought to be sent compressed once that was agreed on; a smaller one may be
left as it is."""
BEHAVIOURS = (*PASSED, "UNIMPLEMENTED", "FAILED", MISSING)


@dataclass(frozen=True)
class Result:
    """What came of one case.

    Attributes:
        case: its number.
        behaviour: one of ``BEHAVIOURS``.
        closing: how the connection ended: OK, UNCLEAN, WRONG CODE, FAILED, …
        seconds: how long it took.
        remark: the suite's own words on both.
        plain: compression was agreed on, and what we sent was not smaller for it.
    """

    case: Case
    behaviour: str
    closing: str
    seconds: float = 0.0
    remark: str = ""
    plain: bool = False

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.behaviour in PASSED and self.closing in CLOSED and not self.plain


@dataclass(frozen=True)
class Report:
    """The results of a run.

    Attributes:
        results: one for each case that was to be run, in order.
    """

    results: Sequence[Result]

    @property
    def passed(self) -> bool:
        """Whether something was run, and nothing is wrong."""
        return bool(self.results) and not self.wrong

    @property
    def wrong(self) -> list[Result]:
        """The results with which something is wrong."""
        return [result for result in self.results if not result.passed]

    def count(self, behaviour: str, section: str | None = None) -> int:
        """Return how many cases, of one section or of all, have ended with a behaviour."""
        return len(self.cases(behaviour, section))

    def cases(self, behaviour: str, section: str | None = None) -> list[Case]:
        """Return the cases, of one section or of all, that have ended with a behaviour."""
        return [
            result.case
            for result in self.results
            if result.behaviour == behaviour
            and (section is None or result.case.startswith(f"{section}."))
        ]

    def lines(self) -> Iterable[str]:
        """Yield what a person wants to know, line by line."""
        for behaviour in BEHAVIOURS:
            cases = self.cases(behaviour)
            if cases:
                which = "" if behaviour == "OK" else f"  {compact(cases)}"
                yield f"{behaviour:<14}{len(cases):4}{which}"
        for result in self.wrong:
            if result.behaviour == MISSING:
                continue
            compression = "; agreed on compression and sent plain" if result.plain else ""
            yield (
                f"{result.case}: {result.behaviour}, closing {result.closing}{compression}: "
                f"{result.remark}"
            )
        yield "PASSED" if self.passed else f"FAILED: {len(self.wrong)} of {len(self.results)}"


def read(folder: Path, agent: str, wanted: Iterable[Case]) -> Report:
    """Read the report that the suite has written.

    Args:
        folder: where it is; without one, every case is missing.
        agent: the name that the peer went by.
        wanted: the cases that were to be run.
    """
    index = folder / "index.json"
    found = json.loads(index.read_text()).get(agent, {}) if index.exists() else {}
    chosen = set(wanted)
    return Report([_result(folder, case, found.get(case)) for case in ALL if case in chosen])


def _result(folder: Path, case: Case, entry: Mapping[str, Any] | None) -> Result:
    if entry is None:
        return Result(case, MISSING, MISSING, remark="it was not run to its end")
    details: Any = {}
    file = folder / entry["reportfile"]
    if file.exists():
        details = json.loads(file.read_text())
    remark = " ".join(filter(None, (details.get("result"), details.get("resultClose"))))
    return Result(
        case,
        entry["behavior"],
        entry["behaviorClose"],
        entry["duration"] / 1000,
        remark,
        _is_plain(details.get("trafficStats")),
    )


def _is_plain(traffic: Mapping[str, Any] | None) -> bool:
    """Return whether the suite's messages shrank and our echoes of them did not."""
    if not traffic or not traffic["outgoingWebSocketMessages"]:
        return False
    size = traffic["outgoingOctetsAppLevel"] / traffic["outgoingWebSocketMessages"]
    ours, theirs = traffic["incomingCompressionRatio"], traffic["outgoingCompressionRatio"]
    if size < WORTH_IT or ours is None or theirs is None:
        return False
    return bool(ours > 0.999 and theirs < 0.9)
