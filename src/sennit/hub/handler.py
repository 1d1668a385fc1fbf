"""Running an application's handlers: values, coroutines and Deferreds, and how each can fail."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from sennit.errors import Disconnect, ReplyError
from sennit.interfaces import CoroutineRunner
from sennit.model.code import ErrorCode, reply_error

__all__ = ["CANCELLED", "HandlerRunner"]

_log = Logger(namespace="sennit.handler")

CANCELLED = (CancelledError, asyncio.CancelledError)
"""What a cancelled handler raises; asyncio's own where its awaitables are used."""


class HandlerRunner:
    """Calls handlers, and turns what goes wrong into an answer.

    Args:
        run: starts coroutines.
    """

    def __init__(self, run: CoroutineRunner) -> None:
        self._run = run

    def start(self, handler: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Call a handler and return its outcome, whatever it is made of.

        A value is an outcome at once, and so is an exception; a coroutine is started; a Deferred
        is returned as it is; on the asyncio reactor any other awaitable is awaited.
        """
        try:
            result = handler(*args)
        except (Exception, asyncio.CancelledError):
            failed: Deferred[Any] = Deferred()
            failed.errback(Failure())
            return failed
        if isinstance(result, Deferred):
            return result
        if inspect.iscoroutine(result):
            return self._run(cast("Coroutine[Any, Any, Any]", result))
        if inspect.isawaitable(result):
            return self._run(_await(result))
        return succeed(result)

    async def call(
        self,
        name: str,
        handler: Callable[..., Any],
        *args: Any,
        convert: Callable[[Any], Any] | None = None,
    ) -> Any:
        """Call a handler, or anything else that may fail, and return its value.

        Args:
            name: for the log.
            handler: what to call.
            args: with what.
            convert: makes the answer of the value; what it raises is the handler's failure too.

        Raises:
            ReplyError: raised by the handler; or 100, it failed otherwise, and the log has one
                entry with the traceback. To be cancelled by somebody else is a failure too.
            Disconnect: raised by the handler.
            CancelledError: the caller cancelled it.
        """
        outcome = _Outcome(self.start(handler, *args))
        try:
            value = await outcome
            return value if convert is None else convert(value)
        except (ReplyError, Disconnect):
            raise
        except (Exception, asyncio.CancelledError) as error:
            if outcome.cancelled and isinstance(error, CANCELLED):
                raise CancelledError from error
            _log.failure("{handler} failed", failure=Failure(), handler=name)
            raise reply_error(ErrorCode.INTERNAL) from error

    def notify(self, name: str, handler: Callable[..., Any], *args: Any) -> None:
        """Call a handler that only hears of something; a failure is logged and ends there."""

        def failed(failure: Failure) -> None:
            _log.failure("{handler} failed", failure=failure, handler=name)

        self.start(handler, *args).addErrback(failed)


class _Outcome(Deferred[Any]):
    """What a handler ends with.

    Args:
        handled: fires with it.

    Attributes:
        cancelled: whether the caller has asked for the end, which may take a while.
    """

    def __init__(self, handled: Deferred[Any]) -> None:
        super().__init__()
        self.cancelled = False
        self._handled = handled
        handled.chainDeferred(self)

    def cancel(self) -> None:
        """Cancel the handler; what it makes of that is the outcome."""
        self.cancelled = True
        self._handled.cancel()


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
