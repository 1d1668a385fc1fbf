"""The builds of the engine: every test of what is compiled runs against each.

A module of such tests says ``pytestmark = pytest.mark.usefixtures("build")``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from types import ModuleType

import pytest

from sennit.engine import build as chooser

__all__ = ["BUILDS"]


def _choose(*, compiled: bool) -> ModuleType:
    """Return ``sennit.engine.build`` as it is in a process of its own."""
    spec = chooser.__spec__
    assert spec is not None
    assert spec.loader is not None
    chosen = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENNIT_NO_EXTENSIONS", "0" if compiled else "1")
        spec.loader.exec_module(chosen)
    return chosen


def _find_builds() -> dict[str, ModuleType]:
    builds = {"python": _choose(compiled=False)}
    compiled = _choose(compiled=True)
    if compiled.COMPILED:
        builds["compiled"] = compiled
    return builds


BUILDS = _find_builds()
"""``sennit.engine.build`` as the source is run, by name."""


@pytest.fixture(params=list(BUILDS), scope="module")
def build(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """Return ``sennit.engine.build`` in one of its builds.

    What the tests of a module have imported of it is of that build too, while they run.
    """
    chosen = BUILDS[request.param]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in list(vars(request.module).items()):
            if value is chooser:
                patch.setattr(request.module, name, chosen)
            elif name in chosen.__all__ and value is getattr(chooser, name):
                patch.setattr(request.module, name, getattr(chosen, name))
        yield chosen
