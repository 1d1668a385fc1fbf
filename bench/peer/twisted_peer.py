"""A server made with ``twisted.web.websocket``, on the epoll reactor."""

# ruff: noqa: N802 - Twisted calls these methods, and by these names
from __future__ import annotations

from typing import Any

from twisted.internet import epollreactor

epollreactor.install()

from twisted.internet import reactor as installed  # noqa: E402 - the reactor comes first
from twisted.internet import ssl  # noqa: E402
from twisted.web.resource import Resource  # noqa: E402
from twisted.web.server import Site  # noqa: E402
from twisted.web.websocket import WebSocketResource  # noqa: E402

from bench.peer.command import BACKLOG, HOST, parse  # noqa: E402

reactor: Any = installed
members: dict[int, Any] = {}


class Echo:
    """Sends every message back."""

    transport: Any

    def negotiationStarted(self, transport: Any) -> None:
        """Keep the transport."""
        self.transport = transport

    def negotiationFinished(self) -> None:
        """Messages may come."""

    def textMessageReceived(self, message: str) -> None:
        """Take text."""
        self.transport.sendTextMessage(message)

    def bytesMessageReceived(self, data: bytes | bytearray) -> None:
        """Take bytes."""
        self.transport.sendBytesMessage(bytes(data))

    def pongReceived(self, payload: bytes) -> None:
        """Take the answer to no question."""

    def connectionLost(self, reason: Any) -> None:
        """It is gone."""


class Share(Echo):
    """Sends every message to everybody."""

    def negotiationFinished(self) -> None:
        """Take part; transports cannot be in a set."""
        members[id(self)] = self.transport

    def connectionLost(self, reason: Any) -> None:  # noqa: ARG002
        """Take part no more."""
        members.pop(id(self), None)

    def textMessageReceived(self, message: str) -> None:
        """Take text."""
        for member in members.values():
            member.sendTextMessage(message)

    def bytesMessageReceived(self, data: bytes | bytearray) -> None:
        """Take bytes."""
        whole = bytes(data)
        for member in members.values():
            member.sendBytesMessage(whole)


class Factory:
    """Makes a protocol for each request."""

    def __init__(self, protocol: type[Echo]) -> None:
        self._protocol = protocol

    def buildProtocol(self, request: Any) -> Any:  # noqa: ARG002
        """Make one."""
        return self._protocol()


def main() -> None:
    """Serve until the process is ended."""
    options = parse()
    root: Any = Resource()
    root.putChild(b"", WebSocketResource(Factory(Share if options.is_broadcast else Echo)))
    site: Any = Site(root)
    # Its log of requests is no part of what is measured.
    site.noisy = False
    site.log = lambda _request: None
    if options.certificate and options.key:
        context = ssl.DefaultOpenSSLContextFactory(str(options.key), str(options.certificate))
        reactor.listenSSL(options.port, site, context, BACKLOG, HOST)
    else:
        reactor.listenTCP(options.port, site, BACKLOG, HOST)
    reactor.run()


if __name__ == "__main__":
    main()
