"""A response without end, as a transport: what the server says goes down, uplinks come up."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request
from zope.interface import implementer

from sennit.interfaces import Forwarded, Framing, Streamed
from sennit.model.code import DisconnectCode, disconnect
from sennit.model.request import Closed
from sennit.net.outlet import abort

__all__ = ["HELD_BYTES", "HELD_FRAMES", "ResponseStream"]

_log = Logger(namespace="sennit.web")

HELD_FRAMES = 64
"""Uplinks of one session that may wait while it is not read; further ones are refused."""

HELD_BYTES = 256 * 1024
"""Bytes of them, likewise."""

ABNORMAL = 1006
"""RFC 6455, 7.4.1: there was no close frame, as there is none here."""


@implementer(IPushProducer)
class ResponseStream:
    """Implements ``Transport`` over a response of ``twisted.web``.

    What the operating system has not taken is kept by Twisted, which says so from 64 KiB on: until
    it has gone, frames are refused. An end is a payload of the protocol, and then the response's
    end, which waits for what was written before.

    Args:
        clock: the time.
        request: what the response answers; its head is set, and not written yet.
        streamed: the mount's answer.
        framing: how payloads are carried.
        binary: whether frames are binary, else text.
        close_timeout: seconds for the client to read up to the end, then it is cut off.
        ended: called when the connection is gone, with whether the client may not know yet.
    """

    def __init__(
        self,
        clock: IReactorTime,
        request: Request,
        streamed: Streamed,
        framing: Framing,
        *,
        binary: bool,
        close_timeout: float,
        ended: Callable[[ResponseStream, bool], None],
    ) -> None:
        self.framing = framing
        self._clock = clock
        self._request: Any = request
        self._handler = streamed.handler
        self._farewell = streamed.farewell
        self._binary = binary
        self._close_timeout = close_timeout
        self._ended = ended
        self._full = False
        self._refused = False
        self._reading = True
        self._delivering = False
        self._held: deque[tuple[bytes, Deferred[Forwarded]]] = deque()
        self._held_bytes = 0
        self._sent: tuple[int, str] | None = None
        self._finished = False
        self._lost = False
        self._deadline: IDelayedCall | None = None

    def begin(self, greeting: bytes, first: bytes) -> None:
        """Write the head and a greeting, and take the client's first frame."""
        request = self._request
        request.notifyFinish().addErrback(self._dropped)
        request.registerProducer(self, True)
        request.write(greeting)
        self._guard(self._handler.connection_made, self)
        self.receive(first)

    # -- reading ---------------------------------------------------------------------------------

    def receive(self, data: bytes) -> Deferred[Forwarded]:
        """Take a frame of the client's.

        Returns:
            Fires with ``"taken"`` once the handler has it, or nobody wants it any more; with
            ``"full"`` if too many wait for that.
        """
        if self._over:
            return succeed("taken")
        if not self._held and self._reading and not self._delivering:
            self._deliver(data)
            return succeed("taken")
        if len(self._held) >= HELD_FRAMES or self._held_bytes + len(data) > HELD_BYTES:
            return succeed("full")
        taken: Deferred[Forwarded] = Deferred()
        self._held.append((data, taken))
        self._held_bytes += len(data)
        return taken

    def pause_reading(self) -> None:
        """Deliver no frames until :meth:`resume_reading`; uplinks are not answered meanwhile."""
        self._reading = False

    def resume_reading(self) -> None:
        """Deliver frames again, those first that wait."""
        self._reading = True
        if self._delivering:
            return
        while self._held and self._reading and not self._over:
            data, taken = self._held.popleft()
            self._held_bytes -= len(data)
            self._deliver(data)
            taken.callback("taken")

    def _deliver(self, data: bytes) -> None:
        if not self._binary:
            try:
                data.decode()
            except UnicodeDecodeError:
                why = disconnect(DisconnectCode.BAD_REQUEST, "bad request: not UTF-8")
                self.disconnect(why.code, why.reason)
                return
        self._delivering = True
        try:
            self._guard(self._handler.message_received, data, not self._binary)
        finally:
            self._delivering = False

    def _let_go(self) -> None:
        """Answer the uplinks that wait: nobody will want them."""
        held, self._held = self._held, deque()
        self._held_bytes = 0
        for _, taken in held:
            taken.callback("taken")

    def _guard(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            call(*arguments)
        except Exception:
            _log.failure("a connection's handler failed")
            why = disconnect(DisconnectCode.INTERNAL)
            self.disconnect(why.code, why.reason)

    # -- writing ---------------------------------------------------------------------------------

    @property
    def buffered(self) -> int:
        """Bytes accepted of which it is known that the operating system has not taken them."""
        below = self._request.transport
        if self._lost:
            return 0
        waiting = len(getattr(below, "dataBuffer", b"")) - getattr(below, "offset", 0)
        return waiting + int(getattr(below, "_tempDataLen", 0))

    @property
    def _over(self) -> bool:
        return self._sent is not None or self._lost

    def send(self, frame: bytes) -> bool:
        """Take one frame, unless what is queued has reached the bound."""
        if self._over:
            return True
        if getattr(self._request.transport, "disconnecting", False):
            self._cut_off()  # The client has closed its half: nobody would see the bound.
            return True
        if self._full and not self._refused:
            self._flush()
        if self._full:
            self._refused = True
            return False
        self._request.write(frame)
        return True

    def _flush(self) -> None:
        """Try the socket before a frame is refused: Twisted does so in the loop's next turn only.

        Much that is said in one turn is no sign of a client that does not read. An error is met
        again by the transport itself.
        """
        below = self._request.transport
        if isinstance(below, FileDescriptor):
            below.doWrite()

    def pauseProducing(self) -> None:
        """What is queued has passed the transport's mark."""
        self._full = True

    def resumeProducing(self) -> None:
        """The transport has nothing queued any more."""
        self._full = False
        if self._sent is not None:
            self._finish()
        elif self._refused:
            self._refused = False
            self._guard(self._handler.writable)

    def stopProducing(self) -> None:
        """The connection is going; ``notifyFinish`` says so."""

    # -- the end ---------------------------------------------------------------------------------

    def disconnect(self, code: int, reason: str) -> None:
        """Say the protocol's farewell behind everything, and end the response."""
        if self._over:
            return
        self._sent = code, reason
        self._let_go()
        self._deadline = self._clock.callLater(self._close_timeout, self._too_late)
        self._request.write(self.framing.prepare(self._farewell(code, reason)))
        if not self._full:
            self._finish()

    def _finish(self) -> None:
        if self._finished or self._lost:
            return
        self._finished = True
        self._stop_deadline()
        self._request.unregisterProducer()
        self._request.finish()
        # Not from inside disconnect().
        self._clock.callLater(0, self._end, "the response was ended", True)

    def _too_late(self) -> None:
        self._deadline = None
        self._cut_off()

    def _cut_off(self) -> None:
        abort(self._request.transport)

    def _dropped(self, _reason: Failure) -> None:
        self._end("the client has gone", False)

    def _end(self, seen: str, unread: bool) -> None:
        if self._lost:
            return
        self._lost = True
        self._stop_deadline()
        self._let_go()
        self._ended(self, unread)
        code, reason = self._sent or (None, "")
        self._guard(self._handler.connection_lost, Closed(ABNORMAL, seen, code, reason))

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
