"""Getting a small document from an address, bounded in time and in size."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseDone
from twisted.web.http import PotentialDataLoss

__all__ = ["FetchError", "fetcher"]

_TIMEOUT = 5.0
"""Seconds in all: less than a client has to connect, who is then told to try again."""
_LIMIT = 256 * 1024
"""Bytes of a body."""


class FetchError(Exception):
    """The document could not be had; the message says why."""


def fetcher(reactor: Any) -> Callable[[str], Deferred[bytes]]:
    """Return what gets the document at an ``http:`` or ``https:`` address.

    Its Deferred fails with :class:`FetchError` for a status other than 200, for too long a body,
    and after five seconds; and else as Twisted's ``Agent`` does. Redirects are not followed.
    """
    agent: Any = Agent(reactor, connectTimeout=_TIMEOUT)

    async def get(url: str) -> bytes:
        response = await agent.request(b"GET", url.encode())
        body = _Body(url)
        response.deliverBody(body)
        if response.code != 200:
            body.give_up(f"{url} answers with {response.code}")
        return await body.done

    def late(_: object, seconds: float) -> bytes:
        raise FetchError(f"no answer within {seconds} seconds")

    return lambda url: Deferred.fromCoroutine(get(url)).addTimeout(_TIMEOUT, reactor, late)


class _Body(Protocol):
    """Collects a body, up to the limit."""

    def __init__(self, url: str) -> None:
        self.done: Deferred[bytes] = Deferred(lambda _: self._abort())
        self._url = url
        self._data = bytearray()

    def dataReceived(self, data: bytes) -> None:
        """Keep a piece."""
        self._data += data
        if len(self._data) > _LIMIT:
            self.give_up(f"{self._url} has over {_LIMIT} bytes")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Give what was collected, if it is all."""
        if self.done.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.done.callback(bytes(self._data))
        else:
            self.done.errback(reason)

    def give_up(self, why: str) -> None:
        """Fail, and read no more."""
        if not self.done.called:
            self.done.errback(FetchError(why))
        self._abort()

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()
