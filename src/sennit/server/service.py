"""A server as a service of ``twisted.application``."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from sennit.hub.app import App
from sennit.server.configuration import Configuration
from sennit.server.server import Server

__all__ = ["ServerService", "service"]

_log = Logger(namespace="sennit.server")


def service(
    app: App,
    reactor: Any,
    endpoint: str | IStreamServerEndpoint | None = None,
    configuration: Configuration | None = None,
) -> ServerService:
    """Return a service that serves an app; the arguments are those of :func:`sennit.serve`.

    ::

        application = twisted.application.service.Application("chat")
        sennit.service(app, reactor, "tcp:8000").setServiceParent(application)
    """
    return ServerService(app, reactor, endpoint, configuration)


class ServerService(Service):
    """An ``IService`` that serves an app from its start to its stop; it may start again.

    Args:
        app: the declarations.
        reactor: any Twisted reactor.
        endpoint: where to listen.
        configuration: everything else.

    Attributes:
        server: the server, while there is one.
    """

    def __init__(
        self,
        app: App,
        reactor: Any,
        endpoint: str | IStreamServerEndpoint | None = None,
        configuration: Configuration | None = None,
    ) -> None:
        self.server: Server | None = None
        self._arguments = (app, reactor, endpoint, configuration)
        self._starting: Deferred[None] | None = None

    def privilegedStartService(self) -> None:
        """Listen while the process may still listen on ports below 1024."""
        self._start()
        Service.privilegedStartService(self)

    def startService(self) -> None:
        """Serve.

        Raises:
            ListenError: it cannot listen there.
            ConfigurationError: a declaration or a setting cannot be honoured. Where either is
                found out only later, it is logged.
        """
        self._start()
        Service.startService(self)

    def stopService(self) -> Deferred[None]:
        """Stop, gracefully; see :meth:`sennit.server.server.Server.stop`."""
        Service.stopService(self)
        server, self.server = self.server, None
        starting, self._starting = self._starting, None
        if server is None:
            return succeed(None)
        if starting is not None:
            starting.cancel()
        return server.stop()

    def _start(self) -> None:
        if self.server is not None:
            return
        server = Server(*self._arguments)
        self.server = server
        failures: list[Failure] = []

        def failed(failure: Failure) -> None:
            if self.server is server:
                self.server = None
            failures.append(failure)
            if self._starting is not None:
                _log.failure("the server could not start", failure=failure)

        starting = Deferred.fromCoroutine(server.start()).addErrback(failed)
        if failures:
            failures[0].raiseException()
        if not starting.called:
            self._starting = starting
            starting.addCallback(self._started)

    def _started(self, _: None) -> None:
        self._starting = None
