"""An end spoken for by Sennit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet import ssl
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from sennit import websocket
from sennit.websocket import ConnectionClosed, WebSocket
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


class SennitPeer:
    """Adapts a connection of ours."""

    fragments = True

    def __init__(self, ws: WebSocket) -> None:
        self._ws = ws
        self.compressed = ws._transport.connection.deflate is not None

    async def send(self, data: str | bytes) -> None:
        await self._ws.send(data)

    async def send_fragments(self, pieces: Sequence[str]) -> None:
        await self._ws.send_streaming(pieces)

    async def broadcast(self, data: str) -> None:
        websocket.broadcast([self._ws], data)

    async def receive(self) -> str | bytes:
        try:
            return await self._ws.recv()
        except ConnectionClosed as closed:
            raise Over from closed

    async def ping(self) -> None:
        await self._ws.ping()

    async def close(self, code: int, reason: str) -> Closing:
        await self._ws.close(code, reason)
        return await self.closing()

    async def closing(self) -> Closing:
        await self._ws.wait_closed()
        return Closing(self._ws.close_code or 0, self._ws.close_reason or "")


def _connect(options: Options) -> Deferred[SennitPeer]:
    trust = None
    if options.certificate:
        trust = ssl.Certificate.loadPEM(options.certificate.read_bytes())
    return websocket.connect(
        reactor,
        options.url,
        tls=trust,
        compression=options.compression,
        max_message=LARGEST,
    ).addCallback(SennitPeer)


async def _handle(ws: WebSocket) -> None:
    announce(await attend(SennitPeer(ws)))


def main(_reactor: Any) -> Deferred[Any]:
    options = parse()
    if options.url:
        return Deferred.fromCoroutine(report(lambda: _connect(options)))
    kind = "ssl" if options.certificate else "tcp"
    endpoint = f"{kind}:{options.port}:interface=127.0.0.1"
    if options.certificate:
        endpoint += f":privateKey={options.key}:certKey={options.certificate}"
    listening = websocket.listen(
        reactor, endpoint, _handle, compression=options.compression, max_message=LARGEST
    )
    return listening.addCallback(lambda _: Deferred())


if __name__ == "__main__":
    react(main)
