"""Connections over sockets end as those in memory do: see :mod:`tests.testing.scenario`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.testing.scenario import SCENARIOS


@pytest.mark.parametrize(
    ("scenario", "expected"), SCENARIOS, ids=[scenario.__name__ for scenario, _ in SCENARIOS]
)
def test_scenarios(run: Callable[..., Any], reactor: Any, scenario: Any, expected: object) -> None:
    """With the same outcome, each of them."""
    assert run(scenario(reactor)) == expected
