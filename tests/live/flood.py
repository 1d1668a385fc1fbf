"""One message of any size there and one back, each taken in pieces.

``python flood.py serve PORT`` takes a message, sends one of as many bytes, and tells what it took;
``python flood.py send PORT SIZE`` is the other end, and prints what both of them tell: the bytes,
their checksum, and the most memory that the process has held, in bytes.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import react

from sennit import websocket

PIECE = bytes(range(256)) * 256
OPTIONS: websocket.WebSocketOptions = {
    "streaming": True,
    "max_message": 1 << 40,
    "ping_interval": None,
}


def pieces(size: int) -> Iterator[bytes]:
    """Yield so many bytes."""
    for left in range(size, 0, -len(PIECE)):
        yield PIECE[:left]


async def take(ws: websocket.WebSocket) -> dict[str, int]:
    """Take one message and tell of it."""
    size, checksum = 0, 0
    async for piece in ws.recv_streaming():
        assert isinstance(piece, bytes)
        size += len(piece)
        checksum = zlib.crc32(piece, checksum)
    return {"size": size, "checksum": checksum, "peak": peak()}


def peak() -> int:
    """Return the most memory that this process has held, in bytes (Linux).

    Not by ``getrusage``, whose figure begins with that of the process that has started this one.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


async def flood(ws: websocket.WebSocket) -> None:
    """Serve one connection."""
    taken = await take(ws)
    await ws.send_streaming(pieces(taken["size"]))
    taken["peak"] = peak()
    await ws.send(json.dumps(taken))


async def send(reactor: Any, port: str, size: str) -> None:
    """Be the other end."""
    ws = await websocket.connect(reactor, f"ws://127.0.0.1:{port}/", **OPTIONS)
    await ws.send_streaming(pieces(int(size)))
    taken = await take(ws)
    told = json.loads(await ws.recv())
    await ws.close()
    sys.stdout.write(json.dumps([told, taken]) + "\n")


if __name__ == "__main__":
    role, port, *rest = sys.argv[1:]
    if role == "send":
        react(send, (port, *rest))
    websocket.listen(reactor, f"tcp:{port}:interface=127.0.0.1", flood, **OPTIONS)
    reactor.run()
