"""The protocol's settings: what cannot be honoured is refused."""

from __future__ import annotations

from typing import Any

import pytest

from sennit.errors import ConfigurationError
from sennit.protocols.centrifuge.setting import ProtocolSettings


@pytest.mark.parametrize(
    "values",
    [
        {"ping_interval": -1},
        {"pong_timeout": 25.0},
        {"pong_timeout": 0.0},
        {"stale_timeout": 0.0},
        {"max_in_flight": 0},
    ],
)
def test_values_out_of_bounds(values: dict[str, Any]) -> None:
    """The error names the setting."""
    with pytest.raises(ConfigurationError, match=next(iter(values))):
        ProtocolSettings(**values)


def test_without_pings_a_pong_has_no_time() -> None:
    """An interval of 0 goes with any timeout."""
    assert ProtocolSettings(ping_interval=0).pong_timeout == 8.0
