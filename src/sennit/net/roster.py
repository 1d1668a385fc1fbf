"""The connections of a server, and their end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred, succeed

__all__ = ["Closable", "Roster"]


class Closable(Protocol):
    """What can be told to end, and then ends within a deadline of its own."""

    def disconnect(self, code: int, reason: str) -> None:
        """End, with a close code and a reason for the peer."""


T = TypeVar("T", bound=Closable)


class Roster(Generic[T]):
    """A set of connections, in the order they came."""

    def __init__(self) -> None:
        self._members: dict[T, None] = {}
        self._waiting: list[tuple[set[T], Deferred[None]]] = []

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[T]:
        return iter(tuple(self._members))

    def __contains__(self, connection: object) -> bool:
        return connection in self._members

    def add(self, connection: T) -> None:
        """Note a new connection."""
        self._members[connection] = None

    def discard(self, connection: T) -> None:
        """Note that a connection is gone."""
        self._members.pop(connection, None)
        for waiting in tuple(self._waiting):
            left, all_gone = waiting
            left.discard(connection)
            if not left:
                self._waiting.remove(waiting)
                all_gone.callback(None)

    def close_all(self, code: int, reason: str) -> Deferred[None]:
        """End every connection that is here now.

        Returns:
            Fires when all of them are gone; cancelling it only ends the waiting.
        """
        left = set(self._members)
        if not left:
            return succeed(None)
        all_gone: Deferred[None] = Deferred(
            lambda _: self._waiting.remove(waiting)  # its set is that of this call alone
        )
        waiting = (left, all_gone)
        self._waiting.append(waiting)
        for connection in tuple(left):
            connection.disconnect(code, reason)
        return all_gone
