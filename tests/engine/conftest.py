"""The builds of the engine: every test of the reader runs against each."""

from __future__ import annotations

from types import ModuleType

import pytest

from sennit.engine import reader

BUILDS: dict[str, ModuleType] = {"python": reader}
"""What the source is run as, by name."""


@pytest.fixture(params=list(BUILDS.values()), ids=list(BUILDS))
def build(request: pytest.FixtureRequest) -> ModuleType:
    """Return the module ``sennit.engine.reader`` in one of its builds."""
    module: ModuleType = request.param
    return module
