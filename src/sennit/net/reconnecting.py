"""Connections to one server, one after the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from sennit.engine.close import NORMAL
from sennit.errors import LocalProtocolError
from sennit.net.backoff import Backoff
from sennit.net.retry import retry_after
from sennit.net.websocket import WebSocket

__all__ = ["Reconnecting"]

_log = Logger(namespace="sennit.net")

T = TypeVar("T")


class Reconnecting:
    """Keeps connecting: an asynchronous iterator of open connections.

    ::

        async for ws in websocket.reconnect(reactor, "wss://host/path"):
            try:
                async for message in ws:
                    ...
            except websocket.ConnectionClosed:
                continue                        # and the next connection comes

    The body of the loop has one connection at a time. When it is done with it, the connection is
    closed if it is not yet, and after a wait there is the next. The loop ends with :meth:`stop`;
    or it raises what is not worth another try. Leaving it, by whatever way, closes the connection
    that is open.

    With a handler there is no need for a loop: :meth:`run` does it.

    Waits grow with each failure in a row. A connection that lived as long as the longest wait
    lets them begin anew; one that did not is a failure like any other, so that a server which
    drops everybody at once is not stormed.

    Made by :func:`sennit.websocket.reconnect`.

    Args:
        clock: the time.
        connect: makes one attempt.
        backoff: how long to wait.
        retry: whether it is worth another try; called with each error, one by which an attempt
            failed or a :class:`sennit.ConnectionClosed`.
        random: returns a number from 0 to 1.
        name: of the server, for the log.

    Attributes:
        websocket: the connection, the last one while there is none; ``None`` before the first.
    """

    def __init__(
        self,
        clock: IReactorTime,
        connect: Callable[[], Deferred[WebSocket]],
        backoff: Backoff,
        retry: Callable[[BaseException], bool],
        random: Callable[[], float],
        name: str,
    ) -> None:
        self.websocket: WebSocket | None = None
        self._clock = clock
        self._connect = connect
        self._backoff = backoff
        self._retry = retry
        self._random = random
        self._name = name
        self._failures = 0
        self._iterating = False
        self._stopped = False
        self._waiting: Deferred[Any] | None = None

    def __aiter__(self) -> AsyncIterator[WebSocket]:
        return self._connections()

    def run(self) -> Deferred[None]:
        """Have one connection after the other without a loop, for their handler.

        Returns:
            Fires after :meth:`stop`; fails with what is not worth another try. Cancelling it
            closes the connection that is open.
        """
        return Deferred.fromCoroutine(self._run())

    def stop(self, code: int = NORMAL, reason: str = "") -> Deferred[None]:
        """End the loop, whatever it waits for, and close the connection that is open.

        Args:
            code: to close it with; see :meth:`WebSocket.close`.
            reason: likewise.

        Returns:
            Fires when the connection is gone.

        Raises:
            LocalProtocolError: the code or the reason may not be sent; nothing has changed.
        """
        websocket = self.websocket
        gone = succeed(None) if websocket is None else websocket.close(code, reason)
        self._stopped = True
        if self._waiting is not None:
            self._waiting.cancel()
        return gone

    # -- the loop --------------------------------------------------------------------------------

    async def _run(self) -> None:
        async for websocket in self._connections():
            try:
                await websocket.wait_closed()
            except BaseException:
                # Not by closing the iterator, which cannot be done while it is waited for.
                websocket.close()
                raise

    async def _connections(self) -> AsyncGenerator[WebSocket, None]:
        if self._iterating:
            raise LocalProtocolError("somebody else iterates over these connections")
        self._iterating = True
        websocket: WebSocket | None = None
        try:
            while not self._stopped:
                try:
                    websocket = await self._open()
                except Exception as error:
                    await self._pause(error)
                    continue
                opened = self._clock.seconds()
                yield websocket
                await self._wait(websocket.close())
                if self._clock.seconds() - opened >= self._backoff.most:
                    self._failures = 0
                if not self._stopped:
                    await self._pause(websocket._error())  # noqa: SLF001 - how it ended
        except CancelledError:
            if not self._stopped:
                raise
        finally:
            # Also when the loop was left and this generator forgotten: nothing may wait here.
            self._iterating = False
            if websocket is not None:
                websocket.close()

    async def _open(self) -> WebSocket:
        attempt = self._connect()
        try:
            websocket = await self._wait(attempt)
        except BaseException:
            # On an asyncio loop a cancellation may come when the connection is there already.
            attempt.addCallbacks(_close, lambda _: None)
            raise
        self.websocket = websocket
        return websocket

    async def _pause(self, error: BaseException) -> None:
        if isinstance(error, CancelledError) or not self._retry(error):
            raise error
        self._failures += 1
        delay = self._backoff.delay(self._failures, self._random, retry_after(error))
        _log.info(
            "{name}: {error}; the next try is in {delay:.1f} seconds",
            name=self._name,
            error=str(error),
            delay=delay,
        )
        await self._wait(deferLater(self._clock, delay))

    async def _wait(self, waiting: Deferred[T]) -> T:
        self._waiting = waiting
        try:
            return await waiting
        finally:
            self._waiting = None


def _close(websocket: WebSocket | None) -> None:
    if websocket is not None:
        websocket.close()
