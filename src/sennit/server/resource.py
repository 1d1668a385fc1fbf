"""An app inside a ``twisted.web`` site, beside other pages."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from sennit.hub.app import App
from sennit.hub.hub import Hub
from sennit.model.code import DisconnectCode, disconnect
from sennit.net.reception import Reception
from sennit.net.upgrade import WebSocketResource
from sennit.server.configuration import Configuration
from sennit.server.node import Node
from sennit.server.work import Work
from sennit.web.folder import Folder

__all__ = ["AppResource", "resource"]

_log = Logger(namespace="sennit.server")


def resource(app: App, reactor: Any, configuration: Configuration | None = None) -> AppResource:
    """Return a resource that serves an app at the address where it is put.

    ::

        root.putChild(b"chat", sennit.resource(app, reactor))   # ws://host/chat/connection/websocket

    The app starts when the reactor does (at once, if it runs already), and stops, gracefully,
    when the reactor shuts down. Until then, and afterwards, clients are refused with 503.

    Args:
        app: the declarations; one server at a time may run them.
        reactor: any Twisted reactor.
        configuration: everything but where to listen; bounds on the requests' heads are those of
            the site.

    Raises:
        ConfigurationError: a declaration or a setting cannot be honoured.
    """
    return AppResource(app, reactor, configuration)


class AppResource(Folder):
    """The root of an app's addresses: its connections, its health, its page. An ``IResource``.

    Args:
        app: the declarations.
        reactor: any Twisted reactor.
        configuration: everything but where to listen.

    Attributes:
        hub: the hub that runs the app.
    """

    def __init__(self, app: App, reactor: Any, configuration: Configuration | None = None) -> None:
        Folder.__init__(self)
        configuration = configuration or Configuration()
        self._node = Node(app, reactor, configuration)
        self.hub: Hub = self._node.hub
        self._websockets: list[WebSocketResource] = []
        self._starting: Work | None = None
        self._stopping: Work | None = None
        reception = Reception(reactor, configuration.websocket, pages=True)
        self._reception = reception
        self.children.update(self._node.web(reception).children)
        for path, mount in self._node.mounts.items():
            websocket = WebSocketResource(mount, reactor, reception=reception)
            self._websockets.append(websocket)
            self.place(path, websocket)
        reactor.callWhenRunning(self._reactor_runs)
        reactor.addSystemEventTrigger("before", "shutdown", self.stop)

    def start(self) -> Deferred[None]:
        """Start the app now; a further call waits for the same.

        Raises:
            ConfigurationError: from the Deferred: a declaration cannot be honoured, or the app
                is served already.
            NotRunning: from the Deferred: it was stopped before.
        """
        if self._starting is None:
            self._starting = Work(self._node.start())
        return self._starting.wait()

    def stop(self) -> Deferred[None]:
        """Stop: disconnect every client with 3001, and stop the broker. Final.

        Returns:
            Fires when all connections have ended or were cut off, each after
            ``limits.close_timeout`` seconds at the latest.
        """
        if self._stopping is None:
            self._stopping = Work(self._stop())
        return self._stopping.wait()

    async def _stop(self) -> None:
        self._node.retire()
        if self._starting is None:
            return
        self._starting.cancel()
        why = disconnect(DisconnectCode.SHUTDOWN)
        self.hub.disconnect_all(why)
        await gatherResults(
            [
                *(websocket.close_all(why.code, why.reason) for websocket in self._websockets),
                self._reception.responses.close_all(why.code, why.reason),
            ]
        )
        await self._node.stop()

    def _reactor_runs(self) -> None:
        if self._starting is None and self._stopping is None:
            self.start().addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        if self._stopping is not None:
            return  # That is why.
        _log.failure("the app could not be started", failure=failure)
