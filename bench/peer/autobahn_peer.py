"""A server made with Autobahn|Python, on Twisted's epoll reactor."""

# ruff: noqa: N802, N803 - Autobahn calls these methods, and by these names
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet import epollreactor

epollreactor.install()

from autobahn.twisted.websocket import (  # noqa: E402 - the reactor comes first
    WebSocketServerFactory,
    WebSocketServerProtocol,
)
from autobahn.websocket.compress import (  # noqa: E402
    PerMessageDeflateOffer,
    PerMessageDeflateOfferAccept,
)
from twisted.internet import reactor as installed  # noqa: E402
from twisted.internet import ssl  # noqa: E402

from bench.peer.command import BACKLOG, HOST, parse  # noqa: E402

reactor: Any = installed
members: set[Any] = set()


class Echo(WebSocketServerProtocol):  # type: ignore[misc, unused-ignore]
    """Sends every message back."""

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Take a message."""
        self.sendMessage(payload, isBinary)


class Share(WebSocketServerProtocol):  # type: ignore[misc, unused-ignore]
    """Sends every message to everybody, prepared once where that can be."""

    def onOpen(self) -> None:
        """Take part."""
        members.add(self)

    def onClose(self, wasClean: bool, code: int, reason: str) -> None:  # noqa: ARG002
        """Take part no more."""
        members.discard(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Take a message."""
        prepared = self.factory.prepareMessage(payload, isBinary)
        for member in members:
            member.sendPreparedMessage(prepared)


def _accept(offers: Sequence[Any]) -> Any:
    for offer in offers:
        if isinstance(offer, PerMessageDeflateOffer):
            return PerMessageDeflateOfferAccept(offer)
    return None


def main() -> None:
    """Serve until the process is ended."""
    options = parse()
    factory: Any = WebSocketServerFactory(reactor=reactor)
    factory.protocol = Share if options.is_broadcast else Echo
    if options.compression:
        factory.setProtocolOptions(perMessageCompressionAccept=_accept)
    if options.certificate and options.key:
        context = ssl.DefaultOpenSSLContextFactory(str(options.key), str(options.certificate))
        reactor.listenSSL(options.port, factory, context, BACKLOG, HOST)
    else:
        reactor.listenTCP(options.port, factory, BACKLOG, HOST)
    reactor.run()


if __name__ == "__main__":
    main()
