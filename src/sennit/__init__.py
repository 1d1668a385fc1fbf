"""Sennit: a real-time messaging server and toolkit on Twisted.

::

    from sennit import App, Credentials

    app = App()
    room = app.namespace("room", allow_subscribe={"client"})

Save that as ``chat.py`` and serve it by ``sennit serve chat:app``, or from code by :func:`serve`,
:func:`service` and :func:`resource`. For WebSockets alone there is :mod:`sennit.websocket`.

Importing this package imports nothing else: each name is looked up when it is first used, so that a
program can still choose its reactor.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sennit import websocket
    from sennit.errors import (
        ConfigurationError,
        ConnectionClosed,
        ConnectionClosedError,
        ConnectionClosedOK,
        Disconnect,
        HandshakeError,
        LocalProtocolError,
        NotRunning,
        ProtocolError,
        RemoteProtocolError,
        ReplyError,
        SennitError,
    )
    from sennit.hub.app import App
    from sennit.hub.namespace import History, Namespace
    from sennit.hub.payload import Binary
    from sennit.hub.raw import RawRoute
    from sennit.hub.request import (
        ConnectRequest,
        Credentials,
        RefreshRequest,
        SubscribeRequest,
        SubscriptionOptions,
    )
    from sennit.hub.session import Session
    from sennit.model.code import DisconnectCode, ErrorCode, UnsubscribeCode
    from sennit.model.publication import ClientInfo, HistoryPage, Publication, StreamPosition
    from sennit.model.request import Closed, ConnectionRequest
    from sennit.server.configuration import Configuration, load_configuration
    from sennit.server.resource import resource
    from sennit.server.server import Server, serve
    from sennit.server.service import service

    __version__: str

__all__ = [
    "App",
    "Binary",
    "ClientInfo",
    "Closed",
    "Configuration",
    "ConfigurationError",
    "ConnectRequest",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "ConnectionRequest",
    "Credentials",
    "Disconnect",
    "DisconnectCode",
    "ErrorCode",
    "HandshakeError",
    "History",
    "HistoryPage",
    "LocalProtocolError",
    "Namespace",
    "NotRunning",
    "ProtocolError",
    "Publication",
    "RawRoute",
    "RefreshRequest",
    "RemoteProtocolError",
    "ReplyError",
    "SennitError",
    "Server",
    "Session",
    "StreamPosition",
    "SubscribeRequest",
    "SubscriptionOptions",
    "UnsubscribeCode",
    "__version__",
    "load_configuration",
    "resource",
    "serve",
    "service",
    "websocket",
]

_HOMES = {
    "errors": (
        "ConfigurationError",
        "ConnectionClosed",
        "ConnectionClosedError",
        "ConnectionClosedOK",
        "Disconnect",
        "HandshakeError",
        "LocalProtocolError",
        "NotRunning",
        "ProtocolError",
        "RemoteProtocolError",
        "ReplyError",
        "SennitError",
    ),
    "hub.app": ("App",),
    "hub.namespace": ("History", "Namespace"),
    "hub.payload": ("Binary",),
    "hub.raw": ("RawRoute",),
    "hub.request": (
        "ConnectRequest",
        "Credentials",
        "RefreshRequest",
        "SubscribeRequest",
        "SubscriptionOptions",
    ),
    "hub.session": ("Session",),
    "model.code": ("DisconnectCode", "ErrorCode", "UnsubscribeCode"),
    "model.publication": ("ClientInfo", "HistoryPage", "Publication", "StreamPosition"),
    "model.request": ("Closed", "ConnectionRequest"),
    "server.configuration": ("Configuration", "load_configuration"),
    "server.resource": ("resource",),
    "server.server": ("Server", "serve"),
    "server.service": ("service",),
}
_HOME = {name: f"sennit.{home}" for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "websocket":
        return import_module("sennit.websocket")
    if name == "__version__":
        value: Any = import_module("sennit.server.version").version()
    elif name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
    else:
        raise AttributeError(f"module 'sennit' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
