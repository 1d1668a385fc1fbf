"""The builds that one installation has."""

from __future__ import annotations

import pytest

from sennit.engine.build import COMPILED
from sennit.net.native import native_group
from tools import build
from tools.build import BUILDS, BuildMissingError, build_environment, require_build

HERE = "pure" if not COMPILED else "native" if native_group() else "stream"
"""The build that these tests run on: what it has is there."""


def test_the_environment() -> None:
    """It is as it was, but for the switch."""
    before = {"PATH": "/bin", "SENNIT_NO_EXTENSIONS": "1"}
    assert build_environment("stream", before) == {**before, "SENNIT_NO_EXTENSIONS": "group"}


def test_what_is_there() -> None:
    """Each build is what its name says, in a process of its own."""
    for name in list(BUILDS)[list(BUILDS).index(HERE) :]:
        require_build(name)


def test_what_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that falls back to less is an error, which says what was found and what to do."""
    monkeypatch.setattr(build, "BUILDS", {"native": "1"})
    with pytest.raises(BuildMissingError, match=r"native build.* is pure here.*build_ext"):
        require_build("native")
