"""Send every message back: the toolkit's faster style, with a slow peer slowed down.

python examples/echo.py --port 9001
"""

from __future__ import annotations

from command import serve

from sennit.websocket import WebSocket


class Echo:
    """Echoes one connection's messages."""

    __slots__ = ("unsent", "ws")

    def __init__(self, ws: WebSocket) -> None:
        self.ws = ws
        self.unsent: tuple[bytes, bool] | None = None

    def message_received(self, data: bytes, is_text: bool) -> None:
        """Send it back; if the peer does not keep up, read on only when it has."""
        if not self.ws.send_nowait(data, text=is_text):
            self.unsent = data, is_text
            self.ws.pause_reading()

    def writable(self) -> None:
        """The peer has caught up."""
        if self.unsent is not None:
            data, is_text = self.unsent
            self.unsent = None
            self.ws.send_nowait(data, text=is_text)
            self.ws.resume_reading()


if __name__ == "__main__":
    serve("Send every WebSocket message back.", Echo)
