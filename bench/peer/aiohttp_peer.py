"""A server made with aiohttp, on uvloop."""

from __future__ import annotations

import asyncio

from aiohttp import WSMessage, WSMsgType, web

from bench.peer.command import BACKLOG, HOST, parse, run

LARGEST = 4 << 20
members: set[web.WebSocketResponse] = set()


async def send(connection: web.WebSocketResponse, message: WSMessage) -> None:
    """Send a message as it came."""
    if message.type is WSMsgType.TEXT:
        await connection.send_str(message.data)
    elif message.type is WSMsgType.BINARY:
        await connection.send_bytes(message.data)


async def echo(connection: web.WebSocketResponse) -> None:
    """Send every message back."""
    async for message in connection:
        await send(connection, message)


async def share(connection: web.WebSocketResponse) -> None:
    """Send every message to everybody."""
    members.add(connection)
    try:
        async for message in connection:
            for member in list(members):
                if not member.closed:
                    await send(member, message)
    finally:
        members.discard(connection)


async def main() -> None:
    """Serve until the process is ended."""
    options = parse()
    attend = share if options.is_broadcast else echo

    async def handle(request: web.Request) -> web.WebSocketResponse:
        connection = web.WebSocketResponse(compress=options.compression, max_msg_size=LARGEST)
        await connection.prepare(request)
        await attend(connection)
        return connection

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, HOST, options.port, ssl_context=options.context, backlog=BACKLOG)
    await site.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    run(main())
