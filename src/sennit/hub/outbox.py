"""What waits for a connection that does not read as fast as others write."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, NamedTuple, TypeVar

from sennit.hub.namespace import SlowPolicy

__all__ = ["FRAME_COST", "Outbox", "Waiting"]

Owner = TypeVar("Owner", bound=Hashable)

FRAME_COST = 512
"""Bytes that a waiting frame is counted with beyond its own: what it takes to keep it in order.

A flood of tiny frames costs memory by their number, not by their size.
"""


class Waiting(NamedTuple):
    """One frame that waits.

    Attributes:
        frame: the bytes for the transport.
        key: what conflation compares; ``None`` is never conflated.
        offset: the publication's offset, 0 without history and for anything else.
        firm: whether it may not be left out, whatever the policy.
    """

    frame: bytes
    key: str | None = None
    offset: int = 0
    firm: bool = False

    @property
    def cost(self) -> int:
        """The bytes that it is counted with."""
        return len(self.frame) + FRAME_COST


class _Share(Generic[Owner]):
    """What waits of one subscription that lets something be left out, or read again later."""

    __slots__ = ("keys", "numbers", "owner", "policy", "size")

    def __init__(self, owner: Owner, policy: SlowPolicy) -> None:
        self.owner = owner
        self.policy = policy
        self.size = 0
        # Ordered: the first entry of a plain dict is looked for from where the first ever was.
        self.numbers: OrderedDict[int, None] = OrderedDict()
        self.keys: dict[str, int] = {}


class Outbox(Generic[Owner]):
    """Frames in order, bounded in bytes and, by what each is counted with, in number.

    Every subscription whose frames may be left out (``"drop-oldest"``, ``"conflate"``) or read
    again later (``"recover"``) has a share. Where there is no room, the owner of the new frame
    gives way if its share is an even one or larger, else whoever has the largest: a busy channel
    pushes out nobody's frames but its own. Frames that belong to no share give way to none.

    Who gives way loses its oldest frame, or all of them if they can be read again.

    Each takes a time that does not grow with what waits. Only for one whose share is small the
    largest is looked for, among at most as many as there are subscriptions.

    Once the first of them is sent, what waits by then is not conflated any more: it goes out as one
    turn, in which every key is. If a newer one always went to the end of the line instead, the
    busiest key would never be sent. So at most two frames of a key wait.

    Args:
        limit: bytes that may wait.
        dropped: counts the frames that were left out, by policy.
        put_off: called for an owner whose frames are to be read again later, with the lowest offset
            of those that are left out; 0 if none of them has one.
    """

    __slots__ = (
        "_dropped",
        "_next",
        "_put_off",
        "_queue",
        "_shared",
        "_shares",
        "_turn",
        "limit",
        "size",
    )

    def __init__(
        self, limit: int, dropped: Counter[str], put_off: Callable[[Owner, int], None]
    ) -> None:
        self.limit = limit
        self.size = 0
        self._dropped = dropped
        self._put_off = put_off
        self._queue: OrderedDict[int, tuple[Waiting, _Share[Owner] | None]] = OrderedDict()
        self._shares: dict[Owner, _Share[Owner]] = {}
        """Those that are not empty."""
        self._shared = 0
        """Bytes in all of them."""
        self._next = 0
        self._turn = 0
        """What has a lower number is not conflated any more."""

    def __len__(self) -> int:
        return len(self._queue)

    def put(
        self, waiting: Waiting, owner: Owner | None = None, policy: SlowPolicy = "disconnect"
    ) -> bool:
        """Add a frame behind the others, or leave it out if that is the policy.

        Args:
            waiting: the frame. One with a key takes the place of an older one with the same
                owner and key, which is left out.
            owner: whose it is; ``None`` for replies and other words of nobody's.
            policy: the owner's, each time the same.

        Returns:
            ``False`` if there is no room and nobody can give way; then it was not taken.
        """
        if policy == "disconnect":
            owner = None
        share = None if owner is None else self._shares.get(owner)
        if share is not None and waiting.key is not None:
            older = share.keys.get(waiting.key, -1)
            if older >= self._turn:
                self._leave_out(older)
        if not self._make_room(waiting, owner):
            if owner is None:
                return False
            self._dropped[policy] += 1
            if policy == "recover":
                self._put_off(owner, self._drop(owner) or waiting.offset)
            return True
        # Its share may have been emptied, and let go of, just now.
        share = None
        if owner is not None:
            share = self._shares.get(owner)
            if share is None:
                share = self._shares[owner] = _Share(owner, policy)
            share.numbers[self._next] = None
            share.size += waiting.cost
            self._shared += waiting.cost
            if waiting.key is not None:
                share.keys[waiting.key] = self._next
        self._queue[self._next] = (waiting, share)
        self.size += waiting.cost
        self._next += 1
        return True

    def first(self) -> Waiting:
        """Return the frame whose turn it is.

        Raises:
            StopIteration: nothing waits.
        """
        return self._queue[next(iter(self._queue))][0]

    def pop(self) -> None:
        """Take out the frame whose turn it was."""
        number = next(iter(self._queue))
        if number >= self._turn:
            self._turn = self._next
        self._remove(number)

    def release(self, owner: Owner) -> None:
        """Note that an owner is gone: what waits of it belongs to nobody, and is sent."""
        share = self._shares.pop(owner, None)
        if share is not None:
            for number in share.numbers:
                self._queue[number] = (self._queue[number][0], None)
            self._shared -= share.size

    def _make_room(self, waiting: Waiting, owner: Owner | None) -> bool:
        """Return whether there is room for a frame, once others have given way."""
        if self.size - self._shared + waiting.cost > self.limit:
            return False  # It would not be enough, so nothing is left out for nothing.
        while self.size + waiting.cost > self.limit:
            share = None if owner is None else self._shares.get(owner)
            if share is None or share.size * len(self._shares) < self._shared:
                share = max(self._shares.values(), key=_size)
            if share.policy != "recover":
                self._leave_out(next(iter(share.numbers)))
            elif share.owner == owner:
                return False  # It goes the way of the others of its own.
            else:
                self._put_off(share.owner, self._drop(share.owner))
        return True

    def _drop(self, owner: Owner) -> int:
        """Leave out all of a share, and return the lowest offset in it; 0 if there was none."""
        share = self._shares.get(owner)
        lowest = 0
        for number in () if share is None else list(share.numbers):
            lowest = lowest or self._queue[number][0].offset
            self._leave_out(number)
        return lowest

    def _leave_out(self, number: int) -> None:
        share = self._queue[number][1]
        if share is not None:
            self._dropped[share.policy] += 1
        self._remove(number)

    def _remove(self, number: int) -> None:
        waiting, share = self._queue.pop(number)
        self.size -= waiting.cost
        if share is None:
            return
        del share.numbers[number]
        share.size -= waiting.cost
        if waiting.key is not None and share.keys.get(waiting.key) == number:
            del share.keys[waiting.key]
        self._shared -= waiting.cost
        if not share.numbers:
            self._shares.pop(share.owner, None)


def _size(share: _Share[Any]) -> int:
    return share.size
