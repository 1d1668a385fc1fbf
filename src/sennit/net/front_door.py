"""The front door: WebSocket and HTTP share one port.

It reads the head of a connection's first request itself. An upgrade goes straight to the engine;
everything else goes to a ``twisted.web`` site, with the bytes already read.
"""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHalfCloseableProtocol,
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IProtocolNegotiationFactory,
    IReactorTime,
    ISSLTransport,
    ITransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from twisted.web.server import Site
from zope.interface import implementer

from sennit.engine.build import plain_request
from sennit.engine.handshake import Request, is_upgrade, parse_request, refuse_response
from sennit.engine.head import HeadReader
from sennit.errors import HandshakeError
from sennit.interfaces import Mount
from sennit.net.http import BoundedChannel, check_line_ends
from sennit.net.limit import Limits
from sennit.net.native import accept_natively, is_native, move
from sennit.net.outlet import abort
from sennit.net.reception import Reception, going_away
from sennit.net.roster import Roster
from sennit.net.setting import WebSocketSettings
from sennit.net.stream_transport import StreamTransport

if TYPE_CHECKING:
    from sennit.net._port import Listener
    from sennit.net._socket import Socket

__all__ = ["ANY_PATH", "FrontDoor"]

ANY_PATH = "*"
"""The key of a mount that takes every path."""

EARLY_BYTES = 16 * 1024
"""Bytes behind a head that are kept while it is not decided about; then the socket is not read.
It is read so far to notice a client that goes away."""

FAREWELLS = 64
"""Connections at a time that got no place, and whose end is waited for, so that they surely get
their answer; further ones are closed right behind it."""


@implementer(IProtocolNegotiationFactory)
class FrontDoor(Factory[Any]):
    """Builds the protocols of one listening port, and keeps track of them.

    A request for a mount's path that is no upgrade gets 426, an upgrade elsewhere 404; a head
    that takes too long 408, one that is too long 431, be it the first of a connection or a later
    one. Over a kept-alive connection an upgrade may also come later, as proxies send it.

    Args:
        reactor: the time.
        mounts: WebSocket mounts by their exact decoded path; ``"*"`` takes every other path.
        site: answers every other request; without it they get 404. A ``twisted.web`` ``Site``
            is served over HTTP/1.1 with all its requests' heads bounded; of any other factory
            only the first is.
        settings: bounds and times.
        reception: to be shared with what the site serves, so that the bounds are those of both;
            its settings are used then.
    """

    noisy = False

    def __init__(
        self,
        reactor: IReactorTime,
        mounts: Mapping[str, Mount],
        site: IProtocolFactory | None = None,
        settings: WebSocketSettings | None = None,
        *,
        reception: Reception | None = None,
    ) -> None:
        self.clock = reactor
        self.mounts = dict(mounts)
        self.site = site
        self._reception = reception or Reception(
            reactor, settings or WebSocketSettings(), pages=site is not None
        )
        self.settings = self._reception.settings
        self._keepers: Roster[_Doorkeeper] = Roster()
        self._farewells = 0
        self._listeners: list[Listener] = []

    @property
    def connections(self) -> Collection[StreamTransport]:
        """The open WebSocket connections, each with its ``handler``."""
        return self._reception.streams

    @property
    def limits(self) -> Limits:
        """How many there are, and how many were refused."""
        return self._reception.limits

    def startFactory(self) -> None:
        """A port begins to listen."""
        self._reception.closing = False
        if self.site is not None:
            self.site.doStart()

    def accept_on(self, port: IListeningPort) -> None:
        """Accept a port's connections in the fastest way that there is for it.

        Args:
            port: one that listens for this factory.
        """
        listener = accept_natively(self.clock, port, self)
        if listener is not None:
            self._listeners.append(listener)

    def stop_accepting(self) -> None:
        """Accept no more natively: what is for before a port stops."""
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener.stop()

    # -- what a native listener calls ------------------------------------------------------------

    def is_open(self) -> bool:
        """Return whether a usual handshake may be waited for, and opened, without a doorkeeper."""
        reception = self._reception
        return (
            reception.is_simple
            and not reception.closing
            and reception.limits.handshakes < self.settings.max_handshakes
        )

    def open_plainly(self, socket: Socket, request: Request) -> bool:
        """Open the connection of a usual handshake.

        Args:
            socket: on which its head has come in.
            request: the head, which passes every check that needs no settings.

        Returns:
            Whether there is a mount that it is for; else nothing was done.
        """
        mount = self.mount_for(request.path)
        if mount is None:
            return False
        try:
            opened = self._reception.open(
                mount, request, address=socket.describe_peer(), secure=socket.secure, fresh=True
            )
        except HandshakeError as error:
            self._keeper_of(socket).refuse(error)
        else:
            if isinstance(opened, StreamTransport):
                socket.protocol = opened
                opened.makeConnection(socket)
            else:
                self._keeper_of(socket).wait_for(opened)
        return True

    def newcomer(self, socket: Socket, data: bytes, left: float) -> None:
        """Take a connection with what has come of its head.

        Args:
            socket: the connection.
            data: what has come.
            left: seconds for the rest.
        """
        self._keeper_of(socket, left)
        if data and socket.protocol is not None:
            socket.protocol.dataReceived(data)

    def _keeper_of(self, socket: Socket, left: float | None = None) -> _Doorkeeper:
        keeper: Any = _Doorkeeper(self, left)
        socket.protocol = keeper
        keeper.makeConnection(socket)
        return cast("_Doorkeeper", keeper)

    # -- its end ---------------------------------------------------------------------------------

    def stopFactory(self) -> None:
        """No port listens any more."""
        self.stop_accepting()
        if self.site is not None:
            self.site.doStop()

    def acceptableProtocols(self) -> list[bytes]:
        """Return what is spoken over TLS: browsers ask (ALPN), and fail without an answer."""
        return [b"http/1.1"]

    def buildProtocol(self, _address: IAddress | None) -> IProtocol:
        """Return the protocol of a new connection."""
        return _Doorkeeper(self)

    def mount_for(self, path: str) -> Mount | None:
        """Return what is mounted at a decoded path."""
        mounts = self.mounts
        return mounts[path] if path in mounts else mounts.get(ANY_PATH)

    def close_all(self, code: int, reason: str) -> Deferred[None]:
        """Close every connection: WebSockets with this code and reason, HTTP when it is answered.

        Whose handshake is not done gets 503, and so does who comes in from now on, until a port
        begins to listen again.

        Returns:
            Fires when all are gone: each has ``close_timeout``, then it is cut off. What comes
            in meanwhile is not waited for; stop listening first.
        """
        self._reception.close()
        for listener in self._listeners:
            listener.hand_over()
        streams = self._reception.streams.close_all(code, reason)
        # Before the doorkeepers, under whom they are answers that are under way.
        responses = self._reception.responses.close_all(code, reason)
        keepers = self._keepers.close_all(code, reason)
        return keepers.addCallback(lambda _: responses).addCallback(lambda _: streams)


@implementer(IHalfCloseableProtocol)
class _Doorkeeper(Protocol):
    """One connection: reads its first head, and hands it to whom it is for.

    Args:
        door: whose it is.
        left: seconds for the head; ``None`` for those of the settings.
    """

    # What few connections need, and none for long, takes no memory of the others.
    _opened: Deferred[StreamTransport] | None = None
    _early = b""
    _counted: bytes | None = None
    _entered = False
    _refused = False
    _waited_for = False

    def __init__(self, door: FrontDoor, left: float | None = None) -> None:
        self._door = door
        self._left = door.settings.head_timeout if left is None else left
        self._reader: HeadReader | None = HeadReader(door.settings.max_head)
        self._inner: IProtocol | StreamTransport | None = None
        self._timer: IDelayedCall | None = None
        self._blank = True

    # -- Twisted's side --------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Start the time of the head."""
        door = self._door
        door._keepers.add(self)  # noqa: SLF001 - its own door
        try:
            if self._reception.closing:
                raise going_away()
            self._enter(self._reception.counted(self._transport.getPeer()))
        except HandshakeError as error:
            self._turn_away(error)
        else:
            self._timer = door.clock.callLater(self._left, self._too_slow)

    def dataReceived(self, data: bytes) -> None:
        """Read the first head. Whoever gets the connection replaces this method by its own."""
        if self._blank:
            data = data.lstrip(b"\r\n")  # RFC 9112, 2.2
            self._blank = not data
        reader = self._reader
        if reader is None or self._blank:
            return
        try:
            complete = reader.receive(data)
            if complete is None:
                check_line_ends(data)
                return
            self._stop_timer()
            self._reader = None
            head, rest = complete
            opened = self._route(head, fresh=True)
            if opened is None:
                self._open_site(head + rest)
            else:
                self._open_websocket(opened, rest)
        except HandshakeError as error:
            self.refuse(error)

    def readConnectionLost(self) -> None:
        """The peer sends no more."""
        inner = self._inner
        if isinstance(inner, StreamTransport):
            inner.readConnectionLost()
        elif isinstance(inner, BoundedChannel):
            inner.loseConnection()
        else:
            self._call_off()
            self._transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Our half is closed; the peer's end follows, or the deadline does."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        door = self._door
        self._stop_timer()
        self._leave()
        self._call_off()
        if self._waited_for:
            door._farewells -= 1  # noqa: SLF001 - its own door
        door._keepers.discard(self)  # noqa: SLF001 - its own door
        if self._inner is not None:
            self._inner.connectionLost(reason)

    # -- for whom it is --------------------------------------------------------------------------

    @property
    def _transport(self) -> Any:
        return self.transport

    @property
    def _reception(self) -> Reception:
        return self._door._reception  # noqa: SLF001 - its own door

    def _route(
        self, head: bytes, *, fresh: bool
    ) -> StreamTransport | Deferred[StreamTransport] | None:
        """Return the WebSocket connection that a head asks for; ``None`` if it is for the site.

        Raises:
            HandshakeError: it is refused.
        """
        request = plain_request(head) or parse_request(head)
        mount = self._door.mount_for(unquote(request.path))
        if mount is None:
            if is_upgrade(request):
                raise HandshakeError(404, "there is no WebSocket at this address")
            return None
        if self._counted is not None:
            self._leave()  # From here on its address counts with the WebSockets.
        if not self._entered:
            self._enter(None)
        transport = self._transport
        return self._reception.open(
            mount,
            request,
            address=transport.getPeer(),
            secure=ISSLTransport.providedBy(transport),
            fresh=fresh,
        )

    def _open_websocket(
        self, opened: StreamTransport | Deferred[StreamTransport], rest: bytes
    ) -> None:
        if isinstance(opened, StreamTransport):
            transport = self._transport
            if hasattr(transport, "setTcpNoDelay"):
                transport.setTcpNoDelay(True)
            self._hand_over(opened, rest)
            return
        self._opened = opened
        self._inner = None
        self.dataReceived = self._keep  # type: ignore[method-assign]  # until it is decided
        self._keep(rest)
        opened.addCallbacks(self._accepted, self._rejected)

    def _open_site(self, data: bytes) -> None:
        door = self._door
        site = door.site
        inner: IProtocol | None = None
        if site is not None and is_native(self.transport) and not self._move():
            return
        if isinstance(site, Site):
            inner = BoundedChannel(door.clock, site, door.settings, self._judge, self.refuse)
        elif site is not None:
            inner = site.buildProtocol(self._transport.getPeer())
        if inner is None:
            raise HandshakeError(404, "there is nothing at this address")
        self._hand_over(inner, data)

    def _move(self) -> bool:
        """Go on over a transport of Twisted's own, as its protocols need it.

        Returns:
            Whether it goes on: a client that was fast may be gone already.
        """
        try:
            move(self._door.clock, cast("Socket", self.transport), _Move(self))
        except OSError:
            self.connectionLost(Failure(ConnectionLost()))  # Its transport is neither's by now.
            return False
        return True

    def _hand_over(self, inner: IProtocol | StreamTransport, data: bytes) -> None:
        self._leave()
        transport = self._transport
        if isinstance(inner, StreamTransport) and is_native(transport):
            transport.protocol = inner
            self._door._keepers.discard(self)  # noqa: SLF001 - its own door
        else:
            self._inner = inner
            # No detour per read.
            self.dataReceived = inner.dataReceived  # type: ignore[method-assign]
        inner.makeConnection(transport)
        if data:
            inner.dataReceived(data)

    def _judge(self, head: bytes) -> bool:
        """Look at a complete head that came over HTTP, the first one once more."""
        channel: Any = self._inner
        try:
            opened = self._route(head, fresh=False)
        except HandshakeError as error:
            channel.clearLineBuffer()
            self.refuse(error)
            return False
        if opened is None:
            return True
        rest = channel.clearLineBuffer()
        channel.setTimeout(None)
        transport = self._transport
        transport.unregisterProducer()
        # The channel may have paused it, until an earlier answer is written.
        transport.resumeProducing()
        self._open_websocket(opened, rest)
        return False

    # -- while a mount takes its time ------------------------------------------------------------

    def wait_for(self, opened: Deferred[StreamTransport]) -> None:
        """Wait for what a mount decides about a head that was read by somebody else."""
        if self._refused:
            opened.cancel()
            return
        self._stop_timer()
        self._reader = None
        self._open_websocket(opened, b"")

    def _keep(self, data: bytes) -> None:
        self._early += data
        if len(self._early) > EARLY_BYTES:
            self._transport.pauseProducing()

    def _accepted(self, stream: StreamTransport) -> None:
        early = self._stop_keeping()
        self._open_websocket(stream, early)

    def _rejected(self, failure: Failure) -> None:
        self._stop_keeping()
        error = failure.value
        if isinstance(error, HandshakeError):
            self.refuse(error)
        else:
            failure.trap(CancelledError)  # The client is gone.

    def _stop_keeping(self) -> bytes:
        early, self._early = self._early, b""
        self._opened = None
        if len(early) > EARLY_BYTES:
            self._transport.resumeProducing()
        return early

    def _call_off(self) -> None:
        if self._opened is not None:
            self._opened.cancel()

    # -- its place -------------------------------------------------------------------------------

    def _enter(self, counted: bytes | None) -> None:
        self._reception.limits.enter(counted)
        self._counted = counted
        self._entered = True

    def _leave(self) -> None:
        if self._entered:
            self._reception.limits.leave(self._counted)
            self._entered, self._counted = False, None

    def _turn_away(self, error: HandshakeError) -> None:
        """Refuse a connection that gets no place, before its head."""
        door = self._door
        transport = self._transport
        if door._farewells < FAREWELLS:  # noqa: SLF001 - its own door
            door._farewells += 1  # noqa: SLF001 - its own door
            self._waited_for = True
            self.refuse(error)
            return
        self._stop_listening()
        if ISSLTransport.providedBy(transport):
            abort(transport)  # Nothing could be said before the handshake of TLS.
        else:
            transport.write(refuse_response(error))
            transport.loseConnection()

    # -- the end ---------------------------------------------------------------------------------

    def disconnect(self, code: int, reason: str) -> None:
        """End the connection, whatever it is by now."""
        inner = self._inner
        if isinstance(inner, StreamTransport):
            inner.disconnect(code, reason)
        elif self._refused:
            pass  # It is ending.
        elif inner is None:
            self.refuse(going_away())
        else:
            self._set_deadline()
            channel: Any = inner
            if isinstance(inner, BoundedChannel) and not inner.idle:
                inner.persistent = False  # The answer under way is the last one.
            elif isinstance(inner, BoundedChannel):
                channel.loseConnection()
            else:
                self._transport.loseConnection()

    def _too_slow(self) -> None:
        self._timer = None
        self.refuse(HandshakeError(408, "the request's head took too long"))

    def refuse(self, error: HandshakeError) -> None:
        """Answer with a refusal, and end the connection."""
        transport = self._transport
        self._stop_timer()
        self._stop_listening()
        self._set_deadline()  # First of all: what follows may fail, and the place must be free.
        if isinstance(self._inner, BoundedChannel):
            self._inner.setTimeout(None)
            transport.unregisterProducer()
        transport.write(refuse_response(error))
        if ISSLTransport.providedBy(transport) or not hasattr(transport, "loseWriteConnection"):
            transport.loseConnection()
        else:
            # Closing with bytes unread would reset, and could destroy the answer on its way.
            transport.loseWriteConnection()

    def _stop_listening(self) -> None:
        self._refused = True
        self._reader = None
        self.dataReceived = lambda data: None  # type: ignore[method-assign]  # noqa: ARG005

    def _set_deadline(self) -> None:
        if self._timer is None:
            door = self._door
            self._timer = door.clock.callLater(door.settings.close_timeout, self._cut_off)

    def _cut_off(self) -> None:
        self._timer = None
        abort(self._transport)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Move(Factory[Any]):
    """Builds what makes a doorkeeper the protocol of another transport.

    Args:
        keeper: the doorkeeper, which knows its connection already.
    """

    noisy = False

    def __init__(self, keeper: _Doorkeeper) -> None:
        self._keeper = keeper

    def buildProtocol(self, _address: IAddress | None) -> IProtocol:
        """Return it for a moment."""
        return _Moving(self._keeper)


class _Moving(Protocol):
    """Puts the doorkeeper in its own place, as soon as there is a transport."""

    def __init__(self, keeper: _Doorkeeper) -> None:
        self._keeper = keeper

    def makeConnection(self, transport: ITransport) -> None:
        """Step aside."""
        moved: Any = transport
        if isinstance(moved, ProtocolWrapper):
            moved.wrappedProtocol = self._keeper  # TLS goes on around it.
        else:
            moved.protocol = self._keeper
        self._keeper.transport = transport
