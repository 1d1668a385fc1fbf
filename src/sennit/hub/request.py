"""What a client asks for, in words of the hub: connect and subscribe, and their answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sennit.hub.payload import decode_payload, encode_payload
from sennit.model.publication import Publication, StreamPosition
from sennit.model.request import ConnectionRequest

__all__ = [
    "ConnectRequest",
    "ConnectResult",
    "Credentials",
    "RefreshRequest",
    "SubscribeRequest",
    "SubscribeResult",
    "SubscriptionOptions",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectRequest:
    """A client's wish to connect, as ``on_connect`` gets it.

    Attributes:
        token: the client's token, empty if it sent none.
        data: the application's payload as JSON bytes, or ``None``.
        name: the SDK's name.
        version: the client application's version.
        headers: headers the SDK sent inside the message, since browsers cannot set real ones;
            lower-case names. Unlike ``connection.headers`` no proxy has seen them.
        connection: the HTTP request that the connection began with.
        protocol: ``"centrifuge"`` or ``"raw"``.
        subscriptions: where the client stands in channels that the server had subscribed it to.
        credentials: who the client is by its token, or ``None`` without one.
    """

    token: str = ""
    data: bytes | None = None
    name: str = ""
    version: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    connection: ConnectionRequest = field(default_factory=lambda: ConnectionRequest(path="/"))
    protocol: str = ""
    subscriptions: Mapping[str, StreamPosition] = field(default_factory=dict)
    credentials: Credentials | None = None

    @property
    def address(self) -> str:
        """The peer's address as text."""
        return self.connection.address

    def decode(self, form: Any = Any) -> Any:
        """Return :attr:`data` as a Python value of this type (``None`` where none was sent).

        Raises:
            ReplyError: 107, it is not JSON or not of that type.
        """
        return decode_payload(self.data or b"", form)


class SubscriptionOptions:
    """How somebody is subscribed: by the server, or as ``on_subscribe`` answers.

    What is ``None`` is as the namespace says.

    Args:
        info: shown to others in this channel, beside the user id: any JSON value, or JSON as
            ``bytes``.
        data: the application's payload for the client: likewise.
        expire_at: when the subscription ends unless it is renewed, in seconds since 1970; ``None``
            for never.
        presence: whether the subscriber is in presence, where the namespace keeps it or not.
        join_leave: whether others are told of the subscriber, where the namespace tells or not.
        force_push_join_leave: whether the subscriber is told who joins and leaves.
        force_positioning: whether the subscriber has a position. Needs the namespace's history.
        force_recovery: whether the subscriber can recover. Likewise.
        recover_since: a position that the client is known to hold: it is given what came after.

    Raises:
        TypeError: ``info`` or ``data`` has no JSON form.
    """

    __slots__ = (
        "data",
        "expire_at",
        "force_positioning",
        "force_push_join_leave",
        "force_recovery",
        "info",
        "join_leave",
        "presence",
        "recover_since",
    )

    def __init__(  # noqa: PLR0913 - each option has a name of its own
        self,
        *,
        info: Any = None,
        data: Any = None,
        expire_at: float | None = None,
        presence: bool | None = None,
        join_leave: bool | None = None,
        force_push_join_leave: bool | None = None,
        force_positioning: bool | None = None,
        force_recovery: bool | None = None,
        recover_since: StreamPosition | None = None,
    ) -> None:
        self.info = None if info is None else encode_payload(info, binary=False)
        self.data = None if data is None else encode_payload(data)
        self.expire_at = expire_at
        self.presence = presence
        self.join_leave = join_leave
        self.force_push_join_leave = force_push_join_leave
        self.force_positioning = force_positioning
        self.force_recovery = force_recovery
        self.recover_since = recover_since


class Credentials:
    """Who a client is: what ``on_connect`` answers with.

    Args:
        user: the user id; empty for an anonymous user.
        info: shown to others beside the user id: any JSON value, or JSON as ``bytes``.
        data: the application's payload for the client: likewise.
        state: what handlers will find in ``session.state``; never sent.
        subscriptions: channels that the client is subscribed to without asking, or how, by name.
        expire_at: when the connection ends unless it is renewed, in seconds since 1970; ``None``
            for never.

    Raises:
        TypeError: ``info`` or ``data`` has no JSON form.
    """

    __slots__ = ("data", "expire_at", "info", "state", "subscriptions", "user")

    def __init__(
        self,
        user: str = "",
        *,
        info: Any = None,
        data: Any = None,
        state: Mapping[str, Any] | None = None,
        subscriptions: Iterable[str] | Mapping[str, SubscriptionOptions] = (),
        expire_at: float | None = None,
    ) -> None:
        self.user = user
        self.info = None if info is None else encode_payload(info, binary=False)
        self.data = None if data is None else encode_payload(data)
        self.state = dict(state or {})
        self.subscriptions: dict[str, SubscriptionOptions] = (
            dict(subscriptions)
            if isinstance(subscriptions, Mapping)
            else {channel: SubscriptionOptions() for channel in subscriptions}
        )
        self.expire_at = expire_at


@dataclass(frozen=True, slots=True)
class ConnectResult:
    """The answer to a connect.

    Attributes:
        client: the connection's id.
        data: the application's payload, or ``None``.
        subscriptions: what the server has subscribed the client to: all of it.
        ttl: seconds until the connection expires, at least 1; ``None`` for never.
    """

    client: str
    data: bytes | None = None
    subscriptions: Mapping[str, SubscribeResult] = field(default_factory=dict)
    ttl: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRequest:
    """A client's wish to stay, as the ``on_refresh`` of an app or a namespace gets it.

    Attributes:
        token: what it shows; never empty.
        credentials: what a good connection token says, or ``None`` where tokens are not checked.
        options: likewise, a subscription token.
    """

    token: str
    credentials: Credentials | None = None
    options: SubscriptionOptions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeRequest:
    """A client's wish to subscribe, as ``on_subscribe`` gets it.

    Attributes:
        channel: the channel's name.
        token: the subscription token, empty if none was sent.
        data: the application's payload as JSON bytes, or ``None``.
        recover: the client holds ``position`` and wants what came after it.
        position: the client's last position; its epoch may be empty, which matches any.
        positioned: the client wishes to know positions.
        recoverable: the client wishes to recover after a break.
        join_leave: the client wishes to hear of others who join and leave.
        strict_recovery: the client prefers error 112 to ``recovered=False``.
        delta: how the client can take publications as differences: ``"fossil"``, or empty.
    """

    channel: str
    token: str = ""
    data: bytes | None = None
    recover: bool = False
    position: StreamPosition = StreamPosition()  # noqa: RUF009 (frozen)
    positioned: bool = False
    recoverable: bool = False
    join_leave: bool = False
    strict_recovery: bool = False
    delta: str = ""

    def decode(self, form: Any = Any) -> Any:
        """Return :attr:`data` as a Python value of this type (``None`` where none was sent).

        Raises:
            ReplyError: 107, it is not JSON or not of that type.
        """
        return decode_payload(self.data or b"", form)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeResult:
    """The answer to a subscribe (protocol, section 5).

    Attributes:
        position: where the client stands: the top of the stream, or the client's own offset
            when ``recovered``, since ``publications`` carry it on from there.
        positioned: the client is told of gaps.
        recoverable: the client may ask for recovery later.
        was_recovering: recovery was asked for.
        recovered: ``publications`` are all that was missed; never part of it.
        publications: what was missed, in ascending order.
        data: the application's payload as JSON bytes, or ``None``.
        ttl: seconds until the subscription expires, at least 1; ``None`` for never.
        delta: publications may come as differences.
    """

    position: StreamPosition = StreamPosition()  # noqa: RUF009 (frozen)
    positioned: bool = False
    recoverable: bool = False
    was_recovering: bool = False
    recovered: bool = False
    publications: tuple[Publication, ...] = ()
    data: bytes | None = None
    ttl: int | None = None
    delta: bool = False
