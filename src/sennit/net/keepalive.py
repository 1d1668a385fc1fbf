"""Keepalive by WebSocket pings: a dead peer is noticed, a healthy one never blamed."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["Keepalive"]

TICKS = 4
"""The parts a timeout is waited for in; a part during which this process was busy is no wait."""


class Keepalive:
    """Pings, and gives up on a peer of which nothing is heard after a ping.

    Whatever is heard counts, not pongs alone, and so does whatever the peer takes of what we had
    queued for it: a ping waits behind that. The timeout is waited for in parts, and one whose
    timer comes late is waited for again: while this process was busy, nothing could be heard. So
    a peer always has the whole timeout, in a loop that turns, to be heard in.

    Args:
        clock: the time.
        interval: seconds between pings.
        timeout: seconds for something to be heard after a ping.
        ping: sends one, with this payload.
        give_up: called once, when the peer is taken for dead.
        progress: returns something that changes when the peer takes what is queued for it.
    """

    __slots__ = (
        "_call",
        "_clock",
        "_due",
        "_give_up",
        "_heard",
        "_interval",
        "_left",
        "_ping",
        "_pinged",
        "_progress",
        "_serial",
        "_suspended",
        "_taken",
        "_tick",
    )

    def __init__(
        self,
        clock: IReactorTime,
        interval: float,
        timeout: float,
        ping: Callable[[bytes], None],
        give_up: Callable[[], None],
        progress: Callable[[], object],
    ) -> None:
        self._clock = clock
        self._interval = interval
        self._tick = timeout / TICKS
        self._ping = ping
        self._give_up = give_up
        self._progress = progress
        self._taken: object = None
        self._heard = False
        self._suspended = False
        self._left = 0
        self._pinged = 0.0
        self._serial = 0
        self._due = 0.0
        self._call: IDelayedCall | None = None
        self._later(interval, self._send)

    def heard(self) -> None:
        """Note that something has arrived."""
        self._heard = True

    def ponged(self, payload: bytes) -> float | None:
        """Return how many seconds a pong took; ``None`` if it does not answer the last ping."""
        if not self._serial or payload != self._payload:
            return None
        return self._clock.seconds() - self._pinged

    def suspend(self) -> None:
        """Note that we do not read: silence means nothing.

        Pings go on: the kernel's own retransmissions then find a peer that is no more.
        """
        self._suspended = True

    def resume(self) -> None:
        """Note that we read again; a peer that was pinged has the whole timeout from now."""
        self._suspended = False
        self._left = TICKS + 1  # One has begun already.

    def stop(self) -> None:
        """Ping no more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    @property
    def _payload(self) -> bytes:
        # Eight bytes: those of ``WebSocket.ping`` are four.
        return self._serial.to_bytes(8, "big")

    def _later(self, delay: float, act: Callable[[], None]) -> None:
        self._due = self._clock.seconds() + delay
        self._call = self._clock.callLater(delay, act)

    def _send(self) -> None:
        self._heard = False
        self._left = TICKS
        self._pinged = self._clock.seconds()
        self._taken = self._progress()
        self._serial += 1
        self._later(self._tick, self._judge)
        self._ping(self._payload)

    def _judge(self) -> None:
        self._call = None
        now = self._clock.seconds()
        if self._heard or self._suspended or self._progress() != self._taken:
            self._later(max(0.0, self._pinged + self._interval - now), self._send)
            return
        if now - self._due < self._tick / 2:
            self._left -= 1
        if self._left > 0:
            self._later(self._tick, self._judge)
        elif self._left == 0:
            # Timers come before sockets: what is there already must be read first.
            self._left = -1
            self._later(min(0.1, self._tick / 2), self._judge)
        else:
            self._give_up()
