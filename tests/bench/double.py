"""Results that nobody has measured."""

from __future__ import annotations

from bench.outcome import Latency, Outcome
from bench.result import Measurement, Result

__all__ = ["MACHINE", "make_result", "measured", "spent"]

MACHINE = {
    "processor": "Abacus, 2 cores",
    "memory": "1 GiB",
    "system": "Linux 7",
    "python": "CPython 3.14",
    "compiler": "cc 1",
    "load": "0.1",
}


def spent(microseconds: float, *, seconds: float = 1.0, latency: Latency | None = None) -> Outcome:
    """Return an outcome whose operations cost so much."""
    return Outcome(1000, seconds, microseconds / 1000, 0.5, latency=latency)


def measured(
    number: int, workload: str, program: str, outcome: float | Outcome | None
) -> Measurement:
    """Return a measurement: what an operation cost, in microseconds, or ``None`` for a failure."""
    if outcome is None:
        return Measurement(number, workload, program, error="it broke")
    whole = outcome if isinstance(outcome, Outcome) else spent(outcome)
    return Measurement(number, workload, program, whole)


def make_result(*measurements: Measurement, load: str = "0.1") -> Result:
    """Return a result with these measurements."""
    settings = {"date": "2030-01-01", "seconds": 2.0, "rounds": 3}
    machine = {**MACHINE, "load": load}
    return Result(machine, {"sennit": "1", "ws": "9"}, settings, list(measurements))
