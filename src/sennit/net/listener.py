"""Servers of WebSockets alone: on a port, or at an address of a ``twisted.web`` site."""

from __future__ import annotations

from typing import Any, Unpack

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint

from sennit.net.coroutine import runner_for
from sennit.net.front_door import ANY_PATH, FrontDoor
from sennit.net.mount import HandlerMount, HandshakeHook, Subprotocols
from sennit.net.port import HandlerResource, WebSocketPort
from sennit.net.service import WebSocketService
from sennit.net.setting import WebSocketOptions, WebSocketSettings
from sennit.net.upgrade import WebSocketResource
from sennit.net.websocket import Handler

__all__ = ["PING_INTERVAL", "listen", "resource", "service"]

PING_INTERVAL = 20.0
"""Seconds between pings, unless a program says otherwise."""


def listen(
    reactor: Any,
    endpoint: str | IStreamServerEndpoint,
    handler: Handler,
    *,
    subprotocols: Subprotocols = (),
    on_handshake: HandshakeHook | None = None,
    **options: Unpack[WebSocketOptions],
) -> Deferred[WebSocketPort]:
    """Serve WebSockets on a port, at any path.

    ::

        async def check(request):
            user = await find_user(request.cookies.get("session"))
            if user is None:
                raise HandshakeError(403, "log in first")
            return Accept(state=user, headers={"X-Node": "a"})

        async def greet(ws):
            await ws.send(f"hello {ws.state.name}")

        port = await listen(reactor, "tcp:8000", greet, on_handshake=check)
        reactor.addSystemEventTrigger("before", "shutdown", port.close)

    Args:
        reactor: any Twisted reactor.
        endpoint: as in ``"tcp:8000"``, ``"unix:/run/echo"``, ``"ssl:443:privateKey=…"``,
            ``"systemd:domain=INET:index=0"``, or a Twisted endpoint.
        handler: called with each new :class:`WebSocket`. A coroutine function (which may await
            Deferreds, and on the asyncio reactor asyncio's awaitables) has the connection until
            it returns; a class with ``message_received(data, is_text)`` is the faster style. What
            either raises is logged, and ends its connection with 1011.
        subprotocols: spoken here, in order of preference; or a function of those that a client
            offers, which returns one of them, or ``None``.
        on_handshake: decides about each client, before it is answered, with its
            :class:`sennit.ConnectionRequest`. It returns ``None`` or an :class:`Accept`, may be a
            coroutine function or return a Deferred, and refuses by raising
            :class:`sennit.HandshakeError` with the status, the body and the headers of the
            answer. What it raises otherwise is logged, and the client gets 500. It has
            ``handshake_timeout`` seconds, then the client gets 503; it is cancelled then, and when
            the client goes away.
        options: see :class:`sennit.net.setting.WebSocketSettings`; pings are sent every 20
            seconds, unless they say otherwise.

    Returns:
        The port, with its :attr:`~WebSocketPort.connections`, and
        :meth:`~WebSocketPort.close`, which ends them gracefully.
    """
    settings, mount = _parts(reactor, handler, subprotocols, on_handshake, options)
    return _listen(reactor, _where(reactor, endpoint), settings, mount)


def resource(
    reactor: Any,
    handler: Handler,
    *,
    subprotocols: Subprotocols = (),
    on_handshake: HandshakeHook | None = None,
    **options: Unpack[WebSocketOptions],
) -> HandlerResource:
    """Return a resource of ``twisted.web`` that serves WebSockets, beside other pages.

    ::

        root.putChild(b"echo", websocket.resource(reactor, echo))     # ws://host/echo

    What is no upgrade gets 426. The arguments are those of :func:`listen`; how long a request's
    head may be, and may take, is for the site to say.

    Returns:
        The resource, with its :attr:`~HandlerResource.connections`, and
        :meth:`~HandlerResource.close`, which ends them gracefully.
    """
    settings, mount = _parts(reactor, handler, subprotocols, on_handshake, options)
    return HandlerResource(WebSocketResource(mount, reactor, settings))


def service(
    reactor: Any,
    endpoint: str | IStreamServerEndpoint,
    handler: Handler,
    *,
    subprotocols: Subprotocols = (),
    on_handshake: HandshakeHook | None = None,
    **options: Unpack[WebSocketOptions],
) -> WebSocketService:
    """Return a service of ``twisted.application`` that serves WebSockets on a port.

    ::

        application = twisted.application.service.Application("echo")
        websocket.service(reactor, "tcp:8000", echo).setServiceParent(application)

    The arguments are those of :func:`listen`. Its stop is graceful: it waits for the connections,
    which are closed with 1001.
    """
    settings, mount = _parts(reactor, handler, subprotocols, on_handshake, options)
    where = _where(reactor, endpoint)
    return WebSocketService(lambda: _listen(reactor, where, settings, mount))


def _parts(
    reactor: Any,
    handler: Handler,
    subprotocols: Subprotocols,
    on_handshake: HandshakeHook | None,
    options: WebSocketOptions,
) -> tuple[WebSocketSettings, HandlerMount]:
    options.setdefault("ping_interval", PING_INTERVAL)
    mount = HandlerMount(reactor, handler, runner_for(reactor), subprotocols, on_handshake)
    return WebSocketSettings(**options), mount


def _where(reactor: Any, endpoint: str | IStreamServerEndpoint) -> Any:
    return serverFromString(reactor, endpoint) if isinstance(endpoint, str) else endpoint


def _listen(
    reactor: Any, where: Any, settings: WebSocketSettings, mount: HandlerMount
) -> Deferred[WebSocketPort]:
    door = FrontDoor(reactor, {ANY_PATH: mount}, None, settings)
    listening: Deferred[IListeningPort] = where.listen(door)
    return listening.addCallback(WebSocketPort, door)
