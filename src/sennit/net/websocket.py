"""One WebSocket as a program sees it, at either end."""

from __future__ import annotations

from collections import deque
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
)
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sennit.engine.build import Chunk
from sennit.engine.close import GOING_AWAY, INTERNAL_ERROR, NORMAL, encode_close
from sennit.engine.frame import BINARY, TEXT
from sennit.errors import (
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    LocalProtocolError,
)
from sennit.model.request import Closed, ConnectionRequest
from sennit.net.message import Payload, each_piece, encode_message
from sennit.net.piece import Pieces
from sennit.net.stream_transport import StreamTransport

if TYPE_CHECKING:
    from sennit.net._socket import Socket

__all__ = ["Handler", "MessageReceiver", "WebSocket"]

_log = Logger(namespace="sennit.net")

_Waiting = tuple[int | None, bytes, Deferred[None]]

QUEUE_MESSAGES = 32
"""Messages, or pieces of them, that wait to be received, from which on the socket is not read."""
WAITING_SENDS = 1024
"""Sends that may wait for a slow peer at the same time."""
WAITING_PINGS = 32
"""Pings that may be unanswered at the same time."""


class MessageReceiver(Protocol):
    """The faster style: an object that is notified.

    It may also have ``writable()``, called when the peer keeps up again after ``send_nowait`` has
    returned ``False``, and ``connection_lost(closed)``, called once in the end with a
    :class:`sennit.model.request.Closed`. Where messages come in pieces (``streaming=True``) it has
    ``fragment_received(data, is_text, final)`` instead; a piece of text may end within a character.
    """

    def message_received(self, data: bytes, is_text: bool) -> None:
        """A message has arrived; text is UTF-8, already checked."""


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
        state: what ``on_handshake`` has given along; ``None`` without it.
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
        "_quick",
        "_receiver",
        "_room",
        "_sending",
        "_serial",
        "_streaming",
        "_transport",
        "_waiting",
        "_within",
        "request",
        "state",
        "subprotocol",
    )

    def __init__(
        self, clock: IReactorTime, request: ConnectionRequest, subprotocol: str | None
    ) -> None:
        self.request = request
        self.subprotocol = subprotocol
        self.state: Any = None
        self._clock = clock
        self._transport: StreamTransport
        self._quick: Socket | None = None
        """What frames and sends a message by itself, while none waits."""
        self._closed: Closed | None = None
        # What an idle connection has no use for it does not have.
        self._closers: list[Deferred[None]] | None = None
        self._notified = False
        self._paused = False
        self._queue: deque[tuple[bytes, bool, bool]] | None = None
        self._queued = 0
        self._within = False
        """Whether a message was received in part."""
        self._receiver: Deferred[None] | None = None
        self._sending: deque[_Waiting] | None = None
        self._waiting = 0
        """Bytes of the messages in ``_sending``."""
        self._streaming = False
        """Whether a message is being sent in pieces, which nothing may come between."""
        self._room: Deferred[None] | None = None
        self._serial = 0
        self._pings: dict[bytes, tuple[Deferred[float], float]] | None = None

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<WebSocket {self.request.path} {self.request.address} {state}>"

    # -- receiving -------------------------------------------------------------------------------

    def recv(self) -> Coroutine[Any, Any, str | bytes]:
        """Return the next message, in the order of arrival. A cancelled call loses none.

        Raises:
            ConnectionClosed: there is none any more.
            LocalProtocolError: another call waits already, or a receiver object is notified.
        """
        return self._receive(iterating=False)

    async def _receive(self, *, iterating: bool) -> str | bytes:
        # Many wait here for long, and each coroutine within another would take its memory.
        try:
            if self._within:
                await self._skip()
            while not (queue := self._queue):
                await self._arrival()
        except ConnectionClosedOK:
            if iterating:
                raise StopAsyncIteration from None
            raise
        first = self._take_piece(queue)
        data, is_text, final = first
        if not final:
            data = await self._rest_of(first)
        return data.decode() if is_text else data

    async def _rest_of(self, first: tuple[bytes, bool, bool]) -> bytes:
        pieces = [first]
        try:
            while not pieces[-1][2]:
                pieces.append(await self._next_piece())
        except BaseException:
            queue = self._queue = self._queue or deque()
            queue.extendleft(reversed(pieces))
            self._queued += sum(len(piece[0]) for piece in pieces)
            raise
        return b"".join(piece[0] for piece in pieces)

    def recv_streaming(self) -> AsyncIterator[str | bytes]:
        """Return the next message as an iterator of its pieces, as they come.

        ::

            async for piece in ws.recv_streaming():
                file.write(piece)

        With ``streaming=True`` a piece is what has come at once, so that a message of any size
        (``max_message`` still bounds it) takes little memory; without it there is one piece. What
        is left of a message when its iterator is left is passed over by the next call.

        Raises:
            ConnectionClosed: from the iterator: there is no message any more.
            ConnectionClosedError: from the iterator: the connection ended within the message.
        """
        return Pieces(self)

    async def _skip(self) -> None:
        """Pass over the rest of a message that was received in part."""
        while self._within:
            self._within = not (await self._next_piece())[2]

    async def _next_piece(self) -> tuple[bytes, bool, bool]:
        while not (queue := self._queue):
            await self._arrival()
        return self._take_piece(queue)

    def _take_piece(self, queue: deque[tuple[bytes, bool, bool]]) -> tuple[bytes, bool, bool]:
        piece = queue.popleft()
        self._queued -= len(piece[0])
        if not queue:
            self._queue = None
        if self._paused and self._has_place(2, self._transport.settings.read_low):
            self._paused = False
            self._transport.resume_reading()
        return piece

    def __aiter__(self) -> WebSocket:
        return self

    def __anext__(self) -> Coroutine[Any, Any, str | bytes]:
        return self._receive(iterating=True)

    def _arrival(self) -> Deferred[None]:
        if self._closed is not None:
            raise self._error()
        if self._receiver is not None or self._notified:
            raise LocalProtocolError("somebody else receives this connection's messages")
        self._receiver = Deferred(self._stop_receiving)
        return self._receiver

    def _stop_receiving(self, _receiver: Deferred[None]) -> None:
        self._receiver = None

    def _has_place(self, share: int, mark: int) -> bool:
        waiting = len(self._queue or ())
        return waiting < QUEUE_MESSAGES // share and self._queued <= mark

    def _wake(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.callback(None)

    def _message_received(self, data: bytes, is_text: bool) -> None:
        self._fragment_received(data, is_text, True)

    def _fragment_received(self, data: bytes, is_text: bool, final: bool) -> None:
        if self._queue is None:
            self._queue = deque()
        self._queue.append((data, is_text, final))
        self._queued += len(data)
        self._wake()
        if not self._paused and not self._has_place(1, self._transport.settings.read_high - 1):
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
        quick = self._quick
        if quick is not None and quick.send_message(message, text):
            return _SENT
        transport = self._transport
        if transport.closing:
            raise self._error()
        opcode, payload = encode_message(message, text)
        if self._is_free() and transport.has_room():
            self._put(opcode, payload)
            return _SENT
        return self._wait(opcode, payload)

    def send_nowait(self, message: Payload, *, text: bool | None = None) -> bool:
        """Send a message if the peer keeps up; else, or if the connection is closed, do nothing.

        Args:
            message: what to send.
            text: of bytes, whether they are UTF-8 to be sent as text.

        Returns:
            Whether the message was taken.
        """
        quick = self._quick
        if quick is not None and quick.send_message(message, text):
            return True
        transport = self._transport
        if transport.closing or not transport.has_room() or not self._is_free():
            return False
        self._put(*encode_message(message, text))
        return True

    async def send_streaming(
        self, pieces: Iterable[Payload] | AsyncIterable[Payload], *, text: bool | None = None
    ) -> None:
        """Send one message in pieces, each as soon as it is there.

        Other messages wait until it is complete. If the pieces end with an exception, or this call
        is cancelled, after one was sent, the connection is closed with 1011: the peer could not be
        told otherwise that the message is none.

        Args:
            pieces: all ``str``, or all bytes.
            text: of bytes, whether they are UTF-8 to be sent as text.

        Raises:
            ConnectionClosed: the connection is closed, or being closed.
            TypeError: it is a message, not an iterable of pieces, or the pieces differ in kind.
        """
        if isinstance(pieces, Payload):
            raise TypeError("pieces of a message are an iterable, not a message: use send()")
        if self._transport.closing:
            raise self._error()
        if self._streaming or not self._is_free():
            await self._wait(None, b"")
        self._streaming = True
        self._quick = None
        connection = self._transport.connection
        opcode: int | None = None
        try:
            async for piece in each_piece(pieces):
                kind, payload = encode_message(piece, text, like=opcode)
                await self._until_room()
                if opcode is None:
                    frame = connection.send(payload, binary=kind == BINARY, fin=False)
                else:
                    frame = connection.send_more(payload, fin=False)
                opcode = kind
                self._transport.send(frame)
            await self._until_room()
            if opcode is None:
                self._put(TEXT if text else BINARY, b"")
            else:
                self._transport.send(connection.send_more(b"", fin=True))
        except BaseException:
            if opcode is not None:
                self._transport.disconnect(INTERNAL_ERROR, "a message broke off")
            raise
        finally:
            self._streaming = False
            self._writable()

    async def _until_room(self) -> None:
        while not self._transport.has_room():
            self._room = Deferred()
            await self._room
        if self._transport.closing:
            raise self._error()

    def _is_free(self) -> bool:
        """Return whether a message may be sent now: none waits, and none is sent in part."""
        return not self._sending and not self._streaming

    def _put(self, opcode: int, payload: bytes) -> None:
        # Framed only when it is sure to be sent: what is compressed refers to what was before.
        transport = self._transport
        transport.send(transport.connection.send(payload, binary=opcode == BINARY))

    def _wait(self, opcode: int | None, payload: bytes) -> Deferred[None]:
        """Let a message wait for its turn; without an opcode, one that is sent in pieces."""
        sending = self._sending = self._sending or deque()
        if len(sending) >= WAITING_SENDS:
            raise LocalProtocolError("too many sends wait for the peer: await each of them")

        def take_back(_: Deferred[None]) -> None:
            sending.remove(item)
            self._waiting -= len(payload)
            if self._is_free():
                self._quick = self._transport.quick

        waiting: Deferred[None] = Deferred(take_back)
        item = (opcode, payload, waiting)
        sending.append(item)
        self._quick = None
        self._waiting += len(payload)
        return waiting

    def _writable(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)
        while self._sending and not self._streaming and self._transport.has_room():
            opcode, payload, waiting = self._sending.popleft()
            self._waiting -= len(payload)
            if opcode is None:
                self._streaming = True
            elif not self._transport.closing:
                self._put(opcode, payload)
            waiting.callback(None)
        if self._is_free():
            self._quick = self._transport.quick

    @property
    def buffered(self) -> int:
        """Bytes that were given to :meth:`send` and wait for the peer, heads of frames included."""
        return self._waiting + self._transport.buffered

    @property
    def latency(self) -> float | None:
        """Seconds that the peer took to answer the last ping, ours or the keepalive's, or ``None``.

        Of a blocked loop both ends' time counts.
        """
        return self._transport.latency

    def ping(self) -> Deferred[float]:
        """Ask the peer for a sign of life.

        Returns:
            The seconds until its answer; fails with :class:`sennit.ConnectionClosed` if none comes.

        Raises:
            LocalProtocolError: 32 pings are unanswered already.
        """
        if self._transport.closing:
            return fail(self._error())
        pings = self._pings = self._pings or {}
        if len(pings) >= WAITING_PINGS:
            raise LocalProtocolError(f"{WAITING_PINGS} pings are unanswered")
        self._serial = (self._serial + 1) % 2**32
        payload = self._serial.to_bytes(4, "big")

        def forget(_: Deferred[float]) -> None:
            pings.pop(payload, None)

        answer: Deferred[float] = Deferred(forget)
        pings[payload] = (answer, self._clock.seconds())
        self._transport.on_pong = self._pong
        self._transport.ping(payload)
        return answer

    def _pong(self, payload: bytes) -> None:
        pings = self._pings
        if pings is None or payload not in pings:
            return
        now = self._clock.seconds()
        self._transport.latency = now - pings[payload][1]
        # A peer may answer the last ping only (RFC 6455, 5.5.3): the ones before it count too.
        for earlier in list(pings):
            answer, asked = pings.pop(earlier)
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
        closers = self._closers = self._closers or []
        closer: Deferred[None] = Deferred(closers.remove)
        closers.append(closer)
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
        while not self._notified and (unread := self._transport.take_unread()) is not None:
            final = not isinstance(unread, Chunk) or unread.final
            self._queue = self._queue or deque()
            self._queue.append((unread.data, unread.text, final))
            self._queued += len(unread.data)
        self._paused = False
        room, self._room = self._room, None
        sending, self._sending = self._sending, None
        self._waiting = 0
        pings, self._pings = self._pings, None
        closers, self._closers = self._closers, None
        if room is not None:
            room.callback(None)
        # Each may cancel others of them.
        for _, _, waiting in tuple(sending or ()):
            waiting.errback(self._error())
        for answer, _ in tuple((pings or {}).values()):
            answer.errback(self._error())
        self._wake()
        for closer in tuple(closers or ()):
            closer.callback(None)


Handler = Callable[[WebSocket], Coroutine[Any, Any, object] | Deferred[Any] | MessageReceiver]
"""Called with each new connection. A coroutine or a Deferred lives as long as the connection,
which is closed when it is done; a :class:`MessageReceiver` is notified from then on."""
