"""``python -m examples.ticker``: the feed, the server, its page, a fast and a slow client."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

import argparse
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import react

from sennit import Configuration, Session, serve

from .app import app, market, tell_view

HERE = Path(__file__).parent
RATE = 10_000
"""Updates a second from the feed."""
UNSENT = 16 * 1024
"""Bytes that the kernel takes for a connection before it has sent the ones before."""
SLOW_RATE = 500
"""What the slow client takes of them."""


class Child(ProcessProtocol):
    """A program of the example's: it ends with its input, or when it is told to."""

    transport: Any

    def __init__(self, name: str) -> None:
        self._name = name
        self._stopped = False
        self._rest = b""

    def outReceived(self, data: bytes) -> None:
        """Take what it says: only clients say anything."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in () if self._stopped else lines:
            tell_view(self._name, line)

    def errReceived(self, data: bytes) -> None:
        """Pass its complaints on."""
        sys.stderr.write(data.decode(errors="replace"))

    def stop(self) -> None:
        """End it; what it still says is not heard."""
        self._stopped = True
        with suppress(error.ProcessExitedAlready):
            self.transport.signalProcess("TERM")


def start(reactor: Any, name: str, module: str, *arguments: object) -> Child:
    """Start a program of the example's."""
    child = Child(name)
    command = [sys.executable, "-m", f"examples.ticker.{module}", *map(str, arguments)]
    reactor.spawnProcess(child, sys.executable, command, env=None, path=str(HERE.parents[1]))
    return child


def listen(reactor: Any, host: str, port: int) -> AdoptedStreamServerEndpoint:
    """Return an endpoint whose connections keep little in the kernel that is not on its way.

    Linux would take megabytes of prices for a client that does not read, and old prices come out of
    there in the order in which they went in. What waits in the server can still be replaced.
    """
    with socket.create_server((host, port), backlog=128) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
        sock.setblocking(False)
        return AdoptedStreamServerEndpoint(reactor, os.dup(sock.fileno()), sock.family)


async def run(reactor: Any, host: str, port: int, rate: int) -> None:
    """Serve until the reactor is told to stop."""
    children: dict[str, Child] = {}

    @app.rpc("ticker.slow")
    def switch(_session: Session, params: dict[str, bool]) -> dict[str, bool]:
        wanted = bool(params.get("on"))
        if wanted and "slow" not in children:
            children["slow"] = start(reactor, "slow", "client", server.port, SLOW_RATE)
        elif not wanted and "slow" in children:
            children.pop("slow").stop()
        return {"on": wanted}

    def stop() -> None:
        for child in children.values():
            child.stop()

    configuration = Configuration(page=str(HERE / "page"))
    server = await serve(app, reactor, listen(reactor, host, port), configuration)
    listening = reactor.listenUDP(0, market, interface="127.0.0.1", maxPacketSize=65_535)
    children["feed"] = start(reactor, "feed", "feed", listening.getHost().port, rate)
    children["fast"] = start(reactor, "fast", "client", server.port, 0)
    reactor.addSystemEventTrigger("before", "shutdown", stop)
    for address in server.addresses:
        sys.stdout.write(f"The ticker is at {address} - press Ctrl-C to stop.\n")
    sys.stdout.flush()
    await Deferred()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m examples.ticker", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--rate", type=int, default=RATE, help="updates a second")
    chosen = parser.parse_args()
    react(
        lambda reactor: Deferred.fromCoroutine(run(reactor, chosen.host, chosen.port, chosen.rate))
    )
