"""A TCP line between a client and a server that a test can cut, stall and mend."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

__all__ = ["Wire"]

_TIMEOUT = 10.0


class Wire:
    """Carries bytes from a port of its own to another one, from a thread of its own.

    Browsers keep an open WebSocket when they are told to be offline, so the network is taken away
    here: a cut wire drops every connection and refuses new ones, as a lost network does.

    Args:
        port: where to listen on 127.0.0.1.
        target: the port of 127.0.0.1 where the server is.
    """

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self._target = target
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._answering = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.mend()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_TIMEOUT)
        self._loop.close()

    def cut(self) -> None:
        """Drop every connection and refuse new ones."""
        self._wait(self._cut())

    def stall(self) -> None:
        """Hold back whatever the server says; what the client says still arrives."""
        self._wait(self._stall())

    def mend(self) -> None:
        """Carry again: whatever was held back, and new connections."""
        self._wait(self._mend())

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_TIMEOUT)

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # An aborted transport closes its socket a turn later.

    async def _stall(self) -> None:
        self._answering.clear()

    async def _mend(self) -> None:
        self._answering.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def _carry(self, near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(to_near)
        try:
            far, to_far = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(to_far)
            try:
                await asyncio.gather(
                    self._pump(near, to_far), self._pump(far, to_near, self._answering)
                )
            finally:
                self._writers.discard(to_far)
                to_far.transport.abort()
        except (OSError, asyncio.CancelledError):
            pass  # The server is gone, or the wire was cut: the client sees its end close.
        finally:
            self._writers.discard(to_near)
            self._tasks.discard(task)
            to_near.transport.abort()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        allowed: asyncio.Event | None = None,
    ) -> None:
        while data := await reader.read(65536):
            if allowed is not None:
                await allowed.wait()
            writer.write(data)
            await writer.drain()
        writer.write_eof()
