"""A server of WebSockets alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IReactorTime, IStreamServerEndpoint

from sennit.interfaces import Accepted, CoroutineRunner
from sennit.model.request import ConnectionRequest
from sennit.net.coroutine import runner_for
from sennit.net.front_door import ANY_PATH, FrontDoor
from sennit.net.setting import WebSocketOptions, WebSocketSettings
from sennit.net.websocket import Handler, WebSocket, WebSocketDriver

__all__ = ["PING_INTERVAL", "HandlerMount", "listen"]

PING_INTERVAL = 20.0
"""Seconds between pings, unless a program says otherwise."""


class HandlerMount:
    """Gives every connection to a program's handler, whatever its path.

    Args:
        clock: the time.
        handler: called with each :class:`WebSocket`.
        run: runs the handler's coroutine.
        subprotocols: spoken here, in order of preference: the first that a client offers too is
            taken; with none in common the connection has none.
    """

    def __init__(
        self,
        clock: IReactorTime,
        handler: Handler,
        run: CoroutineRunner,
        subprotocols: Sequence[str] = (),
    ) -> None:
        self._clock = clock
        self._handler = handler
        self._run = run
        self._subprotocols = tuple(subprotocols)

    def open(self, request: ConnectionRequest) -> Accepted:
        """Take the connection."""
        offered = request.subprotocols
        chosen = next((name for name in self._subprotocols if name in offered), None)
        websocket = WebSocket(self._clock, request, chosen)
        return Accepted(WebSocketDriver(websocket, self._handler, self._run), chosen)


def listen(
    reactor: Any,
    endpoint: str | IStreamServerEndpoint,
    handler: Handler,
    *,
    subprotocols: Sequence[str] = (),
    **options: Unpack[WebSocketOptions],
) -> Deferred[IListeningPort]:
    """Serve WebSockets on a port, at any path.

    Args:
        reactor: any Twisted reactor.
        endpoint: as in ``"tcp:8000"``, ``"unix:/run/echo"``, ``"ssl:443:privateKey=…"``, or a
            Twisted endpoint.
        handler: called with each new :class:`WebSocket`. A coroutine function (which may await
            Deferreds, and on the asyncio reactor asyncio's awaitables) has the connection until
            it returns; a class with ``message_received(data, is_text)`` is the faster style. What
            either raises is logged, and ends its connection with 1011.
        subprotocols: spoken here, in order of preference.
        options: see :class:`sennit.net.setting.WebSocketSettings`; pings are sent every 20
            seconds, unless they say otherwise.

    Returns:
        The port, which stops listening by ``stopListening()``; its connections go on.
    """
    options.setdefault("ping_interval", PING_INTERVAL)
    settings = WebSocketSettings(**options)
    mount = HandlerMount(reactor, handler, runner_for(reactor), subprotocols)
    door = FrontDoor(reactor, {ANY_PATH: mount}, None, settings)
    where = serverFromString(reactor, endpoint) if isinstance(endpoint, str) else endpoint
    listening: Deferred[IListeningPort] = where.listen(door)
    return listening
