"""The client under test: echoes what Autobahn|Testsuite's server sends, case by case.

python -m conformance.client URL AGENT [--report]
"""

# ruff: noqa: PLC0415 - imports choose a reactor
from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

__all__: list[str] = []

FRAGMENTS = 128 * 1024
"""Frames in a message; the suite sends 65,536 (9.3.1)."""


class Echo:
    """Sends every message back as it came; a peer that does not read is not read either."""

    __slots__ = ("_unsent", "_ws")

    def __init__(self, ws: Any) -> None:
        self._ws = ws
        self._unsent: tuple[bytes, bool] | None = None

    def message_received(self, data: bytes, is_text: bool) -> None:
        """Send it back."""
        if not self._ws.send_nowait(data, text=is_text):
            self._unsent = data, is_text
            self._ws.pause_reading()

    def writable(self) -> None:
        """The peer has caught up."""
        unsent, self._unsent = self._unsent, None
        if unsent is not None:
            self._ws.send_nowait(unsent[0], text=unsent[1])
            self._ws.resume_reading()


async def run_cases(reactor: Any, url: str, agent: str, **options: Any) -> None:
    """Run every case that the suite offers; one that fails does not end the others."""
    from sennit.errors import ConnectionClosed, HandshakeError
    from sennit.websocket import connect

    counting = await connect(reactor, f"{url}/getCaseCount")
    count = json.loads(await counting.recv())
    await counting.close()
    for case in range(1, count + 1):
        target = f"{url}/runCase?case={case}&agent={agent}"
        try:
            ws = await connect(reactor, target, handler=Echo, **options)
            await ws.wait_closed()
        except (ConnectionClosed, HandshakeError) as error:
            sys.stderr.write(f"case {case}: {error}\n")


async def ask_for_report(reactor: Any, url: str, agent: str) -> None:
    """Let the suite write its report, and wait until it has."""
    from sennit.websocket import connect

    asking = await connect(reactor, f"{url}/updateReports?agent={agent}", ping_interval=None)
    await asking.wait_closed()


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("agent")
    parser.add_argument("--reactor", choices=("epoll", "asyncio", "uvloop"), default="epoll")
    parser.add_argument("--compression", choices=("on", "off"), default="off")
    parser.add_argument("--max-message", type=int, default=64 * 1024)
    parser.add_argument("--report", action="store_true", help="only ask for the report")
    chosen = parser.parse_args(arguments)

    from command import install

    reactor = install(chosen.reactor)
    from twisted.internet.task import react

    options: dict[str, Any] = {
        "max_message": chosen.max_message,
        "max_fragments": FRAGMENTS,
        "ping_interval": None,
    }
    if chosen.compression == "on":
        options["compression"] = True

    async def work(reactor: Any) -> None:
        if not chosen.report:
            await run_cases(reactor, chosen.url, chosen.agent, **options)
        await ask_for_report(reactor, chosen.url, chosen.agent)

    from twisted.internet.defer import Deferred

    react(lambda reactor: Deferred.fromCoroutine(work(reactor)), _reactor=reactor)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
