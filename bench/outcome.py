"""What came of measuring one program by one workload, once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

__all__ = ["Latency", "LoadError", "Outcome"]


class LoadError(Exception):
    """The load generator has found something wrong; the message says what."""


@dataclass(frozen=True)
class Latency:
    """How long answers took, in microseconds.

    Attributes:
        p50: half of them took no longer.
        p90: nine of ten.
        p99: of a hundred, ninety-nine.
        p999: of a thousand, 999.
        max: the longest.
    """

    p50: float
    p90: float
    p99: float
    p999: float
    max: float


@dataclass(frozen=True)
class Outcome:
    """One measurement.

    Attributes:
        operations: how many: messages, deliveries, handshakes, sessions.
        seconds: in what time.
        server_cpu: seconds of the server's processor time.
        load_cpu: the same of the load generator.
        compressed: whether compression was agreed on.
        latency: how long answers took, if any was timed.
        pss: bytes of memory for a connection, where connections were held.
        uss: the same, of the process's own pages alone.
    """

    operations: int
    seconds: float
    server_cpu: float
    load_cpu: float
    compressed: bool = False
    latency: Latency | None = None
    pss: float | None = None
    uss: float | None = None

    @property
    def cost(self) -> float:
        """Seconds of the server's processor time for an operation."""
        return self.server_cpu / self.operations if self.operations else 0.0

    @property
    def rate(self) -> float:
        """Operations in a second."""
        return self.operations / self.seconds if self.seconds else 0.0

    @classmethod
    def parse(cls, line: str) -> Self:
        """Return what the load generator has written.

        Raises:
            LoadError: it is an error, or nothing that it writes.
        """
        try:
            said = json.loads(line)
        except ValueError as error:
            raise LoadError(f"the load generator said {line[:200]!r}") from error
        if not isinstance(said, dict) or "error" in said:
            reason = said.get("error") if isinstance(said, dict) else line[:200]
            raise LoadError(str(reason))
        if not said.get("operations"):
            raise LoadError("nothing was answered in all that time")
        return cls.from_json(said)

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """Return an outcome from its form in JSON; what it does not know is passed over."""
        known = {name: said[name] for name in cls.__dataclass_fields__ if name in said}
        if known.get("latency") is not None:
            known["latency"] = Latency(**known["latency"])
        return cls(**known)

    def to_json(self) -> dict[str, Any]:
        """Return its form in JSON."""
        return {name: value for name, value in asdict(self).items() if value is not None}
