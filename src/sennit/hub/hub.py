"""The hub: the running app, its channels and sessions, between the protocols and the broker."""

from __future__ import annotations

import random as random_module
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sennit.errors import Disconnect, ReplyError
from sennit.hub.administration import Administration
from sennit.hub.app import App
from sennit.hub.call import ANSWER
from sennit.hub.channel import Channel
from sennit.hub.handler import HandlerRunner
from sennit.hub.limiter import Limiter
from sennit.hub.namespace import Namespace
from sennit.hub.payload import check_format
from sennit.hub.procedure import RunningProcedure
from sennit.hub.session import Session
from sennit.hub.setting import HubSettings
from sennit.hub.subscription import Subscription
from sennit.hub.token import Tokens
from sennit.hub.watch import PositionWatch
from sennit.interfaces import (
    Broker,
    Codec,
    CoroutineRunner,
    PresenceStore,
    PublishResult,
    Transport,
)
from sennit.model.code import DisconnectCode, ErrorCode, disconnect, reply_error
from sennit.model.publication import ClientInfo, HistoryPage, Publication, StreamPosition
from sennit.model.request import ConnectionRequest

__all__ = ["Hub"]

_log = Logger(namespace="sennit.hub")


class Hub:
    """One running app on one node.

    Args:
        app: the declarations.
        broker: keeps and carries publications.
        presence: keeps who is subscribed.
        clock: the time, for everything that waits.
        run: starts the coroutines of handlers.
        settings: the bounds.
        random: for what must differ between clients (the spread of pings).
        new_id: makes ids of connections.
        tokens: what tokens are worth; ``None`` where they are the handlers' affair.
        now: the time, in seconds since 1970; the clock need not know it.

    Attributes:
        id: this node's, made anew with each start.
        administration: what the application may do to users and channels.
        dropped: frames that were not delivered to slow clients, by policy.
        limiter: how often clients may do what.
    """

    def __init__(  # noqa: PLR0913 - whatever differs between runs is injected
        self,
        app: App,
        *,
        broker: Broker,
        presence: PresenceStore,
        clock: IReactorTime,
        run: CoroutineRunner = Deferred.fromCoroutine,
        settings: HubSettings | None = None,
        random: random_module.Random | None = None,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        tokens: Tokens | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.app = app
        self.broker = broker
        self.presence = presence
        self.clock = clock
        self.settings = settings or HubSettings()
        self.random = random or random_module.SystemRandom()
        self.new_id = new_id
        self.tokens = tokens
        self.now = now
        self.id = new_id()
        self.administration = Administration(self)
        self.handlers = HandlerRunner(run)
        self.dropped: Counter[str] = Counter()
        self.limiter = Limiter(self.settings, clock)
        self._channels: dict[str, Channel] = {}
        self._sessions: dict[str, set[Session]] = {}
        self._by_id: dict[str, Session] = {}
        self._procedures: dict[str, RunningProcedure] = {}
        self._watch = PositionWatch(
            clock, self.settings.position_interval, self._channels.values, self._read_position
        )

    # -- life ------------------------------------------------------------------------------------

    def start(self) -> Deferred[None]:
        """Start the broker, then let the app publish.

        Raises:
            ConfigurationError: a declaration cannot be honoured, or the app runs already.
        """
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> None:
        self._procedures = {
            name: RunningProcedure(
                procedure, self.handlers, self.clock, self.settings.waiting_limit
            )
            for name, procedure in self.app.procedures.items()
        }
        self.app.attach(self)
        try:
            await self.broker.start(self)
        except BaseException:
            self.app.attach(None)
            raise

    def stop(self) -> Deferred[None]:
        """Disconnect every session with 3001, then stop the broker."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self.disconnect_all(disconnect(DisconnectCode.SHUTDOWN))
        self.app.attach(None)
        self._watch.stop()
        await self.broker.stop()

    # -- sessions --------------------------------------------------------------------------------

    def open_session(
        self, transport: Transport, codec: Codec, request: ConnectionRequest, protocol: str
    ) -> Session:
        """Return a new session, not connected yet."""
        return Session(self, transport, codec, request, protocol)

    @property
    def sessions(self) -> Iterable[Session]:
        """Every connected session."""
        return self._by_id.values()

    def session(self, client: str) -> Session | None:
        """Return a connected session by the connection's id."""
        return self._by_id.get(client)

    def check_room_for(self, user: str) -> None:
        """Check that a user may have one more connection.

        Raises:
            Disconnect: 3504, there are as many as may be.
        """
        limit = self.settings.connections_per_user
        if limit and user and len(self._sessions.get(user, ())) >= limit:
            raise disconnect(DisconnectCode.CONNECTION_LIMIT)

    def sessions_of(self, user: str) -> Iterable[Session]:
        """Return the connected sessions of a user."""
        return tuple(self._sessions.get(user, ()))

    def add_session(self, session: Session) -> None:
        """Note that a session has connected."""
        self._by_id[session.id] = session
        self._sessions.setdefault(session.user, set()).add(session)

    def remove_session(self, session: Session) -> None:
        """Note that a session is gone."""
        self._by_id.pop(session.id, None)
        sessions = self._sessions.get(session.user)
        if sessions is not None:
            sessions.discard(session)
            if not sessions:
                del self._sessions[session.user]

    def disconnect_all(self, why: Disconnect) -> None:
        """End every connected session."""
        for session in list(self.sessions):
            session.end(why)

    async def call(self, session: Session, method: str, data: bytes) -> bytes:
        """Call a procedure for a client.

        Raises:
            ReplyError: 108, the app has no procedures; 104, it has none of this name; 111, the
                client calls too often; or what the procedure answers.
            Disconnect: 3013, the client does not stop; or what the procedure says.
        """
        if method == ANSWER:
            try:
                return session.answer(data)
            except ReplyError:
                # What was asked for is not counted; answers to nothing could go on for ever.
                self.limiter.check(session, "rpc")
                raise
        self.limiter.check(session, "rpc")
        if not self._procedures:
            raise reply_error(ErrorCode.NOT_AVAILABLE)
        procedure = self._procedures.get(method)
        if procedure is None:
            raise reply_error(ErrorCode.METHOD_NOT_FOUND)
        self.limiter.check_procedure(session, method, procedure.rate)
        return await procedure.call(session, data)

    # -- channels --------------------------------------------------------------------------------

    @property
    def channel_count(self) -> int:
        """How many channels somebody on this node is subscribed to."""
        return len(self._channels)

    def subscriber_counts(self) -> Iterable[tuple[str, int]]:
        """Return each channel that somebody here is subscribed to, and how many are."""
        return [(name, len(channel.subscriptions)) for name, channel in self._channels.items()]

    def namespace_for(self, channel: str) -> Namespace:
        """Return what a channel can do (protocol, section 10).

        Raises:
            ReplyError: 102, there is no such namespace; 107, it is not a name.
        """
        if not channel or not channel.isascii() or not channel.isprintable():
            raise reply_error(ErrorCode.BAD_REQUEST, "a channel's name is printable ASCII")
        if len(channel) > self.settings.channel_length:
            raise reply_error(ErrorCode.BAD_REQUEST, "the channel's name is too long")
        declared = self.app.single_channels.get(channel)
        if declared is not None:
            return declared
        name, colon, rest = channel.removeprefix("$").partition(":")
        if not colon:
            name, rest = "", name
        namespace = self.app.namespaces.get(name)
        if namespace is None:
            raise reply_error(ErrorCode.UNKNOWN_CHANNEL)
        if not namespace.fits(rest):
            raise reply_error(ErrorCode.BAD_REQUEST, "the channel's name does not fit its pattern")
        return namespace

    def channel(self, name: str, namespace: Namespace) -> Channel:
        """Return the channel of this name on this node, made if it is not there."""
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = Channel(self, name, namespace)
            self._watch.begin()
        return channel

    def _read_position(self, channel: Channel) -> Deferred[HistoryPage]:
        options = channel.namespace.publish_options()
        return self.broker.history(channel.name, options, limit=0)

    def forget_channel(self, channel: Channel) -> None:
        """Let go of a channel that nobody here is subscribed to."""
        if self._channels.get(channel.name) is channel:
            del self._channels[channel.name]

    async def keep(
        self,
        namespace: Namespace,
        channel: str,
        publication: Publication,
        key: str = "",
        version: int = 0,
        version_epoch: str = "",
    ) -> StreamPosition:
        """Give a publication to the broker and return where it stands.

        Raises:
            ReplyError: 107, it is not what the namespace takes, or would leave somebody out of
                what is kept; 100, the broker failed; it may or may not be kept.
        """
        options = namespace.options
        check_format(publication.data, options.publication_data_format)
        kept = options.history is not None and not publication.ephemeral
        if publication.exclude and kept:
            raise reply_error(ErrorCode.BAD_REQUEST, "what is kept leaves nobody out")
        if options.delta_publish and not publication.delta:
            publication = replace(publication, delta=True)
        result: PublishResult = await self.handlers.call(
            "publishing at the broker",
            self.broker.publish,
            channel,
            publication,
            namespace.publish_options(key, version, version_epoch, ephemeral=publication.ephemeral),
        )
        return result.position

    def presence_of(self, channel: str) -> Deferred[Mapping[str, ClientInfo]]:
        """Return who is subscribed; see :meth:`sennit.App.presence`."""
        return Deferred.fromCoroutine(self._ask_presence(channel, self.presence.clients))

    def presence_stats_of(self, channel: str) -> Deferred[tuple[int, int]]:
        """Return how many are subscribed; see :meth:`sennit.App.presence_stats`."""
        return Deferred.fromCoroutine(self._ask_presence(channel, self.presence.count))

    async def shown_presence_of(self, channel: str) -> Mapping[str, ClientInfo]:
        """Return who is subscribed, as far as one answer over the wire tells it.

        Raises:
            ReplyError: as :meth:`presence_of`.
        """
        clients = await self.presence_of(channel)
        return dict(islice(clients.items(), self.settings.presence_limit))

    async def _ask_presence(self, channel: str, ask: Callable[[str], Any]) -> Any:
        if not self.namespace_for(channel).options.presence:
            raise reply_error(ErrorCode.NOT_AVAILABLE)
        return await self.handlers.call("asking presence", ask, channel)

    def history_of(
        self, channel: str, limit: int, since: StreamPosition | None, reverse: bool
    ) -> Deferred[HistoryPage]:
        """Read a channel's history; see :meth:`sennit.App.history`."""
        return Deferred.fromCoroutine(self._history(channel, limit, since, reverse))

    async def _history(
        self, channel: str, limit: int, since: StreamPosition | None, reverse: bool
    ) -> HistoryPage:
        namespace = self.namespace_for(channel)
        if namespace.options.history is None:
            raise reply_error(ErrorCode.NOT_AVAILABLE)
        if reverse and since is not None and since.offset == 0:
            raise reply_error(ErrorCode.BAD_REQUEST, "nothing comes before offset 0")
        most = self.settings.history_limit
        page: HistoryPage = await self.handlers.call(
            "reading history at the broker",
            lambda: self.broker.history(
                channel,
                namespace.publish_options(),
                since=since,
                limit=most if limit < 0 else min(limit, most),
                reverse=reverse,
            ),
        )
        if since is not None and since.epoch and since.epoch != page.position.epoch:
            raise reply_error(ErrorCode.UNRECOVERABLE_POSITION)
        return page

    # -- who comes and goes ----------------------------------------------------------------------

    def announce_join(self, subscription: Subscription) -> None:
        """Tell all nodes that somebody subscribed, where that is to be told."""
        if subscription.announced:
            self.handlers.notify(
                "publishing a join",
                self.broker.publish_join,
                subscription.channel.name,
                subscription.info,
            )

    async def announce_leave(self, subscription: Subscription) -> None:
        """Take a subscriber out of presence and tell all nodes; failures are logged."""
        channel = subscription.channel.name
        try:
            if subscription.present:
                await self.presence.remove(channel, subscription.info.client)
            if subscription.announced:
                await self.broker.publish_leave(channel, subscription.info)
        except Exception:
            _log.failure("the leave of {name} could not be told", name=channel)

    def forget_presence(self, subscription: Subscription) -> None:
        """Take somebody out of presence whose subscription was not made after all."""
        self.handlers.notify(
            "removing presence",
            self.presence.remove,
            subscription.channel.name,
            subscription.info.client,
        )

    # -- the broker's sink -----------------------------------------------------------------------

    def on_publication(self, channel: str, publication: Publication) -> None:
        """Bring a kept publication to everybody subscribed on this node."""
        here = self._channels.get(channel)
        if here is not None:
            here.deliver(publication)

    def on_join(self, channel: str, info: ClientInfo) -> None:
        """Tell subscribers on this node that somebody subscribed."""
        here = self._channels.get(channel)
        if here is not None:
            here.deliver_join(info)

    def on_leave(self, channel: str, info: ClientInfo) -> None:
        """Tell subscribers on this node that somebody's subscription ended."""
        here = self._channels.get(channel)
        if here is not None:
            here.deliver_leave(info)
