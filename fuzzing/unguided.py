"""Fuzzing with Hypothesis, everywhere: ``python -m fuzzing.unguided TARGET SECONDS``."""

from __future__ import annotations

import resource
import signal
import sys
import time
from types import FrameType

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from fuzzing.target import BUILD, load, seeds

__all__ = ["inputs"]

PATIENCE = 20
"""Seconds for an input: one that takes longer hangs."""
MEMORY = 2 << 30
"""Bytes for the process."""
ROUND = 1000
"""Inputs between two looks at the clock."""


@st.composite
def inputs(draw: st.DrawFn, samples: list[bytes]) -> bytes:
    """Return any bytes, or a seed with something in it changed."""
    if not samples or draw(st.integers(0, 3)) == 0:
        return draw(st.binary(max_size=600))
    data = bytearray(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, len(data)))
        match draw(st.integers(0, 4)):
            case 0:
                data[place : place + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                data[place:place] = draw(st.binary(max_size=8))
            case 2:
                del data[place : place + draw(st.integers(1, 16))]
            case 3:
                other = draw(st.sampled_from(samples))
                start = draw(st.integers(0, len(other)))
                data[place:place] = other[start : start + draw(st.integers(1, 64))]
            case _:
                data[place:place] = data[place : place + draw(st.integers(1, 64))]
    return bytes(data)


def main(name: str, seconds: float) -> int:
    """Fuzz a target; return 0 if nothing was found."""
    check = load(name)
    strategy = inputs([data for _, data in seeds(name)])
    finding = BUILD / name / "finding-hypothesis"
    finding.parent.mkdir(parents=True, exist_ok=True)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, _too_late)
    count = 0

    def attempt(data: bytes) -> None:
        nonlocal count
        count += 1
        signal.alarm(PATIENCE)
        try:
            check(data)
        except BaseException:
            finding.write_bytes(data)
            raise
        finally:
            signal.alarm(0)

    number = 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        number += 1
        test = given(strategy)(attempt)
        test = settings(
            max_examples=ROUND,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )(test)
        seed(number)(test)()
    sys.stdout.write(f"{name}: {count} inputs, nothing found\n")
    return 0


def _too_late(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"an input takes over {PATIENCE} seconds")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
