"""What the server says (protocol, section 3): replies and pushes, for any codec to encode.

What is empty or zero is left out, but for the fields that the reference always writes.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Raw, Struct

from sennit.errors import ReplyError
from sennit.hub.request import ConnectResult, SubscribeResult
from sennit.model.publication import ClientInfo, HistoryPage, Publication, StreamPosition

__all__ = [
    "Client",
    "ConnectReply",
    "DisconnectPush",
    "EmptyReply",
    "ErrorReply",
    "HistoryReply",
    "JoinPush",
    "MessagePush",
    "PresenceReply",
    "PresenceStatsReply",
    "Published",
    "Push",
    "RefreshReply",
    "Reply",
    "RpcReply",
    "SubRefreshReply",
    "SubscribePush",
    "SubscribeReply",
    "UnsubscribePush",
]


class ErrorReply(Struct, frozen=True, omit_defaults=True):
    """Why a command failed."""

    code: int
    message: str
    temporary: bool = False

    @classmethod
    def of(cls, error: ReplyError) -> ErrorReply:
        """Return the words for an error."""
        return cls(error.code, error.message, error.temporary)


class EmptyReply(Struct, frozen=True):
    """Done: a result that must be there, with nothing in it."""


class Client(Struct, frozen=True, omit_defaults=True):
    """Who somebody is (``ClientInfo``)."""

    user: str
    client: str
    conn_info: Raw | None = None
    chan_info: Raw | None = None

    @classmethod
    def of(cls, info: ClientInfo) -> Client:
        """Return the words for a client."""
        return cls(info.user, info.client, _raw(info.conn_info), _raw(info.chan_info))


class Published(Struct, frozen=True, omit_defaults=True):
    """One publication."""

    data: Raw
    info: Client | None = None
    offset: int = 0
    tags: Mapping[str, str] = {}
    delta: bool = False

    @classmethod
    def of(
        cls, publication: Publication, data: bytes | None = None, *, delta: bool = False
    ) -> Published:
        """Return the words for a publication.

        Args:
            publication: the publication.
            data: what stands in place of its payload, where a subscriber takes differences.
            delta: whether that is a difference.
        """
        info = publication.info
        return cls(
            Raw(publication.data if data is None else data),
            None if info is None else Client.of(info),
            publication.offset,
            publication.tags,
            delta,
        )


class SubscribeReply(Struct, frozen=True, omit_defaults=True):
    """The client is subscribed, and knows where it stands (section 5)."""

    recoverable: bool = False
    epoch: str = ""
    publications: list[Published] = []
    recovered: bool = False
    offset: int = 0
    positioned: bool = False
    data: Raw | None = None
    was_recovering: bool = False
    expires: bool = False
    ttl: int = 0
    delta: bool = False

    @classmethod
    def of(cls, result: SubscribeResult, publications: list[Published]) -> SubscribeReply:
        """Return the words for a subscription that was made, and for what it has recovered."""
        return cls(
            result.recoverable,
            result.position.epoch,
            publications,
            result.recovered,
            result.position.offset,
            result.positioned,
            _raw(result.data),
            result.was_recovering,
            result.ttl is not None,
            result.ttl or 0,
            result.delta,
        )


class ConnectReply(Struct, frozen=True, omit_defaults=True):
    """The client is in."""

    client: str
    version: str = ""
    expires: bool = False
    ttl: int = 0
    data: Raw | None = None
    subs: dict[str, SubscribeReply] = {}
    ping: int = 0
    pong: bool = False
    session: str = ""
    node: str = ""

    @classmethod
    def of(
        cls,
        result: ConnectResult,
        version: str,
        ping: int,
        session: str = "",
        node: str = "",
    ) -> ConnectReply:
        """Return the words for a connect that was let in; a ping wants a pong."""
        return cls(
            result.client,
            version,
            result.ttl is not None,
            result.ttl or 0,
            _raw(result.data),
            {
                name: SubscribeReply.of(sub, [Published.of(one) for one in sub.publications])
                for name, sub in result.subscriptions.items()
            },
            ping,
            ping > 0,
            session,
            node,
        )


class PresenceReply(Struct, frozen=True):
    """Who is there, by connection id."""

    presence: dict[str, Client]

    @classmethod
    def of(cls, clients: Mapping[str, ClientInfo]) -> PresenceReply:
        """Return the words for who is there."""
        return cls({client: Client.of(info) for client, info in clients.items()})


class PresenceStatsReply(Struct, frozen=True):
    """How many are there."""

    num_clients: int
    num_users: int


class HistoryReply(Struct, frozen=True):
    """Part of a stream, and its top."""

    publications: list[Published]
    epoch: str
    offset: int

    @classmethod
    def of(cls, page: HistoryPage) -> HistoryReply:
        """Return the words for a page."""
        publications = [Published.of(publication) for publication in page.publications]
        return cls(publications, page.position.epoch, page.position.offset)


class RpcReply(Struct, frozen=True):
    """What a procedure answered."""

    data: Raw


class RefreshReply(Struct, frozen=True, omit_defaults=True):
    """The connection stays."""

    client: str
    version: str = ""
    expires: bool = False
    ttl: int = 0

    @classmethod
    def of(cls, client: str, version: str, ttl: int | None) -> RefreshReply:
        """Return the words for a connection that was renewed."""
        return cls(client, version, ttl is not None, ttl or 0)


class SubRefreshReply(Struct, frozen=True, omit_defaults=True):
    """The subscription stays."""

    expires: bool = False
    ttl: int = 0

    @classmethod
    def of(cls, ttl: int | None) -> SubRefreshReply:
        """Return the words for a subscription that was renewed."""
        return cls(ttl is not None, ttl or 0)


class JoinPush(Struct, frozen=True):
    """Somebody came, or went."""

    info: Client


class UnsubscribePush(Struct, frozen=True):
    """A subscription is over."""

    code: int
    reason: str


class SubscribePush(Struct, frozen=True, omit_defaults=True):
    """The server has made a subscription."""

    recoverable: bool = False
    epoch: str = ""
    offset: int = 0
    positioned: bool = False
    data: Raw | None = None

    @classmethod
    def of(
        cls, position: StreamPosition | None, recoverable: bool, data: bytes | None
    ) -> SubscribePush:
        """Return the words for a subscription that the server has made."""
        at = position or StreamPosition()
        return cls(recoverable, at.epoch, at.offset, position is not None, _raw(data))


class MessagePush(Struct, frozen=True):
    """The application's own message."""

    data: Raw


class DisconnectPush(Struct, frozen=True):
    """The connection is over."""

    code: int
    reason: str


class Push(Struct, frozen=True, omit_defaults=True):
    """What the client did not ask for just now."""

    channel: str = ""
    pub: Published | None = None
    join: JoinPush | None = None
    leave: JoinPush | None = None
    unsubscribe: UnsubscribePush | None = None
    message: MessagePush | None = None
    subscribe: SubscribePush | None = None
    disconnect: DisconnectPush | None = None


class Reply(Struct, frozen=True, omit_defaults=True):
    """The envelope of everything the server says; an empty one is a ping."""

    id: int = 0
    error: ErrorReply | None = None
    push: Push | None = None
    connect: ConnectReply | None = None
    subscribe: SubscribeReply | None = None
    unsubscribe: EmptyReply | None = None
    publish: EmptyReply | None = None
    presence: PresenceReply | None = None
    presence_stats: PresenceStatsReply | None = None
    history: HistoryReply | None = None
    rpc: RpcReply | None = None
    refresh: RefreshReply | None = None
    sub_refresh: SubRefreshReply | None = None


def _raw(data: bytes | None) -> Raw | None:
    return None if data is None else Raw(data)
