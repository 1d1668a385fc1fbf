"""WebSocket over any Twisted transport: TCP, TLS, Unix sockets, pipes in memory."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IDelayedCall,
    IHalfCloseableProtocol,
    IProtocol,
    IReactorTime,
)
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure as TwistedFailure
from zope.interface import implementer

from sennit.engine.build import (
    CLIENT,
    CLOSED,
    COMPILED,
    SERVER,
    Chunk,
    Close,
    Connection,
    Event,
    Failure,
    Message,
    Ping,
    Pong,
)
from sennit.engine.close import ABNORMAL, INTERNAL_ERROR
from sennit.errors import RemoteProtocolError
from sennit.interfaces import Framing, MessageHandler
from sennit.model.request import Closed
from sennit.net.framing import StreamGroup, WebSocketFraming
from sennit.net.keepalive import Keepalive
from sennit.net.native import is_native
from sennit.net.outlet import Outlet
from sennit.net.setting import WebSocketSettings

if TYPE_CHECKING:
    from sennit.net._socket import Socket

__all__ = ["StreamGroup", "StreamTransport", "WebSocketFraming"]

_log = Logger(namespace="sennit.net")

_TEXT = WebSocketFraming(binary=False)
_BINARY = WebSocketFraming(binary=True)
_REASON_LIMIT = 123
UNREAD_BYTES = 8 * 1024 * 1024
"""Bytes of messages that are kept for a handler when a connection is lost while it did not read."""
_TOO_SLOW = "the peer did not finish the closing in time"


@implementer(IProtocol, IHalfCloseableProtocol)
class StreamTransport:
    """One WebSocket connection, after its handshake, over a Twisted transport.

    It is a Twisted protocol below, and a :class:`sennit.interfaces.Transport` above. Whoever made
    the handshake calls ``makeConnection`` with the transport and then ``dataReceived`` with what
    came after the head.

    Args:
        clock: the time.
        connection: the engine's connection, of either role.
        handler: what receives the messages. If the connection gives them in pieces, it has
            ``fragment_received(data, is_text, final)`` instead of ``message_received``.
        settings: bounds and times.
        binary: whether frames made by :attr:`framing` are binary messages.
        greeting: written first: the response to the handshake.
        fresh: whether nothing was ever written to the transport before.
        on_end: called with this transport when the connection is gone, before the handler.

    Attributes:
        connection: the engine's connection.
        handler: what receives the messages.
        settings: bounds and times.
        framing: how a server's payloads are framed. A client's frames are each masked anew, so
            that there is no framing to share: they are made by :attr:`connection`.
        on_pong: called with the payload of each pong, if set.
        latency: seconds that the last answered ping took, or ``None``.
        socket: the native socket that it is on, if it is on one.
        quick: the same, if it can frame messages by itself.
        transport: Twisted's, below.
    """

    __slots__ = (
        "_clock",
        "_closing",
        "_deadline",
        "_delivering",
        "_fresh",
        "_greeting",
        "_keepalive",
        "_lost",
        "_on_end",
        "_outlet",
        "_owed_pong",
        "_reading",
        "_refused",
        "_seen",
        "_unread",
        "connection",
        "framing",
        "handler",
        "latency",
        "on_pong",
        "quick",
        "settings",
        "socket",
        "transport",
    )

    def __init__(
        self,
        clock: IReactorTime,
        connection: Connection,
        handler: MessageHandler,
        settings: WebSocketSettings,
        *,
        binary: bool = False,
        greeting: bytes = b"",
        fresh: bool = False,
        on_end: Callable[[StreamTransport], None] | None = None,
    ) -> None:
        self.connection = connection
        self.handler = handler
        self.framing: Framing = _BINARY if binary else _TEXT
        if connection.deflate is not None and connection.role == SERVER:
            self.framing = WebSocketFraming(binary, connection.deflate)
        self.latency: float | None = None
        self.socket: Socket | None = None
        self.quick: Socket | None = None
        self.on_pong: Callable[[bytes], None] | None = None
        self._clock = clock
        self.settings = settings
        self._greeting = greeting
        self._fresh = fresh
        self._on_end = on_end
        self._outlet: Outlet | Socket
        self._unread: list[Message | Chunk] | None = None
        self._reading = True
        self._delivering = False
        self._refused = False
        self._closing = False
        self._lost = False
        self._owed_pong = b""
        self._deadline: IDelayedCall | None = None
        self._seen = ""
        """What was seen of an end without a close frame, for a person."""
        self._keepalive: Keepalive | None = None

    # -- Twisted's side --------------------------------------------------------------------------

    def makeConnection(self, transport: Any) -> None:
        """Take the transport."""
        self.transport = transport
        self.connectionMade()

    def connectionMade(self) -> None:
        """Write the greeting and begin."""
        transport, settings = self.transport, self.settings
        high, low = settings.write_high, settings.write_low
        if is_native(transport):
            self.socket = self._outlet = transport.outlet(self, high, low)
            masking = self.connection.role == CLIENT
            if transport.masking == masking and (self.connection.deflate is None or COMPILED):
                self.quick = self.socket
            if COMPILED:
                self.socket.read_messages(self, self.connection, settings.streaming)
        else:
            self._outlet = Outlet(transport, high, self.drained, low=low, fresh=self._fresh)
        if settings.ping_interval is not None:
            self._keepalive = Keepalive(
                self._clock,
                settings.ping_interval,
                settings.ping_timeout,
                self._ping,
                self._give_up,
                lambda: self._outlet.progress,
            )
        self._outlet.cork()
        try:
            if self._greeting:
                self._outlet.write(self._greeting)
                self._greeting = b""
            self._guard(self.handler.connection_made, self)
        finally:
            self._outlet.uncork()
        if self.socket is not None:
            self.socket.received = self._receiver()

    def _receiver(self) -> Any:
        """Return what takes whole messages."""
        return None if self.settings.streaming else self.handler.message_received

    def dataReceived(self, data: bytes) -> None:
        """Take bytes from the peer."""
        if self._keepalive is not None:
            self._keepalive.heard()
        self.connection.feed(data)
        self._deliver()

    def readConnectionLost(self) -> None:
        """The peer sends no more. Without its close frame, that is an end (RFC 6455, 7.1.5)."""
        self._start_closing()
        self._outlet.close()
        if self.socket is None or self.socket.buffered:
            self._set_deadline(_TOO_SLOW)

    def writeConnectionLost(self) -> None:
        """Our half is closed; the peer's end follows, or the deadline does."""

    def connectionLost(self, reason: TwistedFailure = connectionDone) -> None:
        """Tell the handler how it ended."""
        if self._lost:
            return
        self._lost = True
        self._outlet.lost()
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if self._keepalive is not None:
            self._keepalive.stop()
        if self._on_end is not None:
            self._on_end(self)
        sent_code, sent_reason = self.connection.close_sent or (None, "")
        self._read_up()
        received = self.connection.close_received
        code, text = received or (ABNORMAL, self._seen or _describe(reason))
        self._guard(self.handler.connection_lost, Closed(code, text, sent_code, sent_reason))

    def _read_up(self) -> None:
        """Read what came in while reading was paused: a close frame may be there too."""
        room = UNREAD_BYTES
        while (event := self.connection.next_event()) is not None:
            if isinstance(event, Message | Chunk) and not self._closing:
                room -= len(event.data)
                if room < 0:
                    self._seen = "what had come in was too much to keep"
                    return
                self._unread = self._unread or []
                self._unread.append(event)

    # -- reading ---------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        """Deliver no messages until :meth:`resume_reading`, not even those read already."""
        if self._reading and not self._closing and not self._lost:
            self._reading = False
            if self._keepalive is not None:
                self._keepalive.suspend()
            self.transport.pauseProducing()

    def resume_reading(self) -> None:
        """Deliver messages again, those first that were read already."""
        if self._reading or self._lost:
            return
        self._reading = True
        if self._keepalive is not None:
            self._keepalive.resume()
        self._deliver()
        if self._reading and not self._lost:
            self.transport.resumeProducing()

    def take_unread(self) -> Message | Chunk | None:
        """Return the next message, or piece of one, that came in and was not delivered.

        For a handler that has lost its connection while reading was paused, and still wants them.
        """
        return self._unread.pop(0) if self._unread else None

    def item_received(self, opcode: int, payload: bytes, final: bool) -> bool:
        """Take what a native socket has read, and return whether there may be more."""
        self._handle(self.connection.event_of(opcode, payload, final))
        return self.connection.state != CLOSED

    def failed(self, error: RemoteProtocolError) -> None:
        """Take what a native socket has read: the peer broke the protocol."""
        self._handle(self.connection.fail(error))

    def _deliver(self) -> None:
        if self._delivering or (self.socket is not None and self.socket.delivering):
            return
        self._delivering = True
        outlet = self._outlet
        outlet.cork()
        next_event = self.connection.next_event
        received = self._receiver()
        try:
            while self._reading and not self._lost and (event := next_event()) is not None:
                if type(event) is Message:
                    if self._closing:
                        continue
                    try:
                        received(event.data, event.text)
                    except Exception:
                        self.handler_failed()
                else:
                    self._handle(event)
        finally:
            self._delivering = False
            outlet.uncork()

    def _handle(self, event: Event) -> None:
        if isinstance(event, Ping):
            self._answer_ping(event)
        elif isinstance(event, Pong):
            self._ponged(event.data)
        elif isinstance(event, Chunk):
            if not self._closing:
                handler: Any = self.handler
                self._guard(handler.fragment_received, event.data, event.text, event.final)
        elif isinstance(event, Close):
            self._outlet.write(event.reply)
            self._closed()
        elif isinstance(event, Failure):
            self._seen = f"protocol error: {event.error.reason}"
            self._outlet.write(event.reply)
            self._end(linger=True)

    def _answer_ping(self, ping: Ping) -> None:
        if self._closing:
            return
        if self._outlet.full:
            # The peer asks faster than it reads: the newest answer stands for all (5.5.3).
            self._owed_pong = ping.reply
        else:
            self._outlet.write(ping.reply)

    def _ponged(self, payload: bytes) -> None:
        if self._keepalive is not None:
            latency = self._keepalive.ponged(payload)
            self.latency = self.latency if latency is None else latency
        if self.on_pong is not None:
            self._guard(self.on_pong, payload)

    def _guard(self, call: Callable[..., None], *args: object) -> None:
        """Call a handler; what it raises ends this connection with 1011, and nothing else."""
        try:
            call(*args)
        except Exception:
            self.handler_failed()

    def handler_failed(self) -> None:
        """Log the exception that is being handled, and end the connection with 1011."""
        _log.failure("a connection's handler failed")
        self.disconnect(INTERNAL_ERROR, "internal error")

    # -- writing ---------------------------------------------------------------------------------

    @property
    def buffered(self) -> int:
        """Bytes accepted of which it is not known that the operating system has them."""
        return self._outlet.buffered

    @property
    def closing(self) -> bool:
        """Whether it is closed or being closed: what is sent goes nowhere."""
        return self._closing or self._lost

    def has_room(self) -> bool:
        """Return whether a frame would be taken; if not, ``writable()`` will be called."""
        if self._outlet.full and not self.closing:
            self._refused = True
            return False
        return True

    def send(self, frame: bytes) -> bool:
        """Take one frame, unless what is queued has reached the bound."""
        if self._closing or self._lost:
            return True
        outlet = self._outlet
        if outlet.full:
            self._refused = True
            return False
        outlet.write(frame)
        return True

    def ping(self, payload: bytes) -> None:
        """Send a ping, whatever is queued; it goes nowhere once the connection is closing.

        Raises:
            LocalProtocolError: the payload has over 125 bytes.
        """
        if not self.closing and self.connection.close_sent is None:
            self._outlet.write(self.connection.ping(payload))

    def drained(self) -> None:
        """What was written is taken, down to the lower mark or all of it."""
        if self._closing or self._lost:
            return
        if self._owed_pong:
            pong, self._owed_pong = self._owed_pong, b""
            self._outlet.write(pong)
        if self._refused:
            self._refused = False
            self._guard(self.handler.writable)

    def _ping(self, payload: bytes) -> None:
        # With a full queue the peer has more than a ping to answer to.
        if not self._outlet.full:
            self.ping(payload)

    def _give_up(self) -> None:
        self._cut_off("nothing was heard after a ping")

    # -- the end ---------------------------------------------------------------------------------

    def disconnect(self, code: int, reason: str) -> None:
        """Send a close frame behind everything, and cut off a peer that does not answer it.

        Messages that arrive before the peer's close frame go nowhere.

        Args:
            code: any that may be on the wire (RFC 6455, 7.4).
            reason: what is over 123 bytes of UTF-8 is left out.

        Raises:
            LocalProtocolError: the code may not be on the wire.
        """
        if self._closing or self._lost:
            return
        if self.connection.close_sent is None:
            text = reason.encode()[:_REASON_LIMIT].decode(errors="ignore")
            self._outlet.write(self.connection.close(code, text))
        self._start_closing()
        self._set_deadline(_TOO_SLOW)
        self._stop_keepalive()
        if not self._reading:
            # The peer's close frame must be seen.
            self.resume_reading()

    def _closed(self) -> None:
        """Both close frames are out; the server lets the socket go first (RFC 6455, 7.1.1)."""
        if self.connection.role == CLIENT:
            self._start_closing()
            self._set_deadline(_TOO_SLOW)
            self._stop_keepalive()
        else:
            self._end(linger=False)

    def _end(self, linger: bool) -> None:
        self._start_closing()
        self._set_deadline(_TOO_SLOW)
        self._stop_keepalive()
        self._outlet.finish(linger)

    def _start_closing(self) -> None:
        """From here on what is sent goes nowhere, a broadcast's frames too."""
        self._closing = True
        self._outlet.muted = True

    def _set_deadline(self, seen: str) -> None:
        if self._deadline is None and not self._lost:
            self._deadline = self._clock.callLater(
                self.settings.close_timeout, self._too_late, seen
            )

    def _too_late(self, seen: str) -> None:
        self._deadline = None
        self._cut_off(seen)

    def _cut_off(self, seen: str) -> None:
        self._start_closing()
        self._seen = self._seen or seen
        self._stop_keepalive()
        self._outlet.abort()

    def _stop_keepalive(self) -> None:
        if self._keepalive is not None:
            self._keepalive.stop()


def _describe(reason: TwistedFailure) -> str:
    if isinstance(reason.value, ConnectionDone):
        return "the connection ended without a close frame"
    if isinstance(reason.value, ConnectionLost):
        return "the connection was reset"
    return f"the connection was lost: {reason.getErrorMessage()}"
