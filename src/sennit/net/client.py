"""A client's WebSocket: connect, shake hands, and hand it over."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack
from urllib.parse import parse_qs, quote, unquote, urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import TimeoutError as ConnectTimeoutError
from twisted.internet.interfaces import IDelayedCall, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from sennit.engine.connection import CLIENT, Connection
from sennit.engine.handshake import ClientHandshake
from sennit.engine.head import HeadReader
from sennit.errors import HandshakeError
from sennit.model.request import ConnectionRequest
from sennit.net.coroutine import runner_for
from sennit.net.listener import PING_INTERVAL
from sennit.net.outlet import abort
from sennit.net.setting import WebSocketOptions, WebSocketSettings
from sennit.net.stream_transport import StreamTransport
from sennit.net.websocket import Handler, WebSocket, WebSocketDriver

__all__ = ["connect"]

_PORTS = {"ws": 80, "wss": 443}
_SAFE = "/%:@!$&'()*+,;=~-._?"


@dataclass(frozen=True, slots=True)
class _Address:
    """What a URL says (RFC 6455, 3)."""

    secure: bool
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, url: str) -> _Address:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS:
            raise ValueError(f"{url!r} does not begin with ws:// or wss://")
        if not parts.hostname:
            raise ValueError(f"{url!r} has no host")
        if parts.fragment or "#" in url:
            raise ValueError(f"{url!r} has a fragment, which a WebSocket's address cannot have")
        if parts.username is not None:
            raise ValueError("a WebSocket's address has no user: send a header instead")
        host = parts.hostname
        if not host.isascii():
            host = host.encode("idna").decode()
        target = quote(parts.path or "/", safe=_SAFE)
        if parts.query:
            target += "?" + quote(parts.query, safe=_SAFE)
        return cls(parts.scheme == "wss", host, parts.port or _PORTS[parts.scheme], target)

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (
            host if self.port == _PORTS["wss" if self.secure else "ws"] else f"{host}:{self.port}"
        )


def connect(
    reactor: Any,
    url: str,
    *,
    subprotocols: Sequence[str] = (),
    origin: str | None = None,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    endpoint: IStreamClientEndpoint | None = None,
    tls: Any = None,
    handler: Handler | None = None,
    **options: Unpack[WebSocketOptions],
) -> Deferred[WebSocket]:
    """Open a WebSocket.

    Args:
        reactor: any Twisted reactor.
        url: ``ws://host:port/path?query`` or ``wss://…``.
        subprotocols: to offer, in order of preference.
        origin: the header that a browser would send.
        headers: further headers of the request.
        endpoint: where to connect instead of the URL's host, as to a Unix socket; of a ``wss://``
            address it has to bring TLS itself.
        tls: Twisted's connection creator instead of ``optionsForClientTLS(host)``, which trusts
            whom the platform trusts.
        handler: the other style: called with the connection when it is open, and
            with its :class:`MessageReceiver` notified, or its coroutine run.
        options: see :class:`sennit.net.setting.WebSocketSettings`; pings are sent every 20
            seconds, unless they say otherwise.

    Returns:
        The open connection. Cancelling it before lets go of everything. It fails with
        :class:`sennit.HandshakeError` if the server's answer is not the right one, with its status,
        or 0 if the connection ended without an answer; with Twisted's ``TimeoutError`` after
        ``open_timeout``; or with what connecting failed with.

    Raises:
        ValueError: the URL or a header is none.
    """
    address = _Address.parse(url)
    options.setdefault("ping_interval", PING_INTERVAL)
    settings = WebSocketSettings(**options)
    fields = tuple(headers.items()) if isinstance(headers, Mapping) else tuple(headers)
    handshake = ClientHandshake(
        address.authority,
        address.target,
        subprotocols=subprotocols,
        origin=origin,
        headers=fields,
    )
    request = _describe(address, fields, subprotocols)
    opening = _Opening(reactor, handshake, request, settings, handler)
    return opening.begin(endpoint or _endpoint(reactor, address, tls))


def _endpoint(reactor: Any, address: _Address, tls: Any) -> IStreamClientEndpoint:
    plain = HostnameEndpoint(reactor, address.host, address.port)
    if not address.secure:
        return plain
    if tls is None:
        from twisted.internet.ssl import optionsForClientTLS  # noqa: PLC0415 - OpenSSL is heavy

        tls = optionsForClientTLS(address.host)
    wrapped: IStreamClientEndpoint = wrapClientTLS(tls, plain)
    return wrapped


def _describe(
    address: _Address, fields: Iterable[tuple[str, str]], subprotocols: Sequence[str]
) -> ConnectionRequest:
    path, _, query = address.target.partition("?")
    values = parse_qs(query, keep_blank_values=True)
    return ConnectionRequest(
        path=unquote(path),
        query={name: tuple(several) for name, several in values.items()},
        headers={name.lower(): value for name, value in fields},
        address=address.authority,
        secure=address.secure,
        subprotocols=tuple(subprotocols),
    )


class _Opening(Protocol):
    """A client's connection until the server has answered.

    Args:
        reactor: the time, and what runs coroutines.
        handshake: what to ask, and what to expect.
        request: the same, for the program.
        settings: bounds and times.
        handler: the program's, if it has one.
    """

    def __init__(
        self,
        reactor: Any,
        handshake: ClientHandshake,
        request: ConnectionRequest,
        settings: WebSocketSettings,
        handler: Handler | None,
    ) -> None:
        self._reactor = reactor
        self._handshake = handshake
        self._hello = handshake.request()
        self._request = request
        self._settings = settings
        self._handler = handler
        self._reader = HeadReader(settings.max_head)
        self._stream: StreamTransport | None = None
        self._opened: Deferred[WebSocket] | None = None
        self._attempt: Deferred[Any] | None = None
        self._timer: IDelayedCall | None = None

    def begin(self, endpoint: IStreamClientEndpoint) -> Deferred[WebSocket]:
        """Connect, and return what fires with the open connection."""
        opened: Deferred[WebSocket] = Deferred(lambda _: self._let_go())
        self._opened = opened
        self._timer = self._reactor.callLater(self._settings.open_timeout, self._too_late)
        factory = Factory[Any].forProtocol(lambda: self)
        factory.noisy = False
        attempt = endpoint.connect(factory)
        self._attempt = attempt
        attempt.addCallbacks(lambda _: None, self._failed)
        return opened

    # -- Twisted's side --------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Ask."""
        transport: Any = self.transport
        if self._opened is None:  # It was given up in the meantime.
            abort(transport)
            return
        if hasattr(transport, "setTcpNoDelay"):
            transport.setTcpNoDelay(True)
        transport.write(self._hello)

    def dataReceived(self, data: bytes) -> None:
        """Read the answer."""
        if self._opened is None:
            return
        try:
            complete = self._reader.receive(data)
        except HandshakeError:
            limit = self._settings.max_head
            self._refuse(HandshakeError(0, f"the server's answer has a head over {limit} bytes"))
            return
        if complete is None:
            return
        head, rest = complete
        try:
            subprotocol = self._handshake.check_response(head)
        except HandshakeError as error:
            self._refuse(error)
        else:
            self._open(subprotocol, rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        if self._stream is not None:
            self._stream.connectionLost(reason)
            return
        seen = reason.getErrorMessage()
        error = HandshakeError(0, f"the connection ended before the server's answer: {seen}")
        error.__cause__ = reason.value
        self._failed(Failure(error))

    # -- what comes of it ------------------------------------------------------------------------

    def _open(self, subprotocol: str | None, rest: bytes) -> None:
        settings = self._settings
        transport: Any = self.transport
        websocket = WebSocket(self._reactor, self._request, subprotocol)
        driver = WebSocketDriver(websocket, self._handler, runner_for(self._reactor))
        stream = StreamTransport(
            self._reactor,
            Connection(
                CLIENT, max_message=settings.max_message, max_fragments=settings.max_fragments
            ),
            driver,
            settings,
        )
        self._stream = stream
        self.dataReceived = stream.dataReceived  # type: ignore[method-assign]  # no detour
        opened = self._settle()
        Protocol.makeConnection(stream, transport)
        if opened is not None:
            opened.callback(websocket)
        if rest:
            stream.dataReceived(rest)

    def _refuse(self, error: HandshakeError) -> None:
        self._failed(Failure(error))
        abort(self.transport)

    def _too_late(self) -> None:
        self._timer = None
        seconds = self._settings.open_timeout
        self._failed(Failure(ConnectTimeoutError(string=f"not open after {seconds:g} seconds")))
        self._let_go()

    def _failed(self, failure: Failure) -> None:
        opened = self._settle()
        if opened is not None:
            opened.errback(failure)

    def _let_go(self) -> None:
        """Leave nothing behind of an attempt whose outcome nobody wants any more."""
        self._settle()
        if self.transport is not None:
            abort(self.transport)
        elif self._attempt is not None:
            self._attempt.cancel()

    def _settle(self) -> Deferred[WebSocket] | None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        opened, self._opened = self._opened, None
        return opened
