"""The sending side of a Twisted transport: bounded, tried at once, corked when asked."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IPushProducer, ISSLTransport
from twisted.protocols.policies import ProtocolWrapper
from zope.interface import implementer

__all__ = ["Outlet", "abort"]


def abort(transport: Any) -> None:
    """Cut a connection off without another byte, where the transport can, else close it."""
    getattr(transport, "abortConnection", transport.loseConnection)()


@implementer(IPushProducer)
class Outlet:
    """Writes to one transport, and knows what the operating system has not taken yet.

    Twisted's own ``write`` only queues: each costs a turn of the loop and two system calls to
    watch for writability. On a plain socket with nothing queued the outlet tries the socket
    first; only what that does not take is queued, and only then is the outlet the transport's
    (pulling) producer, to hear when all is gone. It holds the last part of the queue back itself,
    so that it also hears when the queue has come down to the lower mark.

    TLS, and transports that are no sockets, get everything through ``write``. Of them the outlet
    is the streaming producer, and the mark at which they pause it is the bound: Twisted's is
    64 KiB. (With TLS up to 64,000 bytes more, which Twisted gathers within a turn of the loop.)

    Args:
        transport: a connected Twisted transport without a producer.
        bound: bytes in a socket's queue from which on :attr:`full` holds.
        drained: called when what is queued has come down to ``low``, and when nothing is.
        low: bytes in a socket's queue down to which it must come once it was full.
        fresh: whether nothing was ever written to the transport; else the first write is queued.

    Attributes:
        muted: whether the connection is being closed; of use to native outlets alone.
    """

    __slots__ = (
        "_bottom",
        "_bound",
        "_cork",
        "_corked",
        "_drained",
        "_full",
        "_gone",
        "_held",
        "_held_size",
        "_low",
        "_queued",
        "_queueing",
        "_socket",
        "_transport",
        "_watching",
        "muted",
    )

    def __init__(
        self,
        transport: Any,
        bound: int,
        drained: Callable[[], None],
        *,
        low: int = 0,
        fresh: bool = False,
    ) -> None:
        self._transport = transport
        self._drained = drained
        self._low = min(low, bound - 1)
        self._full = False
        self._held: deque[bytes] | None = None
        self._held_size = 0
        self._cork: list[bytes] | None = None
        self._corked = 0
        self._queued = 0
        self._gone = False
        self._watching = False
        self.muted = False
        bottom = transport
        while isinstance(bottom, ProtocolWrapper):
            bottom = bottom.transport
        self._bottom = bottom
        self._socket: FileDescriptor | None = None
        if isinstance(transport, FileDescriptor):
            self._socket = transport
            self._bound = bound
            self._queueing = not fresh
        else:
            self._bound = 0
            self._queueing = False
            transport.registerProducer(self, True)

    @property
    def full(self) -> bool:
        """Whether what is queued has reached the bound, and not come down to the mark since."""
        return self._full

    @property
    def buffered(self) -> int:
        """Bytes taken of which it is not known that the operating system has them."""
        return self._queued + self._corked

    @property
    def progress(self) -> object:
        """Something that changes whenever the operating system takes what is queued."""
        bottom = self._bottom
        if isinstance(bottom, FileDescriptor):
            return self._queueing, len(bottom.dataBuffer), bottom.offset
        return self._queueing

    def write(self, data: bytes) -> None:
        """Write, whatever is queued; after :meth:`finish` or :meth:`abort` it does nothing."""
        if self._gone:
            return
        if self._cork is None:
            self._put(data)
            return
        self._cork.append(data)
        self._corked += len(data)
        if self._corked >= (self._bound or 65536):
            self._flush()

    def cork(self) -> None:
        """Gather what is written, until :meth:`uncork` or more than the bound is there."""
        self._cork = []

    def uncork(self) -> None:
        """Send what was gathered, in one write."""
        self._flush()
        self._cork = None

    def finish(self, linger: bool) -> None:
        """Send what is there, then close.

        Args:
            linger: close our half only, where the transport can, and let the peer close the
                other: a socket closed with bytes unread is reset, and a reset destroys what the
                peer has not read yet, which may be the reason why.
        """
        if self._gone:
            return
        self._flush()
        self._hand_over(0)
        self._cork = None
        self._gone = True
        if self._watching or self._socket is None:
            self._transport.unregisterProducer()
        if linger and not ISSLTransport.providedBy(self._transport):
            close = getattr(self._transport, "loseWriteConnection", self._transport.loseConnection)
            close()
        else:
            self._transport.loseConnection()

    def close(self) -> None:
        """Close both halves, after a :meth:`finish` that lingers or without one."""
        if not self._gone:
            self.finish(linger=False)
        else:
            self._transport.loseConnection()

    def abort(self) -> None:
        """Cut the connection off."""
        self.lost()
        abort(self._transport)

    def lost(self) -> None:
        """Note that the connection is gone."""
        self._gone = True
        self._cork = None
        self._held = None
        self._queued = self._corked = self._held_size = 0

    def _flush(self) -> None:
        cork = self._cork
        if cork:
            data = cork[0] if len(cork) == 1 else b"".join(cork)
            cork.clear()
            self._corked = 0
            self._put(data)

    def _put(self, data: bytes) -> None:
        socket = self._socket
        if socket is None:
            self._transport.write(data)
            return
        if not self._queueing:
            sent = socket.writeSomeData(data)
            if isinstance(sent, int) and sent > 0:
                if sent == len(data):
                    return
                data = data[sent:]
            # What is left is queued. An error is met again by the transport itself, which then
            # ends the connection in its own time.
            self._queueing = True
            socket.write(data)
        elif self._watching:
            if self._held is None:
                self._held = deque()  # Few connections ever need one.
            self._held.append(data)
            self._held_size += len(data)
        else:
            # The first write to a transport that is not fresh: nobody would ask for it.
            socket.write(data)
        self._queued += len(data)
        self._full = self._full or self._queued >= self._bound
        if not self._watching:
            socket.registerProducer(self, False)
            self._watching = True

    def _hand_over(self, left: int) -> None:
        """Give the transport what is held, from its beginning, down to so many bytes."""
        held = self._held
        data: list[bytes] = []
        while held and self._held_size > left:
            data.append(held.popleft())
            self._held_size -= len(data[-1])
        if data:
            self._transport.write(data[0] if len(data) == 1 else b"".join(data))

    # -- the transport's side --------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """What is queued has passed the transport's mark."""
        self._queueing = self._full = True

    def resumeProducing(self) -> None:
        """The transport has nothing queued any more."""
        if self._socket is not None:
            if not self._watching:
                return  # It is called once more when it is registered.
            self._queued = self._held_size
            if self._held_size > self._low:
                self._hand_over(self._low)
                return
            if self._held_size:
                self._hand_over(0)
            else:
                self._watching = False
                self._socket.unregisterProducer()
                self._queueing = False
        else:
            self._queueing = False
        self._full = False
        self._drained()

    def stopProducing(self) -> None:
        """The connection is going; the protocol's ``connectionLost`` says so."""
