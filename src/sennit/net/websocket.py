"""One WebSocket as a program sees it, at either end."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from typing import Any, Protocol, cast

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from sennit.engine.close import GOING_AWAY, INTERNAL_ERROR, NORMAL, encode_close
from sennit.engine.connection import CLIENT
from sennit.engine.frame import BINARY, TEXT, encode_frame
from sennit.errors import (
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    LocalProtocolError,
)
from sennit.interfaces import CoroutineRunner, Transport
from sennit.model.request import Closed, ConnectionRequest
from sennit.net.stream_transport import StreamTransport

__all__ = ["Handler", "MessageReceiver", "WebSocket", "WebSocketDriver", "broadcast"]

Payload = str | bytes | bytearray | memoryview

QUEUE_MESSAGES = 32
"""Messages that wait to be received, from which on the socket is not read."""
QUEUE_BYTES = 64 * 1024
"""Their bytes, likewise."""
WAITING_SENDS = 1024
"""Sends that may wait for a slow peer at the same time."""
WAITING_PINGS = 32
"""Pings that may be unanswered at the same time."""


class MessageReceiver(Protocol):
    """The faster style: an object that is notified.

    It may also have ``writable()``, called when the peer keeps up again after ``send_nowait`` has
    returned ``False``, and ``connection_lost(closed)``, called once in the end with a
    :class:`sennit.model.request.Closed`.
    """

    def message_received(self, data: bytes, is_text: bool) -> None:
        """A message has arrived; text is UTF-8, already checked."""


Handler = Callable[["WebSocket"], Coroutine[Any, Any, object] | Deferred[Any] | MessageReceiver]
"""Called with each new connection. A coroutine or a Deferred lives as long as the connection,
which is closed when it is done; a :class:`MessageReceiver` is notified from then on."""


class _Sent:
    """An awaitable that is done; there is one, for every send that need not wait."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, None]:
        return
        yield  # what makes it a generator


_SENT = _Sent()


class WebSocket:
    """A connection, open until :attr:`closed`.

    ``async for message in ws`` receives until the connection is closed: it ends if that was with
    1000 or 1001, and raises :class:`sennit.ConnectionClosedError` otherwise. Text comes as ``str``,
    binary messages as ``bytes``. While nobody receives, a bounded queue fills up, and then the
    socket is not read: the peer is slowed down, not the memory filled.

    Made by :func:`sennit.websocket.listen` and :func:`sennit.websocket.connect`.

    Attributes:
        request: what the connection began with; of a client, its own request.
        subprotocol: the one that was agreed on, or ``None``.
    """

    __slots__ = (
        "__weakref__",
        "_clock",
        "_closed",
        "_closers",
        "_notified",
        "_paused",
        "_pings",
        "_queue",
        "_queued",
        "_receiver",
        "_sending",
        "_serial",
        "_transport",
        "request",
        "subprotocol",
    )

    def __init__(
        self, clock: IReactorTime, request: ConnectionRequest, subprotocol: str | None
    ) -> None:
        self.request = request
        self.subprotocol = subprotocol
        self._clock = clock
        self._transport: StreamTransport
        self._closed: Closed | None = None
        self._closers: list[Deferred[None]] = []
        self._notified = False
        self._paused = False
        self._queue: deque[tuple[bytes, bool]] = deque()
        self._queued = 0
        self._receiver: Deferred[None] | None = None
        self._sending: deque[tuple[bytes, Deferred[None]]] = deque()
        self._serial = 0
        self._pings: dict[bytes, tuple[Deferred[float], float]] = {}

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<WebSocket {self.request.path} {self.request.address} {state}>"

    # -- receiving -------------------------------------------------------------------------------

    async def recv(self) -> str | bytes:
        """Return the next message, in the order of arrival. A cancelled call loses none.

        Raises:
            ConnectionClosed: there is none any more.
            LocalProtocolError: another call waits already, or a receiver object is notified.
        """
        while not self._queue:
            if self._closed is not None:
                raise self._error()
            await self._arrival()
        data, is_text = self._queue.popleft()
        self._queued -= len(data)
        if self._paused and self._has_place(2):
            self._paused = False
            self._transport.resume_reading()
        return data.decode() if is_text else data

    def __aiter__(self) -> WebSocket:
        return self

    async def __anext__(self) -> str | bytes:
        try:
            return await self.recv()
        except ConnectionClosedOK:
            raise StopAsyncIteration from None

    def _arrival(self) -> Deferred[None]:
        if self._receiver is not None or self._notified:
            raise LocalProtocolError("somebody else receives this connection's messages")
        self._receiver = Deferred(self._stop_receiving)
        return self._receiver

    def _stop_receiving(self, _receiver: Deferred[None]) -> None:
        self._receiver = None

    def _has_place(self, share: int = 1) -> bool:
        return len(self._queue) < QUEUE_MESSAGES // share and self._queued < QUEUE_BYTES // share

    def _enqueue(self, data: bytes, is_text: bool) -> None:
        self._queue.append((data, is_text))
        self._queued += len(data)

    def _wake(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.callback(None)

    def _message_received(self, data: bytes, is_text: bool) -> None:
        self._enqueue(data, is_text)
        self._wake()
        if not self._paused and not self._has_place():
            self._paused = True
            self._transport.pause_reading()

    def pause_reading(self) -> None:
        """Notify a receiver object of no message until :meth:`resume_reading`."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Notify it again."""
        self._transport.resume_reading()

    # -- sending ---------------------------------------------------------------------------------

    def send(self, message: Payload, *, text: bool | None = None) -> Awaitable[None]:
        """Send a message: ``str`` as text, anything else as binary, unless ``text`` says it.

        Args:
            message: what to send.
            text: of bytes, whether they are UTF-8 to be sent as text.

        Returns:
            Something to await. It is done at once while the peer keeps up (no Deferred is made),
            else when it has caught up. Cancelling it takes a message back that still waits.

        Raises:
            ConnectionClosed: the connection is closed, or being closed.
            LocalProtocolError: over 1,024 sends wait; await each.
        """
        transport = self._transport
        if transport.closing:
            raise self._error()
        frame = self._frame(message, text)
        if not self._sending and transport.send(frame):
            return _SENT
        if len(self._sending) >= WAITING_SENDS:
            raise LocalProtocolError("too many sends wait for the peer: await each of them")
        waiting: Deferred[None] = Deferred(lambda _: self._sending.remove(item))
        item = (frame, waiting)
        self._sending.append(item)
        return waiting

    def send_nowait(self, message: Payload, *, text: bool | None = None) -> bool:
        """Send a message if the peer keeps up; else, or if the connection is closed, do nothing.

        Args:
            message: what to send.
            text: of bytes, whether they are UTF-8 to be sent as text.

        Returns:
            Whether the message was taken.
        """
        transport = self._transport
        if self._sending or transport.closing:
            return False
        return transport.send(self._frame(message, text))

    def _frame(self, message: Payload, text: bool | None) -> bytes:
        mask = os.urandom(4) if self._transport.connection.role == CLIENT else None
        opcode, payload = _encode(message, text)
        return encode_frame(opcode, payload, mask=mask)

    def _writable(self) -> None:
        sending = self._sending
        while sending:
            frame, waiting = sending[0]
            if not self._transport.send(frame):
                return
            sending.popleft()
            waiting.callback(None)

    def ping(self) -> Deferred[float]:
        """Ask the peer for a sign of life.

        Returns:
            The seconds until its answer; fails with :class:`sennit.ConnectionClosed` if none comes.

        Raises:
            LocalProtocolError: 32 pings are unanswered already.
        """
        if self._transport.closing:
            return fail(self._error())
        if len(self._pings) >= WAITING_PINGS:
            raise LocalProtocolError(f"{WAITING_PINGS} pings are unanswered")
        self._serial = (self._serial + 1) % 2**32
        payload = self._serial.to_bytes(4, "big")
        answer: Deferred[float] = Deferred(lambda _: self._forget_ping(payload))
        self._pings[payload] = (answer, self._clock.seconds())
        self._transport.on_pong = self._pong
        self._transport.ping(payload)
        return answer

    def _forget_ping(self, payload: bytes) -> None:
        del self._pings[payload]

    def _pong(self, payload: bytes) -> None:
        if payload not in self._pings:
            return
        now = self._clock.seconds()
        # A peer may answer the last ping only (RFC 6455, 5.5.3): the ones before it count too.
        for earlier in list(self._pings):
            answer, asked = self._pings.pop(earlier)
            answer.callback(now - asked)
            if earlier == payload:
                break

    # -- the end ---------------------------------------------------------------------------------

    def close(self, code: int = NORMAL, reason: str = "") -> Deferred[None]:
        """Close the connection; a second call changes nothing. What was taken is sent first.

        Messages that arrive meanwhile go nowhere. A peer that does not answer in time is cut off.

        Args:
            code: 1000, 1001 to 1014 where they are for the wire, or 3000 to 4999.
            reason: at most 123 bytes of UTF-8.

        Returns:
            Fires when the connection is gone.

        Raises:
            LocalProtocolError: the code or the reason may not be sent.
        """
        encode_close(code, reason)
        self._transport.disconnect(code, reason)
        return self.wait_closed()

    def wait_closed(self) -> Deferred[None]:
        """Return what fires when the connection is gone, however that comes about."""
        if self._closed is not None:
            return succeed(None)
        closer: Deferred[None] = Deferred(self._closers.remove)
        self._closers.append(closer)
        return closer

    @property
    def closed(self) -> bool:
        """Whether the connection is gone."""
        return self._closed is not None

    @property
    def close_code(self) -> int | None:
        """The close code that arrived, 1005 for none in it, 1006 for no close frame; else None."""
        return None if self._closed is None else self._closed.code

    @property
    def close_reason(self) -> str | None:
        """The reason that arrived, or for 1006 what was seen; ``None`` until it is closed."""
        return None if self._closed is None else self._closed.reason

    def _error(self) -> ConnectionClosed:
        closed = self._closed
        if closed is None:
            # It is being closed: what we have sent stands for what has not arrived.
            connection = self._transport.connection
            sent = connection.close_sent or (NORMAL, "")
            closed = Closed(*(connection.close_received or sent), *sent)
        planned = closed.code in (NORMAL, GOING_AWAY)
        kind = ConnectionClosedOK if planned else ConnectionClosedError
        return kind(closed.code, closed.reason, closed.sent_code, closed.sent_reason)

    def _connection_lost(self, closed: Closed) -> None:
        self._closed = closed
        if not self._notified:
            for message in self._transport.take_unread():
                self._enqueue(message.data, message.text)
        self._paused = False
        sending, self._sending = self._sending, deque()
        pings, self._pings = self._pings, {}
        closers, self._closers = self._closers, []
        for _, waiting in sending:
            waiting.errback(self._error())
        for answer, _ in pings.values():
            answer.errback(self._error())
        self._wake()
        for closer in closers:
            closer.callback(None)


class WebSocketDriver:
    """Brings a connection's events to a :class:`WebSocket` and to a program's handler.

    Args:
        websocket: the connection as the program sees it.
        handler: called once it is open; ``None`` if the program has it otherwise.
        run: runs the handler's coroutine.
    """

    __slots__ = ("_handler", "_receiver", "_run", "_websocket", "message_received")

    log = Logger(namespace="sennit.net")

    def __init__(self, websocket: WebSocket, handler: Handler | None, run: CoroutineRunner) -> None:
        self._websocket = websocket
        self._handler = handler
        self._run = run
        self._receiver: MessageReceiver | None = None
        self.message_received = websocket._message_received  # noqa: SLF001 - two halves of one

    def connection_made(self, transport: Transport) -> None:
        """Start the handler."""
        websocket = self._websocket
        websocket._transport = cast("StreamTransport", transport)  # noqa: SLF001
        if self._handler is None:
            return
        made: Any = self._handler(websocket)
        if hasattr(made, "message_received"):
            self._receiver = made
            self.message_received = made.message_received
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
        self.log.failure("a connection's handler failed", failure)
        transport.disconnect(INTERNAL_ERROR, "internal error")


def broadcast(
    websockets: Iterable[WebSocket], message: Payload, *, text: bool | None = None
) -> list[WebSocket]:
    """Send a message to many connections; for all those of a server it is framed once.

    Args:
        websockets: those that are closed are passed over.
        message: ``str`` is sent as text, anything else as binary, unless ``text`` says it.
        text: of bytes, whether they are UTF-8 to be sent as text.

    Returns:
        The connections that did not take it, since their peers do not keep up. Nothing waits for
        them: it is for the caller to close them, to send them this message later, or to let it be.
    """
    opcode, payload = _encode(message, text)
    frame = encode_frame(opcode, payload)
    refused = []
    for websocket in tuple(websockets):
        transport = websocket._transport  # noqa: SLF001 - one module, one trade
        if transport.closing:
            continue
        if transport.connection.role == CLIENT:
            taken = websocket.send_nowait(payload, text=opcode == TEXT)
        else:
            taken = not websocket._sending and transport.send(frame)  # noqa: SLF001
        if not taken:
            refused.append(websocket)
    return refused


def _encode(message: Payload, text: bool | None) -> tuple[int, bytes]:
    if isinstance(message, str):
        return BINARY if text is False else TEXT, message.encode()
    return TEXT if text else BINARY, message if isinstance(message, bytes) else bytes(message)
