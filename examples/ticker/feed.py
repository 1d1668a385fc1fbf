"""The feed: prices that wander, sent as datagrams, in a process of its own.

``python -m examples.ticker.feed PORT RATE`` sends RATE updates a second until its input ends.
"""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet import stdio, task
from twisted.internet.protocol import DatagramProtocol, Protocol

__all__ = ["SYMBOLS", "prices"]

reactor: Any = installed

SYMBOLS = ("TERN", "GULL", "PUFFIN", "AUK", "SKUA", *(f"S{number:02}" for number in range(95)))
DATAGRAMS = 100
"""In a second, at most; each has many updates, for a datagram costs far more than a line."""
LINES = 50
"""Updates in one datagram, at most: it fits into what a network carries in one piece."""


def prices(seed: int = 1) -> Iterator[bytes]:
    """Yield updates without end, each a line; every symbol has its turn."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    now = {symbol: 100.0 + 10 * number for number, symbol in enumerate(SYMBOLS)}
    drift = dict.fromkeys(SYMBOLS, 0.0)
    while True:
        for symbol in SYMBOLS:
            drift[symbol] = 0.995 * drift[symbol] + chance.gauss(0, 2e-6)
            now[symbol] *= math.exp(drift[symbol] + chance.gauss(0, 5e-5))
            yield b"%s %.2f\n" % (symbol.encode(), now[symbol])


class Feed(DatagramProtocol):
    """Sends updates at a rate, in step with the clock however late it is called.

    Args:
        port: where to, on this machine.
        rate: updates a second.
    """

    transport: Any

    def __init__(self, port: int, rate: int) -> None:
        self._port = port
        self._rate = rate
        self._owed = 0.0
        self._prices = prices()

    def startProtocol(self) -> None:
        """Begin."""
        self.transport.connect("127.0.0.1", self._port)
        self._loop = task.LoopingCall.withCount(self._send)
        self._loop.start(1 / DATAGRAMS)

    def _send(self, periods: int) -> None:
        # After a stall, no more than a second's worth at once.
        self._owed += self._rate / DATAGRAMS * min(periods, DATAGRAMS)
        while self._owed >= 1:
            lines = min(LINES, int(self._owed))
            self._owed -= lines
            self.transport.write(b"".join(next(self._prices) for _ in range(lines)))

    def connectionRefused(self) -> None:
        """Nobody listens, yet or any more: what is sent goes nowhere."""


class Lifeline(Protocol):
    """Ends the feed with the input, that is with who has started it."""

    def connectionLost(self, reason: object = None) -> None:  # noqa: ARG002 - Twisted's name
        """Stop."""
        if reactor.running:
            reactor.stop()


if __name__ == "__main__":
    reactor.listenUDP(0, Feed(int(sys.argv[1]), int(sys.argv[2])), interface="127.0.0.1")
    stdio.StandardIO(Lifeline())
    reactor.run()
