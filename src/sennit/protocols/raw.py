"""The raw protocol: plain text messages of plain WebSockets, into and out of one channel."""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from sennit.errors import Disconnect, ReplyError
from sennit.hub.hub import Hub
from sennit.hub.payload import encode_payload
from sennit.hub.raw import RawRoute
from sennit.hub.request import ConnectRequest, SubscribeRequest
from sennit.hub.session import Session
from sennit.interfaces import Accepted, Delta, Transport
from sennit.model.code import DisconnectCode, ErrorCode, disconnect
from sennit.model.publication import ClientInfo, Publication, StreamPosition
from sennit.model.request import Closed, ConnectionRequest

__all__ = ["PING_INTERVAL", "RawCodec", "RawMount"]

_log = Logger(namespace="sennit.protocol")

PING_INTERVAL = 25.0
"""Seconds between WebSocket pings, since this protocol has no words for one."""

MAX_WAITING = 32
"""Messages of one connection that may wait for the one being published."""

UNSUPPORTED_DATA = 1003
"""RFC 6455, 7.4.1: a message of a kind that is not taken."""


class RawCodec:
    """Implements ``Codec``: a publication is the text that its route makes of it.

    Args:
        route: makes the text.
    """

    def __init__(self, route: RawRoute) -> None:
        self._route = route

    def encode_publication(
        self,
        channel: str,
        publication: Publication,
        delta: Delta | None = None,  # noqa: ARG002 - plain text is not asked for differences
    ) -> bytes | None:
        """Return the route's text for a publication; if making it fails, that is logged."""
        try:
            text = self._route.text_of(publication)
        except Exception:
            _log.failure("no text for a publication in {channel}", channel=channel)
            return None
        return None if text is None else text.encode()

    def encode_join(self, channel: str, info: ClientInfo) -> None:
        """There are no words for it."""

    def encode_leave(self, channel: str, info: ClientInfo) -> None:
        """There are no words for it."""

    def encode_subscribe(
        self, channel: str, position: StreamPosition | None, recoverable: bool, data: bytes | None
    ) -> None:
        """There are no words for it: a connection has the one channel of its address."""

    def encode_unsubscribe(self, channel: str, code: int, reason: str) -> None:
        """There are no words for it: the connection ends instead."""

    def encode_message(self, data: bytes) -> bytes:
        """Return an application's message, which is JSON, as it is."""
        return data


class RawMount:
    """Implements ``Mount`` for one raw route.

    Args:
        hub: where sessions live.
        route: how text goes in and out.
    """

    def __init__(self, hub: Hub, route: RawRoute) -> None:
        self._hub = hub
        self._route = route
        self._codec = RawCodec(route)

    def open(self, request: ConnectionRequest) -> Accepted:
        """Take the connection, with the first of the route's subprotocols that was offered."""
        route = self._route
        chosen = next((name for name in route.subprotocols if name in request.subprotocols), None)
        name = request.query.get(route.parameter, (route.default,))[0] or route.default
        driver = RawDriver(self._hub, route, self._codec, request, route.channel(name))
        return Accepted(driver, chosen, ping_interval=PING_INTERVAL)


class RawDriver:
    """Implements ``MessageHandler`` for one connection: connects, subscribes, then talks.

    Messages are published one after the other. One that is refused is answered with a line of
    text, ``error <code>: <message>``; a connection or a subscription that is, by the close code.

    Args:
        hub: where its session lives.
        route: how text goes in.
        codec: how text comes out.
        request: the HTTP request it began with.
        channel: what it talks to.
    """

    def __init__(
        self,
        hub: Hub,
        route: RawRoute,
        codec: RawCodec,
        request: ConnectionRequest,
        channel: str,
    ) -> None:
        self._hub = hub
        self._route = route
        self._codec = codec
        self._request = request
        self._channel = channel
        self._waiting: deque[str] = deque()
        self._working: Deferred[None] | None = None
        self._paused = False
        self._session: Session
        self._transport: Transport

    def connection_made(self, transport: Transport) -> None:
        """Connect and subscribe at once; what is said meanwhile waits."""
        self._transport = transport
        self._session = self._hub.open_session(transport, self._codec, self._request, "raw")
        self._work(self._enter())

    def message_received(self, data: bytes, is_text: bool) -> None:
        """Take one message."""
        if self._session.ended:
            return
        if not is_text:
            self._transport.disconnect(UNSUPPORTED_DATA, "this protocol is text")
            return
        self._waiting.append(data.decode())
        self._go_on()

    def writable(self) -> None:
        """The transport has room again."""
        self._session.writable()

    def connection_lost(self, closed: Closed) -> None:
        """Cancel what is under way, and tell the hub."""
        self._waiting.clear()
        self._session.close(closed)
        if self._working is not None:
            self._working.cancel()

    def _go_on(self) -> None:
        while self._waiting and self._working is None and not self._session.ended:
            self._work(self._say(self._waiting.popleft()))
        full = len(self._waiting) >= MAX_WAITING
        if full and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        elif self._paused and not self._waiting:
            self._paused = False
            self._transport.resume_reading()

    def _work(self, work: Coroutine[Any, Any, None]) -> None:
        working = Deferred.fromCoroutine(self._guard(work))
        if not working.called:
            self._working = working
            working.addCallback(self._worked)

    def _worked(self, _: None) -> None:
        self._working = None
        self._go_on()

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Disconnect as why:
            self._session.end(why)
        except CancelledError:
            pass  # the connection is gone
        except Exception:
            _log.failure("a raw connection could not be served")
            self._session.end(disconnect(DisconnectCode.INTERNAL))

    async def _enter(self) -> None:
        try:
            await self._session.connect(
                ConnectRequest(connection=self._request, protocol="raw", name="raw"),
                lambda _: None,
            )
            await self._session.subscribe(SubscribeRequest(channel=self._channel), lambda _: None)
        except ReplyError as error:
            raise _farewell(error) from error

    async def _say(self, text: str) -> None:
        session = self._session
        try:
            payload = await self._hub.handlers.call(
                f"on_text of {self._route.path!r}",
                self._route.text_handler,
                session,
                self._channel,
                text,
                convert=lambda answer: None if answer is None else encode_payload(answer),
            )
            if payload is not None:
                await session.publish(self._channel, payload)
        except ReplyError as error:
            session.write(f"error {error.code}: {error.message}".encode())


def _farewell(error: ReplyError) -> Disconnect:
    """Return how a connection ends that was refused with an error, in close codes of ours."""
    if error.temporary:
        code = DisconnectCode.INTERNAL
    elif error.code == ErrorCode.PERMISSION_DENIED:
        code = DisconnectCode.PERMISSION_DENIED
    else:
        code = DisconnectCode.BAD_REQUEST
    return disconnect(code, error.message.encode()[:123].decode(errors="ignore") or None)
