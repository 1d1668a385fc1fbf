"""A socket in memory: what a kernel would be to Twisted's transports."""

from __future__ import annotations

import errno
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from sennit.testing.address import Address
from sennit.testing.flow import Flow

__all__ = ["Backlog", "Pollable", "Socket"]


class Pollable:
    """What the loop watches.

    Attributes:
        reader: what to call when it can be read, if anything.
        writer: what to call when it can be written, if anything.
    """

    reader: Any = None
    writer: Any = None

    @property
    def readable(self) -> bool:
        """Whether there is something to read, be it an end or an error."""
        return False

    @property
    def writable(self) -> bool:
        """Whether there is room to write, or an error to meet."""
        return False


class Backlog(Pollable):
    """The connections to a listening port that it has not accepted yet."""

    def __init__(self) -> None:
        self.sockets: deque[Socket] = deque()

    @property
    def readable(self) -> bool:
        """Whether there is one."""
        return bool(self.sockets)


class Socket(Pollable):
    """One end of a link, with as much of a socket's face as Twisted's transports look at.

    Args:
        dial: called to connect it; returns the number of the error. Without it the socket is
            a server's.

    Attributes:
        address: its own, once it is an end of a link.
        incoming: what comes from the other end.
        outgoing: what goes there.
        other: the other end.
        connected: whether both ends know of each other.
        closed: whether its program has let it go.
    """

    def __init__(self, dial: Callable[[Socket], int] | None = None) -> None:
        self.address: Address
        self.incoming: Flow
        self.outgoing: Flow
        self.other: Socket
        self.connected = False
        self.closed = False
        self._dial = dial
        self._stir: Callable[[Pollable], None] = lambda _: None
        self._on_close: Callable[[], None] = lambda: None
        self._plugged = False
        self._error = 0
        self._ended = False
        self._finished = False
        self._over = False
        self._options: dict[tuple[int, int], Any] = {}

    def plug(
        self,
        address: Address,
        other: Socket,
        outgoing: Flow,
        incoming: Flow,
        stir: Callable[[Pollable], None],
        on_close: Callable[[], None],
    ) -> None:
        """Make it an end of a link."""
        self._plugged = True
        self.address = address
        self.other = other
        self.outgoing = outgoing
        self.incoming = incoming
        self._stir = stir
        self._on_close = on_close

    # -- the program's side ----------------------------------------------------------------------

    def setblocking(self, flag: bool) -> None:
        """Nothing here ever blocks."""

    def fileno(self) -> int:
        """Return what is no descriptor."""
        return -1

    def connect_ex(self, _address: object) -> int:
        """Begin to connect, or say whether it is done."""
        if self.connected:
            return errno.EISCONN
        dial, self._dial = self._dial, None
        return errno.EALREADY if dial is None else dial(self)

    def send(self, data: memoryview) -> int:
        """Take bytes to send, and return how many there was room for."""
        self._check()
        if self._finished:
            raise OSError(errno.EPIPE, os.strerror(errno.EPIPE))
        sent = self.outgoing.take(data)
        if not sent:
            raise OSError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK))
        return sent

    def recv(self, size: int) -> bytes:
        """Return what has arrived; nothing at the end."""
        data = self.incoming.read(size)
        if data:
            return data
        if self._ended:
            return b""  # Even if a reset has come since, as on Linux.
        self._check()
        raise OSError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK))

    def shutdown(self, _how: int) -> None:
        """Send no more, once all is sent. Twisted never closes the other half alone."""
        if not self.connected:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        self._finish()

    def close(self) -> None:
        """Let it go. What was taken is still sent, unless something was left unread.

        In that case, and if anything more comes, the answer is a reset (RFC 9293, 3.6.1 and
        RFC 2525, 2.17), which what was not sent yet does not survive.
        """
        if self.closed:
            return
        self.closed = True
        self.reader = self.writer = None
        if self._plugged:
            if not (self.connected or self.other.connected):
                self.other.closed = True  # Nobody will ever have it.
            elif not self.connected or self._linger or self.incoming.unread:
                self.answer_with_reset()
            else:
                self._finish()
        self._on_close()

    def abort(self) -> None:
        """Let it go with a reset."""
        self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01")
        self.close()

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        """Keep an option. None changes anything, but for the one to close with a reset."""
        self._options[level, option] = value

    def getsockopt(self, level: int, option: int) -> Any:
        """Return an option, or the error that connecting has met."""
        if (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR):
            return self._error
        return self._options.get((level, option), 0)

    @property
    def _linger(self) -> bool:
        return (socket.SOL_SOCKET, socket.SO_LINGER) in self._options

    def _check(self) -> None:
        if self._error:
            raise OSError(self._error, os.strerror(self._error))

    def _finish(self) -> None:
        if not self._finished and not self._over:
            self._finished = True
            self.outgoing.finish(self.other.end_arrived)

    # -- the network's side ----------------------------------------------------------------------

    @property
    def readable(self) -> bool:
        """Whether a read would bring something, be it the end or an error."""
        if not self.connected:
            return bool(self._error)
        return bool(self.incoming.unread or self._error or self._ended)

    @property
    def writable(self) -> bool:
        """Whether a write would be taken, or meet an error."""
        if not self.connected:
            return bool(self._error)
        return bool(self._error or self._finished or self.outgoing.room)

    def established(self) -> None:
        """The other end has answered."""
        self.connected = True
        self._stir(self)

    def end_arrived(self) -> None:
        """The other end sends no more."""
        self._ended = True
        self._stir(self)

    def reset_arrived(self) -> None:
        """The other end is gone, and with it what was not read (RFC 9293, 3.10.7.4).

        Linux keeps what it has received; others do not (RFC 9112, 9.6), nor does a network that
        lost some of it on the way. A test had better meet the worst.
        """
        self.lose()
        self.incoming.discard()

    def lose(self) -> None:
        """Know of a reset, behind what has arrived."""
        if not self._over:
            self._over = True
            self._error = errno.ECONNRESET if self.connected else errno.ECONNREFUSED
            self.incoming.stop()
            self.outgoing.stop()
            self._stir(self)

    def answer_with_reset(self) -> None:
        """Tell the other end that nobody is here any more."""
        if not self._over:
            self._over = True
            self.incoming.stop()
            self.outgoing.signal(self.other.reset_arrived)
