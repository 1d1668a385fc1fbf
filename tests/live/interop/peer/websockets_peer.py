"""An end spoken for by ``websockets``."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from tests.live.interop.peer.script import LARGEST, Closing, Over, announce, attend, parse, report


class WebsocketsPeer:
    """Adapts a connection of its."""

    fragments = True

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.compressed = bool(connection.protocol.extensions)

    async def send(self, data: str | bytes) -> None:
        await self._connection.send(data)

    async def send_fragments(self, pieces: Sequence[str]) -> None:
        await self._connection.send(pieces)

    async def broadcast(self, data: str) -> None:
        await self.send(data)

    async def receive(self) -> str | bytes:
        try:
            data: str | bytes = await self._connection.recv()
        except ConnectionClosed as closed:
            raise Over from closed
        return data

    async def ping(self) -> None:
        await (await self._connection.ping())

    async def close(self, code: int, reason: str) -> Closing:
        await self._connection.close(code, reason)
        return await self.closing()

    async def closing(self) -> Closing:
        await self._connection.wait_closed()
        received = self._connection.protocol.close_rcvd
        return Closing(received.code, received.reason) if received else Closing(1006, "")


async def main() -> None:
    options = parse()
    compression: Any = "deflate" if options.compression else None
    if options.url:
        trust = None
        if options.certificate:
            trust = ssl.create_default_context(cafile=options.certificate)

        async def open_one() -> WebsocketsPeer:
            made = connect(options.url, ssl=trust, compression=compression, max_size=LARGEST)
            return WebsocketsPeer(await made)

        await report(open_one)
        return
    context = None
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate, options.key)

    async def handle(connection: Any) -> None:
        announce(await attend(WebsocketsPeer(connection)))

    async with serve(
        handle,
        "127.0.0.1",
        options.port,
        ssl=context,
        compression=compression,
        max_size=LARGEST,
    ) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
