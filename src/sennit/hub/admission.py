"""The making of a subscription: register, buffer, read, merge, answer, flush.

From the moment the broker delivers the channel here, everything that arrives for the newcomer is
kept. What the history then says, and what was kept, are merged by offset, so that nothing falls
between reading and subscribing, however late or out of step the broker answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError

from sennit.errors import Disconnect, ReplyError
from sennit.hub.expiry import time_left
from sennit.hub.namespace import Namespace
from sennit.hub.permission import is_granted, is_open_to, is_private, listed_users
from sennit.hub.request import SubscribeRequest, SubscribeResult, SubscriptionOptions
from sennit.hub.subscription import ENDED, DeltaState, Subscription
from sennit.model.code import (
    DisconnectCode,
    ErrorCode,
    UnsubscribeCode,
    disconnect,
    reply_error,
)
from sennit.model.publication import HistoryPage, Publication, StreamPosition

if TYPE_CHECKING:
    from sennit.hub.hub import Hub
    from sennit.hub.session import Session
    from sennit.hub.token import Tokens

__all__ = ["Admission", "server_side"]


class Admission:
    """One client's way into one channel.

    Args:
        hub: the hub.
        session: the client.
        request: what it wants, or what the server wants for it.
        granted: how the server subscribes it; ``None`` where the client asks, and may be refused.
    """

    __slots__ = (
        "_expire_at",
        "_granted",
        "_hub",
        "_present",
        "_request",
        "_session",
        "_subscription",
    )

    def __init__(
        self,
        hub: Hub,
        session: Session,
        request: SubscribeRequest,
        granted: SubscriptionOptions | None = None,
    ) -> None:
        self._hub = hub
        self._session = session
        self._request = request
        self._granted = granted
        self._subscription: Subscription | None = None
        self._present = False
        self._expire_at: float | None = None

    @property
    def channel(self) -> str:
        """The channel's name."""
        return self._request.channel

    async def make(self, answer: Callable[[SubscribeResult], None]) -> None:
        """Subscribe; see :meth:`sennit.hub.session.Session.subscribe`."""
        result = await self.prepare()
        try:
            answer(result)
        except BaseException:
            self.abandon()
            raise
        self.complete(result)

    async def impose(self) -> None:
        """Subscribe a client that has not asked, and tell it.

        Raises:
            ReplyError: as :meth:`prepare`; 108, its protocol has no words for it; 112, it is to be
                given everything since a position, and cannot.
        """
        encode = self._session.codec.encode_subscribe
        if encode(self.channel, None, False, None) is None:
            raise reply_error(ErrorCode.NOT_AVAILABLE)
        result = await self.prepare()
        if result.was_recovering and not result.recovered:
            self.abandon()
            raise reply_error(ErrorCode.UNRECOVERABLE_POSITION)
        position = result.position if result.positioned else None
        try:
            payload = encode(self.channel, position, result.recoverable, result.data)
        except Disconnect as why:
            self.abandon()
            self._session.end(why)
            return
        if payload is not None:
            self._session.write(payload)
        # The push has no room for what was recovered: it follows, as if it were published now.
        self.complete(replace(result, publications=()), result.publications)

    async def prepare(self) -> SubscribeResult:
        """Do everything up to the answer; :meth:`complete` or :meth:`abandon` come next.

        Raises:
            ReplyError: it is refused, or failed; nothing is left of it.
            Disconnect: likewise.
            CancelledError: likewise, since the client is gone.
        """
        name = self._request.channel
        if self._granted is None:
            self._hub.limiter.check(self._session, "subscribe")
        namespace = self._hub.namespace_for(name)
        if self._granted is None:
            self._hub.limiter.check_channel(self._session, "subscribe", name, namespace.options)
        self._session.check_room_for(name)
        subscription = self._subscription = Subscription(
            self._session,
            self._hub.channel(name, namespace),
            server_side=self._granted is not None,
            limit=self._hub.settings.subscribe_buffer,
        )
        self._session.reserve(subscription)
        try:
            return await self._prepare(namespace, subscription)
        except BaseException:
            self.abandon()
            raise

    def complete(self, result: SubscribeResult, following: Sequence[Publication] = ()) -> None:
        """Go live; the answer is written.

        Args:
            result: what the answer says.
            following: publications that come after it, before any other.
        """
        subscription = self._subscription
        if subscription is None:
            return
        subscription.channel.go_live(subscription, _top(result), following)
        if subscription.state != ENDED:
            self._begin_to_expire()
            self._hub.announce_join(subscription)
        if subscription.ending is not None:
            self._session.end_subscription(subscription.channel.name, subscription.ending)

    def _begin_to_expire(self) -> None:
        if self._expire_at is None:
            return
        try:
            self._session.renew_subscription(self.channel, self._expire_at)
        except ReplyError:
            # It was over while the answer was made; the client has been told of a second.
            self._session.end_subscription(self.channel, UnsubscribeCode.EXPIRED)

    def abandon(self) -> None:
        """Undo what was prepared: no answer will be written."""
        subscription, self._subscription = self._subscription, None
        if subscription is None:
            return
        self._session.release(subscription)
        if self._present:
            self._hub.forget_presence(subscription)

    async def _prepare(self, namespace: Namespace, subscription: Subscription) -> SubscribeResult:
        name = self._request.channel
        call = self._hub.handlers.call
        options = self._granted or await self._permit(namespace)
        await self._session.parted(name)
        self._check(subscription)
        over = ErrorCode.EXPIRED if self._tokens is None else ErrorCode.TOKEN_EXPIRED
        ttl = time_left(options.expire_at, self._hub.now(), over)
        self._expire_at = options.expire_at
        self._agree(subscription, namespace, options)
        await call("subscribing at the broker", subscription.channel.register, subscription)
        self._check(subscription)
        result = SubscribeResult(data=options.data)
        if subscription.positioned:
            page = await self._read(namespace, subscription)
            result = self._place(subscription, page, options.data)
        if subscription.present:
            self._present = True
            await call("adding presence", self._hub.presence.add, name, subscription.info)
        self._check(subscription)
        if subscription.channel.missing(subscription, _top(result)):
            raise disconnect(DisconnectCode.INSUFFICIENT_STATE)
        return replace(result, ttl=ttl, delta=subscription.key.delta != DeltaState.NONE)

    @property
    def _tokens(self) -> Tokens | None:
        """What says how much the client's token is worth; ``None`` where it has shown none."""
        return self._hub.tokens if self._request.token else None

    async def _permit(self, namespace: Namespace) -> SubscriptionOptions:
        """Decide whether the client may subscribe (section 10), and how.

        Raises:
            ReplyError: 103, it may not; 109, its token has expired; or what the handler says.
            Disconnect: 3500, its token is another's; or what the handler says.
        """
        channel, user, tokens = self._request.channel, self._session.user, self._tokens
        if tokens is not None:
            return await tokens.subscribe(self._request.token, channel, self._session)
        if is_private(channel):
            raise reply_error(ErrorCode.PERMISSION_DENIED)
        users = listed_users(channel)
        if users is not None:
            if not is_open_to(namespace.options, channel, user, False):
                raise reply_error(ErrorCode.PERMISSION_DENIED)
            return SubscriptionOptions()
        handler = namespace.subscribe_handler
        if handler is None:
            if not is_granted(namespace.options.allow_subscribe, user, False):
                raise reply_error(ErrorCode.PERMISSION_DENIED)
            return SubscriptionOptions()
        options: SubscriptionOptions = await self._hub.handlers.call(
            f"on_subscribe of {namespace.name!r}",
            handler,
            self._session,
            channel,
            self._request,
            convert=_options,
        )
        return options

    def _agree(
        self, subscription: Subscription, namespace: Namespace, options: SubscriptionOptions
    ) -> None:
        """Settle what the subscription is like: what is forced, and which wishes are granted."""
        own, user, wish = namespace.options, self._session.user, self._request
        # Who may miss a publication without being told is promised no position.
        can = own.history is not None and not own.is_lossy
        readable = is_granted(own.allow_history, user, subscribed=True)
        recoverable = can and (
            _either(options.force_recovery, own.recovery)
            or (wish.recoverable and (readable or own.allow_recovery))
        )
        positioned = can and (
            _either(options.force_positioning, own.positioning)
            or (wish.positioned and (readable or own.allow_positioning))
        )
        delta = wish.delta in own.allowed_delta_types and (positioned or recoverable)
        told = wish.join_leave and is_granted(own.allow_presence, user, subscribed=True)
        info = self._session.info
        subscription.agree(
            info if options.info is None else replace(info, chan_info=options.info),
            positioned=positioned or recoverable,
            recoverable=recoverable,
            delta=delta,
            present=_either(options.presence, own.presence),
            announced=_either(options.join_leave, own.join_leave),
            join_leave=own.join_leave
            and (_either(options.force_push_join_leave, own.force_push_join_leave) or told),
        )

    async def _read(self, namespace: Namespace, subscription: Subscription) -> HistoryPage:
        recovering = self._is_recovering(subscription)
        newest_alone = namespace.options.recovery_mode == "cache"
        limit = 1 if newest_alone else self._hub.settings.recovery_limit
        page: HistoryPage = await self._hub.handlers.call(
            "reading history at the broker",
            lambda: self._hub.broker.history(
                self._request.channel,
                namespace.publish_options(),
                since=self._request.position if recovering and not newest_alone else None,
                limit=limit if recovering else 0,
                reverse=newest_alone,
            ),
        )
        return page

    def _is_recovering(self, subscription: Subscription) -> bool:
        wanted = self._request.recover or subscription.channel.namespace.options.auto_cache_recover
        return wanted and subscription.recoverable

    def _place(
        self, subscription: Subscription, page: HistoryPage, data: bytes | None
    ) -> SubscribeResult:
        """Say where the client stands: with all of what it missed, or honestly none (section 5)."""
        options = subscription.channel.namespace.options
        recovering = self._is_recovering(subscription)
        top, held = page.position, self._request.position
        if options.recovery_mode == "cache":
            level = self._request.recover and held == top
            missed = () if level else page.publications
            recovered = recovering and (level or bool(missed))
            # The client counts on from before the newest one.
            start = missed[0].offset - 1 if missed else top.offset
        else:
            missed = page.publications
            recovered = recovering and _closes(page, held)
            # It counts on from its own offset while it takes the publications in.
            start = held.offset
        if recovering and not recovered and self._request.strict_recovery:
            raise reply_error(ErrorCode.UNRECOVERABLE_POSITION)
        return SubscribeResult(
            position=StreamPosition(start, top.epoch) if recovered else top,
            positioned=True,
            recoverable=subscription.recoverable,
            was_recovering=recovering,
            recovered=recovered,
            publications=missed if recovered else (),
            data=data,
        )

    def _check(self, subscription: Subscription) -> None:
        if subscription.state == ENDED:
            raise CancelledError


def server_side(
    hub: Hub,
    session: Session,
    channel: str,
    options: SubscriptionOptions,
    position: StreamPosition | None = None,
) -> Admission:
    """Return the way in of a client that the server subscribes.

    Args:
        hub: the hub.
        session: the client.
        channel: where to.
        options: how.
        position: where the client says it stands; else what the options say.
    """
    held = position or options.recover_since
    request = SubscribeRequest(
        channel=channel, recover=held is not None, position=held or StreamPosition()
    )
    return Admission(hub, session, request, options)


def _options(answer: Any) -> SubscriptionOptions:
    """Return what an ``on_subscribe`` has answered with."""
    return answer if isinstance(answer, SubscriptionOptions) else SubscriptionOptions(data=answer)


def _either(override: bool | None, otherwise: bool) -> bool:
    return otherwise if override is None else override


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
