"""A server of WebSockets as a service of ``twisted.application``."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from sennit.net.port import WebSocketPort

__all__ = ["WebSocketService"]

_log = Logger(namespace="sennit.net")


class WebSocketService(Service):
    """An ``IService`` that listens from its start to its stop; it may start again.

    Args:
        listen: begins to listen; called at every start.

    Attributes:
        port: the port, while it listens.
    """

    def __init__(self, listen: Callable[[], Deferred[WebSocketPort]]) -> None:
        self.port: WebSocketPort | None = None
        self._listen = listen
        self._listening: Deferred[None] | None = None

    def privilegedStartService(self) -> None:
        """Listen while the process may still listen on ports below 1024."""
        self._start()
        Service.privilegedStartService(self)

    def startService(self) -> None:
        """Listen.

        Raises:
            CannotListenError: it cannot. Where that is found out only later, it is logged.
        """
        self._start()
        Service.startService(self)

    def stopService(self) -> Deferred[None]:
        """Stop, gracefully; see :meth:`WebSocketPort.close`."""
        Service.stopService(self)
        port, self.port = self.port, None
        listening, self._listening = self._listening, None
        if port is not None:
            return port.close()
        if listening is not None:
            listening.cancel()
        return succeed(None)

    def _start(self) -> None:
        if self._listening is not None:
            return
        failures: list[Failure] = []
        begun = False

        def failed(failure: Failure) -> None:
            if self._listening is not listening:
                return  # It was stopped.
            self._listening = None
            if begun:
                # There is nobody left to raise it to.
                _log.failure("cannot listen for WebSockets", failure)
            else:
                failures.append(failure)

        listening = self._listen().addCallback(self._listens)
        self._listening = listening
        listening.addErrback(failed)
        begun = True
        if failures:
            failures[0].raiseException()

    def _listens(self, port: WebSocketPort) -> None:
        self.port = port
