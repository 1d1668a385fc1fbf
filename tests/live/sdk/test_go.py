"""The Go SDK ``centrifuge-go``, as published, against ``sennit serve``, where Go is installed."""

from __future__ import annotations

import pytest

from tests.live.sdk.conftest import Served
from tests.live.sdk.scenario import answer_by, run_scenario

SCENARIOS = {
    "talk": "what one publishes arrives at another; history, presence, joins and leaves",
    "rpc": "calls are answered, each with its own answer or error",
    "recovery": "after a cut everything that was missed arrives in order, once",
    "delta": "publications come as differences, live and recovered",
    "server_side": "the server's subscriptions come with the connection",
    "closing": "close codes bring a client back, or don't",
}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_scenario(scenario: str, served: Served, gopher: str) -> None:
    """The SDK finds what it expects; see the scenario's line above."""
    run_scenario((gopher,), scenario, served.url, served.protobuf, answer_by(served))
    assert served.process.running()
