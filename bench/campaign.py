"""The rounds: every workload on every program, one after the other, and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.outcome import LoadError, Outcome
from bench.process import StartError
from bench.program import LIMIT, Program
from bench.result import Measurement
from bench.workload import Workload

__all__ = ["Campaign"]

Measure = Callable[[Program, Workload], Outcome]


@dataclass(frozen=True)
class Campaign:
    """What is measured, and how often.

    A round has every workload, and for each of them every program right after the other: what is
    compared was measured within the same minute, whatever else the machine did in that hour. The
    programs' order moves on with each round, so that none is always the last; the limit is the
    first.

    Attributes:
        programs: who.
        workloads: by what.
        rounds: how often.
        measure: measures one, once.
        attempts: how often one is tried that goes wrong.
    """

    programs: Sequence[Program]
    workloads: Sequence[Workload]
    rounds: int
    measure: Measure
    attempts: int = 2

    def run(self) -> Iterator[Measurement]:
        """Yield the measurements as they are made."""
        given_up: set[tuple[str, str]] = set()
        for number in range(1, self.rounds + 1):
            for workload in self.workloads:
                for program in self.order(number, workload):
                    key = (program.name, workload.name)
                    if key in given_up:
                        continue
                    measurement = self._measure(number, workload, program)
                    if measurement.outcome is None:
                        # What cannot be done once is not done five times.
                        given_up.add(key)
                    yield measurement

    def order(self, number: int, workload: Workload) -> list[Program]:
        """Return who is measured by a workload in a round, in order."""
        able = [program for program in self.programs if program.can(workload)]
        first = [program for program in able if program.name == LIMIT]
        others = [program for program in able if program.name != LIMIT]
        if not others:
            return first
        turn = (number - 1) * max(1, len(others) // max(1, self.rounds)) % len(others)
        return [*first, *others[turn:], *others[:turn]]

    def _measure(self, number: int, workload: Workload, program: Program) -> Measurement:
        problem = ""
        for _ in range(self.attempts):
            try:
                outcome = self.measure(program, workload)
            except (LoadError, StartError, OSError) as error:
                problem = str(error)
            else:
                if workload.compression and not outcome.compressed and program.name != LIMIT:
                    problem = "it has not agreed on compression"
                    continue
                return Measurement(number, workload.name, program.name, outcome)
        return Measurement(number, workload.name, program.name, error=problem or "unknown")
