"""A client of HTTP streaming on blocking sockets: it reads a response, and speaks by uplinks."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from typing import Any, Self

from tests.live.client import PATIENCE

__all__ = ["Streamer"]


class Streamer:
    """Somebody who has connected by HTTP streaming, in JSON.

    Args:
        port: where, on 127.0.0.1.
        user: who.
        room: bytes that its kernel may hold for it unread; ``None`` for as many as usual.
        context: for TLS.

    Attributes:
        reply: the answer to its connect.
    """

    def __init__(
        self,
        port: int,
        user: str,
        *,
        room: int | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.port = port
        self._context = context
        self._number = 1
        self._connection = self._connect()
        if room is not None:
            self._connection.sock = socket.socket()
            self._connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
            self._connection.sock.settimeout(PATIENCE)
            self._connection.sock.connect(("127.0.0.1", port))
        first = {"id": 1, "connect": {"data": {"user": user}}}
        self._connection.request("POST", "/connection/http_stream", json.dumps(first))
        self.socket: Any = self._connection.sock
        self.response = self._connection.getresponse()
        assert self.response.status == 200, self.response.read()
        self._uplink = self._connect()
        self.reply = self.line()["connect"]

    def _connect(self) -> http.client.HTTPConnection:
        if self._context is not None:
            return http.client.HTTPSConnection(
                "localhost", self.port, timeout=PATIENCE, context=self._context
            )
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()
        self._uplink.close()

    def line(self) -> Any:
        """Return the next line that is no ping, decoded; ``None`` at the end of the response."""
        while (line := self.response.readline()) == b"{}\n":
            self.say("{}")
        return json.loads(line) if line else None

    def uplink(self, frame: str) -> bytes:
        """Return the body that brings a frame."""
        session, node = self.reply["session"], self.reply["node"]
        return json.dumps({"session": session, "node": node, "data": frame}).encode()

    def say(self, frame: str) -> int:
        """Send a frame, and return the status of the answer."""
        self._uplink.request("POST", "/emulation", self.uplink(frame))
        answer = self._uplink.getresponse()
        answer.read()
        return answer.status

    def call(self, name: str, **body: Any) -> Any:
        """Send a command, and return its result; pushes before it are passed over."""
        self._number += 1
        assert self.say(json.dumps({"id": self._number, name: body})) == 204
        while (reply := self.line()).get("id") != self._number:
            pass
        assert "error" not in reply, reply
        return reply[name]

    def abort(self) -> None:
        """Go away without a word."""
        self.response.close()
        self._connection.close()
