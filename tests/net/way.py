"""The ways in to a mount, for tests that hold for all of them.

``first`` is the first request at a front door, ``later`` one over a kept-alive connection there,
``resource`` one at a resource of ``twisted.web``.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data

from sennit.net.front_door import FrontDoor
from sennit.net.limit import Limits
from sennit.net.setting import WebSocketSettings
from sennit.net.upgrade import WebSocketResource
from tests.net.double import FakeSocket, RecordingMount

__all__ = ["GET", "WAYS", "Way"]

WAYS = ("first", "later", "resource")
GET = b"GET /page HTTP/1.1\r\nHost: example.com\r\n\r\n"


class Way:
    """A mount at ``/ws`` beside a page at ``/page``, and one way in.

    Attributes:
        mount: the mount.
        house: the front door, or the resource.
    """

    def __init__(self, kind: str, mount: Any = None, **settings: Any) -> None:
        self.kind = kind
        self.clock = Clock()
        self.mount: Any = RecordingMount() if mount is None else mount
        root = Resource()
        root.putChild(b"page", Data(b"a page", "text/plain"))
        self.site = Site(root, reactor=self.clock, timeout=60)
        options = WebSocketSettings(**settings)
        self.house: Any
        if kind == "resource":
            self.house = WebSocketResource(self.mount, self.clock, options)
            root.putChild(b"ws", self.house)
        else:
            self.house = FrontDoor(self.clock, {"/ws": self.mount}, self.site, options)

    @property
    def limits(self) -> Limits:
        limits: Limits = self.house.limits
        return limits

    def connect(self, transport: Any = None) -> Any:
        """Open a connection, and use it once for a page if this is a later way in."""
        transport = FakeSocket() if transport is None else transport
        factory: Any = self.site if self.kind == "resource" else self.house
        transport.protocol = factory.buildProtocol(None)
        transport.protocol.makeConnection(transport)
        if self.kind == "later":
            transport.deliver(GET)
            transport.drain()
            transport.taken.clear()
        return transport

    def ask(self, data: bytes, transport: Any = None) -> Any:
        """Send some bytes over a new connection, and return it."""
        transport = self.connect(transport)
        transport.deliver(data)
        transport.drain()
        return transport

    def lose(self, transport: Any) -> None:
        """Lose a connection."""
        if transport.connected:
            transport.connectionLost(Failure(ConnectionDone()))
