"""A node: one running app, its hub on a broker, and the ways in for clients."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.resource import IResource

from sennit.brokers.memory import MemoryBroker, MemoryPresence
from sennit.errors import ConfigurationError, HandshakeError, NotRunning
from sennit.hub.app import App
from sennit.hub.hub import Hub
from sennit.hub.key import JsonWebKeys, KeyRing
from sennit.hub.setting import TokenSettings
from sennit.hub.token import TokenReader, Tokens
from sennit.interfaces import Accepted, Mount, Streamed, UplinkFrame
from sennit.model.request import ConnectionRequest
from sennit.net.coroutine import runner_for
from sennit.net.reception import Reception
from sennit.protocols.centrifuge.mount import CentrifugeMount
from sennit.protocols.raw import RawMount
from sennit.server import chat
from sennit.server.configuration import Configuration
from sennit.server.version import version
from sennit.web.api import Api
from sennit.web.api_method import ApiMethods
from sennit.web.emulation import EventResource, StreamResource, UplinkResource
from sennit.web.fetch import fetcher
from sennit.web.folder import Folder
from sennit.web.health import Health, Status
from sennit.web.open_api import describe_api
from sennit.web.page import built_page, page_folder
from sennit.web.relay import Relay

__all__ = ["EVENT_PATH", "SDK_PATH", "STREAM_PATH", "UPLINK_PATH", "Node"]

SDK_PATH = "/connection/websocket"
"""Where the SDKs connect."""
STREAM_PATH = "/connection/http_stream"
"""Where they do by HTTP streaming."""
EVENT_PATH = "/connection/sse"
"""Where they do by server-sent events."""
UPLINK_PATH = "/emulation"
"""Where they say what they have to say, if they came by one of these two."""


class Node:
    """Picks the parts for an app, and starts and stops them in order.

    Args:
        app: the declarations.
        reactor: any Twisted reactor.
        configuration: bounds, times, namespaces.

    Attributes:
        hub: the hub.
        id: its own, by which clients that speak by requests of their own reach it.
        mounts: what is mounted at which WebSocket path; it lets nobody in unless the node runs.

    Raises:
        ConfigurationError: a declaration or a setting cannot be honoured.
    """

    def __init__(self, app: App, reactor: Any, configuration: Configuration) -> None:
        self._app = app
        self._configuration = configuration
        self._status: Status = "starting"
        self._withdraw: Callable[[], None] | None = None
        self.hub = Hub(
            app,
            broker=MemoryBroker(reactor),
            presence=MemoryPresence(),
            clock=reactor,
            run=runner_for(reactor),
            settings=configuration.hub,
            tokens=_tokens(configuration, reactor),
        )
        self.id = self.hub.id
        self._reactor = reactor
        self._sdk = CentrifugeMount(self.hub, configuration.protocol)
        for path in (SDK_PATH, STREAM_PATH, EVENT_PATH, UPLINK_PATH):
            if path in app.raw_routes:
                raise ConfigurationError(f"the raw path {path!r} is that of the SDKs")
        mounts: dict[str, Mount] = {SDK_PATH: self._sdk}
        for path, route in app.raw_routes.items():
            mounts[path] = RawMount(self.hub, route)
        self.mounts: Mapping[str, Mount] = {
            path: _Gate(mount, self) for path, mount in mounts.items()
        }

    @property
    def status(self) -> Status:
        """Whether it is ``"starting"``, ``"ok"`` or ``"stopping"``."""
        return self._status

    def check_open(self) -> None:
        """Check whether somebody may be let in.

        Raises:
            HandshakeError: 503, it does not run.
        """
        if self._status != "ok":
            raise HandshakeError(503, f"the server is {self._status}", (("Retry-After", "1"),))

    async def start(self) -> None:
        """Declare the configuration's namespaces and start the hub.

        Raises:
            ConfigurationError: a declaration cannot be honoured, or the app is served already.
            NotRunning: it was stopped before it ran.
        """
        self._check_not_retired()
        withdraw = self._configuration.declare_namespaces(self._app)
        try:
            await self.hub.start()
        except BaseException:
            withdraw()
            raise
        self._withdraw = withdraw
        if self._status == "stopping":  # meanwhile
            await self.stop()
        self._check_not_retired()
        self._status = "ok"

    def retire(self) -> None:
        """Let nobody in any more, and say so."""
        self._status = "stopping"

    async def stop(self) -> None:
        """Disconnect whoever is left, stop the broker, take the namespaces away. Final."""
        self.retire()
        withdraw, self._withdraw = self._withdraw, None
        if withdraw is None:
            return  # It does not run, and the app may be another node's.
        try:
            await self.hub.stop()
        finally:
            withdraw()

    def _check_not_retired(self) -> None:
        if self._status == "stopping":
            raise NotRunning("the server was stopped")

    def web(self, reception: Reception) -> Folder:
        """Return what HTTP is for: the SDKs' other transports, health, and the page at ``/``.

        Args:
            reception: the bounds of connections.

        Raises:
            ConfigurationError: the page's folder is none, or cannot be read.
        """
        root = self._page()
        root.place("/health", Health(lambda: self._status))
        mount = _StreamGate(self._sdk, self)
        relay = Relay(self.id, self._reactor)
        root.place(STREAM_PATH, StreamResource(mount, relay, self._reactor, reception))
        root.place(EVENT_PATH, EventResource(mount, relay, self._reactor, reception))
        root.place(UPLINK_PATH, UplinkResource(mount, relay, reception))
        configuration = self._configuration
        if configuration.api.keys:
            methods = ApiMethods(self.hub, socket.gethostname(), version())
            api = Api(
                configuration.api,
                methods,
                configuration.limits.max_body,
                self.check_open,
                lambda: describe_api(version()),
            )
            root.place("/api", api)
        return root

    def _page(self) -> Folder:
        name = self._configuration.page or ("chat" if self._app is chat.app else "none")
        if name == "none":
            return Folder()
        if name != "chat":
            folder = Path(name)
            try:
                if not (folder / "index.html").is_file():
                    raise ConfigurationError(f"page: {name} is not a folder with an index.html")
                return page_folder(folder)
            except OSError as error:
                raise ConfigurationError(f"page: {name} cannot be read: {error}") from error
        page: IResource = built_page("chat")
        if isinstance(page, Folder):
            return page
        root = Folder()
        root.place("/", page)
        return root


def _tokens(configuration: Configuration, reactor: Any) -> Tokens | None:
    """Return what tokens are worth; ``None`` where there are no keys to check them by.

    Raises:
        ConfigurationError: a key is none.
    """
    connection = _token_reader(configuration.tokens, reactor)
    # One reader for both where they have the same keys, which are fetched once then.
    subscription = _token_reader(configuration.subscription_tokens, reactor) or connection
    if subscription is None:
        return None
    return Tokens(connection, subscription, allow_anonymous=configuration.tokens.allow_anonymous)


def _token_reader(settings: TokenSettings, reactor: Any) -> TokenReader | None:
    if not settings.has_keys:
        return None
    remote = None
    if settings.jwks_url:
        remote = JsonWebKeys(settings.jwks_url, fetcher(reactor), reactor)
    return TokenReader(settings, KeyRing(settings, remote), time.time)


class _Gate:
    """Implements ``Mount``: another one, while the node runs.

    Args:
        mount: the other one.
        node: whose it is.
    """

    def __init__(self, mount: Mount, node: Node) -> None:
        self._mount = mount
        self._node = node

    def open(self, request: ConnectionRequest) -> Accepted | Deferred[Accepted]:
        """Take the connection, or refuse it with 503."""
        self._node.check_open()
        return self._mount.open(request)


class _StreamGate:
    """Implements ``StreamMount``: the SDKs', while the node runs.

    Args:
        mount: theirs.
        node: whose it is.
    """

    def __init__(self, mount: CentrifugeMount, node: Node) -> None:
        self._mount = mount
        self._node = node

    def open_stream(
        self, request: ConnectionRequest, *, binary: bool, session: str, node: str
    ) -> Streamed:
        """Take the connection, or refuse it with 503."""
        self._node.check_open()
        return self._mount.open_stream(request, binary=binary, session=session, node=node)

    def read_uplink(self, body: bytes, *, binary: bool) -> UplinkFrame:
        """Read an uplink; whether there is a session for it shows soon enough."""
        return self._mount.read_uplink(body, binary=binary)
