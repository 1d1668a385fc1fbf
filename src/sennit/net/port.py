"""A server of WebSockets, as a program has it: its port or resource, and its connections."""

# ruff: noqa: N802 - Twisted's names
from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.web.resource import Resource
from twisted.web.server import Request
from zope.interface import implementer

from sennit.engine.close import GOING_AWAY, encode_close
from sennit.net.driver import WebSocketDriver
from sennit.net.front_door import FrontDoor
from sennit.net.limit import Limits
from sennit.net.stream_transport import StreamTransport
from sennit.net.upgrade import WebSocketResource
from sennit.net.websocket import WebSocket

__all__ = ["GOING_AWAY_REASON", "HandlerResource", "WebSocketPort"]

GOING_AWAY_REASON = "going away"


class _Connections(Collection[WebSocket]):
    """The open connections of a server, as a program sees them, in the order they came."""

    __slots__ = ("_streams",)

    def __init__(self, streams: Collection[StreamTransport]) -> None:
        self._streams = streams

    def __len__(self) -> int:
        return len(self._streams)

    def __iter__(self) -> Iterator[WebSocket]:
        for stream in self._streams:
            yield _websocket_of(stream)

    def __contains__(self, websocket: object) -> bool:
        return any(one is websocket for one in self)

    def __repr__(self) -> str:
        return f"<{len(self)} WebSocket connections>"


def _websocket_of(stream: StreamTransport) -> WebSocket:
    return cast("WebSocketDriver", stream.handler).websocket


@implementer(IListeningPort)
class WebSocketPort:
    """A port on which WebSockets are served. Made by :func:`sennit.websocket.listen`.

    Args:
        port: Twisted's.
        door: what is behind it.
    """

    def __init__(self, port: IListeningPort, door: FrontDoor) -> None:
        self._port = port
        self._door = door
        door.accept_on(port)

    def __repr__(self) -> str:
        return f"<WebSocketPort {self._port!r} with {len(self.connections)} connections>"

    @property
    def connections(self) -> Collection[WebSocket]:
        """The open connections, in the order they came."""
        return _Connections(self._door.connections)

    @property
    def limits(self) -> Limits:
        """How many there are, and how many were refused by which limit."""
        return self._door.limits

    def getHost(self) -> IAddress:
        """Return the address that it listens on."""
        return self._port.getHost()

    def startListening(self) -> None:
        """Listen again, after it has stopped; what may go wrong is Twisted's to say."""
        self._port.startListening()
        self._door.accept_on(self._port)

    def stopListening(self) -> Deferred[None]:
        """Listen no more; connections go on.

        Returns:
            Fires when that is done.
        """
        self._door.stop_accepting()
        stopping = self._port.stopListening()
        return succeed(None) if stopping is None else stopping

    def close(self, code: int = GOING_AWAY, reason: str = GOING_AWAY_REASON) -> Deferred[None]:
        """Stop, gracefully: listen no more, and close every connection.

        Each has ``close_timeout`` seconds to answer, then it is cut off. A client whose handshake
        is not done gets 503.

        Args:
            code: the close code: 1000, 1001 to 1014 where they are for the wire, or 3000 to 4999.
            reason: at most 123 bytes of UTF-8.

        Returns:
            Fires when all connections are gone. Cancelling it ends nothing but the waiting.

        Raises:
            LocalProtocolError: the code or the reason may not be sent.
        """
        encode_close(code, reason)
        return Deferred.fromCoroutine(self._close(code, reason))

    async def _close(self, code: int, reason: str) -> None:
        gone = self._door.close_all(code, reason)
        await self.stopListening()
        await gone


class HandlerResource(Resource):
    """A WebSocket in a ``twisted.web`` tree. Made by :func:`sennit.websocket.resource`.

    Args:
        websockets: what takes the upgrades.
    """

    isLeaf = True  # noqa: N815 - Twisted reads it

    def __init__(self, websockets: WebSocketResource) -> None:
        Resource.__init__(self)
        self._websockets = websockets

    @property
    def connections(self) -> Collection[WebSocket]:
        """The open connections, in the order they came."""
        return _Connections(self._websockets.connections)

    @property
    def limits(self) -> Limits:
        """How many there are, and how many were refused by which limit."""
        return self._websockets.limits

    def render(self, request: Request) -> Any:
        """Take the request's connection, or answer it."""
        return self._websockets.render(request)

    def close(self, code: int = GOING_AWAY, reason: str = GOING_AWAY_REASON) -> Deferred[None]:
        """Close every connection, gracefully; from now on everybody is refused with 503.

        See :meth:`WebSocketPort.close`.
        """
        encode_close(code, reason)
        return self._websockets.close_all(code, reason)
