"""An end spoken for by aiohttp."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Any

from aiohttp import ClientSession, WSMsgType, web

from tests.live.interop.peer.script import LARGEST, Closing, Over, announce, attend, parse, report


class AiohttpPeer:
    """Adapts a connection of its, which answers pings by itself only while it is read."""

    fragments = False

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._messages: deque[str | bytes] = deque()
        self.compressed = bool(connection.compress)

    async def send(self, data: str | bytes) -> None:
        if isinstance(data, str):
            await self._connection.send_str(data)
        else:
            await self._connection.send_bytes(data)

    async def send_fragments(self, pieces: Sequence[str]) -> None:
        raise NotImplementedError

    async def broadcast(self, data: str) -> None:
        await self.send(data)

    async def receive(self) -> str | bytes:
        while not self._messages:
            await self._read()
        return self._messages.popleft()

    async def ping(self) -> None:
        await self._connection.ping(b"aiohttp")
        while await self._read() != b"aiohttp":
            pass

    async def _read(self) -> bytes:
        """Read one frame or message, and return a pong's payload."""
        message = await self._connection.receive()
        if message.type is WSMsgType.PING:
            await self._connection.pong(message.data)
        elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            self._messages.append(message.data)
        elif message.type is WSMsgType.PONG:
            return bytes(message.data)
        else:
            self._closing = Closing(message.data, message.extra or "")
            if not self._connection.closed:
                # It does not answer by itself without autoclose.
                await self._connection.close(code=message.data)
            raise Over
        return b""

    async def close(self, code: int, reason: str) -> Closing:
        await self._connection.close(code=code, message=reason.encode())
        # What reason came with the answer it does not tell.
        return Closing(self._connection.close_code, "")

    async def closing(self) -> Closing:
        return self._closing


async def main() -> None:
    options = parse()
    settings: dict[str, Any] = {"autoping": False, "autoclose": False, "max_msg_size": LARGEST}
    if options.url:
        trust: Any = True
        if options.certificate:
            trust = ssl.create_default_context(cafile=options.certificate)
        async with ClientSession() as session:

            async def open_one() -> AiohttpPeer:
                return AiohttpPeer(
                    await session.ws_connect(
                        options.url, ssl=trust, compress=15 * options.compression, **settings
                    )
                )

            await report(open_one)
        return
    context = None
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate, options.key)

    async def handle(request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse(compress=options.compression, **settings)
        await response.prepare(request)
        announce(await attend(AiohttpPeer(response)))
        return response

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", options.port, ssl_context=context).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
