"""A server: an app on a port of its own."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IStreamServerEndpoint

from sennit.errors import NotRunning
from sennit.hub.app import App
from sennit.hub.hub import Hub
from sennit.model.code import DisconnectCode, disconnect
from sennit.net.front_door import FrontDoor
from sennit.net.reception import Reception
from sennit.server.configuration import Configuration
from sennit.server.listening import Listening
from sennit.server.node import SDK_PATH, Node
from sennit.server.work import Work
from sennit.web.notice import Notice
from sennit.web.site import WebSite

__all__ = ["Server", "serve"]


def serve(
    app: App,
    reactor: Any,
    endpoint: str | IStreamServerEndpoint | None = None,
    configuration: Configuration | None = None,
) -> Deferred[Server]:
    """Serve an app on a port.

    SDKs connect to ``/connection/websocket``, or to ``/connection/http_stream`` and
    ``/connection/sse`` where there are no WebSockets, plain WebSockets to the paths of
    ``app.raw``; ``/health`` says how it is. When the reactor shuts down, the server stops first.

    Args:
        app: the declarations; one server at a time may run them.
        reactor: any Twisted reactor.
        endpoint: as in ``"tcp:8000"`` (every address), ``"tcp:8000:interface=127.0.0.1"``,
            ``"unix:/run/sennit.sock"``, ``"ssl:443:privateKey=…"``, or a Twisted endpoint; ``None``
            for the configuration's, which is port 8000 of 127.0.0.1 where it says nothing.
        configuration: everything else.

    Returns:
        Fires with the server once it listens.

    Raises:
        ListenError: from the Deferred: it cannot listen there.
        ConfigurationError: from the Deferred: a declaration or a setting cannot be honoured.
    """
    return Deferred.fromCoroutine(_serve(app, reactor, endpoint, configuration))


async def _serve(
    app: App,
    reactor: Any,
    endpoint: str | IStreamServerEndpoint | None,
    configuration: Configuration | None,
) -> Server:
    server = Server(app, reactor, endpoint, configuration)
    await server.start()
    server.stop_with_reactor()
    return server


class Server:
    """An app, its node, and the port that it is served on. Made by :func:`serve`.

    Attributes:
        hub: the hub that runs the app.

    Args:
        app: the declarations.
        reactor: any Twisted reactor.
        endpoint: where to listen.
        configuration: everything else.

    Raises:
        ConfigurationError: a declaration or a setting cannot be honoured.
    """

    def __init__(
        self,
        app: App,
        reactor: Any,
        endpoint: str | IStreamServerEndpoint | None = None,
        configuration: Configuration | None = None,
    ) -> None:
        configuration = configuration or Configuration()
        self._reactor = reactor
        self._node = Node(app, reactor, configuration)
        self.hub: Hub = self._node.hub
        reception = Reception(reactor, configuration.websocket, pages=True)
        root = self._node.web(reception)
        if b"" not in root.children:
            root.place("/", _no_page())
        site = WebSite(root, reactor)
        self._reception = reception
        self._door = FrontDoor(reactor, self._node.mounts, site, reception=reception)
        self._listening = Listening(reactor, endpoint, configuration)
        self._trigger: Any = None
        self._closing: Deferred[None] | None = None
        self._stopping: Work | None = None

    @property
    def port(self) -> int | None:
        """The TCP port it listens on; ``None`` on a UNIX socket, or when it does not listen."""
        return self._listening.port

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its addresses as in ``http://127.0.0.1:8000/``; the first is the nearest."""
        return self._listening.addresses

    @property
    def connections(self) -> int:
        """How many WebSockets and streamed responses are open."""
        return len(self._door.connections) + len(self._reception.responses)

    async def start(self) -> None:
        """Start the app and listen; once.

        Raises:
            ListenError: it cannot listen there; nothing is left running.
            ConfigurationError: a declaration cannot be honoured, or the app is served already.
            NotRunning: it was stopped meanwhile.
        """
        await self._node.start()
        try:
            self._door.accept_on(await self._listening.listen(self._door))
        except BaseException:
            await self._node.stop()
            raise
        if self._stopping is not None:
            await self._listening.stop()
            raise NotRunning("the server was stopped")

    def stop_with_reactor(self) -> None:
        """Stop when the reactor shuts down, which waits for it."""
        self._trigger = self._reactor.addSystemEventTrigger(
            "before", "shutdown", self._reactor_stops
        )

    def stop(self) -> Deferred[None]:
        """Stop, gracefully.

        It listens no more, every client is disconnected with 3001, on which SDKs come back
        elsewhere or later, and an HTTP request under way is answered. Each connection has
        ``limits.close_timeout`` seconds to end, then it is cut off. The broker stops last.

        Returns:
            Fires when all that is done; a further call waits for the same. :meth:`cut` ends the
            waiting for connections.
        """
        if self._stopping is None:
            self._stopping = Work(self._stop())
        return self._stopping.wait()

    def cut(self) -> None:
        """While it stops: wait no longer for connections, which end with the process."""
        if self._closing is not None:
            self._closing.cancel()

    async def _stop(self) -> None:
        self._node.retire()
        if self._trigger is not None:
            self._reactor.removeSystemEventTrigger(self._trigger)
            self._trigger = None
        self._door.stop_accepting()
        await self._listening.stop()
        why = disconnect(DisconnectCode.SHUTDOWN)
        self.hub.disconnect_all(why)
        self._closing = self._door.close_all(why.code, why.reason)
        try:
            await self._closing
        except CancelledError:
            pass  # cut() was called
        finally:
            self._closing = None
        await self._node.stop()

    def _reactor_stops(self) -> Deferred[None]:
        self._trigger = None
        return self.stop()


def _no_page() -> Notice:
    """Return what is at ``/`` of an app without a page, for whoever follows the address there."""
    return Notice(
        404,
        "No page here",
        f"The server runs: SDKs connect to `{SDK_PATH}`. A page of your own comes here by "
        "`--page FOLDER`.",
    )
