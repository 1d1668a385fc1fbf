"""What ``bench.slow`` measures: a server that publishes to one channel at a steady rate.

``python -m bench.slow_server PORT RATE SIZE POLICY``
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, react

import sennit

app = sennit.App()
_HISTORY = sennit.History(size=10_000, ttl=300)
app.namespace("disconnect", allow_subscribe={"anonymous"})
app.namespace(
    "recover", history=_HISTORY, recovery=True, slow="recover", allow_subscribe={"anonymous"}
)
app.namespace("drop-oldest", slow="drop-oldest", allow_subscribe={"anonymous"})
app.namespace("conflate", slow="conflate", conflate_key="key", allow_subscribe={"anonymous"})


@app.on_connect
def let_in(_request: sennit.ConnectRequest) -> sennit.Credentials:
    """Let everybody in."""
    return sennit.Credentials("")


async def run(reactor: Any, port: str, rate: str, size: str, policy: str) -> None:
    """Serve, and publish, until it is told to stop."""
    await sennit.serve(app, reactor, f"tcp:{port}:interface=127.0.0.1")
    data = b'"%s"' % (b"x" * int(size))
    number = 0

    def publish(periods: int) -> None:
        nonlocal number
        for _ in range(periods):
            number += 1
            app.publish(f"{policy}:a", data, tags={"key": str(number % 50)})

    LoopingCall.withCount(publish).start(1 / int(rate))
    await Deferred()


if __name__ == "__main__":
    react(run, sys.argv[1:])
