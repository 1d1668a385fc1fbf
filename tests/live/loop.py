"""A real reactor in the test's own thread: it runs while a test waits for something.

Most reactors of Twisted's can be asked for one turn; those on asyncio run its loop, for a moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

__all__ = ["Loop"]

T = TypeVar("T")

MOMENT = 0.002
"""Seconds that asyncio's loop runs before a test looks again at what it waits for."""
GRACE = 5.0
"""Seconds in which whatever is cancelled, or the reactor's shutdown, has to come to its end."""


class Loop:
    """The reactor of a test session; install it before you make this.

    Attributes:
        reactor: the installed reactor.
    """

    def __init__(self) -> None:
        from twisted.internet import reactor as installed  # noqa: PLC0415 - importing chooses it

        reactor: Any = installed
        self.reactor = reactor
        self._asyncio = getattr(reactor, "_asyncioEventloop", None)
        self.reactor.startRunning(installSignalHandlers=False)

    def run(
        self, awaited: Deferred[T] | Coroutine[Deferred[Any], Any, T], timeout: float = 10.0
    ) -> T:
        """Run the reactor until a Deferred or a coroutine is done, and return its result.

        Args:
            awaited: what to wait for.
            timeout: seconds; then it is cancelled.

        Raises:
            TimeoutError: it took too long.
            BaseException: what it failed with.
        """
        deferred: Deferred[T] = (
            awaited if isinstance(awaited, Deferred) else Deferred.fromCoroutine(awaited)
        )
        outcome: list[Any] = []
        deferred.addBoth(outcome.append)
        late = not self._turn(lambda: bool(outcome), timeout)
        if late:
            deferred.cancel()
            self._turn(lambda: bool(outcome), GRACE)
            raise TimeoutError(f"not done after {timeout} seconds; it ended with {outcome}")
        result = outcome[0]
        if isinstance(result, Failure):
            result.raiseException()
        return result  # type: ignore[no-any-return]  # outcome is what the Deferred fired with

    def wait_until(self, condition: Callable[[], object], timeout: float = 10.0) -> None:
        """Run the reactor until a condition holds.

        Raises:
            TimeoutError: it took too long.
        """
        if not self._turn(lambda: bool(condition()), timeout):
            raise TimeoutError(f"the condition does not hold after {timeout} seconds")

    def pause(self, seconds: float) -> None:
        """Run the reactor for so many seconds."""
        self.run(deferLater(self.reactor, seconds, lambda: None), seconds + GRACE)

    def close(self) -> None:
        """Shut the reactor down, its thread pool too."""
        self.reactor.stop()
        self._turn(lambda: not self.reactor.running, GRACE)

    def _turn(self, done: Callable[[], bool], timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while not done():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if self._asyncio is not None:
                self._asyncio.call_later(min(left, MOMENT), self._asyncio.stop)
                self._asyncio.run_forever()
                continue
            self.reactor.runUntilCurrent()
            if done():
                break
            # A condition may hang on another process: look again now and then.
            due = self.reactor.timeout()
            self.reactor.doIteration(min(left, 0.02, 0.02 if due is None else due))
        return True
