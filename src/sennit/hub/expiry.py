"""When something ends unless it is renewed: a connection, or a subscription (section 8)."""

from __future__ import annotations

import math
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from sennit.model.code import ErrorCode, reply_error

__all__ = ["GRACE", "Expiry", "time_left"]

_LONGEST = 2**32 - 1
"""Seconds: the protocol has no number for more, so that who is far from the end asks again."""
GRACE = 25.0
"""Seconds that a client has after the end to renew what has ended."""


def time_left(
    expire_at: float | None, now: float, code: ErrorCode = ErrorCode.EXPIRED
) -> int | None:
    """Return the whole seconds that are left, as clients are told them.

    Args:
        expire_at: the end, in seconds since 1970; ``None`` for never.
        now: the time.
        code: the error where it is over: after 109 clients fetch another token and come back,
            after 110 they do not.

    Returns:
        At least 1, since clients would ask again and again after a 0, and at most what has a place
        in the protocol; ``None`` where there is no end.

    Raises:
        ReplyError: 110, or the other code: it is over.
    """
    if expire_at is None:
        return None
    if expire_at <= now:
        raise reply_error(code)
    return math.ceil(min(expire_at - now, _LONGEST))


class Expiry:
    """Waits for the end, and for the time after it in which it can be put off.

    Args:
        clock: what waits; it need not know which day it is.
        now: the time, in seconds since 1970.
        overdue: called when nobody has renewed it.
    """

    __slots__ = ("_clock", "_expire_at", "_now", "_overdue", "_waiting")

    def __init__(
        self, clock: IReactorTime, now: Callable[[], float], overdue: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._now = now
        self._overdue = overdue
        self._expire_at = 0.0
        self._waiting: IDelayedCall | None = None

    def renew(self, expire_at: float | None) -> None:
        """Set when it ends, in seconds since 1970; ``None`` for never."""
        self.stop()
        if expire_at is not None:
            self._expire_at = expire_at
            self._wait()

    def stop(self) -> None:
        """Wait no more."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _wait(self) -> None:
        left = self._expire_at + GRACE - self._now()
        self._waiting = self._clock.callLater(max(0.0, left), self._look)

    def _look(self) -> None:
        self._waiting = None
        if self._expire_at + GRACE > self._now():
            self._wait()  # The wall's clock was set back meanwhile.
        else:
            self._overdue()
