"""Subscribers on plain sockets, and what the measurements that use them have in common."""

from __future__ import annotations

import json
import os
import selectors
import socket
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["Crowd", "medians", "save"]


class Crowd:
    """Subscribers on plain sockets: they count bytes, and look at nothing else.

    Args:
        port: where the server is.
        wish: what each says to subscribe.
        number: how many there are.
        stalled: how many of them do not read.
    """

    def __init__(self, port: int, wish: dict[str, str], number: int, stalled: int = 0) -> None:
        self.fast: list[socket.socket] = []
        self.stalled: list[socket.socket] = []
        self._selector = selectors.DefaultSelector()
        for index in range(number):
            sock = self._open(port, wish, small=index < stalled)
            if index < stalled:
                self.stalled.append(sock)
            else:
                self.fast.append(sock)
                self._selector.register(sock, selectors.EVENT_READ)

    def _open(self, port: int, wish: dict[str, str], *, small: bool) -> socket.socket:
        sock = socket.socket()
        if small:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", port))
        sock.sendall(
            b"GET /connection/websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: c2xvdyBhbmQgc3RlYWR5IQ==\r\n\r\n"
        )
        for command in (
            {"id": 1, "connect": {}},
            {"id": 2, "subscribe": wish},
        ):
            payload = json.dumps(command).encode()
            sock.sendall(b"\x81" + bytes([0x80 | len(payload)]) + bytes(4) + payload)
        answer = b""
        while b'"subscribe"' not in answer:
            answer += sock.recv(4096)
        sock.setblocking(False)
        return sock

    def read(self, seconds: float) -> int:
        """Read what comes to the fast ones for so long, and return how many bytes that was."""
        total = 0
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                total += len(key.fileobj.recv(1 << 18))  # type: ignore[union-attr]
        return total

    def take(self) -> bytes:
        """Return what waits for the first of the fast ones; the kernel has to hold it all."""
        taken = bytearray()
        try:
            while piece := self.fast[0].recv(1 << 20):
                taken += piece
        except BlockingIOError:
            pass
        return bytes(taken)

    def close(self) -> None:
        """Go."""
        for sock in (*self.fast, *self.stalled):
            sock.close()
        self._selector.close()


def medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the median of each number that several rounds found."""
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def save(file: Path, result: Mapping[str, object]) -> None:
    """Keep what was found, with how busy the machine was."""
    found = {"machine": {"load": os.getloadavg()[0]}, **result}
    file.write_text(json.dumps(found, indent=2) + "\n")
