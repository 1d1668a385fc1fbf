"""A reactor of our own: Twisted's epoll reactor, whose poller is the native poll group.

On any other reactor the group's epoll descriptor is polled by the reactor's, so that a turn of the
loop asks the kernel twice. Here it is asked once, which shows where one connection is busy. Nothing
depends on this reactor.
"""

# ruff: noqa: N802, N815 - Twisted calls these methods
from __future__ import annotations

from twisted.internet.epollreactor import EPOLLIN, EPOLLOUT, EPollReactor
from twisted.internet.main import installReactor
from twisted.python.log import callWithLogger

from sennit.net._poller import Poller

__all__ = ["GroupReactor", "install"]


class GroupReactor(EPollReactor):
    """Twisted's epoll reactor with the poll group built in.

    Attributes:
        poll_group: the group.
    """

    def __init__(self) -> None:
        EPollReactor.__init__(self)
        self.poll_group = Poller(self)
        for fd in self._selectables:
            wanted = EPOLLIN * (fd in self._reads) | EPOLLOUT * (fd in self._writes)
            self.poll_group.register(fd, wanted)
        self._poller.close()
        self._poller = self.poll_group

    def doPoll(self, timeout: float | None) -> None:
        """Wait for what is ready, and serve it.

        Args:
            timeout: seconds; ``None`` for as long as it takes.
        """
        ready = self.poll_group.poll(-1.0 if timeout is None else timeout)
        for fd, events in ready:
            selectable = self._selectables.get(fd)
            if selectable is not None:  # One before it may have taken it out.
                callWithLogger(selectable, self._doReadOrWrite, selectable, fd, events)

    doIteration = doPoll


def install() -> None:
    """Install it as Twisted's global reactor.

    Raises:
        ReactorAlreadyInstalledError: there is one already.
    """
    installReactor(GroupReactor())
