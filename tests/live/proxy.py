"""A small HTTP proxy that tunnels, on a port of its own."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

__all__ = ["ConnectProxy"]


class ConnectProxy(Factory[Any]):
    """Tunnels for whom it knows.

    Args:
        reactor: the network.
        user: ``user:password`` in base64, or nothing for anybody.

    Attributes:
        heads: what it was asked.
        carried: the bytes that went through, either way.
    """

    noisy = False

    def __init__(self, reactor: Any, user: str = "") -> None:
        self.reactor = reactor
        self.user = user
        self.heads: list[bytes] = []
        self.carried = b""

    def buildProtocol(self, addr: object) -> Protocol:
        return _Client(self)


class _Client(Protocol):
    """The client's side of a tunnel."""

    transport: Any

    def __init__(self, proxy: ConnectProxy) -> None:
        self.proxy = proxy
        self.buffer = b""
        self.head = b""
        self.far: Any = None

    def dataReceived(self, data: bytes) -> None:
        self.buffer += data
        if not self.head:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            self.head, self.buffer = head, rest
            self.proxy.heads.append(head)
            self.answer()
        self.pass_on()

    def answer(self) -> None:
        user = self.proxy.user
        if user and f"Proxy-Authorization: Basic {user}".encode() not in self.head:
            self.transport.write(
                b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic\r\n"
                b"Content-Length: 5\r\n\r\nwho?\n"
            )
            return
        where = self.head.split(b" ")[1].decode()
        host, _, port = where.rpartition(":")
        endpoint = HostnameEndpoint(self.proxy.reactor, host.strip("[]"), int(port))
        endpoint.connect(Factory.forProtocol(lambda: _Far(self))).addErrback(self.refuse)

    def refuse(self, _failure: Failure) -> None:
        self.transport.write(b"HTTP/1.1 502 Nobody there\r\n\r\n")

    def pass_on(self) -> None:
        if self.far is not None and self.buffer:
            data, self.buffer = self.buffer, b""
            self.proxy.carried += data
            self.far.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.far is not None:
            self.far.transport.loseConnection()


class _Far(Protocol):
    """The server's side of a tunnel."""

    transport: Any

    def __init__(self, client: _Client) -> None:
        self.client = client

    def connectionMade(self) -> None:
        self.client.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.client.far = self
        self.client.pass_on()

    def dataReceived(self, data: bytes) -> None:
        self.client.proxy.carried += data
        self.client.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.client.transport.loseConnection()
