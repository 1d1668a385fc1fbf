"""Medians and spreads of what was measured in several rounds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.outcome import Outcome
from bench.program import LIMIT
from bench.result import Measurement, Result

__all__ = ["Figure", "Summary", "summarize"]


@dataclass(frozen=True)
class Figure:
    """A number that was measured several times.

    Attributes:
        median: the one in the middle.
        low: the lowest.
        high: the highest.
        rounds: how many there are.
    """

    median: float
    low: float
    high: float
    rounds: int

    @property
    def spread(self) -> float:
        """Half the way from the lowest to the highest."""
        return (self.high - self.low) / 2


def summarize(numbers: Iterable[float]) -> Figure | None:
    """Return the figure of some numbers; ``None`` of none."""
    ordered = sorted(numbers)
    if not ordered:
        return None
    return Figure(statistics.median(ordered), ordered[0], ordered[-1], len(ordered))


class Summary:
    """What a result says of each program and workload.

    Args:
        result: the result.
    """

    def __init__(self, result: Result) -> None:
        self._by_key: dict[tuple[str, str], list[Measurement]] = {}
        for measurement in result.measurements:
            key = (measurement.program, measurement.workload)
            self._by_key.setdefault(key, []).append(measurement)

    def ratio(self, program: str, workload: str) -> Figure | None:
        """Return the limit's processor time for an operation, divided by the program's.

        Only what was measured in the same round is compared.
        """
        limits = {
            measurement.round: measurement.outcome
            for measurement in self._of(LIMIT, workload)
            if measurement.outcome is not None
        }
        return summarize(
            limit.cost / outcome.cost
            for number, outcome in self._outcomes(program, workload)
            if (limit := limits.get(number)) is not None and limit.cost and outcome.cost
        )

    def worth(self, program: str, workload: str, unit: str) -> Figure | None:
        """Return the cost of an operation in operations of another workload of the same program.

        That is how a reconnect storm is told in handshakes.
        """
        units = dict(self._outcomes(program, unit))
        return summarize(
            outcome.cost / units[number].cost
            for number, outcome in self._outcomes(program, workload)
            if number in units and units[number].cost
        )

    def figure(
        self, program: str, workload: str, number: Callable[[Outcome], float | None]
    ) -> Figure | None:
        """Return a figure of the outcomes; ``None`` where there is none."""
        numbers = [number(outcome) for _, outcome in self._outcomes(program, workload)]
        return summarize(value for value in numbers if value is not None)

    def error(self, program: str, workload: str) -> str | None:
        """Return what went wrong, where nothing went right."""
        measurements = self._of(program, workload)
        if not measurements or any(one.outcome is not None for one in measurements):
            return None
        return measurements[-1].error

    def _of(self, program: str, workload: str) -> Sequence[Measurement]:
        return self._by_key.get((program, workload), [])

    def _outcomes(self, program: str, workload: str) -> list[tuple[int, Outcome]]:
        return [
            (measurement.round, measurement.outcome)
            for measurement in self._of(program, workload)
            if measurement.outcome is not None
        ]
