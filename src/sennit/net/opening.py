"""The opening handshake: from a request's head to a connection, or to a refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from twisted.internet.interfaces import IReactorTime

from sennit.engine.build import SERVER, Connection
from sennit.engine.deflate import Agreement
from sennit.engine.handshake import (
    Request,
    accept_deflate,
    accept_response,
    check_origin,
    check_upgrade,
    offered_subprotocols,
    parse_request,
    refuse_response,
)
from sennit.errors import HandshakeError
from sennit.interfaces import Accepted
from sennit.model.request import ConnectionRequest
from sennit.net.peer import Peer
from sennit.net.setting import WebSocketSettings
from sennit.net.stream_transport import StreamTransport

__all__ = [
    "Handshake",
    "check_handshake",
    "check_page",
    "check_refusal",
    "describe_request",
    "open_stream",
]

_OWN = frozenset({"upgrade", "connection", "content-length", "transfer-encoding"})
"""What the response says by itself, besides ``Sec-WebSocket-*``, or must not say."""
_NOTHING: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class Handshake(NamedTuple):
    """A client's half of it, which has passed every check.

    Attributes:
        key: the client's.
        request: as a mount sees it.
        agreement: what is agreed on about compression.
        extensions: how the response says so.
    """

    key: str
    request: ConnectionRequest
    agreement: Agreement | None
    extensions: str


def check_handshake(request: Request, settings: WebSocketSettings, peer: Peer) -> Handshake:
    """Check a request by the protocol and by the settings.

    Args:
        request: the head.
        settings: what origins are allowed, and whether to compress.
        peer: who has sent it.

    Raises:
        HandshakeError: it is refused.
    """
    key = request.key
    if key is None:
        key = check_upgrade(request)
        length = request.header("content-length")
        if request.header("transfer-encoding") or length not in (None, "0"):
            # What follows the head are frames; a body would be read as such.
            raise HandshakeError(400, "a WebSocket handshake has no body")
    check_page(request, settings, peer)
    offered = offered_subprotocols(request)
    agreement, extensions = accept_deflate(request, settings.deflate)
    return Handshake(key, describe_request(request, peer, offered), agreement, extensions)


def check_page(request: Request, settings: WebSocketSettings, peer: Peer) -> None:
    """Check whether the page that a request comes from, if from one, may connect.

    Raises:
        HandshakeError: 403, it may not.
    """
    asked = request if peer.authority is None else _with_host(request, peer.authority)
    allowed = settings.allowed_origins
    if allowed is not None or not asked.same_origin:
        check_origin(asked, allowed, secure=peer.secure)


class _Described(ConnectionRequest):
    """A client's request, of which little is made before somebody asks for it."""

    __slots__ = ("_source",)
    __hash__ = ConnectionRequest.__hash__

    def __repr__(self) -> str:
        return repr(self._whole())

    def __eq__(self, other: object) -> bool:
        return self._whole() == (other._whole() if isinstance(other, _Described) else other)

    def _whole(self) -> ConnectionRequest:
        """Return what it is, with nothing left to be made."""
        names = (field.name for field in fields(ConnectionRequest))
        return ConnectionRequest(**{name: getattr(self, name) for name in names})

    def __getattr__(self, name: str) -> Any:
        """Make what was not asked for yet; then it is there."""
        if name not in ("path", "query", "headers"):
            raise AttributeError(f"a request has no {name!r}")
        source = self._source
        request = parse_request(source) if isinstance(source, bytes) else source
        parameters = parse_qs(request.query, keep_blank_values=True) if request.query else {}
        made = {
            "path": unquote(request.path),
            "query": {name: tuple(values) for name, values in parameters.items()},
            "headers": request.fields,
            "_source": None,
        }
        for field, value in made.items():
            object.__setattr__(self, field, value)
        return made[name]


def describe_request(
    request: Request, peer: Peer, subprotocols: tuple[str, ...] = ()
) -> ConnectionRequest:
    """Return a client's request as handlers see it."""
    described = _Described.__new__(_Described)
    keep = object.__setattr__
    # A head takes less memory than what it means.
    keep(described, "_source", getattr(request, "head", request))
    keep(described, "address", peer.address)
    keep(described, "secure", peer.secure)
    keep(described, "subprotocols", subprotocols)
    if not request.query:
        keep(described, "query", _NOTHING)
    return described


def check_refusal(error: HandshakeError) -> None:
    """Check whether a mount's refusal can be sent.

    Raises:
        ValueError: its status refuses nobody, or a header has characters that it cannot have.
    """
    if not 300 <= error.status <= 599:
        raise ValueError(f"a handshake is refused with a status of 300 to 599, not {error.status}")
    refuse_response(error)


def open_stream(
    clock: IReactorTime,
    handshake: Handshake,
    accepted: Accepted,
    settings: WebSocketSettings,
    *,
    fresh: bool = False,
    on_end: Callable[[StreamTransport], None] | None = None,
) -> StreamTransport:
    """Return the connection that a mount takes, not connected yet.

    Args:
        clock: the time.
        handshake: the client's half.
        accepted: the mount's answer.
        settings: bounds and times.
        fresh: whether nothing was written to the transport before.
        on_end: called when the connection is gone.

    Raises:
        ValueError: the answer has a subprotocol that was not offered, or a header that cannot be.
    """
    subprotocol = accepted.subprotocol
    if subprotocol is not None and subprotocol not in handshake.request.subprotocols:
        raise ValueError(f"the subprotocol {subprotocol!r} was chosen, which was not offered")
    _check_fields(accepted.headers)
    response = accept_response(handshake.key, subprotocol, accepted.headers, handshake.extensions)
    if accepted.ping_interval is not None:
        settings = replace(settings, ping_interval=accepted.ping_interval)
    connection = Connection(
        SERVER,
        max_message=settings.max_message,
        max_fragments=settings.max_fragments,
        deflate=handshake.agreement,
        streaming=settings.streaming,
    )
    return StreamTransport(
        clock,
        connection,
        accepted.handler,
        settings,
        binary=accepted.binary,
        greeting=response,
        fresh=fresh,
        on_end=on_end,
    )


def _check_fields(fields: Iterable[tuple[str, str]]) -> None:
    for name, _ in fields:
        lowered = name.lower()
        if lowered in _OWN or lowered.startswith("sec-websocket-"):
            raise ValueError(f"the header {name} is for the handshake itself to say")


def _with_host(request: Request, host: str) -> Request:
    headers = tuple(field for field in request.headers if field[0] != "host")
    return Request(request.method, request.target, request.version, (*headers, ("host", host)))
