"""What ``bench.slow`` measures: a server that publishes to one channel at a steady rate.

``python -m bench.slow_server PORT RATE SIZE POLICY FILE``; the file says how many were left out
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
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


async def run(reactor: Any, port: str, rate: str, size: str, policy: str, file: str) -> None:
    """Serve, and publish, until it is told to stop."""
    with socket.create_server(("127.0.0.1", int(port)), backlog=1024) as sock:
        # Else the kernel takes megabytes for each who does not read, before it is the hub's turn.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, 16 * 1024)
        sock.setblocking(False)
        endpoint = AdoptedStreamServerEndpoint(reactor, os.dup(sock.fileno()), sock.family)
        await sennit.serve(app, reactor, endpoint)
    data = b'"%s"' % (b"x" * int(size))
    number = 0

    def publish(periods: int) -> None:
        nonlocal number
        for _ in range(periods):
            number += 1
            app.publish(f"{policy}:a", data, tags={"key": str(number % 50)})

    LoopingCall(lambda: Path(file).write_text(str(app.hub.dropped[policy]))).start(0.5)
    LoopingCall.withCount(publish).start(1 / int(rate))
    await Deferred()


if __name__ == "__main__":
    react(run, sys.argv[1:])
