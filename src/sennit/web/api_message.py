"""What the HTTP API is asked and answers with (protocol, section 13): a structure for each method.

They are the one source: requests are decoded by them, answers are made of them, and the OpenAPI
description is drawn from them. A docstring is the description of its method.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from msgspec import Meta, Raw, Struct, field

from sennit.errors import ReplyError
from sennit.model.publication import HistoryPage, Publication, StreamPosition
from sennit.protocols.centrifuge.reply import Client, PresenceReply, PresenceStatsReply

__all__ = [
    "REQUESTS",
    "RESULTS",
    "BatchRequest",
    "BatchResult",
    "BroadcastRequest",
    "BroadcastResult",
    "ChannelRequest",
    "ChannelsRequest",
    "ChannelsResult",
    "DisconnectRequest",
    "EmptyResult",
    "ErrorAnswer",
    "HistoryRequest",
    "HistoryResult",
    "InfoRequest",
    "InfoResult",
    "Node",
    "Outcome",
    "PublishRequest",
    "PublishResult",
    "Published",
    "RefreshRequest",
    "RpcRequest",
    "RpcResult",
    "SubscribeRequest",
    "UnsubscribeRequest",
]

Text: TypeAlias = Annotated[str, Meta(min_length=1)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class ErrorAnswer(Struct, frozen=True):
    """Why a call failed."""

    code: int
    message: str

    @classmethod
    def of(cls, error: ReplyError) -> ErrorAnswer:
        """Return the words for an error."""
        return cls(error.code, error.message)


class EmptyResult(Struct, frozen=True):
    """Done."""


# -- publishing ----------------------------------------------------------------------------------


class _Payload(Struct, frozen=True):
    """What is published. Of ``data`` and ``b64data`` one is needed."""

    data: Raw = field(default_factory=Raw)
    b64data: str = ""
    skip_history: bool = False
    tags: dict[str, str] = {}
    idempotency_key: str = ""
    delta: bool = False
    version: Count = 0
    version_epoch: str = ""


class PublishRequest(_Payload, frozen=True, kw_only=True):
    """Publish to a channel; answered when the publication is kept for good."""

    channel: Text


class PublishResult(Struct, frozen=True, omit_defaults=True):
    """Where the publication stands; nothing without history."""

    offset: int = 0
    epoch: str = ""

    @classmethod
    def of(cls, position: StreamPosition) -> PublishResult:
        """Return the words for a position."""
        return cls(position.offset, position.epoch)


class BroadcastRequest(_Payload, frozen=True, kw_only=True):
    """Publish the same to several channels."""

    channels: Annotated[list[Text], Meta(min_length=1)]


class Outcome(Struct, frozen=True, omit_defaults=True):
    """What came of one of them: either of the two."""

    result: PublishResult | None = None
    error: ErrorAnswer | None = None


class BroadcastResult(Struct, frozen=True):
    """What came of each, in the order of the channels."""

    responses: list[Outcome]


# -- users ---------------------------------------------------------------------------------------


class Position(Struct, frozen=True):
    """A place in a stream."""

    offset: Count = 0
    epoch: str = ""

    def position(self) -> StreamPosition:
        """Return it as the hub knows it."""
        return StreamPosition(self.offset, self.epoch)


class Override(Struct, frozen=True):
    """A value in place of the namespace's."""

    value: bool


class Overrides(Struct, frozen=True):
    """What is to be otherwise than the namespace says."""

    presence: Override | None = None
    join_leave: Override | None = None
    force_push_join_leave: Override | None = None
    force_recovery: Override | None = None
    force_positioning: Override | None = None


class _Target(Struct, frozen=True, kw_only=True):
    """Whose connections are meant; one of them alone where ``client`` or ``session`` names it."""

    user: Text
    client: str = ""
    session: str = ""


class SubscribeRequest(_Target, frozen=True, kw_only=True):
    """Subscribe a user's connections to a channel."""

    channel: Text
    info: Raw = field(default_factory=Raw)
    b64info: str = ""
    data: Raw = field(default_factory=Raw)
    b64data: str = ""
    expire_at: float | None = None
    recover_since: Position | None = None
    override: Overrides | None = None


class UnsubscribeRequest(_Target, frozen=True, kw_only=True):
    """End a user's subscriptions to a channel; to all channels where it is empty."""

    channel: str


class DisconnectReason(Struct, frozen=True):
    """What the client is told."""

    code: int = 3503
    reason: str = "force disconnect"


class DisconnectRequest(_Target, frozen=True, kw_only=True):
    """End a user's connections, but for those whose ids are in the white list."""

    whitelist: list[str] = []
    disconnect: DisconnectReason = field(default_factory=DisconnectReason)


class RefreshRequest(_Target, frozen=True, kw_only=True):
    """Set when a user's connections end; or, with ``expired``, end them, to come back renewed.

    Without ``expire_at``, or with 0, they do not end.
    """

    expired: bool = False
    expire_at: float | None = None
    info: Raw = field(default_factory=Raw)


# -- channels ------------------------------------------------------------------------------------


class ChannelRequest(Struct, frozen=True):
    """Ask for a channel's presence, count who is there, or forget its history."""

    channel: Text


class HistoryRequest(Struct, frozen=True):
    """Read a channel's stream: 0 for the position alone, negative for as many as are given."""

    channel: Text
    limit: Annotated[int, Meta(ge=-(2**31), lt=2**31)] = 0
    since: Position | None = None
    reverse: bool = False


class Published(Struct, frozen=True, omit_defaults=True):
    """One publication. Bytes that are not JSON stand in ``b64data``."""

    offset: int
    data: Raw | None = None
    b64data: str | None = None
    info: Client | None = None
    tags: Mapping[str, str] = {}

    @classmethod
    def of(cls, publication: Publication, encoded: str | None) -> Published:
        """Return the words for a publication; ``encoded`` where it is not JSON."""
        return cls(
            publication.offset,
            Raw(publication.data) if encoded is None else None,
            encoded,
            None if publication.info is None else Client.of(publication.info),
            publication.tags,
        )


class HistoryResult(Struct, frozen=True):
    """Part of a stream, and its top."""

    publications: list[Published]
    epoch: str
    offset: int

    @classmethod
    def of(cls, page: HistoryPage, publications: list[Published]) -> HistoryResult:
        """Return the words for a page."""
        return cls(publications, page.position.epoch, page.position.offset)


class ChannelsRequest(Struct, frozen=True):
    """List the channels of this node that have subscribers; ``*`` and ``?`` stand for anything."""

    pattern: str = ""


class ChannelCount(Struct, frozen=True):
    """How many connections of this node are subscribed."""

    num_clients: int


class ChannelsResult(Struct, frozen=True):
    """Channels, by name."""

    channels: dict[str, ChannelCount]

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> ChannelsResult:
        """Return the words for counts."""
        return cls({name: ChannelCount(count) for name, count in counts.items()})


# -- the node, and the rest ----------------------------------------------------------------------


class InfoRequest(Struct, frozen=True):
    """Ask how the nodes are."""


class Node(Struct, frozen=True):
    """How a node is; ``uptime`` is in seconds."""

    uid: str
    name: str
    version: str
    num_clients: int
    num_users: int
    num_subs: int
    num_channels: int
    uptime: int


class InfoResult(Struct, frozen=True):
    """Every node."""

    nodes: list[Node]


class RpcRequest(Struct, frozen=True):
    """Call a method that the application has declared by ``app.api_method``."""

    method: Text
    params: Any = None


class RpcResult(Struct, frozen=True):
    """What the method has answered."""

    data: Raw


class BatchRequest(Struct, frozen=True):
    """Do several things: each command is an object with one method, and its request."""

    commands: list[dict[str, Raw]]
    parallel: bool = False


class BatchResult(Struct, frozen=True):
    """What came of each, in their order: an object with the method's result, or with ``error``."""

    replies: list[dict[str, Any]]


REQUESTS: Mapping[str, type[Struct]] = {
    "publish": PublishRequest,
    "broadcast": BroadcastRequest,
    "subscribe": SubscribeRequest,
    "unsubscribe": UnsubscribeRequest,
    "disconnect": DisconnectRequest,
    "refresh": RefreshRequest,
    "presence": ChannelRequest,
    "presence_stats": ChannelRequest,
    "history": HistoryRequest,
    "history_remove": ChannelRequest,
    "channels": ChannelsRequest,
    "info": InfoRequest,
    "rpc": RpcRequest,
    "batch": BatchRequest,
}
"""What each method takes."""

RESULTS: Mapping[str, type[Struct]] = {
    "publish": PublishResult,
    "broadcast": BroadcastResult,
    "subscribe": EmptyResult,
    "unsubscribe": EmptyResult,
    "disconnect": EmptyResult,
    "refresh": EmptyResult,
    "presence": PresenceReply,
    "presence_stats": PresenceStatsReply,
    "history": HistoryResult,
    "history_remove": EmptyResult,
    "channels": ChannelsResult,
    "info": InfoResult,
    "rpc": RpcResult,
    "batch": BatchResult,
}
"""What each method answers with."""
