"""What the application, and whoever holds a key to it, may do to users and channels of a node.

Clients' permissions do not apply here, but a namespace must be declared, and what is asked for must
be one of its features.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList

from sennit.errors import Disconnect, ReplyError
from sennit.hub.payload import encode_payload
from sennit.hub.request import SubscriptionOptions
from sennit.model.code import DisconnectCode, ErrorCode, disconnect, reply_error
from sennit.model.publication import Publication, StreamPosition

if TYPE_CHECKING:
    from sennit.hub.hub import Hub
    from sennit.hub.session import Session

__all__ = ["Administration", "NodeInfo", "publication_of"]


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """How a node is.

    Attributes:
        uid: its id, made anew with each start.
        num_clients: connected clients.
        num_users: distinct users among them; all anonymous ones are one.
        num_subs: subscriptions of theirs.
        num_channels: channels that somebody is subscribed to.
        uptime: seconds since it started.
    """

    uid: str
    num_clients: int
    num_users: int
    num_subs: int
    num_channels: int
    uptime: int


class Administration:
    """Reaches into a running hub.

    Args:
        hub: the hub.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._started = hub.clock.seconds()

    # -- publishing ------------------------------------------------------------------------------

    async def publish(
        self, publication: Publication, key: str = "", version: int = 0, version_epoch: str = ""
    ) -> StreamPosition:
        """Publish to the publication's channel.

        Raises:
            ReplyError: 102 or 107, there is no such channel, or the payload is not what it takes.
        """
        namespace = self._hub.namespace_for(publication.channel)
        return await self._hub.keep(
            namespace, publication.channel, publication, key, version, version_epoch
        )

    async def broadcast(
        self,
        channels: Iterable[str],
        publication: Publication,
        key: str = "",
        version: int = 0,
        version_epoch: str = "",
    ) -> list[StreamPosition | ReplyError]:
        """Publish to several channels at once, and return what came of each, in their order."""
        publishing = [
            Deferred.fromCoroutine(
                self.publish(replace(publication, channel=channel), key, version, version_epoch)
            )
            for channel in channels
        ]
        outcomes: Any = await DeferredList(publishing, consumeErrors=True)
        results: list[StreamPosition | ReplyError] = []
        for succeeded, outcome in outcomes:
            if not succeeded:
                outcome.trap(ReplyError)
            results.append(outcome if succeeded else outcome.value)
        return results

    # -- users -----------------------------------------------------------------------------------

    def _sessions(self, user: str, client: str, session: str = "") -> Sequence[Session]:
        """Return a user's sessions, or the one of this connection, or of this secret."""
        return [
            each
            for each in self._hub.sessions_of(user)
            if client in ("", each.id) and session in ("", each.secret)
        ]

    async def subscribe(
        self,
        user: str,
        channel: str,
        options: SubscriptionOptions,
        client: str = "",
        session: str = "",
    ) -> None:
        """Subscribe a user's sessions; those that are subscribed already stay as they are.

        Raises:
            ReplyError: 102 or 107, there is no such channel; or as a session answers.
        """
        self._hub.namespace_for(channel)
        subscribing = [
            each.subscribe_server_side(channel, options)
            for each in self._sessions(user, client, session)
        ]
        outcomes: Any = await DeferredList(subscribing, consumeErrors=True)
        for succeeded, outcome in outcomes:
            # Who is gone meanwhile has not failed.
            if not succeeded and not outcome.check(CancelledError):
                outcome.raiseException()

    def unsubscribe(
        self,
        user: str,
        channel: str,
        code: int,
        reason: str = "",
        client: str = "",
        session: str = "",
    ) -> None:
        """End a user's subscriptions to a channel; to all of them where it is empty."""
        for each in self._sessions(user, client, session):
            if channel:
                each.end_subscription(channel, code, reason)
            else:
                each.end_subscriptions(code, reason)

    def disconnect(
        self,
        user: str,
        why: Disconnect,
        client: str = "",
        session: str = "",
        whitelist: Iterable[str] = (),
    ) -> None:
        """End a user's connections, but for those whose ids are in the white list."""
        spared = frozenset(whitelist)
        for each in self._sessions(user, client, session):
            if each.id not in spared:
                each.end(why)

    def refresh(
        self,
        user: str,
        *,
        expire_at: float | None,
        expired: bool = False,
        info: bytes | None = None,
        client: str = "",
        session: str = "",
    ) -> None:
        """Set when a user's connections end, or end them with 3005.

        Raises:
            ReplyError: 110, the time has passed; end them by ``expired``.
        """
        for each in self._sessions(user, client, session):
            if expired:
                each.end(disconnect(DisconnectCode.CONNECTION_EXPIRED))
                continue
            each.renew(expire_at)
            if info is not None:
                each.info = replace(each.info, conn_info=info)

    # -- channels --------------------------------------------------------------------------------

    async def remove_history(self, channel: str) -> None:
        """Forget a channel's publications; its offset and epoch go on.

        Raises:
            ReplyError: 102 or 107, there is no such channel; 108, it has no history.
        """
        if self._hub.namespace_for(channel).options.history is None:
            raise reply_error(ErrorCode.NOT_AVAILABLE)
        await self._hub.handlers.call(
            "removing history at the broker", self._hub.broker.remove_history, channel
        )

    def channels(self, pattern: str = "") -> Mapping[str, int]:
        """Return the channels that somebody here is subscribed to, each with how many are.

        Args:
            pattern: with ``*``, ``?`` and ``[…]``, as names of files have them; empty for all.
        """
        return {
            name: count
            for name, count in self._hub.subscriber_counts()
            if not pattern or fnmatchcase(name, pattern)
        }

    def info(self) -> NodeInfo:
        """Return how this node is."""
        hub = self._hub
        sessions = list(hub.sessions)
        return NodeInfo(
            uid=hub.id,
            num_clients=len(sessions),
            num_users=len({session.user for session in sessions}),
            num_subs=sum(len(session.channels) for session in sessions),
            num_channels=hub.channel_count,
            uptime=int(hub.clock.seconds() - self._started),
        )


def publication_of(channel: str, data: Any, **options: Any) -> Publication:
    """Return a publication of the application's.

    Raises:
        TypeError: the data has no JSON form, or its bytes are not JSON.
    """
    tags = options.pop("tags", None)
    return Publication(encode_payload(data), channel=channel, tags=dict(tags or {}), **options)
