"""An end spoken for by Autobahn|Python on Twisted."""

# ruff: noqa: N802, N803 - Autobahn calls these methods, and by these names
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autobahn.twisted.websocket import (
    WebSocketClientFactory,
    WebSocketClientProtocol,
    WebSocketServerFactory,
    WebSocketServerProtocol,
)
from autobahn.websocket.compress import (
    PerMessageDeflateOffer,
    PerMessageDeflateOfferAccept,
    PerMessageDeflateResponse,
    PerMessageDeflateResponseAccept,
)
from twisted.internet import reactor as installed
from twisted.internet import ssl
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.task import react

from tests.live.interop.peer.script import (
    LARGEST,
    Closing,
    Options,
    Over,
    announce,
    attend,
    parse,
    report,
)

reactor: Any = installed


class AutobahnPeer:
    """Adapts a connection of its."""

    fragments = True

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self.messages: DeferredQueue[str | bytes | None] = DeferredQueue()
        self.pong: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self.compressed = protocol.websocket_extensions_in_use != []

    async def send(self, data: str | bytes) -> None:
        is_binary = isinstance(data, bytes)
        payload = data if isinstance(data, bytes) else data.encode()
        self._protocol.sendMessage(payload, isBinary=is_binary)

    async def send_fragments(self, pieces: Sequence[str]) -> None:
        self._protocol.beginMessage(isBinary=False)
        for piece in pieces:
            self._protocol.sendMessageFrame(piece.encode())
        self._protocol.endMessage()

    async def broadcast(self, data: str) -> None:
        await self.send(data)

    async def receive(self) -> str | bytes:
        message = await self.messages.get()
        if message is None:
            raise Over
        return message

    async def ping(self) -> None:
        self.pong = Deferred()
        self._protocol.sendPing(b"autobahn")
        await self.pong

    async def close(self, code: int, reason: str) -> Closing:
        self._protocol.sendClose(code, reason)
        return await self.closing()

    async def closing(self) -> Closing:
        await self.ended
        return Closing(self._protocol.remoteCloseCode, self._protocol.remoteCloseReason or "")


class _Adapted:
    """What both roles do: notify the adapter."""

    peer: AutobahnPeer

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.peer.messages.put(payload if isBinary else payload.decode())

    def onPong(self, payload: bytes) -> None:
        self.peer.pong.callback(None)

    def onClose(self, wasClean: bool, code: int, reason: str) -> None:
        self.peer.messages.put(None)
        self.peer.ended.callback(None)


class _Client(_Adapted, WebSocketClientProtocol):  # type: ignore[misc, unused-ignore]
    def onOpen(self) -> None:
        self.peer = AutobahnPeer(self)
        self.factory.opened.callback(self.peer)


class _Server(_Adapted, WebSocketServerProtocol):  # type: ignore[misc, unused-ignore]
    def onOpen(self) -> None:
        self.peer = AutobahnPeer(self)
        Deferred.fromCoroutine(attend(self.peer)).addCallback(announce)


def _offer(offers: Sequence[Any]) -> Any:
    for offer in offers:
        if isinstance(offer, PerMessageDeflateOffer):
            return PerMessageDeflateOfferAccept(offer)
    return None


def _answer(response: Any) -> Any:
    if isinstance(response, PerMessageDeflateResponse):
        return PerMessageDeflateResponseAccept(response)
    return None


def _connect(options: Options) -> Deferred[AutobahnPeer]:
    factory: Any = WebSocketClientFactory(options.url, reactor=reactor)
    factory.protocol = _Client
    factory.opened = Deferred()
    settings: dict[str, Any] = {"maxMessagePayloadSize": LARGEST}
    if options.compression:
        settings["perMessageCompressionOffers"] = [PerMessageDeflateOffer()]
        settings["perMessageCompressionAccept"] = _answer
    factory.setProtocolOptions(**settings)
    if options.certificate:
        root = ssl.Certificate.loadPEM(options.certificate.read_bytes())
        trust = ssl.optionsForClientTLS("127.0.0.1", root)
        reactor.connectSSL("127.0.0.1", factory.port, factory, trust)
    else:
        reactor.connectTCP("127.0.0.1", factory.port, factory)
    opened: Deferred[AutobahnPeer] = factory.opened
    return opened


def _listen(options: Options) -> None:
    factory: Any = WebSocketServerFactory(reactor=reactor)
    factory.protocol = _Server
    settings: dict[str, Any] = {"maxMessagePayloadSize": LARGEST}
    if options.compression:
        settings["perMessageCompressionAccept"] = _offer
    factory.setProtocolOptions(**settings)
    if options.certificate and options.key:
        context = ssl.DefaultOpenSSLContextFactory(str(options.key), str(options.certificate))
        reactor.listenSSL(options.port, factory, context, interface="127.0.0.1")
    else:
        reactor.listenTCP(options.port, factory, interface="127.0.0.1")


def main(_reactor: Any) -> Deferred[None]:
    options = parse()
    if options.url:
        return Deferred.fromCoroutine(report(lambda: _connect(options)))
    _listen(options)
    return Deferred()


if __name__ == "__main__":
    react(main)
