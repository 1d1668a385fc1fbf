"""The making of a subscription: register, buffer, read, merge, answer, flush.

From the moment the broker delivers the channel here, everything that arrives for the newcomer is
kept. What the history then says, and what was kept, are merged by offset, so that nothing falls
between reading and subscribing, however late or out of step the broker answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError

from sennit.hub.namespace import Namespace, is_granted
from sennit.hub.payload import encode_payload
from sennit.hub.request import SubscribeRequest, SubscribeResult
from sennit.hub.subscription import ENDED, Subscription
from sennit.model.code import DisconnectCode, ErrorCode, disconnect, reply_error
from sennit.model.publication import HistoryPage, StreamPosition

if TYPE_CHECKING:
    from sennit.hub.hub import Hub
    from sennit.hub.session import Session

__all__ = ["Admission"]


class Admission:
    """One client's way into one channel.

    Args:
        hub: the hub.
        session: the client.
        request: what it wants.
    """

    __slots__ = ("_hub", "_present", "_request", "_session")

    def __init__(self, hub: Hub, session: Session, request: SubscribeRequest) -> None:
        self._hub = hub
        self._session = session
        self._request = request
        self._present = False

    async def make(self, answer: Callable[[SubscribeResult], None]) -> None:
        """Subscribe; see :meth:`sennit.hub.session.Session.subscribe`."""
        session = self._session
        name = self._request.channel
        namespace = self._hub.namespace_for_client(name)
        session.check_room_for(name)
        subscription = self._reserve(namespace)
        try:
            result = await self._prepare(namespace, subscription)
        except BaseException:
            session.release(subscription)
            if self._present:
                self._hub.forget_presence(subscription)
            raise
        answer(result)
        subscription.channel.go_live(subscription, _top(result))
        if subscription.state != ENDED:
            self._hub.announce_join(subscription)
        if subscription.ending is not None:
            session.end_subscription(name, subscription.ending)

    def _reserve(self, namespace: Namespace) -> Subscription:
        options = namespace.options
        readable = options.history is not None and is_granted(
            options.allow_history, self._session.user, subscribed=True
        )
        recoverable = options.recovery or (readable and self._request.recoverable)
        subscription = Subscription(
            self._session,
            self._hub.channel(self._request.channel, namespace),
            positioned=recoverable or (readable and self._request.positioned),
            recoverable=recoverable,
            join_leave=options.join_leave,
            limit=self._hub.settings.subscribe_buffer,
        )
        self._session.reserve(subscription)
        return subscription

    async def _prepare(self, namespace: Namespace, subscription: Subscription) -> SubscribeResult:
        name = self._request.channel
        call = self._hub.handlers.call
        data = await self._permit(namespace)
        await self._session.parted(name)
        self._check(subscription)
        await call("subscribing at the broker", subscription.channel.register, subscription)
        self._check(subscription)
        result = SubscribeResult(data=data)
        if subscription.positioned:
            result = self._place(subscription, await self._read(namespace, subscription), data)
        if namespace.options.presence:
            self._present = True
            await call("adding presence", self._hub.presence.add, name, subscription.info)
        self._check(subscription)
        if subscription.channel.missing(subscription, _top(result)):
            raise disconnect(DisconnectCode.INSUFFICIENT_STATE)
        return result

    async def _permit(self, namespace: Namespace) -> bytes | None:
        handler = namespace.subscribe_handler
        if handler is None:
            if not is_granted(namespace.options.allow_subscribe, self._session.user, False):
                raise reply_error(ErrorCode.PERMISSION_DENIED)
            return None
        data: bytes | None = await self._hub.handlers.call(
            f"on_subscribe of {namespace.name!r}",
            handler,
            self._session,
            self._request.channel,
            self._request,
            convert=lambda answer: None if answer is None else encode_payload(answer),
        )
        return data

    async def _read(self, namespace: Namespace, subscription: Subscription) -> HistoryPage:
        recovering = self._request.recover and subscription.recoverable
        page: HistoryPage = await self._hub.handlers.call(
            "reading history at the broker",
            lambda: self._hub.broker.history(
                self._request.channel,
                namespace.publish_options(),
                since=self._request.position if recovering else None,
                limit=self._hub.settings.recovery_limit if recovering else 0,
            ),
        )
        return page

    def _place(
        self, subscription: Subscription, page: HistoryPage, data: bytes | None
    ) -> SubscribeResult:
        """Say where the client stands: all of what it missed, or honestly none (section 5)."""
        recovering = self._request.recover and subscription.recoverable
        recovered = recovering and _closes(page, self._request.position)
        if recovering and not recovered and self._request.strict_recovery:
            raise reply_error(ErrorCode.UNRECOVERABLE_POSITION)
        top = page.position
        return SubscribeResult(
            # The client counts on from its own offset while it takes the publications in.
            position=StreamPosition(self._request.position.offset, top.epoch) if recovered else top,
            positioned=True,
            recoverable=subscription.recoverable,
            was_recovering=recovering,
            recovered=recovered,
            publications=page.publications if recovered else (),
            data=data,
        )

    def _check(self, subscription: Subscription) -> None:
        if subscription.state == ENDED:
            raise CancelledError


def _closes(page: HistoryPage, position: StreamPosition) -> bool:
    """Return whether a page is all that came after a position."""
    top = page.position
    if position.epoch and position.epoch != top.epoch:
        return False
    if not page.publications:
        return position.offset == top.offset
    offsets = [publication.offset for publication in page.publications]
    return offsets == list(range(position.offset + 1, top.offset + 1))


def _top(result: SubscribeResult) -> StreamPosition:
    """Return where the client stands once it has taken an answer in."""
    if not result.publications:
        return result.position
    return StreamPosition(result.publications[-1].offset, result.position.epoch)
