"""Between a connection and a program: the events of one, the handler of the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sennit.engine.close import INTERNAL_ERROR, NORMAL
from sennit.errors import ConnectionClosed
from sennit.interfaces import CoroutineRunner, Transport
from sennit.model.request import Closed
from sennit.net.stream_transport import StreamTransport
from sennit.net.websocket import Handler, MessageReceiver, WebSocket

__all__ = ["WebSocketDriver"]

_log = Logger(namespace="sennit.net")


class WebSocketDriver:
    """Brings a connection's events to a :class:`WebSocket` and to a program's handler.

    Args:
        websocket: the connection as the program sees it.
        handler: called once it is open; ``None`` if the program has it otherwise.
        run: runs the handler's coroutine.
    """

    __slots__ = (
        "_handler",
        "_receiver",
        "_run",
        "_websocket",
        "fragment_received",
        "message_received",
    )

    message_received: Callable[[bytes, bool], None]
    fragment_received: Callable[[bytes, bool, bool], None]

    def __init__(self, websocket: WebSocket, handler: Handler | None, run: CoroutineRunner) -> None:
        self._websocket = websocket
        self._handler = handler
        self._run = run
        self._receiver: MessageReceiver | None = None

    @property
    def websocket(self) -> WebSocket:
        """The connection as the program sees it."""
        return self._websocket

    def connection_made(self, transport: Transport) -> None:
        """Start the handler."""
        websocket = self._websocket
        transport = cast("StreamTransport", transport)
        websocket._transport = transport  # noqa: SLF001
        websocket._quick = transport.quick  # noqa: SLF001
        style = "fragment_received" if transport.settings.streaming else "message_received"
        # Only one of them is ever called, without a detour.
        setattr(self, style, getattr(websocket, "_" + style))
        if self._handler is None:
            return
        made: Any = self._handler(websocket)
        received = getattr(made, style, None)
        if received is not None:
            self._receiver = made
            setattr(self, style, received)
            websocket._notified = True  # noqa: SLF001
            return
        done = made if isinstance(made, Deferred) else self._run(made)
        done.addCallbacks(self._handler_done, self._handler_failed)

    def writable(self) -> None:
        """The peer has caught up."""
        self._websocket._writable()  # noqa: SLF001
        receiver: Any = self._receiver
        if receiver is not None and hasattr(receiver, "writable"):
            receiver.writable()

    def connection_lost(self, closed: Closed) -> None:
        """The connection is gone."""
        self._websocket._connection_lost(closed)  # noqa: SLF001
        receiver: Any = self._receiver
        if receiver is not None and hasattr(receiver, "connection_lost"):
            receiver.connection_lost(closed)

    def _handler_done(self, _result: object) -> None:
        self._websocket._transport.disconnect(NORMAL, "")  # noqa: SLF001

    def _handler_failed(self, failure: Failure) -> None:
        transport = self._websocket._transport  # noqa: SLF001
        if failure.check(ConnectionClosed) and transport.closing:
            return
        _log.failure("a connection's handler failed", failure)
        transport.disconnect(INTERNAL_ERROR, "internal error")
