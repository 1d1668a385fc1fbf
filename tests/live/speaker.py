"""Somebody who talks a lot, and how much memory that takes the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from tests.live.client import Caller
from tests.live.process import Process
from tests.live.server import Server

__all__ = ["MESSAGES", "MIB", "PAD", "Memory", "Speaker"]

MIB = 1 << 20
PAD = "x" * 60_000
MESSAGES = 800
"""Some 48 MB in all."""
GROWTH = 8 * MIB
"""How much more a warm server may take: a queue of 1 MiB, and what the allocator makes of it."""


class Memory:
    """How much memory a process has taken since now, at most."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._before = self._peak = process.resident()

    def look(self) -> None:
        """Look at it."""
        self._peak = max(self._peak, self._process.resident())

    def check(self) -> None:
        """Check that it has stayed flat."""
        self.look()
        grown = self._peak - self._before
        assert grown < GROWTH, f"{grown / MIB:.1f} MiB more"


class Speaker:
    """Ann, who fills a channel with large messages, and reads every one of them.

    Args:
        server: where.
        channel: what she fills.

    Attributes:
        said: how many messages she has published; they are numbered from 0.
        left: the users of whom she has heard that they are gone.
    """

    def __init__(self, server: Server, channel: str) -> None:
        self.channel = channel
        self.said = 0
        self.left: list[str] = []
        self._server = server
        self._ann = Caller(server.port, "Ann")
        self._ann.call("subscribe", channel=channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ann.socket.close()

    def speak(self, messages: int, until: Callable[[], object] = bool) -> None:
        """Publish some messages, or fewer if something comes true; each has to arrive in turn."""
        for _ in range(messages):
            if until():
                return
            self._ann.call("publish", channel=self.channel, data={"n": self.said, "pad": PAD})
            while "pub" not in (push := self._ann.push()):
                if "leave" in push:
                    self.left.append(push["leave"]["info"].get("user", ""))
            assert push["pub"]["data"]["n"] == self.said
            self.said += 1

    def fill(self, memory: Memory) -> None:
        """Publish a lot, and look at the server's memory meanwhile."""
        for _ in range(MESSAGES // 20):
            self.speak(20)
            memory.look()
