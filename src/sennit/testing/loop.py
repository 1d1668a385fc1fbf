"""A reactor's loop, turned by hand, on a fake clock."""

# ruff: noqa: A002, N802, N803 - Twisted's names
from __future__ import annotations

import sys
from collections import deque
from collections.abc import Awaitable, Callable
from heapq import heappop, heappush
from random import Random
from typing import Any, TypeVar, overload

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost, ReactorNotRunning
from twisted.internet.interfaces import (
    IDelayedCall,
    IReactorFDSet,
    IReactorFromThreads,
    IReactorTime,
)
from twisted.internet.main import CONNECTION_LOST
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sennit.testing.clock import FakeClock
from sennit.testing.flow import Flow
from sennit.testing.socket import Pollable
from sennit.testing.trigger import Triggers

__all__ = ["Loop", "Stalled"]

_log = Logger(namespace="sennit.testing")

T = TypeVar("T")


class Stalled(AssertionError):
    """A test waits for what does not come: nothing moves any more, or something moves for ever."""


@implementer(IReactorTime, IReactorFDSet, IReactorFromThreads)
class Loop:
    """A reactor that makes its turns when it is told to; it runs from the beginning.

    What raises in it is logged and ends its connection, as in every reactor. Beyond that,
    whoever turned the loop gets it, once everything has come to rest: a test fails.

    Args:
        seed: of whatever is random.

    Attributes:
        running: whether it has not been stopped.
        patience: turns at one moment, after which something is said to move for ever.
        random: what is random here, and the same in each run.
    """

    def __init__(self, seed: int | str = 0) -> None:
        self.running = True
        self.patience = 1_000_000
        self.random = Random(seed)  # noqa: S311 - replayable on purpose
        self._clock = FakeClock()
        self._arrivals: list[tuple[float, int, Flow]] = []
        self._serial = 0
        self._stirred: dict[Pollable, None] = {}
        self._readers: dict[Any, Pollable] = {}
        self._writers: dict[Any, Pollable] = {}
        self._calls: deque[tuple[Callable[..., Any], Any, Any]] = deque()
        self._triggers = Triggers(self.report)
        self._stopping = False
        self._turning = False
        self._failures: list[Failure] = []

    # -- for tests -------------------------------------------------------------------------------

    def pump(self) -> None:
        """Deliver what is on its way and run what is due, until nothing moves any more.

        Time stands still: what is due later, or delayed on its way, is left for :meth:`advance`.

        Raises:
            Stalled: something moves for ever, like a call that asks for itself again.
            Exception: whatever was raised in the meantime, where a reactor would only log it.
        """
        self._settle()
        self._raise_failures()

    def advance(self, seconds: float) -> None:
        """Let time pass, from one event to the next, with a :meth:`pump` at each.

        Every timed call is made at its own time, however many seconds pass at once.

        Args:
            seconds: how many.

        Raises:
            Stalled, Exception: as :meth:`pump`.
        """
        if not seconds >= 0:
            raise ValueError(f"time does not pass by {seconds} seconds")
        until = self._clock.seconds() + seconds
        self._settle()
        while self._step(until):
            self._settle()
        self._clock.move(until)
        self._settle()
        self._raise_failures()

    @overload
    def result(self, awaitable: Awaitable[T], within: float = 0.0) -> T: ...

    @overload
    def result(self, awaitable: None, within: float = 0.0) -> None: ...

    def result(self, awaitable: Awaitable[T] | None, within: float = 0.0) -> T | None:
        """Pump until everything has come to rest, and return what this has come to.

        Args:
            awaitable: a Deferred, a coroutine, or anything else that can be awaited; or ``None``,
                where Twisted's interfaces allow to have nothing to wait for. A result stays in a
                Deferred; a failure is taken out of it.
            within: seconds that may pass. As few do as it takes.

        Returns:
            Its result.

        Raises:
            Stalled: it is not done; it says what that could be waiting for. A Deferred is left
                as it is, since it may fire yet; a coroutine, which nobody else has, is cancelled.
            Exception: its failure, or as :meth:`pump`.
        """
        deferred: Deferred[T | None]
        if isinstance(awaitable, Deferred):
            deferred = awaitable
        elif awaitable is None:
            deferred = succeed(None)
        else:
            deferred = Deferred.fromCoroutine(_wait(awaitable))
        outcomes: list[Any] = []

        def fired(outcome: Any) -> Any:
            outcomes.append(outcome)
            return None if isinstance(outcome, Failure) else outcome

        deferred.addBoth(fired)
        self._settle_for(outcomes, self._clock.seconds() + within)
        self._raise_failures()
        if not outcomes:
            stalled = Stalled(self._explain(awaitable, within))
            if awaitable is not deferred:
                deferred.cancel()
            raise stalled
        if isinstance(outcomes[0], Failure):
            outcomes[0].raiseException()
        result: T | None = outcomes[0]
        return result

    # -- turning ---------------------------------------------------------------------------------

    def _settle(self) -> None:
        if self._turning:
            raise RuntimeError("the loop turns already: what it calls cannot turn it")
        self._turning = True
        try:
            for _ in range(self.patience):
                if not self._turn():
                    return
        finally:
            self._turning = False
        raise Stalled(
            f"something moves for ever: after {self.patience:,} turns at {self._clock.seconds():g} "
            f"seconds there is still something to do{self._hint()}"
        )

    def _settle_for(self, outcomes: list[Any], until: float) -> None:
        """Settle, and let time pass while there is no outcome."""
        while True:
            try:
                self._settle()
            except Stalled:
                if not outcomes:
                    raise
            if outcomes or self._failures or not self._step(until):
                return

    def _turn(self) -> bool:
        """Make one turn, and return whether anything happened."""
        moved = False
        now = self._clock.seconds()
        arrivals = self._arrivals
        while arrivals and arrivals[0][0] <= now:
            heappop(arrivals)[2].arrive()
            moved = True
        for _ in range(len(self._calls)):
            function, arguments, options = self._calls.popleft()
            self._call(function, *arguments, **options)
            moved = True
        for timed in self._clock.due():
            self._call(timed.func, *timed.args, **timed.kw)
            moved = True
        stirred, self._stirred = self._stirred, {}
        for pollable in stirred:
            moved = self._serve(pollable) or moved
        return moved

    def _step(self, until: float) -> bool:
        """Move the time to the next event, unless that is later; return whether there was one."""
        times = [] if self._clock.next_time is None else [self._clock.next_time]
        if self._arrivals:
            times.append(self._arrivals[0][0])
        if not times or min(times) > until:
            return False
        self._clock.move(min(times))
        return True

    def _serve(self, pollable: Pollable) -> bool:
        """Read and write, as a reactor does when a descriptor is ready."""
        why: Any = None
        reading = moved = False
        descriptor = pollable.reader
        try:
            if descriptor is not None and pollable.readable:
                moved = reading = True
                why = descriptor.doRead()
            if not why and pollable.writer is not None and pollable.writable:
                descriptor = pollable.writer
                moved = True
                reading = False
                why = descriptor.doWrite()
        except Exception as error:
            self.report(Failure())
            why = error
        if why:
            self._call(self._disconnect, descriptor, why, reading)
        elif moved:
            self.stir(pollable)
        return moved

    def _disconnect(self, descriptor: Any, why: Exception, reading: bool) -> None:
        self.removeReader(descriptor)
        if type(why) in (ConnectionDone, ConnectionLost):
            why = type(why)()
        if reading and type(why) is ConnectionDone:
            descriptor.readConnectionLost(Failure(why))
        else:
            self.removeWriter(descriptor)
            descriptor.connectionLost(Failure(why))

    def _call(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        try:
            function(*arguments, **options)
        except Exception:
            self.report(Failure())

    def report(self, failure: Failure) -> None:
        """Take note of what nobody has caught."""
        _log.failure("something raised in the loop", failure)
        self._failures.append(failure)

    def _raise_failures(self) -> None:
        failures, self._failures = self._failures, []
        if failures:
            first = failures[0]
            if len(failures) > 1 and first.value is not None:
                first.value.add_note(f"and {len(failures) - 1} more, which the log has")
            first.raiseException()

    def _explain(self, awaitable: object, within: float) -> str:
        passed = f" in {within:g} seconds" if within else ""
        said = f"nothing moves any more, and this is not done{passed}: {awaitable!r}"
        waiting = self.getDelayedCalls()
        if waiting:
            seconds = waiting[0].getTime() - self._clock.seconds()
            said += f"; the next timed call is due in {seconds:g} seconds: {waiting[0]}"
        if self._arrivals:
            seconds = self._arrivals[0][0] - self._clock.seconds()
            said += f"; something arrives in {seconds:g} seconds"
        if waiting or self._arrivals:
            said += "; pass within=… to let time pass"
        return said + self._hint()

    def _hint(self) -> str:
        """Return what else there is to say."""
        installed: Any = sys.modules.get("twisted.internet.reactor")
        if installed is None or installed is self or not (calls := installed.getDelayedCalls()):
            return ""
        return (
            f"; the global reactor, which does not run, has {len(calls)} timed calls, as if "
            f"something was not given this network for its clock: {calls[0]}"
        )

    # -- for flows and sockets -------------------------------------------------------------------

    def schedule(self, when: float, flow: Flow) -> None:
        """Call a flow's ``arrive`` at this time."""
        heappush(self._arrivals, (when, self._serial, flow))
        self._serial += 1

    def stir(self, pollable: Any) -> None:
        """Look in the next turn whether this can be read or written."""
        self._stirred[pollable] = None

    # -- IReactorTime ----------------------------------------------------------------------------

    def seconds(self) -> float:
        """Return the time; it begins at zero."""
        return self._clock.seconds()

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kw: object
    ) -> IDelayedCall:
        """Call something in so many seconds."""
        return self._clock.callLater(delay, callable, *args, **kw)

    def getDelayedCalls(self) -> list[IDelayedCall]:
        """Return the calls that wait, the next one first: after a test, what was left behind."""
        return self._clock.getDelayedCalls()

    # -- IReactorFromThreads ---------------------------------------------------------------------

    def callFromThread(self, callable: Callable[..., Any], *args: object, **kwargs: object) -> None:
        """Call something in the next turn; from any thread."""
        self._calls.append((callable, args, kwargs))

    # -- IReactorFDSet: for the transports in memory -----------------------------------------------

    def addReader(self, reader: Any) -> None:
        """Watch a transport or a port of this network for something to read."""
        pollable = self._pollable(reader)
        self._readers[reader] = pollable
        pollable.reader = reader
        self.stir(pollable)

    def addWriter(self, writer: Any) -> None:
        """Watch a transport of this network for room to write."""
        pollable = self._pollable(writer)
        self._writers[writer] = pollable
        pollable.writer = writer
        self.stir(pollable)

    def removeReader(self, reader: Any) -> None:
        """Watch it for this no more."""
        pollable = self._readers.pop(reader, None)
        if pollable is not None:
            pollable.reader = None

    def removeWriter(self, writer: Any) -> None:
        """Watch it for this no more."""
        pollable = self._writers.pop(writer, None)
        if pollable is not None:
            pollable.writer = None

    def removeAll(self) -> list[Any]:
        """Watch nothing any more, and return what was watched."""
        removed = list({**self._readers, **self._writers})
        for descriptor in removed:
            self.removeReader(descriptor)
            self.removeWriter(descriptor)
        return removed

    def getReaders(self) -> list[Any]:
        """Return what is watched for something to read."""
        return list(self._readers)

    def getWriters(self) -> list[Any]:
        """Return what is watched for room to write."""
        return list(self._writers)

    def _pollable(self, descriptor: Any) -> Pollable:
        pollable = getattr(descriptor, "socket", None)
        if not isinstance(pollable, Pollable):
            raise TypeError(f"{descriptor!r} is not of this network: it has no descriptors")
        return pollable

    # -- the core --------------------------------------------------------------------------------

    def callWhenRunning(
        self, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> None:
        """Call something now, since it runs."""
        callable(*args, **kwargs)

    def addSystemEventTrigger(
        self,
        phase: str,
        eventType: str,
        callable: Callable[..., Any],
        *args: object,
        **kwargs: object,
    ) -> Any:
        """Have something called when it stops (the event ``"shutdown"``)."""
        return self._triggers.add(phase, eventType, lambda: callable(*args, **kwargs))

    def removeSystemEventTrigger(self, triggerID: Any) -> None:
        """Take that back."""
        self._triggers.remove(triggerID)

    def fireSystemEvent(self, eventType: str) -> None:
        """Call what waits for an event."""
        self._triggers.fire(eventType)

    def stop(self) -> None:
        """Stop, as at the end of a process.

        What waits for the shutdown is called from the next turn on, and may take its time. Then
        whatever is still connected is cut off.

        Raises:
            twisted.internet.error.ReactorNotRunning: it was stopped before.
        """
        if self._stopping or not self.running:
            raise ReactorNotRunning("it was stopped before")
        self._stopping = True
        self.callFromThread(self._triggers.fire, "shutdown", self._stopped)

    def crash(self) -> None:
        """Stop at once, and call nobody."""
        self.running = False

    def run(self) -> None:
        """Let time pass until it is stopped.

        Raises:
            Stalled: nothing will ever do that.
        """
        while self.running:
            self.pump()
            if self.running and not self._step(float("inf")):
                raise Stalled(f"nothing is left that could stop the loop{self._hint()}")

    def iterate(self, delay: float = 0.0) -> None:
        """Let time pass."""
        self.advance(delay)

    def _stopped(self) -> None:
        self.running = False
        for descriptor in self.removeAll():
            self._call(descriptor.connectionLost, Failure(CONNECTION_LOST))


async def _wait(awaitable: Awaitable[T]) -> T:
    return await awaitable
