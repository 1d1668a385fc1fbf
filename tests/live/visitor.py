"""A client over a real socket that says and hears bytes, and nothing of its own."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.live.loop import Loop

__all__ = ["Visitor", "visit"]


@implementer(IHalfCloseableProtocol)
class Visitor(Protocol):
    """A connection.

    Attributes:
        heard: what it has received.
        ended: whether the other side has closed its half.
        lost: why the connection is gone, once it is.
    """

    def __init__(self) -> None:
        self.heard = b""
        self.ended = False
        self.lost: Failure | None = None

    @property
    def line(self) -> Any:
        """Return the transport."""
        return self.transport

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def readConnectionLost(self) -> None:
        self.ended = True

    def writeConnectionLost(self) -> None:
        """It was this side that closed it."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended = True
        self.lost = reason

    def say(self, data: bytes) -> Visitor:
        """Send something."""
        self.line.write(data)
        return self


def visit(loop: Loop, endpoint: str) -> Visitor:
    """Connect to a client endpoint of Twisted's."""
    where = clientFromString(loop.reactor, endpoint)
    visitor = loop.run(connectProtocol(where, Visitor()))
    assert isinstance(visitor, Visitor)
    return visitor
