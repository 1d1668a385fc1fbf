"""A server with a timer of 5 ms: how late that is while a crowd keeps the server busy.

``python punctual.py ROLE PORT CROWD REACTOR [TURN]`` serves ``examples/echo.py`` or
``examples/broadcast.py``, and tells by a line of JSON when it is ended: how often the timer went
off while the whole crowd was there, and how late, in seconds. TURN changes the group's own.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from sennit.cli.reactor import install_reactor

INTERVAL = 0.005


class Probe:
    """A timer that notes how late it is.

    A machine that is busy with others makes any program late. What counts is at most the processor
    time that this one has used since the timer was set: nobody else's is in that.

    Args:
        reactor: whose timers.
        crowded: whether it counts at the moment.

    Attributes:
        late: by how many seconds, each time.
    """

    def __init__(self, reactor: Any, crowded: Any) -> None:
        self._reactor = reactor
        self._crowded = crowded
        self.late: list[float] = []
        self._set()

    def _set(self) -> None:
        self._counts = self._crowded()
        self._due = time.monotonic() + INTERVAL
        self._used = time.thread_time()
        self._reactor.callLater(INTERVAL, self._ring)

    def _ring(self) -> None:
        if self._counts and self._crowded():
            late = time.monotonic() - self._due
            self.late.append(max(0.0, min(late, time.thread_time() - self._used)))
        self._set()


def summary(late: list[float]) -> str:
    """Return what is told of the timer."""
    ordered = sorted(late) or [0.0]
    points = {name: ordered[int(len(ordered) * part)] for name, part in (("p50", 0.5), ("p99", 0.99))}
    return json.dumps({"times": len(late), **points, "worst": ordered[-1]})


def main(role: str, port: str, crowd: str, reactor_name: str, turn: str = "") -> None:
    """Serve until the end."""
    reactor = install_reactor(reactor_name)  # type: ignore[arg-type]  # it checks the name

    from broadcast import Member  # noqa: PLC0415 - imports choose a reactor
    from echo import Echo  # noqa: PLC0415

    from sennit.net import native  # noqa: PLC0415
    from sennit.websocket import listen  # noqa: PLC0415

    handler: Any = Echo if role == "echo" else Member

    def begin(listening: Any) -> None:
        group = native._groups.get(reactor)
        if turn:
            group.turn = float(turn)  # type: ignore[union-attr]  # without one there is no test
        probe = Probe(reactor, lambda: len(listening.connections) >= int(crowd))
        reactor.addSystemEventTrigger(
            "before", "shutdown", lambda: sys.stdout.write(f"{summary(probe.late)}\n")
        )
        sys.stdout.write("listening\n")
        sys.stdout.flush()

    where = f"tcp:{port}:interface=127.0.0.1:backlog=1024"
    listen(reactor, where, handler, ping_interval=None).addCallback(begin)
    reactor.run()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))
    main(*sys.argv[1:])
