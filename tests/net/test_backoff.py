"""How long a client waits before it tries again."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sennit.net.backoff import Backoff


def test_bounds_double_up_to_the_longest() -> None:
    """Whatever their number."""
    backoff = Backoff(first=0.5, most=30.0, factor=2.0)
    bounds = [backoff.bound(failures) for failures in range(1, 10)]
    assert bounds == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert backoff.bound(10**9) == 30


def test_a_factor_of_one() -> None:
    """Is a wait that does not grow."""
    backoff = Backoff(first=2, most=5, factor=1)
    assert {backoff.bound(failures) for failures in (1, 2, 50, 10**9)} == {2}


def test_waits_are_spread_over_all_of_their_bound() -> None:
    """A thousand clients that lose their server together do not come back together."""
    backoff, chance = Backoff(), random.Random(1)  # noqa: S311 - replayable on purpose
    waits = [backoff.delay(4, chance.random) for _ in range(1000)]
    assert 0 <= min(waits) < 0.1
    assert 3.9 < max(waits) <= 4.0
    quarters = [sum(part <= wait < part + 1 for wait in waits) for part in range(4)]
    assert min(quarters) > 200


@given(
    failures=st.integers(1, 10**6),
    chance=st.floats(0, 1),
    asked=st.floats(-(10**9), 10**9),
)
def test_a_wait_is_within_its_bounds(failures: int, chance: float, asked: float) -> None:
    """What the server asks for comes on top, within a bound of its own."""
    backoff = Backoff(most_asked=60)
    wait = backoff.delay(failures, lambda: chance, asked)
    assert min(max(asked, 0), 60) <= wait <= min(max(asked, 0), 60) + backoff.bound(failures)


@pytest.mark.parametrize(
    "numbers",
    [
        {"first": 0},
        {"first": -1},
        {"first": 31},
        {"factor": 0.9},
        {"most_asked": -1},
        {"most": math.inf},
        {"first": math.nan},
    ],
)
def test_numbers_that_are_none(numbers: dict[str, Any]) -> None:
    """Are refused where they are said, not when the server is gone."""
    with pytest.raises(ValueError, match=r"\w"):
        Backoff(**numbers)
