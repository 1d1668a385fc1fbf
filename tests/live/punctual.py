"""A server with a timer of 5 ms: how late that is while a crowd keeps the server busy.

``python punctual.py ROLE PORT CROWD [TURN]`` serves ``examples/echo.py`` or
``examples/broadcast.py``, and writes a line of JSON when it is ended: how often the timer went off
while the whole crowd was there, and how late, in seconds. TURN replaces the group's own.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import epollreactor

INTERVAL = 0.005


class Probe:
    """A timer that notes how late it is.

    A machine that is busy with other programs makes any program late. What counts is therefore at
    most the processor time that this one has used since the timer was set.

    Args:
        reactor: whose timer.
        counts: whether it counts at the moment.

    Attributes:
        late: by how many seconds, each time.
    """

    def __init__(self, reactor: Any, counts: Callable[[], bool]) -> None:
        self.late: list[float] = []
        self._reactor = reactor
        self._counts = counts
        self._set()

    def _set(self) -> None:
        self._counted = self._counts()
        self._due = time.monotonic() + INTERVAL
        self._used = time.thread_time()
        self._reactor.callLater(INTERVAL, self._ring)

    def _ring(self) -> None:
        if self._counted and self._counts():
            late = time.monotonic() - self._due
            self.late.append(max(0.0, min(late, time.thread_time() - self._used)))
        self._set()

    def summary(self) -> dict[str, float]:
        """Return what is told of it."""
        late = sorted(self.late)
        share = {"p50": 0.5, "p99": 0.99, "most": 1.0}
        points = {name: late[int((len(late) - 1) * part)] for name, part in share.items()}
        return {"times": len(late), **points} if late else {"times": 0}


def main(role: str, port: str, crowd: str, turn: str = "") -> None:
    """Serve until the end."""
    epollreactor.install()
    from broadcast import Member  # noqa: PLC0415 - imports choose a reactor
    from echo import Echo  # noqa: PLC0415
    from twisted.internet import reactor as installed  # noqa: PLC0415

    from sennit.net import native  # noqa: PLC0415
    from sennit.websocket import listen  # noqa: PLC0415

    reactor: Any = installed

    def begin(listening: Any) -> None:
        if turn:
            native._groups[reactor].turn = float(turn)
        probe = Probe(reactor, lambda: len(listening.connections) >= int(crowd))

        def tell() -> None:
            sys.stdout.write(f"{json.dumps(probe.summary())}\n")

        reactor.addSystemEventTrigger("before", "shutdown", tell)
        sys.stdout.write("listening\n")
        sys.stdout.flush()

    where = f"tcp:{port}:interface=127.0.0.1:backlog=1024"
    handler: Any = {"echo": Echo, "broadcast": Member}[role]
    listen(reactor, where, handler, ping_interval=None).addCallback(begin)
    reactor.run()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))
    main(*sys.argv[1:])
