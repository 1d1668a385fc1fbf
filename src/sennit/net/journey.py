"""A client's way to an open connection: through proxies, after redirects, within its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import TimeoutError as ConnectTimeoutError
from twisted.internet.interfaces import IProtocol, IStreamClientEndpoint
from twisted.python.failure import Failure

from sennit.engine.build import CLIENT, Connection
from sennit.engine.handshake import ClientHandshake
from sennit.errors import HandshakeError
from sennit.model.request import ConnectionRequest
from sennit.net.address import Address
from sennit.net.answer import AnswerReader
from sennit.net.connector import native_reactor
from sennit.net.coroutine import runner_for
from sennit.net.credential import without_credentials
from sennit.net.driver import WebSocketDriver
from sennit.net.exchange import Exchange
from sennit.net.proxy import Proxy
from sennit.net.redirect import redirected
from sennit.net.setting import WebSocketSettings
from sennit.net.stream_transport import StreamTransport
from sennit.net.tls import TlsEndpoint, creator_for
from sennit.net.websocket import Handler, WebSocket

__all__ = ["Journey", "Plan"]

MAX_BODY = 16 * 1024
"""Bytes of a refusal's body to keep."""

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a client wants, however often it tries.

    Attributes:
        address: where to.
        settings: bounds and times.
        subprotocols: to offer, in order of preference.
        origin: the header.
        fields: further headers.
        handler: the program's, if it has one.
        endpoint: connects instead of the address.
        tls: whom to trust; see :func:`sennit.net.tls.creator_for`.
        proxy: to go through.
        max_redirects: how many to follow.
    """

    address: Address
    settings: WebSocketSettings
    subprotocols: Sequence[str] = ()
    origin: str | None = None
    fields: Fields = field(default=(), repr=False)
    handler: Handler | None = None
    endpoint: IStreamClientEndpoint | None = None
    tls: Any = None
    proxy: Proxy | None = None
    max_redirects: int = 0

    def handshake(self, address: Address, fields: Fields) -> ClientHandshake:
        """Return the handshake with one server.

        Raises:
            ValueError: it cannot be said in HTTP.
        """
        return ClientHandshake(
            address.authority,
            address.target,
            subprotocols=self.subprotocols,
            origin=self.origin,
            headers=fields,
            deflate=self.settings.deflate,
        )

    def way(self, reactor: Any, address: Address) -> IStreamClientEndpoint:
        """Return what connects to a server.

        Raises:
            TypeError: what was given for TLS is nothing of the kind.
        """
        if self.endpoint is not None:
            return self.endpoint
        way: IStreamClientEndpoint
        if self.proxy is None:
            timeout = self.settings.open_timeout
            by = reactor if address.secure else native_reactor(reactor)
            way = HostnameEndpoint(by, address.host, address.port, timeout)
        else:
            way = self.proxy.endpoint(reactor, address, self.settings)
        if not address.secure:
            return way
        return TlsEndpoint(creator_for(self.tls, address.host, address.port), way, reactor)


class Journey:
    """One attempt to get an open connection.

    Args:
        reactor: the time, the network, and what runs coroutines.
        plan: what is wanted.
    """

    def __init__(self, reactor: Any, plan: Plan) -> None:
        self._reactor = reactor
        self._plan = plan
        self._exchange: Exchange[Any, WebSocket] | None = None

    def begin(self) -> Deferred[WebSocket]:
        """Set out.

        Returns:
            The open connection. Cancelling it before lets go of everything.
        """
        opened: Deferred[WebSocket] = Deferred.fromCoroutine(self._travel())
        return opened.addTimeout(self._plan.settings.open_timeout, self._reactor, self._too_late)

    async def _travel(self) -> WebSocket:
        plan = self._plan
        address, fields = plan.address, plan.fields
        left = plan.max_redirects
        while True:
            exchange = self._ask(address, fields)
            self._exchange = exchange
            try:
                return await exchange.begin(plan.way(self._reactor, address))
            except HandshakeError as error:
                # A proxy's answer is not the server's: it redirects nobody.
                if plan.max_redirects == 0 or error is not exchange.refusal:
                    raise
                target = redirected(address, error)
                if target is None:
                    raise
                self._check_redirect(target, address, error, left)
            left -= 1
            if target.origin != address.origin:
                fields = without_credentials(fields)
            address = target

    def _check_redirect(
        self, target: Address, address: Address, refusal: HandshakeError, left: int
    ) -> None:
        plan = self._plan
        if left == 0:
            why = f"the server redirects more than {plan.max_redirects} times"
        elif plan.endpoint is not None and target.origin != address.origin:
            why = "the server redirects to another, where the given endpoint does not lead"
        else:
            return
        raise HandshakeError(refusal.status, why, refusal.headers)

    def _ask(self, address: Address, fields: Fields) -> Exchange[Any, WebSocket]:
        plan, settings = self._plan, self._plan.settings
        handshake = plan.handshake(address, fields)

        def take_over(subprotocol: str | None) -> tuple[IProtocol, WebSocket]:
            request = _describe(address, fields, tuple(plan.subprotocols))
            websocket = WebSocket(self._reactor, request, subprotocol)
            driver = WebSocketDriver(websocket, plan.handler, runner_for(self._reactor))
            connection = Connection(
                CLIENT,
                max_message=settings.max_message,
                max_fragments=settings.max_fragments,
                deflate=handshake.agreement,
                streaming=settings.streaming,
            )
            return StreamTransport(self._reactor, connection, driver, settings), websocket

        answer = AnswerReader("the server", handshake.check_response, settings.max_head, MAX_BODY)
        return Exchange(handshake.request(), answer, take_over)

    def _too_late(self, _result: object, seconds: float) -> Failure:
        # Who waited for the end of a refusal knows more than that time is over.
        refusal = None if self._exchange is None else self._exchange.refusal
        late = ConnectTimeoutError(string=f"not open after {seconds:g} seconds")
        return Failure(refusal or late)


def _describe(address: Address, fields: Fields, subprotocols: tuple[str, ...]) -> ConnectionRequest:
    path, _, query = address.target.partition("?")
    values = parse_qs(query, keep_blank_values=True)
    headers: dict[str, str] = {}
    for name, value in fields:
        lowered = name.lower()
        headers[lowered] = f"{headers[lowered]}, {value}" if lowered in headers else value
    return ConnectionRequest(
        path=unquote(path),
        query={name: tuple(several) for name, several in values.items()},
        headers=headers,
        address=address.authority,
        secure=address.secure,
        subprotocols=subprotocols,
    )
