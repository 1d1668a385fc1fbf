"""Work that is done once, and that several may wait for."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

__all__ = ["Work"]


class Work:
    """A coroutine with one outcome for everybody who asks.

    Args:
        coroutine: what is to be done; it begins when somebody first waits for it.
    """

    def __init__(self, coroutine: Coroutine[Deferred[Any], Any, None]) -> None:
        self._coroutine = coroutine
        self._begun = False
        self._running: Deferred[None] | None = None
        self._ended = False
        self._outcome: Failure | None = None
        self._waiting: list[Deferred[None]] = []

    def wait(self) -> Deferred[None]:
        """Return a Deferred of the caller's own that fires when the work has ended, as it did.

        Cancelling it ends nothing but the waiting.
        """
        done: Deferred[None] = Deferred()
        if self._ended:
            done.callback(self._outcome)
            return done
        self._waiting.append(done)
        if not self._begun:
            # Noted before it begins: what it does may come back here.
            self._begun = True
            self._running = Deferred.fromCoroutine(self._coroutine)
            self._running.addCallbacks(self._end, self._end)
        return done

    def cancel(self) -> None:
        """Cancel what the coroutine waits for; nothing happens if it waits for nothing."""
        if self._running is not None:
            self._running.cancel()

    def _end(self, outcome: Failure | None) -> None:
        self._ended = True
        self._outcome = outcome
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done.callback(outcome)
