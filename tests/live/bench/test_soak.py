"""A soak, a short one, of a server as it should be and of one that keeps what it has."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench import program, trial
from bench.certificate import Certificate
from bench.native import Native
from bench.outcome import LoadError
from bench.program import PROGRAMS_MEASURED, Program
from bench.soak import judge, soak
from bench.trial import Laboratory, pick_cores

BY_NAME = {one.name: one for one in PROGRAMS_MEASURED}
LEAK = """
import os, runpy, sys, threading, time
def leak():
    while True:
        os.dup(0)
        time.sleep(0.01)
threading.Thread(target=leak, daemon=True).start()
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(name="laboratory")
def _laboratory(
    native: Native, certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Laboratory:
    monkeypatch.setattr(trial, "BUILD", tmp_path)
    monkeypatch.setattr(program, "BUILD", tmp_path)
    return Laboratory(native, certificate, pick_cores(), seconds=0.3, warmup=0.05)


@pytest.mark.parametrize("name", ["sennit", "sennit-pure"])
def test_nothing_is_left_open(laboratory: Laboratory, name: str) -> None:
    """Connections that are dropped in the middle of something are gone."""
    samples = list(soak(laboratory, BY_NAME[name], 1000, 5000))
    assert samples[-1].connections >= 1000
    assert samples[-1].messages >= 5000
    assert {sample.descriptors for sample in samples} == {samples[0].descriptors}


def test_what_is_left_open_is_found(laboratory: Laboratory) -> None:
    """Something has to be found where there is something."""
    ours = BY_NAME["sennit"]
    leaking = Program(
        "leaking",
        "Leaking",
        lambda stage: (sys.executable, "-c", LEAK, *ours.command(stage)[1:]),
        ours.roles,
        environment=ours.environment,
    )
    samples = list(soak(laboratory, leaking, 20_000, 5000))
    assert len(samples) > 1
    assert any("descriptors were left open" in sentence for sentence in judge(samples))


def test_a_server_that_ends(laboratory: Laboratory) -> None:
    """It is said, with its last words."""
    ours = BY_NAME["sennit"]
    script = LEAK.replace("os.dup(0)", "time.sleep(1); print('gone', flush=True); os._exit(1)")
    mortal = Program(
        "mortal",
        "Mortal",
        lambda stage: (sys.executable, "-c", script, *ours.command(stage)[1:]),
        ours.roles,
        environment=ours.environment,
    )
    with pytest.raises(LoadError, match="gone"):
        list(soak(laboratory, mortal, 1_000_000, 1_000_000_000))
