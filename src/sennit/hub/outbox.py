"""What waits for a connection that does not read as fast as others write."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

__all__ = ["Outbox", "Waiting"]


class Waiting(NamedTuple):
    """One frame that waits.

    Attributes:
        frame: the bytes for the transport.
        channel: whose it is; empty for replies and other words that must not be lost.
        key: what conflation compares; ``None`` is never conflated.
        offset: the publication's offset, 0 without history.
    """

    frame: bytes
    channel: str = ""
    key: str | None = None
    offset: int = 0


class Outbox:
    """Frames in order, bounded in bytes.

    Args:
        limit: bytes of frames that may wait.
    """

    __slots__ = ("_keys", "_next", "_queue", "limit", "size")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._queue: OrderedDict[int, Waiting] = OrderedDict()
        self._keys: dict[tuple[str, str], int] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, waiting: Waiting, *, drop: bool = False) -> int | None:
        """Add a frame behind the others.

        Args:
            waiting: the frame. One with a key takes the place of an older one with the same
                channel and key, which is taken out.
            drop: whether older frames of the same channel, or this one, may be left out to keep
                within the limit.

        Returns:
            How many frames were left out, this one included; ``None`` if it was not taken,
            since there is no room and nothing may be left out.
        """
        dropped = 0
        if waiting.key is not None:
            older = self._keys.get((waiting.channel, waiting.key))
            if older is not None:
                self._remove(older)
                dropped = 1
        size = len(waiting.frame)
        if self.size + size > self.limit:
            if not drop:
                return None
            dropped += self._make_room(waiting.channel, size)
            if self.size + size > self.limit:
                return dropped + 1
        self._queue[self._next] = waiting
        if waiting.key is not None:
            self._keys[waiting.channel, waiting.key] = self._next
        self._next += 1
        self.size += size
        return dropped

    def first(self) -> Waiting:
        """Return the frame whose turn it is.

        Raises:
            StopIteration: nothing waits.
        """
        return self._queue[next(iter(self._queue))]

    def pop(self) -> None:
        """Take out the frame whose turn it was."""
        self._remove(next(iter(self._queue)))

    def drop_channel(self, channel: str) -> int:
        """Take out every frame of a channel and return how many there were."""
        numbers = [number for number, waiting in self._queue.items() if waiting.channel == channel]
        for number in numbers:
            self._remove(number)
        return len(numbers)

    def clear(self) -> None:
        """Take out everything."""
        self._queue.clear()
        self._keys.clear()
        self.size = 0

    def _remove(self, number: int) -> None:
        waiting = self._queue.pop(number)
        self.size -= len(waiting.frame)
        if waiting.key is not None:
            del self._keys[waiting.channel, waiting.key]

    def _make_room(self, channel: str, size: int) -> int:
        numbers = [number for number, waiting in self._queue.items() if waiting.channel == channel]
        for dropped, number in enumerate(numbers):
            if self.size + size <= self.limit:
                return dropped
            self._remove(number)
        return len(numbers)
