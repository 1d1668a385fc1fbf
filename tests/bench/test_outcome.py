"""What the load generator writes."""

from __future__ import annotations

import json

import pytest

from bench.outcome import Latency, LoadError, Outcome

LINE = (
    '{"kind": "echo", "unit": "message", "operations": 2000, "seconds": 0.5, "server_cpu": 0.1, '
    '"load_cpu": 0.2, "compressed": false, "latency": {"p50": 10.0, "p90": 20.0, "p99": 30.0, '
    '"p999": 40.0, "max": 50.5}}'
)


def test_a_line() -> None:
    """Cost is the server's processor time for an operation, rate operations in a second."""
    outcome = Outcome.parse(LINE)
    assert outcome.cost == pytest.approx(50e-6)
    assert outcome.rate == 4000
    assert outcome.latency == Latency(10, 20, 30, 40, 50.5)
    assert outcome.pss is None


def test_no_latencies() -> None:
    """Where nothing was timed there are none."""
    assert Outcome.parse(LINE.partition('"latency"')[0] + '"latency": null}').latency is None


def test_there_and_back() -> None:
    """The form in JSON loses nothing."""
    outcome = Outcome(5, 1.0, 0.5, 0.25, True, Latency(1, 2, 3, 4, 5), 100.5, 90.25)
    assert Outcome.from_json(json.loads(json.dumps(outcome.to_json()))) == outcome


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"error": "echo 7 is not what was sent"}', "echo 7 is not what was sent"),
        ("", "said ''"),
        ("Segmentation fault", "Segmentation"),
        ("[1]", r"\[1\]"),
        (LINE.replace("2000", "0"), "nothing was answered"),
    ],
)
def test_no_outcome(line: str, reason: str) -> None:
    """What is wrong is never taken for a figure."""
    with pytest.raises(LoadError, match=reason):
        Outcome.parse(line)
