"""What ``bench.delta`` measures: a server that publishes market data at a steady rate.

``python -m bench.delta_server PORT RATE LEVELS NAMESPACE``
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.task import LoopingCall, react

import sennit

app = sennit.App()
for _name, _types in (("whole", frozenset[str]()), ("delta", frozenset({"fossil"}))):
    app.namespace(
        _name,
        history=sennit.History(size=100, ttl=300),
        recovery=True,
        allowed_delta_types=_types,  # type: ignore[arg-type]
        delta_publish=bool(_types),
        allow_subscribe={"anonymous"},
    )


@app.on_connect
def let_in(_request: sennit.ConnectRequest) -> sennit.Credentials:
    """Let everybody in."""
    return sennit.Credentials("")


def books(levels: int) -> Iterator[bytes]:
    """Yield a book of so many levels a side, time and again: one level of each side moves."""
    chance = random.Random(1)  # noqa: S311 - the same in every run
    book: dict[str, Any] = {
        "symbol": "ACME-USD",
        "venue": "XNAS",
        "currency": "USD",
        "sequence": 1_000_000,
        "time": 1_760_000_000_000,
        "bids": [[f"{100 - n / 100:.2f}", chance.randrange(1, 9000)] for n in range(levels)],
        "asks": [[f"{100 + n / 100:.2f}", chance.randrange(1, 9000)] for n in range(1, levels + 1)],
    }
    while True:
        book["sequence"] += 1
        book["time"] += chance.randrange(1, 60)
        for side in ("bids", "asks"):
            chance.choice(book[side])[1] = chance.randrange(1, 9000)
        yield json.dumps(book, separators=(",", ":")).encode()


async def run(reactor: Any, port: str, rate: str, levels: str, namespace: str) -> None:
    """Serve, and publish, until it is told to stop."""
    endpoint = TCP4ServerEndpoint(reactor, int(port), backlog=1024, interface="127.0.0.1")
    await sennit.serve(app, reactor, endpoint)
    stream = books(int(levels))

    def publish(periods: int) -> None:
        for _ in range(periods):
            app.publish(f"{namespace}:a", next(stream))

    LoopingCall.withCount(publish).start(1 / int(rate))
    await Deferred()


if __name__ == "__main__":
    react(run, sys.argv[1:])
