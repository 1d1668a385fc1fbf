"""A server made with ``websockets``, on uvloop."""

from __future__ import annotations

import asyncio
from typing import Any

from websockets.asyncio.server import ServerConnection, broadcast, serve

from bench.peer.command import BACKLOG, HOST, parse, run

members: set[ServerConnection] = set()


async def echo(connection: ServerConnection) -> None:
    """Send every message back."""
    async for message in connection:
        await connection.send(message)


async def share(connection: ServerConnection) -> None:
    """Send every message to everybody."""
    members.add(connection)
    try:
        async for message in connection:
            broadcast(members, message)
    finally:
        members.remove(connection)


async def main() -> None:
    """Serve until the process is ended."""
    options = parse()
    settings: dict[str, Any] = {} if options.compression else {"compression": None}
    async with serve(
        share if options.is_broadcast else echo,
        HOST,
        options.port,
        ssl=options.context,
        backlog=BACKLOG,
        ping_interval=None,
        **settings,
    ):
        await asyncio.Event().wait()


if __name__ == "__main__":
    run(main())
