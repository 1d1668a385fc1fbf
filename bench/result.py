"""What a run has measured, as it is kept in ``bench/results``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bench.outcome import Outcome

__all__ = ["FORMAT", "Measurement", "Result", "ResultError"]

FORMAT = 1


class ResultError(Exception):
    """A file is no result, or one of another edition."""


@dataclass(frozen=True)
class Measurement:
    """One program under one workload in one round.

    Attributes:
        round: counted from 1.
        workload: the workload's name.
        program: the program's name.
        outcome: what came of it, ``None`` if it went wrong.
        error: what went wrong.
    """

    round: int
    workload: str
    program: str
    outcome: Outcome | None = None
    error: str = ""


@dataclass
class Result:
    """All of a run.

    Attributes:
        machine: what it ran on, in words by their names.
        versions: of the programs.
        settings: how it was run.
        measurements: what was measured, in order.
    """

    machine: Mapping[str, str]
    versions: Mapping[str, str]
    settings: Mapping[str, Any]
    measurements: list[Measurement] = field(default_factory=list)

    @property
    def rounds(self) -> int:
        """How many rounds there are."""
        return max((measurement.round for measurement in self.measurements), default=0)

    def names(self, what: str) -> Sequence[str]:
        """Return the names of the ``program``s or the ``workload``s, in order."""
        return list(dict.fromkeys(getattr(one, what) for one in self.measurements))

    def save(self, path: Path) -> None:
        """Write it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        measurements = [
            {
                "round": one.round,
                "workload": one.workload,
                "program": one.program,
                **({"error": one.error} if one.error else {}),
                **({"outcome": one.outcome.to_json()} if one.outcome is not None else {}),
            }
            for one in self.measurements
        ]
        head = {
            "format": FORMAT,
            "machine": dict(self.machine),
            "versions": dict(self.versions),
            "settings": dict(self.settings),
        }
        # A line for each measurement: a new run is a diff that can be read.
        lines = ",\n".join(f"  {json.dumps(one)}" for one in measurements)
        words = json.dumps(head, indent=1).removesuffix("\n}")
        path.write_text(f'{words},\n "measurements": [\n{lines}\n ]\n}}\n')

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read it.

        Raises:
            ResultError: it is none.
        """
        try:
            said = json.loads(path.read_text())
            if said["format"] != FORMAT:
                raise ResultError(f"{path} is of another edition")
            measurements = [
                Measurement(
                    one["round"],
                    one["workload"],
                    one["program"],
                    Outcome.from_json(one["outcome"]) if "outcome" in one else None,
                    one.get("error", ""),
                )
                for one in said["measurements"]
            ]
            return cls(said["machine"], said["versions"], said["settings"], measurements)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ResultError(f"{path} is not the result of a run: {error}") from error
