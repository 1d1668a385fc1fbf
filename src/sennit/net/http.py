"""HTTP beside WebSockets: a ``twisted.web`` connection with each request bounded."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Site

from sennit.errors import HandshakeError
from sennit.net.setting import WebSocketSettings

__all__ = ["BoundedChannel", "check_line_ends"]


def check_line_ends(data: bytes) -> None:
    """Check a piece of a head for the end that it has if its lines end without CR.

    Whoever writes so waits for an answer: one at once is better than 408 after a while.

    Raises:
        HandshakeError: 400, it has.
    """
    if b"\n\n" in data:
        raise HandshakeError(400, "the lines of a request's head end with CR LF")


class _BodyTooLongError(Exception):
    """A body has more bytes than it may have."""


class BoundedChannel(HTTPChannel):
    """An HTTP connection that bounds every request: its head and its body in bytes and time.

    Twisted's own timer starts anew with every byte, so that a slow request could take for ever. A
    head is kept until it is complete, then judged, and only then given to ``twisted.web``. Of a
    body Twisted would take as much as comes, into a file.

    While a client does not read its answers, its further requests wait, and nothing is read:
    Twisted's own channel would go on answering those that are answered at once.

    Args:
        clock: the time.
        site: answers the requests.
        settings: ``max_head``, ``head_timeout``, ``max_body`` and ``body_timeout`` are used.
        judge: called with each complete head; ``False`` if the connection has been taken away
            (what came after the head is in :meth:`clearLineBuffer`), or the request refused.
        refuse: called with 400, 408, 413 or 431; answers, and takes the connection away.
    """

    def __init__(
        self,
        clock: IReactorTime,
        site: Site,
        settings: WebSocketSettings,
        judge: Callable[[bytes], bool],
        refuse: Callable[[HandshakeError], None],
    ) -> None:
        HTTPChannel.__init__(self)
        self.factory = site
        self.site = site
        self.requestFactory = site.requestFactory
        self.timeOut: Any = site.timeOut
        self.callLater: Any = clock.callLater
        self.MAX_LENGTH = self.totalHeadersSize = self._max_head = settings.max_head
        self._clock = clock
        self._head_timeout = settings.head_timeout
        self._max_body = settings.max_body
        self._body_timeout = settings.body_timeout
        self._judge = judge
        self._refuse = refuse
        self._lines: list[bytes] = []
        self._size = 0
        self._in_head = True
        self._timer: IDelayedCall | None = None

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        return not self.requests

    def dataReceived(self, data: bytes) -> None:
        """Take bytes; the first of a head start its time."""
        HTTPChannel.dataReceived(self, data)
        if not self._in_head or self.paused:
            return
        try:
            check_line_ends(self._buffer)
        except HandshakeError as error:
            self._give_up(error)
            return
        if self._timer is None and (self._lines or self._buffer.strip(b"\r\n")):
            self._timer = self._clock.callLater(self._head_timeout, self._too_slow)

    def lineReceived(self, line: bytes) -> None:
        """Keep the lines of a head until its end."""
        if not self.persistent:
            HTTPChannel.lineReceived(self, line)  # drops what comes after the last request
            return
        self._size += len(line) + 2
        if self._size > self._max_head:
            self.lineLengthExceeded(line)
        elif line:
            self._lines.append(line)
        elif self._lines:
            self._head_complete()

    def lineLengthExceeded(self, _line: bytes) -> None:
        """Refuse a head that is too long."""
        self._give_up(HandshakeError(431, f"the request's head has over {self._max_head} bytes"))

    def allHeadersReceived(self) -> None:
        """Twisted has read a head: what comes next is its body, if it has one."""
        HTTPChannel.allHeadersReceived(self)
        decoder: Any = self._transferDecoder
        if decoder is None:
            return
        if self.length is not None and self.length > self._max_body:
            raise _BodyTooLongError
        self._timer = self._clock.callLater(self._body_timeout, self._too_slow)
        take = decoder.dataCallback
        size = 0

        def count(data: bytes) -> None:
            nonlocal size
            size += len(data)
            if size > self._max_body:
                raise _BodyTooLongError
            take(data)

        decoder.dataCallback = count

    def rawDataReceived(self, data: bytes) -> None:
        """Take a piece of a body."""
        try:
            HTTPChannel.rawDataReceived(self, data)
        except _BodyTooLongError:
            self._refuse_body()

    def allContentReceived(self) -> None:
        """A request is complete; its answer may take as long as it likes."""
        self._stop_timer()
        HTTPChannel.allContentReceived(self)

    def requestDone(self, request: Any) -> None:
        """A request is answered: the next head may come, or may be here."""
        self._in_head = True
        HTTPChannel.requestDone(self, request)

    def pauseProducing(self) -> None:
        """The transport is full: what is here waits too."""
        self.paused = True
        HTTPChannel.pauseProducing(self)
        self._networkProducer.pauseProducing()

    def resumeProducing(self) -> None:
        """It has room again: go on with what waits."""
        self.paused = False
        HTTPChannel.resumeProducing(self)
        if self.paused:
            return  # An answer that goes on has filled it again.
        if self._handlingRequest and not self._is_eager():
            # Else nobody would notice that the client of a long answer goes away.
            self._networkProducer.resumeProducing()
        self.dataReceived(b"")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self._stop_timer()
        HTTPChannel.connectionLost(self, reason)

    def _is_eager(self) -> bool:
        """Return whether more than Twisted keeps has come behind the request being answered."""
        return sum(map(len, self._dataBuffer)) > self._optimisticEagerReadSize

    def _head_complete(self) -> None:
        lines, self._lines, self._size = self._lines, [], 0
        self._in_head = False
        self._stop_timer()
        if self._judge(b"\r\n".join([*lines, b"", b""])):
            for line in [*lines, b""]:
                if getattr(self.transport, "disconnecting", False):
                    return  # It is refused by twisted.web itself.
                try:
                    HTTPChannel.lineReceived(self, line)
                except _BodyTooLongError:
                    self._refuse_body()

    def _refuse_body(self) -> None:
        self._give_up(HandshakeError(413, f"the request's body has over {self._max_body} bytes"))

    def _too_slow(self) -> None:
        self._timer = None
        part = "head" if self._in_head else "body"
        self._give_up(HandshakeError(408, f"the request's {part} took too long"))

    def _give_up(self, error: HandshakeError) -> None:
        self._in_head = False
        self._stop_timer()
        LineReceiver.clearLineBuffer(self)
        self._refuse(error)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
