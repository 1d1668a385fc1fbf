"""Clients of streamed responses without sockets: they read a response, and speak by uplinks."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import quote

from google.protobuf.proto import parse_length_prefixed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.resource import Resource

from sennit.errors import RemoteProtocolError
from sennit.interfaces import Streamed, UplinkFrame
from sennit.model.request import ConnectionRequest
from sennit.net.front_door import FrontDoor
from sennit.net.reception import Reception
from sennit.net.setting import WebSocketSettings
from sennit.web.emulation import EventResource, StreamResource, UplinkResource
from sennit.web.relay import Relay
from sennit.web.site import WebSite
from tests.net.double import FakeSocket, RecordingHandler
from tests.protocols.tongue import SCHEMA

__all__ = ["EVENTS", "STREAM", "UPLINK", "Door", "Reader", "RecordingStreamMount"]

STREAM, EVENTS, UPLINK = "/stream", "/events", "/uplink"


class RecordingStreamMount:
    """A mount that takes, refuses, or fails, as it is told; its uplinks are ``session:data``.

    Its farewell is ``bye <code> <reason>``.
    """

    def __init__(self) -> None:
        self.requests: list[ConnectionRequest] = []
        self.handlers: list[RecordingHandler] = []
        self.sessions: list[str] = []
        self.error: Exception | None = None
        self.on_open: Callable[[RecordingHandler], None] = lambda _: None

    def open_stream(
        self, request: ConnectionRequest, *, binary: bool, session: str, node: str
    ) -> Streamed:
        if self.error is not None:
            raise self.error
        self.requests.append(request)
        self.sessions.append(f"{session}@{node}")
        self.handlers.append(RecordingHandler())
        self.on_open(self.handlers[-1])
        return Streamed(self.handlers[-1], self._farewell)

    def read_uplink(self, body: bytes, *, binary: bool) -> UplinkFrame:
        if not body.isascii():
            raise RemoteProtocolError(3501, "bad request: no uplink")
        address, _, data = body.decode().partition(":")
        session, _, node = address.partition("@")
        return UplinkFrame(node, session, data.encode())

    @staticmethod
    def _farewell(code: int, reason: str) -> bytes:
        return f"bye {code} {reason}".encode()


class Door:
    """A port with the three addresses.

    Args:
        mount: what is behind them; one that records if ``None``.
        clock: the time.
        settings: bounds.
    """

    def __init__(self, mount: Any = None, clock: Clock | None = None, **settings: Any) -> None:
        self.clock = clock or Clock()
        self.mount: Any = mount or RecordingStreamMount()
        self.reception = Reception(self.clock, WebSocketSettings(**settings), pages=True)
        numbers = itertools.count(1)
        self.relay = Relay("here", self.clock, lambda: f"s{next(numbers)}")
        root = Resource()
        parts = (self.mount, self.relay, self.clock, self.reception)
        root.putChild(STREAM[1:].encode(), StreamResource(*parts))
        root.putChild(EVENTS[1:].encode(), EventResource(*parts))
        root.putChild(UPLINK[1:].encode(), UplinkResource(self.mount, self.relay, self.reception))
        self.door = FrontDoor(self.clock, {}, WebSite(root, self.clock), reception=self.reception)

    def connect(self) -> FakeSocket:
        """Return a new connection."""
        socket: Any = FakeSocket(self.door.buildProtocol(None))
        socket.protocol.makeConnection(socket)
        made: FakeSocket = socket
        return made

    def ask(
        self, path: str, method: str = "POST", body: bytes = b"", **headers: Any
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request over a new connection, and return the answer's parts."""
        reader = Reader(self.connect())
        reader.send(path, method, body, **headers)
        if reader.headers.get("transfer-encoding") != "chunked":
            reader.lose()  # It has its answer, or waits for it no longer.
        return reader.status, reader.headers, reader.body

    def uplink(self, body: bytes, **headers: Any) -> int:
        """Send an uplink, and return the status; 0 if there is no answer yet."""
        return self.ask(UPLINK, body=body, **headers)[0]

    def stream(self, body: bytes = b"hello", **headers: Any) -> Reader:
        """Return somebody who reads an open stream."""
        reader = Reader(self.connect())
        reader.send(STREAM, body=body, **headers)
        assert reader.status == 200, reader.body
        return reader

    def events(self, first: str = "hello", **headers: Any) -> Reader:
        """Return somebody who reads events."""
        reader = Reader(self.connect())
        reader.send(f"{EVENTS}?cf_connect={quote(first, safe='')}", "GET", **headers)
        assert reader.status == 200, reader.body
        return reader

    @property
    def handler(self) -> RecordingHandler:
        """The newest handler of the recording mount."""
        handler: RecordingHandler = self.mount.handlers[-1]
        return handler


class Reader:
    """Reads one response.

    Args:
        socket: the connection.

    Attributes:
        status: the HTTP status; 0 if there is no answer yet.
        headers: with lower-case names.
        body: what has come of the body since it was last taken, without its chunks.
        complete: whether the response has ended.
    """

    def __init__(self, socket: FakeSocket) -> None:
        self.socket = socket
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.complete = False
        self._raw = b""

    def send(
        self,
        path: str,
        method: str = "POST",
        body: bytes = b"",
        version: str = "1.1",
        **headers: Any,
    ) -> None:
        """Send the request, and read."""
        lines = {"Host": "example.com", **headers}
        if body:
            lines.setdefault("Content-Length", str(len(body)))
        head = f"{method} {path} HTTP/{version}\r\n" + "".join(
            f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items()
        )
        self.socket.deliver(f"{head}\r\n".encode("latin-1") + body)
        self.read()

    def read(self, room: int | None = None) -> None:
        """Read what has come."""
        if room is None:
            self.socket.drain()
        else:
            self.socket.drain(room)
        self._raw += bytes(self.socket.taken)
        self.socket.taken.clear()
        if not self.status and b"\r\n\r\n" in self._raw:
            head, _, self._raw = self._raw.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            self.status = int(first.split(" ")[1])
            for line in lines:
                name, _, value = line.partition(": ")
                assert name.lower() not in self.headers, f"{name} comes twice"
                self.headers[name.lower()] = value
        if self.headers.get("transfer-encoding") == "chunked":
            self._read_chunks()
        else:
            self.body += self._raw
            self._raw = b""

    def _read_chunks(self) -> None:
        while not self.complete and b"\r\n" in self._raw:
            size, _, rest = self._raw.partition(b"\r\n")
            length = int(size, 16)
            if len(rest) < length + 2:
                return
            self.body += rest[:length]
            assert rest[length : length + 2] == b"\r\n"
            self._raw = rest[length + 2 :]
            self.complete = not length

    def take(self) -> bytes:
        """Return what has come of the body since the last call."""
        self.read()
        body, self.body = self.body, b""
        return body

    def lines(self) -> list[Any]:
        """Return the JSON of each whole line that has come."""
        body = self.take()
        assert body.endswith(b"\n") or not body
        return [json.loads(line) for line in body.splitlines()]

    def happenings(self) -> list[Any]:
        """Return the JSON of each event that has come."""
        events = self.take().lstrip(b"\n").split(b"\n\n")
        assert events.pop() == b""
        return [json.loads(event.removeprefix(b"data: ")) for event in events]

    def messages(self) -> list[Any]:
        """Return each message that has come, of the published schema."""
        body = self.take()
        source = BytesIO(body)
        found = []
        while source.tell() < len(body):
            found.append(parse_length_prefixed(SCHEMA.Reply, source))
        return found

    def lose(self) -> None:
        """Go away."""
        self.socket.connectionLost(Failure(ConnectionDone()))
