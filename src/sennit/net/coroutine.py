"""Coroutines that may await Deferreds, and on the asyncio reactor asyncio's awaitables too."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, TypeVar, cast

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.python.failure import Failure

from sennit.interfaces import CoroutineRunner

__all__ = ["runner_for"]

T = TypeVar("T")


def runner_for(reactor: object) -> CoroutineRunner:
    """Return what runs handlers' coroutines on this reactor.

    On a reactor that stands on an asyncio loop (uvloop too) a coroutine may await Deferreds as
    well as asyncio's futures, tasks and coroutines, and is a task of that loop. On any other it
    may await Deferreds. Either way it begins at once, in a copy of the caller's context, and if
    it never has to wait, its Deferred has fired already.

    Cancelling the Deferred cancels what the coroutine waits for. Inside, that is Twisted's
    ``CancelledError`` where Deferreds alone are awaited, and asyncio's on an asyncio loop, as
    other libraries there expect; the Deferred fails with Twisted's.
    """
    # Twisted has no public name for the loop of its reactor.
    loop = getattr(reactor, "_asyncioEventloop", None)
    if isinstance(loop, asyncio.AbstractEventLoop):
        return _AsyncioRunner(loop)
    return Deferred.fromCoroutine


class _AsyncioRunner:
    """Runs each coroutine as a task of the loop that the reactor stands on."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def __call__(self, coroutine: Coroutine[Any, Any, T], /) -> Deferred[T]:
        loop = self._loop
        context = copy_context()
        bridge = _Bridge(coroutine, loop)
        task = asyncio.Task(cast("Coroutine[Any, Any, T]", bridge), loop=loop, context=context)
        if loop.is_running():
            # A task makes its first step in the loop's next turn; ours is made here.
            with _current(loop, task):
                context.run(bridge.begin)
        if bridge.early is not None:
            # The task has nothing left to do but to find that out.
            return bridge.early
        return _TaskDeferred(task)


@contextmanager
def _current(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> Generator[None]:
    """Make a task the current one: ``asyncio.timeout`` and its like ask which it is."""
    outer = asyncio.current_task(loop)
    if outer is not None:
        asyncio.tasks._leave_task(loop, outer)  # noqa: SLF001 - documented, for makers of tasks
    asyncio.tasks._enter_task(loop, task)  # noqa: SLF001
    try:
        yield
    finally:
        asyncio.tasks._leave_task(loop, task)  # noqa: SLF001
        if outer is not None:
            asyncio.tasks._enter_task(loop, outer)  # noqa: SLF001


class _TaskDeferred(Deferred[T]):
    """Fires with what a task ends with. Cancelling it cancels the task, which may take a while."""

    def __init__(self, task: asyncio.Task[T]) -> None:
        super().__init__()
        self._task = task
        task.add_done_callback(self._finished)

    def cancel(self) -> None:
        """Cancel the task, or what a callback waits for."""
        if self.called:
            super().cancel()
        else:
            self._task.cancel()

    def _finished(self, task: asyncio.Task[T]) -> None:
        try:
            error = task.exception()
        except asyncio.CancelledError as cancelled:
            self.errback(_translate_cancellation(cancelled))
            return
        if error is None:
            self.callback(task.result())
        else:
            self.errback(Failure(error, type(error), error.__traceback__))


def _translate_cancellation(error: asyncio.CancelledError) -> Failure:
    """Return the failure that it is among Deferreds, raised where it was raised."""
    return Failure(CancelledError(*error.args), CancelledError, error.__traceback__)


class _Bridge(Generator[Any, Any, T | None]):
    """A coroutine around another, for a task to run: a Deferred that comes up becomes a future.

    A task itself would refuse a Deferred. Everything else that a coroutine yields is asyncio's
    own and is handed to the task as it is.

    Attributes:
        early: the outcome, if the first step was the last.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> None:
        self.early: Deferred[T] | None = None
        self._coroutine = coroutine
        self._loop = loop
        self._awaited: Deferred[Any] | None = None
        self._begun = False
        self._first: Any = None

    def __await__(self) -> Generator[Any, Any, T | None]:
        return self

    def begin(self) -> None:
        """Make the first step, outside of the task's own turn."""
        try:
            self._first = self._translate(self._coroutine.send(None))
            self._begun = True
        except StopIteration as stop:
            self.early = succeed(stop.value)
        except asyncio.CancelledError as cancelled:
            self.early = fail(_translate_cancellation(cancelled))
        except Exception:
            self.early = fail(Failure())

    def send(self, value: Any, /) -> Any:
        """Go on: what was waited for is there."""
        if self.early is not None:
            raise StopIteration(None)
        if self._begun:
            # What the first step waits for comes to the task only now.
            self._begun = False
            first, self._first = self._first, None
            return first
        self._awaited = None
        return self._translate(self._coroutine.send(value))

    def throw(self, error: Any, /, *rest: Any) -> Any:  # noqa: ARG002 - the old form's two more
        """Go on: what was waited for has failed, or the task is cancelled."""
        if self.early is not None:
            raise StopIteration(None)
        self._begun = False
        first, self._first = self._first, None
        if isinstance(first, asyncio.Future):
            # Cancelled before the task could wait for it, and nobody else does.
            first.cancel()
        awaited, self._awaited = self._awaited, None
        if awaited is not None:
            awaited.addErrback(lambda _: None)  # Nobody will look at its failure any more.
        return self._translate(self._coroutine.throw(error))

    def _translate(self, yielded: Any) -> Any:
        if not isinstance(yielded, Deferred):
            return yielded
        self._awaited = yielded
        future: asyncio.Future[None] = self._loop.create_future()

        def fired(result: Any) -> Any:
            # The result stays in the Deferred: whoever awaits it takes it from there.
            if not future.done():
                future.set_result(None)
            return result

        def done(_future: asyncio.Future[None]) -> None:
            if future.cancelled():
                yielded.cancel()

        yielded.addBoth(fired)
        future.add_done_callback(done)
        # A future's own iterator marks it as awaited, which a task insists on.
        return next(iter(future))
