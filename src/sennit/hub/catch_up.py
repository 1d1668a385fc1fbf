"""Catching up: what a slow client was not sent is read from the history, once there is room.

A subscription that is behind keeps nothing but its position. What is missing is read in pages, one
at a time for each connection, its channels in turn, and sent in order. What is published during
the last read is kept, as it is for a newcomer, so that nothing falls between it and going live.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from sennit.errors import ReplyError
from sennit.hub.subscription import BEHIND, Subscription
from sennit.model.code import UnsubscribeCode
from sennit.model.publication import HistoryPage, Publication, StreamPosition

if TYPE_CHECKING:
    from sennit.hub.hub import Hub
    from sennit.hub.session import Session

__all__ = ["KEPT", "PAGE", "READ_TIMEOUT", "CatchUp"]

PAGE = 128
"""Publications in one read."""
KEPT = 256
"""Publications that are kept during a read; of more, the newest, and then one more is read."""
READ_TIMEOUT = 10.0
"""Seconds for the broker to answer a read."""


class CatchUp:
    """What one slow client is behind with.

    Args:
        hub: the hub.
        session: the client.
    """

    __slots__ = ("_behind", "_hub", "_kept", "_reading", "_running", "_session")

    def __init__(self, hub: Hub, session: Session) -> None:
        self._hub = hub
        self._session = session
        self._behind: deque[Subscription] = deque()
        self._running: Deferred[None] | None = None
        self._reading: Subscription | None = None
        self._kept: deque[Publication] = deque()

    def add(self, subscription: Subscription) -> None:
        """Note that a subscription is behind; it may be known already."""
        if subscription not in self._behind:
            self._behind.append(subscription)

    def skip(self, subscription: Subscription, publication: Publication) -> None:
        """Note a publication for a subscription that is behind."""
        if subscription is self._reading and not publication.ephemeral:
            self._kept.append(publication)
            if len(self._kept) <= KEPT:
                return
            self._kept.popleft()
        self._hub.dropped["recover"] += 1

    def resume(self) -> None:
        """Read and send, now that the transport has room."""
        if self._running is None and self._behind:
            running = Deferred.fromCoroutine(self._run())
            running.addErrback(lambda failure: failure.trap(CancelledError))
            self._running = None if running.called else running

    def stop(self) -> None:
        """Stop, since the client is gone."""
        self._behind.clear()
        running, self._running = self._running, None
        if running is not None:
            running.cancel()

    async def _run(self) -> None:
        try:
            while self._behind and not self._session.lagging:
                subscription = self._behind.popleft()
                if subscription.state == BEHIND:
                    await self._advance(subscription)
                    if subscription.state == BEHIND:
                        self.add(subscription)
                    # Others have their turn, however much is to be read.
                    await deferLater(self._hub.clock, 0)
        finally:
            self._running = None

    async def _advance(self, subscription: Subscription) -> None:
        """Send one page of what is missing, and go live if that was all."""
        since = subscription.position
        page = await self._read(subscription, since)
        kept, self._kept = self._kept, deque()
        if subscription.state != BEHIND or self._session.lagging:
            self._hub.dropped["recover"] += len(kept)
            return
        channel = subscription.channel
        if page is not None and page.position.epoch == since.epoch:
            if channel.namespace.options.recovery_mode == "cache" and page.publications:
                # Who wants the newest alone misses nothing before it.
                newest = page.publications[0].offset - 1
                subscription.position = StreamPosition(max(newest, since.offset), since.epoch)
            channel.send_missing(subscription, (*page.publications, *kept))
            if channel.is_level(subscription):
                channel.come_back(subscription)
                return
        if subscription.state == BEHIND and subscription.position == since:
            # The history does not go on from here: the client is told.
            self._session.end_subscription(channel.name, UnsubscribeCode.INSUFFICIENT_STATE)

    async def _read(self, subscription: Subscription, since: StreamPosition) -> HistoryPage | None:
        """Read a page, and keep what is published meanwhile; ``None`` if the broker failed."""
        channel = subscription.channel
        newest_alone = channel.namespace.options.recovery_mode == "cache"
        self._reading = subscription
        try:
            page: HistoryPage = await self._hub.handlers.call(
                "reading history at the broker",
                lambda: self._hub.broker.history(
                    channel.name,
                    channel.namespace.publish_options(),
                    since=None if newest_alone else since,
                    limit=1 if newest_alone else PAGE,
                    reverse=newest_alone,
                ).addTimeout(READ_TIMEOUT, self._hub.clock),
            )
        except ReplyError:
            return None
        finally:
            self._reading = None
        return page
