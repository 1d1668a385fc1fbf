"""``twist websocket`` and ``twistd websocket``: a handler of WebSockets, run by Twisted's commands.

::

    twist websocket --listen tcp:8000 echo:handler
    twist websocket --listen unix:/run/echo.sock --trust-proxy unix --on-handshake echo:check echo

The handler is what :func:`sennit.websocket.listen` takes: a coroutine function or a class. Modules
are looked for in the current directory first.
"""

# ruff: noqa: N802, PLC0415 - Twisted's names; the reactor is chosen before it is imported
from __future__ import annotations

from typing import Any

from twisted.application.service import IService, MultiService
from twisted.internet.endpoints import serverFromString
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from sennit.cli.complaint import Complaint
from sennit.cli.loader import load
from sennit.errors import ConfigurationError
from sennit.net.setting import WebSocketOptions, WebSocketSettings

__all__ = ["Options", "makeService", "service_for"]

ENDPOINT = "tcp:8000:interface=127.0.0.1"
"""Where it listens unless it is told: on this machine alone."""


class Options(UsageOptions):
    """Where to listen, what to run, whom to let in."""

    synopsis = "[options] module:handler"
    longdesc = "Serve WebSockets by a handler: a coroutine function, or a class."

    def __init__(self) -> None:
        UsageOptions.__init__(self)
        for key in ("endpoints", "subprotocols", "origins", "proxies"):
            self[key] = []
        self["on-handshake"] = None

    def opt_listen(self, endpoint: str) -> None:
        """Listen on this Twisted endpoint, several times if need be; else on port 8000."""
        self["endpoints"].append(endpoint)

    opt_l = opt_listen

    def opt_subprotocol(self, name: str) -> None:
        """Speak this subprotocol; several times if need be, in order of preference."""
        self["subprotocols"].append(name)

    opt_s = opt_subprotocol

    def opt_allow_origin(self, origin: str) -> None:
        """Let pages of this origin connect, several times if need be; else of the same host."""
        self["origins"].append(origin)

    def opt_trust_proxy(self, proxy: str) -> None:
        """Believe what this address or network, or unix, says by X-Forwarded headers."""
        self["proxies"].append(proxy)

    def opt_on_handshake(self, hook: str) -> None:
        """Ask this function, module:function, about each client."""
        self["on-handshake"] = hook

    def parseArgs(self, handler: str = "") -> None:
        """Take the handler's address."""
        self["handler"] = handler

    def postOptions(self) -> None:
        """Load what the options name, while a mistake is still one in the options.

        Raises:
            UsageError: there is no such handler, or a setting cannot be honoured.
        """
        if not self["handler"]:
            raise UsageError("say which handler to run, like echo:handler")
        hook = self["on-handshake"]
        origins = tuple(self["origins"]) or None
        try:
            self.handler = _load_function(self["handler"], "handler")
            self.hook = None if hook is None else _load_function(hook, "on_handshake")
            self.settings: WebSocketOptions = {
                "trusted_proxies": tuple(self["proxies"]),
                "allowed_origins": origins,
            }
            WebSocketSettings(**self.settings)
        except (Complaint, ConfigurationError) as error:
            raise UsageError(str(error)) from error


def makeService(options: Options) -> IService:
    """Return the service that the options describe.

    Raises:
        SystemExit: an endpoint is none. Twisted's commands would answer any other exception with
            a traceback of theirs.
    """
    from twisted.internet import reactor

    return service_for(options, reactor)


def service_for(options: Options, reactor: Any) -> IService:
    """Return the service for a reactor: see :func:`makeService`."""
    from sennit.net.listener import service

    services: Any = MultiService()
    for endpoint in options["endpoints"] or [ENDPOINT]:
        one: Any = service(
            reactor,
            _parse(reactor, endpoint),
            options.handler,
            subprotocols=options["subprotocols"],
            on_handshake=options.hook,
            **options.settings,
        )
        one.setServiceParent(services)
    return services  # type: ignore[no-any-return]  # it is one


def _load_function(address: str, default: str) -> Any:
    found = load(address, default)
    if not callable(found):
        raise Complaint(f"{address} is not a function or a class but a {type(found).__name__}")
    return found


def _parse(reactor: Any, description: str) -> Any:
    try:
        return serverFromString(reactor, description)
    except Exception as error:
        # Twisted's parsers raise whatever their steps do.
        raise SystemExit(
            f"sennit: {description!r} is not the description of a Twisted endpoint ({error})"
        ) from error
