"""Handlers' coroutines on reactors with and without an asyncio loop."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock

from sennit.net.coroutine import runner_for
from tests.double import LogKeeper, outcome

place: ContextVar[str] = ContextVar("place", default="nowhere")


class AsyncioReactor:
    """What a reactor on an asyncio loop has of it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asyncioEventloop = loop


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


@pytest.fixture
def play(loop: asyncio.AbstractEventLoop) -> Callable[..., None]:
    """Return what calls a function inside the running loop, which may ask for later turns."""

    def run(scene: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
        loop.run_until_complete(scene(runner_for(AsyncioReactor(loop))))

    return run


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def test_without_an_asyncio_loop_deferreds_are_awaited() -> None:
    """Twisted's own way, begun at once."""

    async def add(deferred: Deferred[int]) -> int:
        return await deferred + 1

    run = runner_for(Clock())
    assert outcome(run(add(succeed(1)))) == 2
    waiting: Deferred[int] = Deferred()
    result = run(add(waiting))
    result.cancel()
    with pytest.raises(CancelledError):
        outcome(result)
    assert waiting.called


def test_what_need_not_wait_is_done_at_once(play: Callable[..., None]) -> None:
    """A value, an exception, a cancellation of its own."""

    async def value() -> str:
        return "value"

    async def error() -> None:
        raise ValueError("error")

    async def cancelled() -> None:
        raise asyncio.CancelledError

    async def scene(run: Any) -> None:
        assert outcome(run(value())) == "value"
        with pytest.raises(ValueError, match="error"):
            outcome(run(error()))
        with pytest.raises(CancelledError):
            outcome(run(cancelled()))
        await turns()

    play(scene)


def test_both_kinds_of_awaitables_in_one_coroutine(play: Callable[..., None]) -> None:
    """Deferreds, futures, tasks, coroutines, timeouts; results and failures of each."""

    async def scene(run: Any) -> None:
        deferred: Deferred[int] = Deferred()
        failing: Deferred[int] = Deferred()

        async def mixed() -> list[object]:
            seen: list[object] = []
            async with asyncio.timeout(60):
                await asyncio.sleep(0)
                seen.append(await deferred)
                try:
                    await failing
                except ZeroDivisionError as error:
                    seen.append(type(error))
                seen.append(await asyncio.create_task(asyncio.sleep(0, "task")))
                seen += await asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0, 2))
                seen.append(await succeed("fired"))
            return seen

        result = run(mixed())
        await turns()
        deferred.callback(5)
        await turns()
        failing.errback(ZeroDivisionError())
        await turns(20)
        assert outcome(result) == [5, ZeroDivisionError, "task", 1, 2, "fired"]

    play(scene)


def test_a_late_exception_fails_the_deferred_with_its_traceback(play: Callable[..., None]) -> None:
    """As it was raised."""

    async def late() -> None:
        await asyncio.sleep(0)
        raise KeyError("late")

    async def scene(run: Any) -> None:
        result = run(late())
        await turns()
        failures: list[Any] = []
        result.addErrback(failures.append)
        assert "in late" in failures[0].getTraceback()

    play(scene)


@pytest.mark.parametrize("turns_before", [0, 1])
def test_a_cancellation_of_its_own_keeps_its_words_and_its_traceback(
    play: Callable[..., None], turns_before: int
) -> None:
    """Who logs it needs both; it is Twisted's error then, whose Deferred it is."""

    async def give_up() -> None:
        await turns(turns_before)
        raise asyncio.CancelledError("because")

    async def scene(run: Any) -> None:
        failures: list[Any] = []
        run(give_up()).addErrback(failures.append)
        await turns()
        (failure,) = failures
        assert failure.check(CancelledError)
        assert failure.getErrorMessage() == "because"
        assert "in give_up" in failure.getTraceback()

    play(scene)


def test_the_first_step_is_made_within_its_task(play: Callable[..., None]) -> None:
    """``asyncio.timeout`` and ``current_task`` work from the start, inside another task too."""

    async def scene(run: Any) -> None:
        outer = asyncio.current_task()
        seen: list[Any] = []

        async def look() -> None:
            seen.append(asyncio.current_task())
            async with asyncio.timeout(60):
                await asyncio.sleep(0)
            seen.append(asyncio.current_task())

        result = run(look())
        assert asyncio.current_task() is outer
        await turns()
        assert outcome(result) is None
        assert seen[0] is seen[1] is not outer

    play(scene)


def test_outside_of_any_task_too(loop: asyncio.AbstractEventLoop) -> None:
    """As callbacks of the reactor are."""
    results: list[Any] = []

    async def handler() -> str:
        task = asyncio.current_task()
        assert task is not None
        await asyncio.sleep(0)
        return "done"

    def callback() -> None:
        assert asyncio.current_task() is None
        result = runner_for(AsyncioReactor(loop))(handler())
        assert asyncio.current_task() is None
        result.addBoth(results.append)
        result.addBoth(lambda _: loop.stop())

    loop.call_soon(callback)
    loop.run_forever()
    assert results == ["done"]


def test_before_the_loop_runs_it_begins_when_it_does(loop: asyncio.AbstractEventLoop) -> None:
    """At start-up nothing of asyncio would work yet."""

    async def early() -> str:
        asyncio.get_running_loop()
        return "late enough"

    result = runner_for(AsyncioReactor(loop))(early())
    assert not result.called
    loop.run_until_complete(turns())
    assert outcome(result) == "late enough"


def test_context_variables_are_kept(play: Callable[..., None]) -> None:
    """The caller's are seen in every step; what is set inside stays inside."""

    async def handler() -> list[str]:
        seen = [place.get()]
        place.set("inside")
        await asyncio.sleep(0)
        seen.append(place.get())
        return seen

    async def scene(run: Any) -> None:
        place.set("caller")
        result = run(handler())
        assert place.get() == "caller"
        await turns()
        assert outcome(result) == ["caller", "inside"]

    play(scene)


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("kind", ["deferred", "future"])
def test_cancelling_reaches_what_is_awaited(
    play: Callable[..., None], kind: str, begun: bool
) -> None:
    """At once or later; the coroutine may take its time to end."""

    async def scene(run: Any) -> None:
        log: list[object] = []
        deferred: Deferred[None] = Deferred(lambda _: log.append("deferred cancelled"))
        future = asyncio.get_running_loop().create_future()

        async def handler() -> None:
            try:
                await (deferred if kind == "deferred" else future)
            except asyncio.CancelledError:
                log.append("handler cancelled")
                await asyncio.sleep(0)
                log.append("handler ended")
                raise

        result = run(handler())
        if begun:
            await turns()
        result.cancel()
        assert not result.called
        await turns()
        with pytest.raises(CancelledError):
            outcome(result)
        assert [entry for entry in log if str(entry).startswith("handler")] == [
            "handler cancelled",
            "handler ended",
        ]
        assert deferred.called or future.cancelled()
        result.cancel()

    play(scene)


def test_a_handler_may_survive_its_cancellation(play: Callable[..., None]) -> None:
    """Its result is the result then."""

    async def stubborn() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "anyway"
        return "never"

    async def scene(run: Any) -> None:
        result = run(stubborn())
        await turns()
        result.cancel()
        await turns()
        assert outcome(result) == "anyway"

    play(scene)


def test_a_cancelled_deferred_is_twisteds_error_inside(play: Callable[..., None]) -> None:
    """Somebody else cancelled what the handler waits for."""

    async def scene(run: Any) -> None:
        deferred: Deferred[None] = Deferred()

        async def handler() -> str:
            try:
                await deferred
            except CancelledError:
                return "cancelled by another"
            return "never"

        result = run(handler())
        await turns()
        deferred.cancel()
        await turns()
        assert outcome(result) == "cancelled by another"

    play(scene)


def test_a_failure_that_comes_with_a_cancellation_is_not_logged(
    play: Callable[..., None],
) -> None:
    """The Deferred fired, then the task was cancelled before its turn: nobody wants the failure."""

    async def scene(run: Any) -> None:
        deferred: Deferred[None] = Deferred()

        async def handler() -> None:
            await deferred

        result = run(handler())
        await turns()
        deferred.errback(ValueError())
        result.cancel()
        await turns()
        with pytest.raises(CancelledError):
            outcome(result)

    with LogKeeper() as log:
        play(scene)
        gc.collect()
    assert log.failures() == []


def test_a_deferred_chained_on_a_task_cancels_it(play: Callable[..., None]) -> None:
    """And a fired one hands the cancellation to what its callback waits for."""

    async def scene(run: Any) -> None:
        result = run(asyncio.sleep(60))
        chained = succeed(None).addCallback(lambda _: result)
        chained.cancel()
        await turns()
        with pytest.raises(CancelledError):
            outcome(chained)
        inner: Deferred[None] = Deferred()
        second = run(asyncio.sleep(0))
        second.addCallback(lambda _: inner)
        await turns()
        second.cancel()
        with pytest.raises(CancelledError):
            outcome(second)

    play(scene)


def test_awaiting_the_bridge_itself_is_a_coroutine(play: Callable[..., None]) -> None:
    """Debuggers and older loops await what a task drives."""
    from sennit.net.coroutine import _Bridge  # noqa: PLC0415 - private on purpose

    async def value() -> int:
        await asyncio.sleep(0)
        return 7

    async def scene(_run: Any) -> None:
        assert await _Bridge(value(), asyncio.get_running_loop()) == 7

    play(scene)
