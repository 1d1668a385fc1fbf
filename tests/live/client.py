"""Clients on blocking sockets, from raw bytes up to the words of the SDKs' protocol.

They say exactly what a test wants, right or wrong, and every wait of theirs has an end. A test runs
them where nothing else has to run in its thread: against a server in another process.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from sennit.engine.build import CLIENT, Close, Connection, Event, Failure, Message, Ping
from sennit.engine.handshake import ClientHandshake
from sennit.errors import ReplyError

__all__ = [
    "SDK_PATH",
    "Caller",
    "Line",
    "Peer",
    "Response",
    "is_gone",
    "upgrade_request",
    "wait_for",
]

SDK_PATH = "/connection/websocket"
PATIENCE = 15.0
"""Seconds that a client waits for anything; far above what a busy machine needs."""
PLENTY = 1 << 40


@dataclass(frozen=True)
class Response:
    """An HTTP response.

    Attributes:
        status: its status.
        headers: by their lower-case names.
        body: whole.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body, for a person."""
        return self.body.decode()


class Line:
    """A TCP connection to a port of 127.0.0.1, whose bytes a test chooses itself.

    Args:
        port: where.
        room: bytes that its kernel may hold for it unread; ``None`` for as many as usual.
    """

    def __init__(self, port: int, *, room: int | None = None) -> None:
        self.socket = socket.socket()
        if room is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(data)

    def drip(self, data: bytes, pause: float) -> None:
        """Send bytes one by one, with a pause before each, until there is an answer."""
        self.socket.settimeout(pause)
        try:
            for index in range(len(data)):
                try:
                    self._unread += self.socket.recv(65536)
                except TimeoutError:
                    self.socket.sendall(data[index : index + 1])
                else:
                    return
        finally:
            self.socket.settimeout(PATIENCE)

    def read(self) -> bytes:
        """Return what is there, or comes first; nothing at the end of the connection."""
        unread, self._unread = self._unread, b""
        return unread or self.socket.recv(1 << 18)

    def head(self) -> bytes:
        """Read up to the end of a response's head and return it."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.read()
            assert more, f"the connection ended before the end of a head: {data!r}"
            data += more
        head, end, self._unread = data.partition(b"\r\n\r\n")
        return head + end

    def response(self, method: str = "GET") -> Response:
        """Read one response to a request of this method."""
        first, *lines = self.head().decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version == "HTTP/1.1"
        fields = [line.partition(": ") for line in lines]
        headers = {name.lower(): value for name, _, value in fields}
        body = b""
        bodiless = method == "HEAD" or status == "204"
        size = 0 if bodiless else int(headers["content-length"])
        while len(body) < size:
            more = self.read()
            assert more, "the connection ended within a body"
            body += more
        body, self._unread = body[:size], body[size:]
        return Response(int(status), headers, body)

    def ended(self) -> bool:
        """Wait for the end of the connection, and return whether it came without more bytes."""
        return self.read() == b""

    def reset(self) -> None:
        """Break the connection off, as a machine does that has lost its memory."""
        at_once = struct.pack("ii", 1, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        self.socket.close()

    def get(self, target: str, *fields: str, method: str = "GET") -> Response:
        """Ask for something over HTTP, keeping the connection, and return the answer."""
        lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", *fields, "", ""]
        self.send("\r\n".join(lines).encode("latin-1"))
        return self.response(method)


def upgrade_request(
    path: str = SDK_PATH,
    *,
    method: str = "GET",
    version: str = "HTTP/1.1",
    without: Sequence[str] = (),
    **fields: str,
) -> bytes:
    """Return a handshake's request.

    Args:
        path: the target.
        method: its method.
        version: its version.
        without: names of headers to leave out.
        fields: headers to add or to change, with ``_`` for ``-``.
    """
    headers = {
        "host": "127.0.0.1",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version": "13",
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    lines = [f"{name}: {value}\r\n" for name, value in headers.items() if name not in without]
    return f"{method} {path} {version}\r\n{''.join(lines)}\r\n".encode("latin-1")


class Peer(Line):
    """The client's end of an open WebSocket.

    Args:
        port: where.
        path: the path and the query.
        subprotocols: to offer.
        room: as of a :class:`Line`.

    Attributes:
        engine: makes its frames, and reads the server's.
        subprotocol: what the server has chosen.
    """

    def __init__(
        self,
        port: int,
        path: str = SDK_PATH,
        *,
        subprotocols: Sequence[str] = (),
        room: int | None = None,
    ) -> None:
        super().__init__(port, room=room)
        handshake = ClientHandshake(f"127.0.0.1:{port}", path, subprotocols=subprotocols)
        self.send(handshake.request())
        self.subprotocol = handshake.check_response(self.head())
        self.engine = Connection(CLIENT, max_message=PLENTY, max_fragments=PLENTY)
        self._events: deque[Event] = deque()

    def say(self, text: str) -> None:
        """Send a text message."""
        self.send(self.engine.send(text.encode(), binary=False))

    def hear(self) -> Event:
        """Return what the server says next; its pings are answered."""
        while True:
            while not self._events:
                data = self.read()
                assert data, "the connection ended without a close frame"
                self._events.extend(self.engine.receive(data))
            event = self._events.popleft()
            assert not isinstance(event, Failure), event.error
            if not isinstance(event, Ping):
                return event
            if event.reply:
                self.send(event.reply)

    def message(self) -> Message:
        """Return the next message."""
        event = self.hear()
        assert isinstance(event, Message), event
        return event

    def text(self) -> str:
        """Return the next message's text."""
        message = self.message()
        assert message.text
        return message.data.decode()

    def closing(self) -> Close:
        """Return the server's close frame; what it says before is passed over."""
        while True:
            event = self.hear()
            if isinstance(event, Close):
                return event

    def closed(self) -> tuple[int, str]:
        """Wait for the server to close, answer it, and return its code and its reason."""
        event = self.closing()
        if event.reply:
            self.send(event.reply)
        assert self.ended()
        return event.code, event.reason

    def close(self, code: int = 1000) -> tuple[int, str]:
        """Close, and return what the server answers."""
        self.send(self.engine.close(code))
        return self.closed()


class Caller(Peer):
    """Somebody who speaks the SDKs' protocol in JSON.

    Args:
        port: where.
        name: who it connects as; ``None`` does not connect.
        path: as of a :class:`Peer`.
        room: as of a :class:`Line`.
        hello: the payload of its connect, besides its name.
    """

    def __init__(
        self,
        port: int,
        name: str | None = "Ann",
        *,
        path: str = SDK_PATH,
        room: int | None = None,
        **hello: Any,
    ) -> None:
        super().__init__(port, path, room=room)
        self._number = 0
        self._lines: deque[dict[str, Any]] = deque()
        self._pushes: deque[dict[str, Any]] = deque()
        if name is not None:
            self.call("connect", data={"name": name, "user": name.lower(), **hello})

    def ask(self, command: str, **body: Any) -> int:
        """Send a command and return its number."""
        self._number += 1
        self.say(json.dumps({"id": self._number, command: body}))
        return self._number

    def answer(self, number: int) -> dict[str, Any]:
        """Return the whole reply to a command; pushes that come before are kept."""
        while True:
            line = self._line()
            if line.get("id") == number:
                return line
            assert "push" in line, line
            self._pushes.append(line["push"])

    def call(self, command: str, **body: Any) -> Any:
        """Send a command and return its answer.

        Raises:
            ReplyError: it is an error.
        """
        reply = self.answer(self.ask(command, **body))
        if "error" in reply:
            error = reply["error"]
            raise ReplyError(error["code"], error["message"], error.get("temporary", False))
        return reply[command]

    def rpc(self, method: str, data: Any = None) -> Any:
        """Call a method of the application."""
        return self.call("rpc", method=method, data=data).get("data")

    def push(self) -> dict[str, Any]:
        """Return the next push that nobody has seen."""
        while not self._pushes:
            line = self._line()
            assert "push" in line, line
            self._pushes.append(line["push"])
        return self._pushes.popleft()

    def publication(self) -> Any:
        """Return the payload of the next publication; other pushes are passed over."""
        while True:
            push = self.push()
            if "pub" in push:
                return push["pub"]["data"]

    def _line(self) -> dict[str, Any]:
        while not self._lines:
            for line in self.text().splitlines():
                parsed = json.loads(line)
                if parsed:
                    self._lines.append(parsed)
                else:
                    self.say("{}")  # A ping, and its pong.
        return self._lines.popleft()


def is_gone(sock: socket.socket) -> bool:
    """Return whether the other side has cut a connection off, without reading from it."""
    poll = select.poll()
    poll.register(sock, 0)
    return bool(poll.poll(0))


def wait_for(condition: Callable[[], object], timeout: float = PATIENCE) -> None:
    """Wait until something holds.

    Raises:
        TimeoutError: it does not.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the condition does not hold")
        time.sleep(0.01)
