"""Send every message to every connection; one that falls too far behind is closed.

python examples/broadcast.py --port 9002
"""

from __future__ import annotations

from collections import deque

from command import serve

from sennit.websocket import Closed, WebSocket, broadcast

BACKLOG = 1024 * 1024
"""Bytes that may wait for one connection; the messages themselves are shared."""

members: dict[WebSocket, Member] = {}


class Member:
    """One connection, and what waits for it."""

    __slots__ = ("backlog", "size", "ws")

    def __init__(self, ws: WebSocket) -> None:
        self.ws = ws
        self.backlog: deque[tuple[bytes, bool]] = deque()
        self.size = 0
        members[ws] = self

    def message_received(self, data: bytes, is_text: bool) -> None:
        """Send it to everybody."""
        for slow in broadcast(members, data, text=is_text):
            members[slow].keep(data, is_text)

    def keep(self, data: bytes, is_text: bool) -> None:
        """Keep a message until the peer has caught up."""
        self.backlog.append((data, is_text))
        self.size += len(data)
        if self.size > BACKLOG and len(self.backlog) > 1:
            self.ws.close(1008, "too slow")

    def writable(self) -> None:
        """The peer has caught up: send what waits, as far as it goes."""
        while self.backlog:
            data, is_text = self.backlog[0]
            if not self.ws.send_nowait(data, text=is_text):
                return
            self.backlog.popleft()
            self.size -= len(data)

    def connection_lost(self, _closed: Closed) -> None:
        """It is gone."""
        del members[self.ws]


if __name__ == "__main__":
    serve("Send every WebSocket message to every connection.", Member)
