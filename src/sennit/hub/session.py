"""A session: one client, from its connect to its last word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, succeed

from sennit.errors import Disconnect
from sennit.hub.access import Access
from sennit.hub.admission import Admission, server_side
from sennit.hub.call import Calls
from sennit.hub.catch_up import CatchUp
from sennit.hub.entry import Entry
from sennit.hub.expiry import Expiry, time_left
from sennit.hub.namespace import SlowPolicy
from sennit.hub.outbox import Outbox, Waiting
from sennit.hub.payload import encode_payload
from sennit.hub.rate import Buckets
from sennit.hub.renewal import Renewal
from sennit.hub.request import (
    ConnectRequest,
    ConnectResult,
    Credentials,
    SubscribeRequest,
    SubscribeResult,
    SubscriptionOptions,
)
from sennit.hub.subscription import BUFFERING, ENDED, Subscription
from sennit.interfaces import Codec, Transport
from sennit.model.code import (
    DisconnectCode,
    ErrorCode,
    UnsubscribeCode,
    disconnect,
    reply_error,
    unsubscribe_reason,
)
from sennit.model.publication import ClientInfo, HistoryPage, Publication, StreamPosition
from sennit.model.request import Closed, ConnectionRequest

if TYPE_CHECKING:
    from sennit.hub.hub import Hub

__all__ = ["Session"]


class Session:
    """One client's connection, for handlers and for the protocol that it speaks.

    What a protocol asks is answered by a Deferred that fails with ``ReplyError``, ``Disconnect`` or
    ``CancelledError`` and nothing else. A protocol cancels what is under way when the
    connection is lost; that reaches the handlers.

    Attributes:
        id: the connection's id.
        user: the user id, empty before the connect and for anonymous users.
        info: the client as others see it.
        request: the HTTP request that the connection began with.
        protocol: ``"centrifuge"`` or ``"raw"``.
        token_user: the user id of its connection token; ``None`` where it has shown none.
        secret: what a client that speaks by requests of its own says with each; else empty.
        connected: whether ``on_connect`` has let it in.
        ended: whether it is over, or about to be.
    """

    __slots__ = (
        "_buckets",
        "_calls",
        "_catch_up",
        "_expiry",
        "_hub",
        "_outbox",
        "_partings",
        "_state",
        "_subscriptions",
        "codec",
        "connected",
        "ended",
        "id",
        "info",
        "lagging",
        "protocol",
        "request",
        "secret",
        "token_user",
        "transport",
        "user",
    )

    def __init__(
        self,
        hub: Hub,
        transport: Transport,
        codec: Codec,
        request: ConnectionRequest,
        protocol: str,
    ) -> None:
        self._hub = hub
        self.id = hub.new_id()
        self.transport = transport
        self.codec = codec
        self.request = request
        self.protocol = protocol
        self.secret = ""
        self.user = ""
        self.token_user: str | None = None
        self.info = ClientInfo("", self.id)
        self._state: dict[str, Any] | None = None
        self.connected = False
        self.ended = False
        self.lagging = False
        self._outbox: Outbox[Subscription] | None = None
        self._buckets: Buckets | None = None
        self._calls: Calls | None = None
        self._catch_up: CatchUp | None = None
        self._expiry: Expiry | None = None
        self._subscriptions: dict[str, Subscription] = {}
        self._partings: dict[str, Deferred[None]] | None = None

    # -- for handlers ----------------------------------------------------------------------------

    @property
    def state(self) -> dict[str, Any]:
        """For handlers to keep what they like."""
        if self._state is None:
            self._state = {}
        return self._state

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that it is subscribed to."""
        return tuple(
            name
            for name, subscription in self._subscriptions.items()
            if subscription.state != BUFFERING
        )

    @property
    def queued(self) -> int:
        """Bytes that wait because the client does not read, with what it takes to keep them."""
        return 0 if self._outbox is None else self._outbox.size

    def is_subscribed(self, channel: str) -> bool:
        """Return whether it is subscribed to a channel."""
        subscription = self._subscriptions.get(channel)
        return subscription is not None and subscription.state != BUFFERING

    def info_in(self, channel: str) -> ClientInfo:
        """Return the client as others in a channel see it."""
        subscription = self._subscriptions.get(channel)
        return self.info if subscription is None else subscription.info

    def send(self, data: Any) -> None:
        """Send the application's own message to this client alone.

        Args:
            data: any value with a JSON form; ``bytes`` are JSON already.

        Raises:
            TypeError: the data has no JSON form, or its bytes are not JSON.
        """
        encoded = encode_payload(data)
        try:
            payload = self.codec.encode_message(encoded)
        except Disconnect as why:
            self.end(why)
            return
        if payload is not None:
            self.write(payload)

    def call(
        self, method: str, data: Any = None, *, timeout: float = 10.0, form: Any = Any
    ) -> Deferred[Any]:
        """Call the client, and return its answer.

        Args:
            method: what the client is to do.
            data: with what: any value with a JSON form; ``bytes`` are JSON already.
            timeout: seconds to wait for the answer.
            form: the type of the answer: any that msgspec knows; ``bytes`` for the JSON itself.

        Raises:
            TypeError: at once, the data has no JSON form, or its bytes are not JSON.
            ValueError: at once, the timeout is not positive, or without end.
            ReplyError: from the Deferred: what the client answers; 106, ``hub.call_limit`` calls
                wait for it already; 107, its answer is not of that type; 108, its protocol has no
                words for calls.
            TimeoutError: from the Deferred: it has not answered.
            ConnectionClosedError: from the Deferred: it is gone, or is not let in yet.
        """
        if self._calls is None:
            self._calls = Calls(self._hub, self)
        return self._calls.call(method, data, timeout, form)

    def disconnect(
        self, code: int = DisconnectCode.FORCE_DISCONNECT, reason: str = "force disconnect"
    ) -> None:
        """End the connection; its subscriptions end at once.

        Raises:
            ValueError: the code or the reason is not one for the wire; see ``Disconnect``.
        """
        self.end(Disconnect(code, reason))

    def end_subscription(
        self, channel: str, code: int = UnsubscribeCode.SERVER, reason: str = ""
    ) -> None:
        """End a subscription and tell the client why; nothing happens if there is none.

        A code below 2500 is final; from 2500 on an SDK subscribes again, and recovers. Where the
        protocol has no words for it the connection ends, for good or to come back. So it does
        where the server made the subscription, and the client should have it again.
        """
        subscription = self._subscriptions.get(channel)
        if subscription is None or subscription.state == ENDED:
            return
        if subscription.state == BUFFERING:
            # Its answer is not written yet: the ending follows the answer.
            subscription.ending = code
            return
        self._leave(subscription, code)
        reason = reason or unsubscribe_reason(code)
        if subscription.server_side and code in _ENDS_OF_CONNECTION:
            self.end(disconnect(_ENDS_OF_CONNECTION[code]))
            return
        payload = self.codec.encode_unsubscribe(channel, code, reason)
        if payload is not None:
            self.write(payload)
        elif code < UnsubscribeCode.INSUFFICIENT_STATE:
            self.end(disconnect(DisconnectCode.FORCE_DISCONNECT, reason))
        else:
            self.end(disconnect(DisconnectCode.INSUFFICIENT_STATE, reason))

    def end_subscriptions(self, code: int = UnsubscribeCode.SERVER, reason: str = "") -> None:
        """End every subscription, those that are about to be made too."""
        for channel in list(self._subscriptions):
            self.end_subscription(channel, code, reason)

    # -- for protocols: the connection -----------------------------------------------------------

    def connect(
        self, request: ConnectRequest, answer: Callable[[ConnectResult], None]
    ) -> Deferred[None]:
        """Let the client in, if the application does.

        Args:
            request: what the client says.
            answer: called with the result, at the one moment when its reply must be written:
                before any push, and after nothing of the subscriptions in it was lost.
        """
        return Deferred.fromCoroutine(Entry(self._hub, self, request).make(answer))

    def enter(self, credentials: Credentials) -> None:
        """Become who the application says it is."""
        self.user = credentials.user
        self.info = ClientInfo(credentials.user, self.id, credentials.info)
        if credentials.state:
            self.state.update(credentials.state)

    def refresh(self, token: str) -> Deferred[int | None]:
        """Put off the connection's end, and return the seconds until it; ``None`` for never."""
        return Deferred.fromCoroutine(Renewal(self._hub, self, token).connection())

    def renew(self, expire_at: float | None, code: ErrorCode = ErrorCode.EXPIRED) -> int | None:
        """Set when the connection ends unless it is renewed, in seconds since 1970.

        Returns:
            The seconds until then, at least 1; ``None`` for never.

        Raises:
            ReplyError: 110, or the other code: it is over already.
        """
        ttl = time_left(expire_at, self._hub.now(), code)
        if self._expiry is None and expire_at is not None:
            self._expiry = Expiry(self._hub.clock, self._hub.now, self._expired)
        if self._expiry is not None:
            self._expiry.renew(expire_at)
        return ttl

    def _expired(self) -> None:
        self.end(disconnect(DisconnectCode.CONNECTION_EXPIRED))

    def end(self, why: Disconnect) -> None:
        """End the connection with this code and reason; its subscriptions end at once."""
        if self.ended:
            return
        self._finish()
        self.transport.disconnect(why.code, why.reason)

    def close(self, closed: Closed) -> None:
        """Note that the connection is gone."""
        self._finish()
        handler = self._hub.app.disconnect_handler
        if self.connected:
            self.connected = False
            self._hub.remove_session(self)
            if handler is not None:
                self._hub.handlers.notify("on_disconnect", handler, self, closed)

    def _finish(self) -> None:
        self.ended = True
        self._outbox = None
        if self._catch_up is not None:
            self._catch_up.stop()
        if self._expiry is not None:
            self._expiry.stop()
        for subscription in list(self._subscriptions.values()):
            self._leave(subscription, UnsubscribeCode.DISCONNECT)
        if self._calls is not None:
            self._calls.close()

    # -- for protocols: writing ------------------------------------------------------------------

    def write(self, payload: bytes) -> None:
        """Send one payload behind everything that was sent before."""
        self.deliver(Waiting(self.transport.framing.prepare(payload)), None)

    def deliver(self, waiting: Waiting, subscription: Subscription | None) -> None:
        """Send one frame, or keep it where the client does not read."""
        if self.ended:
            return
        if not self.lagging:
            if self.transport.send(waiting.frame):
                return
            self._fall_behind()
        if self._outbox is None:
            self._outbox = Outbox(self._hub.settings.queue_limit, self._hub.dropped, self._put_off)
        policy: SlowPolicy = "disconnect"
        if subscription is not None and not waiting.firm:
            policy = subscription.channel.namespace.options.slow
        if not self._outbox.put(waiting, subscription, policy):
            self._hub.dropped["disconnect"] += len(self._outbox) + 1
            self.end(disconnect(DisconnectCode.SLOW))

    def skip(self, subscription: Subscription, publication: Publication) -> None:
        """Leave out a publication for a subscription that is behind."""
        if self._catch_up is not None:
            self._catch_up.skip(subscription, publication)

    def _put_off(self, subscription: Subscription, lowest: int) -> None:
        """Note that nothing waits any more of a subscription: it is read again later.

        Args:
            subscription: one whose policy is ``"recover"``.
            lowest: the offset of the first publication that is missing now; 0 for none.
        """
        if not subscription.positioned:
            self.end_subscription(subscription.channel.name, UnsubscribeCode.INSUFFICIENT_STATE)
        elif lowest:
            subscription.channel.put_off(subscription, lowest - 1)
            if self._catch_up is None:
                self._catch_up = CatchUp(self._hub, self)
            self._catch_up.add(subscription)

    def writable(self) -> None:
        """Send what waits, now that the transport has room."""
        while outbox := self._outbox:
            if not self.transport.send(outbox.first().frame):
                return
            outbox.pop()
        self._outbox = None
        if self.lagging:
            self.lagging = False
            for subscription in list(self._subscriptions.values()):
                subscription.channel.take_back(subscription)
        if self._catch_up is not None:
            self._catch_up.resume()

    def _fall_behind(self) -> None:
        # No group may go past what waits here, so it leaves them all.
        self.lagging = True
        for subscription in self._subscriptions.values():
            subscription.channel.set_apart(subscription)

    # -- for protocols: subscriptions ------------------------------------------------------------

    def subscribe(
        self, request: SubscribeRequest, answer: Callable[[SubscribeResult], None]
    ) -> Deferred[None]:
        """Subscribe, and recover if that was asked for.

        Args:
            request: what the client wants.
            answer: called with the result, at the one moment when its reply must be written:
                before any push of this subscription and after nothing of it was lost.
        """
        return Deferred.fromCoroutine(Admission(self._hub, self, request).make(answer))

    def subscribe_server_side(
        self, channel: str, options: SubscriptionOptions | None = None
    ) -> Deferred[None]:
        """Subscribe the client to a channel without its asking, and tell it.

        One that is subscribed already, or is about to be, stays as it is.

        Returns:
            Fires when it is subscribed.

        Raises:
            ReplyError: from the Deferred: 102, no such namespace; 106, it has as many as may be;
                108, its protocol has no words for it; 112, it cannot be given everything since
                ``options.recover_since``.
        """
        if channel in self._subscriptions or self.ended:
            return succeed(None)
        admission = server_side(self._hub, self, channel, options or SubscriptionOptions())
        return Deferred.fromCoroutine(admission.impose())

    def unsubscribe(self, channel: str) -> Deferred[None]:
        """End a subscription because the client wants it; fine if there is none."""
        return Deferred.fromCoroutine(self._unsubscribe(channel))

    async def _unsubscribe(self, channel: str) -> None:
        subscription = self._subscriptions.get(channel)
        if subscription is None:
            return
        if subscription.state == BUFFERING:
            subscription.ending = UnsubscribeCode.CLIENT
            return
        self._leave(subscription, UnsubscribeCode.CLIENT)
        await self.parted(channel)

    def refresh_subscription(self, channel: str, token: str) -> Deferred[int | None]:
        """Put off a subscription's end, and return the seconds until it; ``None`` for never."""
        return Deferred.fromCoroutine(Renewal(self._hub, self, token).subscription(channel))

    def renew_subscription(self, channel: str, expire_at: float | None) -> int | None:
        """Set when a subscription ends unless it is renewed, in seconds since 1970.

        Returns:
            The seconds until then, at least 1; ``None`` for never.

        Raises:
            ReplyError: 110, it is over already; 103, there is none.
        """
        subscription = self._subscriptions.get(channel)
        if subscription is None:
            raise reply_error(ErrorCode.PERMISSION_DENIED)
        ttl = time_left(expire_at, self._hub.now())
        if subscription.expiry is None and expire_at is not None:
            subscription.expiry = Expiry(
                self._hub.clock,
                self._hub.now,
                lambda: self.end_subscription(channel, UnsubscribeCode.EXPIRED),
            )
        if subscription.expiry is not None:
            subscription.expiry.renew(expire_at)
        return ttl

    def reserve(self, subscription: Subscription) -> None:
        """Take a subscription in, while it is being made."""
        self._subscriptions[subscription.channel.name] = subscription

    def release(self, subscription: Subscription) -> None:
        """Let go of a subscription that is over, or could not be made."""
        subscription.channel.remove(subscription)
        if self._outbox is not None:
            self._outbox.release(subscription)
        if subscription.expiry is not None:
            subscription.expiry.stop()
        if self._subscriptions.get(subscription.channel.name) is subscription:
            del self._subscriptions[subscription.channel.name]

    def check_room_for(self, channel: str) -> None:
        """Check that one more subscription may be made.

        Raises:
            ReplyError: 105, there is one to this channel; 106, there are too many.
        """
        if channel in self._subscriptions:
            raise reply_error(ErrorCode.ALREADY_SUBSCRIBED)
        if len(self._subscriptions) >= self._hub.settings.channel_limit:
            raise reply_error(ErrorCode.LIMIT_EXCEEDED)

    async def parted(self, channel: str) -> None:
        """Wait until an ended subscription to a channel has left presence too."""
        parting = None if self._partings is None else self._partings.get(channel)
        if parting is not None:
            done: Deferred[None] = Deferred()
            parting.chainDeferred(done)
            await done

    def _leave(self, subscription: Subscription, code: int) -> None:
        name = subscription.channel.name
        answered = subscription.state != BUFFERING
        self.release(subscription)
        if not answered:
            return
        parting = Deferred.fromCoroutine(self._hub.announce_leave(subscription))
        if not parting.called:
            partings = self._partings = self._partings or {}
            partings[name] = parting
            parting.addCallback(lambda _: partings.pop(name, None) and None)
        handler = subscription.channel.namespace.unsubscribe_handler
        if handler is not None:
            self._hub.handlers.notify("on_unsubscribe", handler, self, name, code)

    # -- for protocols: requests -----------------------------------------------------------------

    def publish(self, channel: str, data: bytes) -> Deferred[StreamPosition]:
        """Publish as this client; fires when the broker has the publication for good."""
        return Deferred.fromCoroutine(self._access.publish(channel, data))

    def presence(self, channel: str) -> Deferred[Mapping[str, ClientInfo]]:
        """Return who is subscribed, by connection id."""
        return Deferred.fromCoroutine(self._access.presence(channel))

    def presence_stats(self, channel: str) -> Deferred[tuple[int, int]]:
        """Return how many connections and how many users are subscribed."""
        return Deferred.fromCoroutine(self._access.presence_stats(channel))

    def history(
        self, channel: str, limit: int, since: StreamPosition | None, reverse: bool
    ) -> Deferred[HistoryPage]:
        """Read a channel's history (protocol, section 3: ``limit`` and ``since``)."""
        return Deferred.fromCoroutine(self._access.history(channel, limit, since, reverse))

    def rpc(self, method: str, data: bytes) -> Deferred[bytes]:
        """Call one of the application's procedures and return its answer as JSON."""
        return Deferred.fromCoroutine(self._hub.call(self, method, data))

    def answer(self, data: bytes) -> bytes:
        """Take the client's answer to a call of the server, and return what to tell it.

        Raises:
            ReplyError: 107, there is no such call, or it is not an answer.
        """
        if self._calls is None:
            self._calls = Calls(self._hub, self)
        return self._calls.answer(data)

    @property
    def buckets(self) -> Buckets:
        """What is left of its rates."""
        if self._buckets is None:
            self._buckets = Buckets(MOST_RATES)
        return self._buckets

    def message(self, data: bytes) -> Deferred[None]:
        """Take a message that wants no answer."""
        return Deferred.fromCoroutine(self._access.message(data))

    @property
    def _access(self) -> Access:
        return Access(self._hub, self)


MOST_RATES = 256
"""Of how many rates one client's use is remembered at once."""

_ENDS_OF_CONNECTION: dict[int, DisconnectCode] = {
    UnsubscribeCode.INSUFFICIENT_STATE: DisconnectCode.INSUFFICIENT_STATE,
    UnsubscribeCode.EXPIRED: DisconnectCode.SUBSCRIPTION_EXPIRED,
    UnsubscribeCode.STATE_INVALIDATED: DisconnectCode.STATE_INVALIDATED,
}
"""What is said in place of these where the server subscribed the client, which could not again."""
