"""A procedure: an rpc method with its parameters' type, its timeout and its concurrency."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import msgspec
from twisted.internet import defer
from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sennit.errors import ConfigurationError
from sennit.hub.handler import HandlerRunner
from sennit.hub.payload import decode_payload, encode_payload
from sennit.hub.rate import Rate
from sennit.model.code import ErrorCode, reply_error

__all__ = ["Procedure", "RunningProcedure"]

_log = Logger(namespace="sennit.rpc")


class Procedure:
    """The declaration of an rpc method.

    Args:
        name: what clients call.
        handler: ``handler(session, params)``; the annotation of ``params`` is the type that the
            client's JSON is checked against (none: any JSON; ``bytes``: the JSON itself).
        timeout: seconds, or ``None``.
        concurrency: how many calls run at once, or ``None``; more of them wait in order.
        rate: how often one client may call it, in words; empty for any.

    Raises:
        ConfigurationError: a bound is not positive, the rate is none, or the handler does not take
            two arguments.
    """

    def __init__(
        self,
        name: str,
        handler: Callable[..., Any],
        timeout: float | None,
        concurrency: int | None,
        rate: str = "",
    ) -> None:
        if (timeout is not None and timeout <= 0) or (concurrency is not None and concurrency < 1):
            raise ConfigurationError(f"rpc {name!r}: timeout and concurrency are more than 0")
        parameters = list(inspect.signature(handler).parameters.values())
        if len(parameters) != 2:
            raise ConfigurationError(f"rpc {name!r}: its handler takes (session, params)")
        self.name = name
        self.handler = handler
        self.timeout = timeout
        self.concurrency = concurrency
        self.rate = Rate.parse(rate)
        self._parameter = parameters[1].name

    def form(self) -> Any:
        """Return the type of the parameters, resolved when the app starts.

        Raises:
            ConfigurationError: the annotation names something that does not exist, or a type
                that JSON cannot be decoded to.
        """
        try:
            form = get_type_hints(self.handler).get(self._parameter, Any)
            if form is not bytes:
                msgspec.json.Decoder(form)
        except (NameError, TypeError) as error:
            raise ConfigurationError(f"rpc {self.name!r}: {error}") from error
        return form


class RunningProcedure:
    """A procedure of a running app.

    Args:
        procedure: the declaration.
        runner: runs its handler.
        clock: the time.
        waiting_limit: calls that may wait for their turn.
    """

    def __init__(
        self, procedure: Procedure, runner: HandlerRunner, clock: IReactorTime, waiting_limit: int
    ) -> None:
        self._procedure = procedure
        self.rate = procedure.rate
        self._runner = runner
        self._clock = clock
        self._limit = waiting_limit
        self._form = procedure.form()
        self._turns = (
            None if procedure.concurrency is None else DeferredSemaphore(procedure.concurrency)
        )

    async def call(self, session: object, data: bytes) -> bytes:
        """Run the handler and return its value as JSON.

        Raises:
            ReplyError: the handler's; 107 for bad parameters; 111 where too many calls wait;
                100 where it failed or took too long.
            Disconnect: the handler's.
            CancelledError: the client went away.
        """
        params = decode_payload(data, self._form)
        if self._turns is None:
            return await self._run(session, params)
        if len(self._turns.waiting) >= self._limit:
            raise reply_error(ErrorCode.TOO_MANY_REQUESTS)
        await self._turns.acquire()
        try:
            return await self._run(session, params)
        finally:
            self._turns.release()

    async def _run(self, session: object, params: Any) -> bytes:
        name = f"rpc {self._procedure.name}"
        outcome: Deferred[bytes] = Deferred.fromCoroutine(
            self._runner.call(
                name, self._procedure.handler, session, params, convert=encode_payload
            )
        )
        timeout = self._procedure.timeout
        if timeout is None:
            return await outcome
        outcome.addTimeout(timeout, self._clock)
        try:
            return await outcome
        except defer.TimeoutError as error:
            _log.warn("{name} took over {timeout} s", name=name, timeout=timeout)
            raise reply_error(ErrorCode.INTERNAL, "the request took too long") from error
