"""A client of every price, fast or slow, which says twice a second what it sees.

``python -m examples.ticker.client PORT RATE`` takes RATE updates a second, or with 0 all that come,
and writes lines of JSON. A browser could not play the slow one: it takes everything off its socket
at once, and what a page does not get round to waits in the browser. This one really stops reading,
with a small socket buffer; what fills is the server's queue, as with a poor connection.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any

CHANNEL = "market:all"
SHOWN = ("TERN", "GULL", "PUFFIN", "AUK", "SKUA")
BUFFER = 4096
"""Bytes that the operating system may take ahead of us, or as few as it lets us say."""


def connect(port: int, *, small: bool) -> socket.socket:
    """Return a WebSocket that has been opened, and asked to be subscribed."""
    sock = socket.socket()
    if small:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    sock.connect(("127.0.0.1", port))
    sock.sendall(
        b"GET /connection/websocket HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: c2xvdyBhbmQgc3RlYWR5IQ==\r\n\r\n" % port
    )
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += sock.recv(1) or sys.exit("the server hung up")
    send(sock, {"id": 1, "connect": {}})
    send(sock, {"id": 2, "subscribe": {"channel": CHANNEL}})
    return sock


def send(sock: socket.socket, command: dict[str, Any]) -> None:
    """Send a short command: one frame, masked by nothing but zeros."""
    payload = json.dumps(command).encode()
    sock.sendall(b"\x81" + bytes([0x80 | len(payload)]) + bytes(4) + payload)


def messages(sock: socket.socket) -> Iterator[bytes]:
    """Yield the payloads of text frames until the server closes."""
    file = sock.makefile("rb", buffering=BUFFER)
    while head := file.read(2):
        size = head[1] & 0x7F
        if size == 126:
            size = struct.unpack("!H", file.read(2))[0]
        elif size == 127:
            size = struct.unpack("!Q", file.read(8))[0]
        payload = file.read(size)
        if head[0] & 0x0F == 1:
            yield payload
        elif head[0] & 0x0F == 8:
            return


def main(port: int, rate: int) -> None:
    """Read at a rate, and say what is seen, until the server closes or the parent is gone."""
    sock = connect(port, small=rate > 0)
    parent = os.getppid()
    seen: dict[str, tuple[float, float]] = {}
    count = 0
    said = time.monotonic()
    for message in messages(sock):
        for line in message.splitlines():
            reply = json.loads(line)
            if reply == {}:
                send(sock, {})
                continue
            data = reply.get("push", {}).get("pub", {}).get("data")
            if data is None:
                continue
            count += 1
            seen[data["s"]] = (data["p"], data["t"])
            now = time.monotonic()
            if now - said >= 0.5:
                view = {
                    "at": now,
                    "count": count,
                    "age": round(time.time() * 1000 - data["t"]),
                    "prices": {symbol: seen[symbol][0] for symbol in SHOWN if symbol in seen},
                    "times": {symbol: seen[symbol][1] for symbol in SHOWN if symbol in seen},
                }
                sys.stdout.write(json.dumps(view) + "\n")
                sys.stdout.flush()
                said = now
                if os.getppid() != parent:
                    return
            # It makes up for nothing: that would be to be fast now and then.
            if rate:
                time.sleep(1 / rate)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
