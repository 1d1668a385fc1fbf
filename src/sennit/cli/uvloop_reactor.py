"""Twisted's asyncio reactor on uvloop, without its deaf spot.

libuv gives up a descriptor on which there is an error, and uvloop calls its reader one last time.
If the peer has sent something and then reset the connection, that time brings what was sent. Nobody
would ever hear of the reset, and whatever is written to such a connection raises.
"""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

import asyncio
import select
from typing import Any

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.main import installReactor

__all__ = ["UvloopReactor", "install"]


class UvloopReactor(AsyncioSelectorReactor):
    """Reads on from a descriptor with an error until that is met."""

    def _readOrWrite(self, selectable: Any, read: bool) -> None:
        serve: Any = super()._readOrWrite
        serve(selectable, read)
        while selectable in self._readers and _has_failed(selectable.fileno()):
            # No more comes after an error, so that this has an end.
            serve(selectable, True)


def _has_failed(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))


def install(loop: asyncio.AbstractEventLoop) -> None:
    """Install it, on a loop of uvloop's."""
    reactor: Any = UvloopReactor(loop)
    installReactor(reactor)
