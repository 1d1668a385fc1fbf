"""A browser without sockets: asks a site over connections in memory, and reads the answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from twisted.internet.task import Clock
from twisted.web.resource import IResource

from sennit.web.site import WebSite
from tests.net.double import FakeSocket

__all__ = ["Answer", "Browser"]


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: the HTTP status.
        headers: the headers, with lower-case names.
        body: the body.
    """

    status: int
    headers: dict[str, str]
    body: bytes


class Browser:
    """Asks a site.

    Attributes:
        clock: the site's time.
        site: the site.

    Args:
        root: what is at ``/``.
    """

    def __init__(self, root: IResource) -> None:
        self.clock = Clock()
        self.site: Any = WebSite(root, self.clock)

    def open(self) -> FakeSocket:
        """Return a new connection."""
        socket = FakeSocket(self.site.buildProtocol(None))
        socket.protocol.makeConnection(socket)
        return socket

    def ask(
        self, path: str = "/", method: str = "GET", body: bytes = b"", **headers: str
    ) -> Answer:
        """Send one request, and return the answer.

        Args:
            path: as it stands in the request line.
            method: the method.
            body: the body.
            headers: ``Header_name="value"``; characters up to U+00FF are bytes.
        """
        lines = {"Host": "example.com", **headers}
        if body:
            lines["Content-Length"] = str(len(body))
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(
            f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items()
        )
        socket = self.open()
        socket.deliver(f"{head}\r\n".encode("latin-1") + body)
        socket.drain()
        return _parse(bytes(socket.taken))


def _parse(taken: bytes) -> Answer:
    head, _, body = taken.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    status = re.fullmatch(r"HTTP/1\.1 (\d{3}) .+", first)
    assert status is not None, first
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        assert name.lower() not in headers, f"{name} comes twice"
        headers[name.lower()] = value
    return Answer(int(status[1]), headers, body)
