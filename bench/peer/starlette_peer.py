"""A server made with Starlette, on uvicorn with uvloop."""

from __future__ import annotations

from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from bench.peer.command import BACKLOG, HOST, parse

members: set[Any] = set()


async def echo(connection: Any) -> None:
    """Send every message back."""
    await connection.accept()
    try:
        while True:
            message = await connection.receive()
            if message["type"] != "websocket.receive":
                return
            if message.get("text") is not None:
                await connection.send_text(message["text"])
            else:
                await connection.send_bytes(message["bytes"])
    except WebSocketDisconnect:
        pass


async def share(connection: Any) -> None:
    """Send every message to everybody."""
    await connection.accept()
    members.add(connection)
    try:
        while True:
            message = await connection.receive()
            if message["type"] != "websocket.receive":
                return
            for member in list(members):
                if message.get("text") is not None:
                    await member.send_text(message["text"])
                else:
                    await member.send_bytes(message["bytes"])
    except WebSocketDisconnect:
        pass
    finally:
        members.discard(connection)


def main() -> None:
    """Serve until the process is ended."""
    options = parse()
    app = Starlette(routes=[WebSocketRoute("/", share if options.is_broadcast else echo)])
    uvicorn.run(
        app,
        host=HOST,
        port=options.port,
        loop="uvloop",
        http="httptools",
        ws="auto",
        ws_ping_interval=None,
        ws_per_message_deflate=options.compression,
        backlog=BACKLOG,
        log_level="critical",
        access_log=False,
        lifespan="off",
        ssl_certfile=options.certificate,
        ssl_keyfile=options.key,
    )


if __name__ == "__main__":
    main()
