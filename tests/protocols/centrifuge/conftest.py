"""Each format of the protocol, for every test here that has a house."""

from __future__ import annotations

import pytest

from tests.protocols.tongue import JsonTongue, ProtobufTongue, Tongue


@pytest.fixture(params=[JsonTongue(), ProtobufTongue()], ids=lambda one: one.name)
def tongue(request: pytest.FixtureRequest) -> Tongue:
    """Return what clients speak, in each test once the one and once the other."""
    made: Tongue = request.param
    return made
