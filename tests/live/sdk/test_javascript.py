"""The npm SDK ``centrifuge``, as published, against ``sennit serve``."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from centrifuge import Client

from tests.live.sdk.conftest import Served

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


async def publish(url: str, channel: str, count: int) -> None:
    """Publish numbers to a channel, as the application."""
    client = Client(url, data={"user": "helper"})
    await client.connect()
    for number in range(count):
        await client.rpc("publish", {"channel": channel, "data": number})
    await client.disconnect()


async def quote(url: str, channel: str, numbers: Iterable[int]) -> None:
    """Publish books of prices to a channel, as the application."""
    client = Client(url, data={"user": "helper"})
    await client.connect()
    for number in numbers:
        await client.rpc("quote", {"channel": channel, "code": number})
    await client.disconnect()


def run_scenario(
    node: str,
    scenario: str,
    url: str,
    *,
    protobuf: bool,
    answer: Callable[..., str | None],
    way: str = "websocket",
) -> None:
    """Run one of the client's scenarios, and answer what it asks for.

    Args:
        node: the program.
        scenario: its name in ``client.mjs``.
        url: where the client connects.
        protobuf: whether it speaks Protobuf.
        answer: called with the words of each question; a word for the client, or ``None``.
        way: the SDK's name of the transport.
    """
    with subprocess.Popen(  # noqa: S603 - our own script
        [node, str(CLIENT), scenario, url, "protobuf" if protobuf else "json", way],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            for line in process.stdout:
                mark, *words = line.split()
                if mark == "?":
                    process.stdin.write(f"{answer(*words) or 'done'}\n")
                    process.stdin.flush()
            status = process.wait(10)
            assert status == 0, f"{scenario}\n{process.stderr.read()}"
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.parametrize(("served", "way"), WAYS, indirect=["served"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_scenario(scenario: str, way: str, served: Served, node: str) -> None:
    """The SDK finds what it expects, by each transport; see the scenario's line above."""

    def answer(*words: str) -> None:
        match words:
            case ("cut",):
                served.wire.cut()
            case ("mend",):
                served.wire.mend()
            case ("publish", channel, count):
                asyncio.run(publish(served.direct, channel, int(count)))
            case ("quote", channel, first, last):
                asyncio.run(quote(served.direct, channel, range(int(first), int(last) + 1)))

    run_scenario(node, scenario, served.url, protobuf=served.protobuf, answer=answer, way=way)
    assert served.process.running()
