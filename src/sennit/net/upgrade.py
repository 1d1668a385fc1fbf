"""A WebSocket inside a ``twisted.web`` tree, beside other pages."""

# ruff: noqa: N815 - Twisted reads these attributes
from __future__ import annotations

from collections.abc import Collection
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from twisted.web.server import Request as WebRequest

from sennit.engine.handshake import Request
from sennit.errors import HandshakeError
from sennit.interfaces import Mount
from sennit.net.opening import open_stream
from sennit.net.roster import Roster
from sennit.net.setting import WebSocketSettings
from sennit.net.stream_transport import StreamTransport

__all__ = ["WebSocketResource"]


class WebSocketResource(Resource):
    """Takes upgrades over from ``twisted.web``; anything else gets 426.

    Bounds on the requests' heads are those of the site that it is in.

    Args:
        mount: what decides and handles.
        reactor: the time.
        settings: bounds and times.
    """

    isLeaf = True

    def __init__(
        self, mount: Mount, reactor: IReactorTime, settings: WebSocketSettings | None = None
    ) -> None:
        Resource.__init__(self)
        self._mount = mount
        self._clock = reactor
        self._settings = settings or WebSocketSettings()
        self._streams: Roster[StreamTransport] = Roster()

    @property
    def connections(self) -> Collection[StreamTransport]:
        """The open connections, each with its ``handler``."""
        return self._streams

    def close_all(self, code: int, reason: str) -> Deferred[None]:
        """Close every connection; see :meth:`sennit.net.front_door.FrontDoor.close_all`."""
        return self._streams.close_all(code, reason)

    def render(self, request: WebRequest) -> bytes | int:
        """Answer the request, or take its connection."""
        try:
            return self._open(request)
        except HandshakeError as error:
            request.setResponseCode(error.status)
            for name, value in error.headers:
                request.setHeader(name.encode("latin-1"), value.encode("latin-1"))
            request.setHeader(b"content-type", b"text/plain; charset=utf-8")
            return error.reason.encode() + b"\n"

    def _open(self, request: WebRequest) -> int:
        channel: Any = request.channel
        if not isinstance(channel, HTTPChannel):
            raise HandshakeError(400, "a WebSocket handshake is HTTP/1.1")
        stream = open_stream(
            self._clock,
            self._mount,
            _head_of(request),
            self._settings,
            address=request.getClientAddress(),
            secure=request.isSecure(),
            on_end=self._streams.discard,
        )
        self._streams.add(stream)
        _take_over(channel, stream)
        return NOT_DONE_YET


def _head_of(request: WebRequest) -> Request:
    headers = tuple(
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, values in request.requestHeaders.getAllRawHeaders()
        for value in values
    )
    version = (1, 1) if request.clientproto == b"HTTP/1.1" else (1, 0)
    return Request(
        request.method.decode("latin-1"), request.uri.decode("latin-1"), version, headers
    )


def _take_over(channel: Any, stream: Any) -> None:
    """Make a WebSocket of an HTTP connection that is answering its only request.

    ``twisted.web`` has no public way to do so: the channel stays the transport's protocol, and
    what it receives is redirected.
    """
    transport = channel.transport
    channel.setTimeout(None)
    transport.unregisterProducer()
    lost = channel.connectionLost

    def connection_lost(reason: Failure) -> None:
        stream.connectionLost(reason)
        lost(reason)

    channel.dataReceived = stream.dataReceived
    # What came in one piece with the head is still in the channel's line buffer.
    channel.rawDataReceived = stream.dataReceived
    channel.connectionLost = connection_lost
    stream.makeConnection(transport)
