"""The opening handshake: from a request's head to a connection, or to a refusal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qs, unquote

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sennit.engine.connection import SERVER, Connection
from sennit.engine.handshake import (
    Request,
    accept_response,
    check_origin,
    check_upgrade,
    offered_subprotocols,
)
from sennit.errors import HandshakeError
from sennit.interfaces import Accepted, Mount
from sennit.model.request import ConnectionRequest
from sennit.net.setting import WebSocketSettings
from sennit.net.stream_transport import StreamTransport

__all__ = ["describe_address", "open_stream"]

_log = Logger(namespace="sennit.net")


def describe_address(address: object) -> str:
    """Return a peer's address as text: ``"127.0.0.1:5000"``, ``"[::1]:5000"`` or ``"unix"``."""
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if host is None:
        return "unix" if hasattr(address, "name") else str(address)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def open_stream(
    clock: IReactorTime,
    mount: Mount,
    request: Request,
    settings: WebSocketSettings,
    *,
    address: object,
    secure: bool,
    fresh: bool = False,
    on_end: Callable[[StreamTransport], None] | None = None,
) -> StreamTransport:
    """Check a handshake, ask the mount, and return the connection, not connected yet.

    Args:
        clock: the time.
        mount: what decides and handles.
        request: the head.
        settings: bounds and times.
        address: the peer's.
        secure: whether TLS protects the connection.
        fresh: whether nothing was written to the transport before.
        on_end: called when the connection is gone.

    Raises:
        HandshakeError: it is refused; with 500 if the mount failed, which is logged.
    """
    key = check_upgrade(request)
    if request.header("transfer-encoding") or request.header("content-length") not in (None, "0"):
        # What follows the head are frames; a body would be read as such.
        raise HandshakeError(400, "a WebSocket handshake has no body")
    check_origin(request, settings.allowed_origins, secure=secure)
    offered = offered_subprotocols(request)
    headers: dict[str, str] = {}
    for name, value in request.headers:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    query = parse_qs(request.query, keep_blank_values=True)
    described = ConnectionRequest(
        path=unquote(request.path),
        query={name: tuple(values) for name, values in query.items()},
        headers=headers,
        address=describe_address(address),
        secure=secure,
        subprotocols=offered,
    )
    try:
        accepted = mount.open(described)
        response = _response(key, accepted, offered)
    except HandshakeError:
        raise
    except Exception as error:
        _log.failure("a mount failed to open a connection")
        raise HandshakeError(500, "internal server error") from error
    if accepted.ping_interval is not None:
        settings = replace(settings, ping_interval=accepted.ping_interval)
    return StreamTransport(
        clock,
        Connection(SERVER, max_message=settings.max_message, max_fragments=settings.max_fragments),
        accepted.handler,
        settings,
        binary=accepted.binary,
        greeting=response,
        fresh=fresh,
        on_end=on_end,
    )


def _response(key: str, accepted: Accepted, offered: tuple[str, ...]) -> bytes:
    subprotocol = accepted.subprotocol
    if subprotocol is not None and subprotocol not in offered:
        raise ValueError(f"the mount chose {subprotocol!r}, which was not offered")
    return accept_response(key, subprotocol, accepted.headers)
