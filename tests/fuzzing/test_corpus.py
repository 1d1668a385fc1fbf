"""The fuzzers' targets hold on their seeds and on a few changed ones."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzzing.target import CORPUS, TARGETS, load, read_seed, seeds
from fuzzing.unguided import inputs

SEEDS = {f"{target}/{name}": data for target in TARGETS for name, data in seeds(target)}


@pytest.mark.parametrize("seed", SEEDS)
def test_seed(seed: str) -> None:
    """What was found once, and what a fuzzer begins with."""
    load(seed.partition("/")[0])(SEEDS[seed])


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_changed_seeds(target: str, data: st.DataObject) -> None:
    """A short look, so that a target does not rot between two long ones."""
    samples = [sample for _, sample in seeds(target)]
    load(target)(data.draw(inputs(samples)))


def test_every_target_has_seeds() -> None:
    """And every folder of seeds has a target."""
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
    assert {name.partition("/")[0] for name in SEEDS} == set(TARGETS)


def test_a_seed_is_read() -> None:
    """Bytes as Python writes them, line by line, with comments between."""
    assert read_seed("# a frame\nb'\\x81\\x00'\n\n  b\"'\"\n") == b"\x81\x00'"
