"""The rounds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.campaign import Campaign
from bench.outcome import LoadError, Outcome
from bench.process import StartError
from bench.program import PROGRAMS_MEASURED, Program, choose
from bench.workload import Workload, choose_workloads
from tests.bench.double import spent

Measure = Callable[[Program, Workload], Outcome]


def campaign(measure: Measure, *, names: str = "picows,websockets,ws", rounds: int = 3) -> Campaign:
    """Return one of an echo and a fan-out."""
    return Campaign(choose(names), choose_workloads("echo1,fanout1000"), rounds, measure)


def test_rounds_are_interleaved() -> None:
    """In each round every workload, in each workload every program, the limit first."""
    calls = []

    def measure(program: Program, workload: Workload) -> Outcome:
        calls.append((workload.name, program.name))
        return spent(1)

    made = list(campaign(measure).run())
    assert calls == [(one.workload, one.program) for one in made]
    assert [one.round for one in made] == [1] * 8 + [2] * 8 + [3] * 8
    assert [one.workload for one in made[:8]] == ["echo1"] * 4 + ["fanout1000"] * 4
    assert {one.program for one in made if one.round == 2} == {
        "limit",
        "picows",
        "websockets",
        "ws",
    }
    assert {made[at].program for at in range(0, 24, 4)} == {"limit"}
    assert len({made[at].program for at in (1, 9, 17)}) == 3, "none is always the first"


@pytest.mark.parametrize("error", [LoadError("wrong"), StartError("wrong"), OSError("wrong")])
def test_what_fails(error: Exception) -> None:
    """It is tried once more, then reported, and not tried in later rounds; others go on."""
    calls = []

    def measure(program: Program, workload: Workload) -> Outcome:
        if (program.name, workload.name) == ("ws", "echo1"):
            calls.append(program.name)
            raise error
        return spent(1)

    made = list(campaign(measure).run())
    failed = [one for one in made if one.outcome is None]
    assert [(one.round, one.program, one.error) for one in failed] == [(1, "ws", "wrong")]
    assert len(calls) == 2
    assert len(made) == 24 - 2


def test_one_failure_is_no_end() -> None:
    """What goes right the second time counts."""
    failing = [LoadError("once")]

    def measure(_program: Program, _workload: Workload) -> Outcome:
        if failing:
            raise failing.pop()
        return spent(1)

    assert all(one.outcome is not None for one in campaign(measure).run())


def test_compression_that_is_none() -> None:
    """Who does not agree on compression has no figure for it; the limit does not have to."""
    programs, workloads = choose("ws,websockets"), choose_workloads("deflate500")

    def measure(program: Program, _workload: Workload) -> Outcome:
        return Outcome(10, 1.0, 1.0, 1.0, compressed=program.name == "ws")

    made = list(Campaign(programs, workloads, 1, measure).run())
    assert {one.program: one.error for one in made} == {
        "limit": "",
        "ws": "",
        "websockets": "it has not agreed on compression",
    }


def test_only_those_who_can() -> None:
    """No program is asked for what it does not offer."""
    for workload in choose_workloads(""):
        order = Campaign(PROGRAMS_MEASURED, [workload], 1, lambda *_: spent(1)).order(1, workload)
        assert order[0].name == "limit"
        assert len(order) > 1
        for program in order[1:]:
            assert workload.role in program.roles
            assert program.can_compress or not workload.compression
            assert program.can_secure or not workload.tls
