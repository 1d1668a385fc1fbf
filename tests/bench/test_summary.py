"""Medians, spreads and ratios."""

from __future__ import annotations

import pytest

from bench.outcome import Outcome
from bench.summary import Figure, Summary, summarize
from tests.bench.double import make_result, measured


def test_figures() -> None:
    """The one in the middle, and how far the others are from each other."""
    assert summarize([]) is None
    assert summarize([3.0]) == Figure(3, 3, 3, 1)
    figure = summarize([9.0, 1.0, 2.0])
    assert figure == Figure(2, 1, 9, 3)
    assert figure.spread == 4
    assert summarize([1.0, 2.0]) == Figure(1.5, 1, 2, 2)


def test_a_ratio_is_made_within_a_round() -> None:
    """The machine was half as fast in the second round, for both: the ratio is the same."""
    result = make_result(
        measured(1, "echo1", "limit", 5),
        measured(1, "echo1", "ws", 10),
        measured(2, "echo1", "limit", 10),
        measured(2, "echo1", "ws", 20),
    )
    assert Summary(result).ratio("ws", "echo1") == Figure(0.5, 0.5, 0.5, 2)


def test_a_round_without_the_limit() -> None:
    """It has no ratio; nor has what was not measured."""
    result = make_result(
        measured(1, "echo1", "ws", 10),
        measured(2, "echo1", "limit", 5),
        measured(2, "echo1", "ws", 20),
        measured(3, "echo1", "limit", None),
        measured(3, "echo1", "ws", 20),
    )
    assert Summary(result).ratio("ws", "echo1") == Figure(0.25, 0.25, 0.25, 1)
    assert Summary(result).ratio("picows", "echo1") is None
    assert Summary(result).ratio("ws", "echo64") is None


def test_in_operations_of_its_own() -> None:
    """A session that costs as much as three handshakes."""
    result = make_result(
        measured(1, "handshake", "sennit", 100),
        measured(1, "storm5000", "sennit", 300),
        measured(1, "storm5000", "centrifugo", 300),
    )
    worth = Summary(result).worth("sennit", "storm5000", "handshake")
    assert worth is not None
    assert worth.median == pytest.approx(3)
    assert Summary(result).worth("centrifugo", "storm5000", "handshake") is None


def test_what_there_is_not() -> None:
    """An outcome without the number does not count as one of zero."""
    held = Outcome(5000, 1.0, 0.1, 0.1, pss=300.0, uss=200.0)
    result = make_result(
        measured(1, "idle5000", "ws", held),
        measured(2, "idle5000", "ws", 10),
        measured(1, "echo1", "ws", None),
    )
    summary = Summary(result)
    assert summary.figure("ws", "idle5000", lambda outcome: outcome.uss) == Figure(200, 200, 200, 1)
    assert summary.error("ws", "echo1") == "it broke"
    assert summary.error("ws", "idle5000") is None
