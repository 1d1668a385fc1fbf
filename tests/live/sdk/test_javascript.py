"""The npm SDK ``centrifuge``, as published, against ``sennit serve``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.sdk.conftest import Served
from tests.live.sdk.scenario import answer_by, run_scenario

CLIENT = Path(__file__).with_name("js") / "client.mjs"

SCENARIOS = {
    "connect": "a client connects and gets an id and the application's greeting",
    "refused": "a refused client stays away, or comes back, as the code says",
    "optimistic": "a subscribe in the connect's own frame is answered after the connect",
    "publish": "what one publishes arrives at another, in order, with the publisher's info",
    "history": "history is read forward, backward, from a position, and not with a wrong epoch",
    "presence": "who is there is told, who joins and leaves as well, every user counted once",
    "rpc": "calls are answered, each with its own answer or error, and the connection goes on",
    "errors": "an unknown channel is 102, no permission 103, what is not kept 108",
    "handlers": "the application's handlers let in, and change what is published",
    "recovery": "after a cut everything that was missed arrives in order, once",
    "unrecovered": "what can't be recovered whole is said to be lost, and nothing of it arrives",
    "closing": "close codes below 3500 and from 4000 to 4499 bring a client back, others don't",
    "unsubscribe": "a subscription that the server ends is made again, or not, as the code says",
    "server_side": "the server's subscriptions come with the connection, recover, and come later",
    "limited": "a channel's name says who may, and single channels have options of their own",
    "delta": "publications come as differences, live and recovered, and are whole in the history",
    "cache": "in cache mode the newest publication alone is brought back",
    "state": "a client with a state of its own recovers from there, and reads it again at 112",
    "paging": "a long history is read in pages, forward and backward",
    "call": "the server calls, and gets answers, errors, or nothing in time",
    "rates": "who calls too often gets 111, others do not, and later it may again",
    "send": "a message without an answer arrives, and so does one from the application",
}

WAYS = [
    ("json", "websocket"),
    ("protobuf", "websocket"),
    ("json", "http_stream"),
    ("protobuf", "http_stream"),
    ("json", "sse"),
]
"""The formats of each of the SDK's transports."""


@pytest.mark.parametrize(("served", "way"), WAYS, indirect=["served"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_scenario(scenario: str, way: str, served: Served, node: str) -> None:
    """The SDK finds what it expects, by each transport; see the scenario's line above."""
    command = (node, str(CLIENT))
    run_scenario(command, scenario, served.url, served.protobuf, answer_by(served), way)
    assert served.process.running()
