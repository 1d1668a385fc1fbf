"""A WebSocket inside a ``twisted.web`` tree, beside other pages."""

# ruff: noqa: N815 - Twisted reads these attributes
from __future__ import annotations

from collections.abc import Collection
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from twisted.web.server import Request as WebRequest

from sennit.engine.handshake import Request, parse_request, reason_phrase
from sennit.errors import HandshakeError
from sennit.interfaces import Mount
from sennit.net.limit import Limits
from sennit.net.reception import Reception
from sennit.net.setting import WebSocketSettings
from sennit.net.stream_transport import StreamTransport

__all__ = ["WebSocketResource", "head_of", "refuse"]

_OWN = ("content-length", "transfer-encoding")
"""What ``twisted.web`` says by itself."""


class WebSocketResource(Resource):
    """Takes upgrades over from ``twisted.web``; anything else gets 426.

    Bounds on the requests' heads are those of the site that it is in; of ``max_handshakes`` only
    those count about which a mount takes its time to decide. Meanwhile ``twisted.web`` keeps what
    the client sends, up to 16 KiB, and then does not read.

    Args:
        mount: what decides and handles.
        reactor: the time.
        settings: bounds and times.
        reception: to be shared with other resources, so that the bounds are those of all of them;
            its settings are used then.
    """

    isLeaf = True

    def __init__(
        self,
        mount: Mount,
        reactor: IReactorTime,
        settings: WebSocketSettings | None = None,
        *,
        reception: Reception | None = None,
    ) -> None:
        Resource.__init__(self)
        self._mount = mount
        self._reception = reception or Reception(
            reactor, settings or WebSocketSettings(), pages=True
        )

    @property
    def connections(self) -> Collection[StreamTransport]:
        """The open connections, each with its ``handler``."""
        return self._reception.streams

    @property
    def limits(self) -> Limits:
        """How many there are, and how many were refused."""
        return self._reception.limits

    def close_all(self, code: int, reason: str) -> Deferred[None]:
        """Close every connection; from now on everybody is refused with 503.

        See :meth:`sennit.net.front_door.FrontDoor.close_all`.
        """
        self._reception.close()
        return self._reception.streams.close_all(code, reason)

    def render(self, request: WebRequest) -> bytes | int:
        """Answer the request, or take its connection."""
        try:
            opened = self._open(request)
        except HandshakeError as error:
            return refuse(request, error)
        if isinstance(opened, Deferred):
            self._wait(request, opened)
        else:
            _take_over(request.channel, opened)
        return NOT_DONE_YET

    def _open(self, request: WebRequest) -> StreamTransport | Deferred[StreamTransport]:
        if not isinstance(request.channel, HTTPChannel):
            raise HandshakeError(400, "a WebSocket handshake is HTTP/1.1")
        self.limits.enter()
        opened: StreamTransport | Deferred[StreamTransport] | None = None
        try:
            opened = self._reception.open(
                self._mount,
                head_of(request),
                address=request.getClientAddress(),
                secure=request.isSecure(),
            )
        finally:
            if not isinstance(opened, Deferred):
                self.limits.leave()
        return opened

    def _wait(self, request: WebRequest, opened: Deferred[StreamTransport]) -> None:
        def accepted(stream: StreamTransport) -> None:
            self.limits.leave()
            _take_over(request.channel, stream)

        def rejected(failure: Failure) -> None:
            self.limits.leave()
            error = failure.value
            if isinstance(error, HandshakeError):
                request.write(refuse(request, error))
                request.finish()
            else:
                failure.trap(CancelledError)  # The client is gone.

        opened.addCallbacks(accepted, rejected)
        request.notifyFinish().addErrback(lambda _: opened.cancel())


def refuse(request: WebRequest, error: HandshakeError) -> bytes:
    """Set the head of the answer that refuses a client, and return its body."""
    request.setResponseCode(error.status, reason_phrase(error.status).encode())
    names = {name.lower() for name, _ in error.headers}
    headers = request.responseHeaders
    for name, value in error.headers:
        if name.lower() not in _OWN:
            headers.addRawHeader(name.encode("latin-1"), value.encode("latin-1"))
    if "content-type" not in names:
        headers.setRawHeaders(b"content-type", [b"text/plain; charset=utf-8"])
    body = error.reason.encode() + b"\n"
    headers.setRawHeaders(b"content-length", [b"%d" % len(body)])
    return body


def head_of(request: WebRequest) -> Request:
    """Return a request as if its head had come to us: ``twisted.web`` is less strict.

    Raises:
        HandshakeError: 400, it is none.
    """
    lines = [b" ".join((request.method, request.uri, request.clientproto))]
    for name, values in request.requestHeaders.getAllRawHeaders():
        lines.extend(b"%b: %b" % (name, value) for value in values)
    return parse_request(b"\r\n".join([*lines, b"", b""]))


def _take_over(channel: Any, stream: Any) -> None:
    """Make a WebSocket of an HTTP connection that is answering its only request.

    ``twisted.web`` has no public way to do so: the channel stays the transport's protocol, and
    what it receives is redirected.
    """
    transport = channel.transport
    channel.setTimeout(None)
    transport.unregisterProducer()
    # The channel may have paused it: what came meanwhile was too much, or an answer is not written.
    transport.resumeProducing()
    lost = channel.connectionLost

    def connection_lost(reason: Failure) -> None:
        stream.connectionLost(reason)
        lost(reason)

    channel.dataReceived = stream.dataReceived
    # What came in one piece with the head is still in the channel's line buffer.
    channel.rawDataReceived = stream.dataReceived
    channel.connectionLost = connection_lost
    early = b"".join(channel._dataBuffer)  # noqa: SLF001 - what came while it was decided
    channel._dataBuffer = []  # noqa: SLF001
    stream.makeConnection(transport)
    if early:
        stream.dataReceived(early)
