"""Bots: players that walk about by chance, to play with, and to measure by.

``python -m examples.game.bot PORT --count 200`` says how evenly the ticks come in.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react

from sennit import ConnectionClosed, websocket

__all__ = ["play"]

HEADINGS = ("up", "down", "left", "right")
PERIOD = 1 / 20


def play(
    reactor: Any, url: str, name: str, heard: Callable[[float], None] = lambda _: None
) -> Deferred[None]:
    """Let a bot play until its connection is over.

    Args:
        reactor: any Twisted reactor.
        url: where the game is.
        name: what the bot is called.
        heard: told of each publication, by when it came.
    """
    return Deferred.fromCoroutine(Bot(reactor, name, heard).play(url))


class Bot:
    """One of them; the arguments are those of :func:`play`."""

    def __init__(self, reactor: Any, name: str, heard: Callable[[float], None]) -> None:
        self._reactor = reactor
        self._name = name
        self._heard = heard
        self._chance = random.Random(name)  # noqa: S311 - no secret
        self._id = 2
        self._ws: Any = None
        self._turn: Any = None

    async def play(self, url: str) -> None:
        """Play."""
        self._ws = await websocket.connect(self._reactor, url)
        self._ws.send(json.dumps({"id": 1, "connect": {"data": {"name": self._name}}}))
        self._ws.send(json.dumps({"id": 2, "subscribe": {"channel": "board:main"}}))
        self._turn = self._reactor.callLater(self._chance.uniform(0.5, 1.5), self._steer)
        try:
            with suppress(ConnectionClosed):
                async for message in self._ws:
                    for line in message.split("\n"):
                        self._take(json.loads(line))
        finally:
            self._turn.cancel()

    def _take(self, reply: dict[str, Any]) -> None:
        if not reply:
            self._ws.send("{}")  # A ping.
        if "pub" not in reply.get("push", {}):
            return
        data = reply["push"]["pub"]["data"]
        if reply["push"]["channel"] == "@sennit:call":
            gift = self._chance.choice(data["data"]["gifts"])
            self._call("@sennit:answer", {"id": data["id"], "data": gift})
        else:
            self._heard(self._reactor.seconds())

    def _steer(self) -> None:
        self._call("game.steer", {"to": self._chance.choice(HEADINGS)})
        self._turn = self._reactor.callLater(self._chance.uniform(0.3, 1.5), self._steer)

    def _call(self, method: str, data: Any) -> None:
        self._id += 1
        self._ws.send(json.dumps({"id": self._id, "rpc": {"method": method, "data": data}}))


async def measure(reactor: Any, url: str, count: int, seconds: float) -> None:
    """Let bots play, and say how far from a period apart what they heard was."""
    heard: list[list[float]] = [[] for _ in range(count)]
    for number, times in enumerate(heard):
        play(reactor, url, f"Bot {number + 1}", times.append).addErrback(_complain)
    await deferLater(reactor, 3.0)  # Until all of them are there.
    for times in heard:
        times.clear()
    await deferLater(reactor, seconds)
    gaps = [later - time for times in heard for time, later in pairwise(times)]
    off = sorted(abs(gap - PERIOD) for gap in gaps)
    ticks = [len(times) for times in heard]
    numbers = await ask(reactor, url)
    sys.stdout.write(
        f"{count} clients, {seconds:.0f} s: {min(ticks)} to {max(ticks)} ticks each; away from "
        f"50 ms: p50 {off[len(off) // 2] * 1000:.1f} ms, "
        f"p99 {off[len(off) * 99 // 100] * 1000:.1f} ms, most {off[-1] * 1000:.1f} ms\n"
        f"by the server: 99 of 100 ticks were at most {numbers['late']:.1f} ms late, "
        f"{numbers['skipped']} were left out\n"
    )


async def ask(reactor: Any, url: str) -> dict[str, float]:
    """Return what the server says of its ticks."""
    ws = await websocket.connect(reactor, url)
    ws.send(json.dumps({"id": 1, "connect": {"data": {"name": "Clerk"}}}))
    ws.send(json.dumps({"id": 2, "rpc": {"method": "game.numbers", "data": {}}}))
    said: dict[str, float] = {}
    while not said:
        for line in str(await ws.recv()).split("\n"):
            said = json.loads(line).get("rpc", {}).get("data") or said
    await ws.close()
    return said


def _complain(failure: Any) -> None:
    sys.stderr.write(f"{failure.getErrorMessage()}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m examples.game.bot", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    chosen = parser.parse_args()
    address = f"ws://127.0.0.1:{chosen.port}/connection/websocket"
    react(
        lambda reactor: Deferred.fromCoroutine(
            measure(reactor, address, chosen.count, chosen.seconds)
        )
    )
