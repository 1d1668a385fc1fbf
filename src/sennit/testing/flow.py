"""One direction of a link: bytes on their way from one socket to the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, Protocol

__all__ = ["Conditions", "End", "Flow", "Wire"]

Chunk = int | Literal["random"] | None
LARGEST_PIECE = 12
"""The binary logarithm of the bytes in the largest piece, where pieces are random."""


@dataclass(slots=True, kw_only=True)
class Conditions:
    """What a new link is like, in both directions; see :class:`Flow`."""

    delay: float = 0.0
    jitter: float = 0.0
    chunk: Chunk = None
    send_buffer: int = 64 * 1024
    receive_buffer: int = 64 * 1024


class End(Protocol):
    """What a flow knows of the sockets at its ends."""

    @property
    def closed(self) -> bool:
        """Whether its program has let it go, so that nobody reads here any more."""

    def answer_with_reset(self) -> None:
        """Tell the other end that nobody reads here any more."""


class Wire(Protocol):
    """What a flow needs of the network that it is in."""

    random: Random

    def seconds(self) -> float:
        """Return the time."""

    def schedule(self, when: float, flow: Flow) -> None:
        """Call the flow's ``arrive`` at this time."""

    def stir(self, pollable: Any) -> None:
        """Look whether a socket can be read or written now."""


class Flow:
    """One direction of a :class:`Link`. Bytes arrive complete and in order, or not at all.

    As in a kernel there are two buffers. What a program writes goes into the send buffer, and
    stays there until it arrives; what has arrived is in the receive buffer until it is read. What
    the receive buffer has no room for is not even sent, and a program that writes into a full
    send buffer is told so: that is backpressure.

    Attributes:
        delay: seconds from one end to the other.
        jitter: up to so many seconds more, each time; nothing overtakes for that.
        chunk: bytes that one read brings at most; ``"random"`` for pieces of random sizes, small
            ones mostly, out of the network's seed; ``None`` for all there is, up to 64 KiB.
        send_buffer: bytes that are taken and have not arrived, at most.
        receive_buffer: bytes that have arrived, or are on their way, and are not read, at most.
        sent: bytes taken from the sender, so far.
        arrived: bytes that have arrived, so far.
    """

    def __init__(
        self,
        wire: Wire,
        sender: End,
        receiver: End,
        conditions: Conditions,
        on_cut: Callable[[], None],
    ) -> None:
        self.delay = conditions.delay
        self.jitter = conditions.jitter
        self.chunk = conditions.chunk
        self.send_buffer = conditions.send_buffer
        self.receive_buffer = conditions.receive_buffer
        self.sent = 0
        self.arrived = 0
        self._wire = wire
        self._sender = sender
        self._receiver = receiver
        self._unsent: deque[bytes] = deque()
        self._transit: deque[tuple[float, bytes | Callable[[], None]]] = deque()
        self._in_transit = 0
        self._queued = 0
        """Bytes in the send buffer: not sent, or on their way."""
        self._unread = bytearray()
        self._last = 0.0
        self._at_end: Callable[[], None] | None = None
        self._held = False
        self._dropped = False
        self._over = False
        self._left: int | None = None
        self._on_cut = on_cut

    def __repr__(self) -> str:
        state = "dropped" if self._dropped else "held" if self._held else "open"
        return f"<Flow {state}, {self._queued} bytes on their way, {len(self._unread)} not read>"

    # -- for tests -------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Bytes that are sent and not read."""
        return self._queued + len(self._unread)

    @property
    def held(self) -> bool:
        """Whether it is held up."""
        return self._held

    @property
    def dropped(self) -> bool:
        """Whether it is dead."""
        return self._dropped

    def hold(self) -> None:
        """Let nothing arrive until :meth:`release`: neither bytes, nor an end, nor a reset."""
        self._held = True

    def release(self) -> None:
        """Let arrive what was held up, and what comes."""
        self._held = False
        self.arrive()

    def drop(self) -> None:
        """Let nothing arrive ever again, and tell nobody: the cable is out."""
        self._dropped = True
        self._transit.clear()

    def cut(self, after: int = 0) -> None:
        """Reset the link, at both ends, as soon as so many more bytes have arrived here.

        They are still read, as is what has arrived in the other direction.

        Args:
            after: how many.
        """
        self._left = after
        if after <= 0:
            self._on_cut()

    # -- for the socket that sends ---------------------------------------------------------------

    @property
    def room(self) -> bool:
        """Whether a waiting writer is worth waking: a third of the send buffer is free."""
        return self.send_buffer - self._queued >= max(1, self._queued / 2)

    def take(self, data: memoryview) -> int:
        """Take what the send buffer has room for, and return how many bytes that is."""
        taken = bytes(data[: max(0, self.send_buffer - self._queued)])
        if taken:
            self._unsent.append(taken)
            self._queued += len(taken)
            self.sent += len(taken)
            self._send()
        return len(taken)

    def finish(self, at_end: Callable[[], None]) -> None:
        """Call something at the other end when everything has arrived there."""
        self._at_end = at_end
        self._send()

    def signal(self, arrived: Callable[[], None]) -> None:
        """Call something at the other end, behind what is on its way, without what is not."""
        self._queued = self._in_transit
        self._unsent.clear()
        self._at_end = None
        self._post(arrived)

    def stop(self) -> None:
        """Forget what has not arrived, and take nothing more."""
        self._over = True
        self._unsent.clear()
        self._transit.clear()
        self._in_transit = self._queued = 0

    def _send(self) -> None:
        """Put on its way what the receiver has room for."""
        unsent = self._unsent
        while unsent:
            window = self.receive_buffer - self._in_transit - len(self._unread)
            if self._dropped or window <= 0:
                return
            piece = unsent.popleft()
            if len(piece) > window:
                unsent.appendleft(piece[window:])
                piece = piece[:window]
            self._in_transit += len(piece)
            self._post(piece)
        if self._at_end is not None:
            at_end, self._at_end = self._at_end, None
            self._post(at_end)

    # -- on the way ------------------------------------------------------------------------------

    def _post(self, item: bytes | Callable[[], None]) -> None:
        if self._dropped or self._over:
            return
        now = self._wire.seconds()
        delay = self.delay
        if self.jitter:
            delay += self._wire.random.uniform(0.0, self.jitter)
        self._last = when = max(self._last, now + delay)
        if when <= now and not self._held and not self._transit:
            self._deliver(item)
            return
        self._transit.append((when, item))
        if when > now:
            self._wire.schedule(when, self)

    def arrive(self) -> None:
        """Deliver what is due."""
        transit = self._transit
        now = self._wire.seconds()
        while transit and not self._held and transit[0][0] <= now:
            self._deliver(transit.popleft()[1])

    def _deliver(self, item: bytes | Callable[[], None]) -> None:
        if not isinstance(item, bytes):
            item()
            return
        self._in_transit -= len(item)
        self._queued -= len(item)
        if self._receiver.closed:
            self._receiver.answer_with_reset()
            return
        last = False
        if self._left is not None:
            item = item[: self._left]
            self._left -= len(item)
            last = not self._left
        self._unread += item
        self.arrived += len(item)
        self._wire.stir(self._receiver)
        self._wire.stir(self._sender)
        if last:
            self._on_cut()

    # -- for the socket that receives ------------------------------------------------------------

    @property
    def unread(self) -> int:
        """Bytes that have arrived and are not read."""
        return len(self._unread)

    def read(self, most: int) -> bytes:
        """Return what one read brings of what has arrived."""
        unread = self._unread
        size = min(most, len(unread))
        if self.chunk == "random" and size:
            random = self._wire.random
            size = random.randint(1, min(size, 1 << random.randrange(LARGEST_PIECE + 1)))
        elif isinstance(self.chunk, int):
            size = min(size, max(1, self.chunk))
        data = bytes(unread[:size])
        del unread[:size]
        if self._unsent:
            self._send()
        return data

    def discard(self) -> None:
        """Forget what was not read."""
        self._unread.clear()
