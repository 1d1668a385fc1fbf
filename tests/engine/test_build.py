"""Which build of the engine is used."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import sennit
from tests.engine.conftest import BUILDS

SCRIPT = """
from sennit.engine import build
names = {getattr(build, name).__module__ for name in ("Connection", "Message", "Reader")}
print(build.COMPILED, *sorted(names))
"""


def chosen(environment: dict[str, str]) -> list[str]:
    """Return what a fresh process chooses."""
    source = sennit.__path__[0].rpartition("sennit")[0]
    done = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-c", SCRIPT],
        env={"PYTHONPATH": source, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.split()


def test_both_builds_are_there() -> None:
    """In CI they have to be; elsewhere nobody has to have a compiler."""
    if "compiled" not in BUILDS and os.environ.get("CI") != "true":
        pytest.skip("nothing compiled the engine here")
    assert list(BUILDS) == ["python", "compiled"]


def test_the_environment_chooses() -> None:
    """``SENNIT_NO_EXTENSIONS=1`` is the engine as it is written; else it is compiled, if it can."""
    written = ["sennit.engine.connection", "sennit.engine.event", "sennit.engine.reader"]
    compiled = ["sennit.engine._connection", "sennit.engine._event", "sennit.engine._reader"]
    assert chosen({"SENNIT_NO_EXTENSIONS": "1"}) == ["False", *written]
    best = ["True", *compiled] if "compiled" in BUILDS else ["False", *written]
    assert chosen({}) == best
    assert chosen({"SENNIT_NO_EXTENSIONS": "0"}) == best
