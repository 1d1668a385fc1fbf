"""What a client asks for, in words of the hub: connect and subscribe, and their answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sennit.hub.payload import decode_payload, encode_payload
from sennit.model.publication import Publication, StreamPosition
from sennit.model.request import ConnectionRequest

__all__ = [
    "ConnectRequest",
    "ConnectResult",
    "Credentials",
    "SubscribeRequest",
    "SubscribeResult",
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
    """

    token: str = ""
    data: bytes | None = None
    name: str = ""
    version: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    connection: ConnectionRequest = field(default_factory=lambda: ConnectionRequest(path="/"))
    protocol: str = ""

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


class Credentials:
    """Who a client is: what ``on_connect`` answers with.

    Args:
        user: the user id; empty for an anonymous user.
        info: shown to others beside the user id: any JSON value, or JSON as ``bytes``.
        data: the application's payload for the client: likewise.
        state: what handlers will find in ``session.state``; never sent.

    Raises:
        TypeError: ``info`` or ``data`` has no JSON form.
    """

    __slots__ = ("data", "info", "state", "user")

    def __init__(
        self,
        user: str = "",
        *,
        info: Any = None,
        data: Any = None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self.user = user
        self.info = None if info is None else encode_payload(info)
        self.data = None if data is None else encode_payload(data)
        self.state = dict(state or {})


@dataclass(frozen=True, slots=True)
class ConnectResult:
    """The answer to a connect: the connection's id, and the application's payload."""

    client: str
    data: bytes | None = None


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
    """

    position: StreamPosition = StreamPosition()  # noqa: RUF009 (frozen)
    positioned: bool = False
    recoverable: bool = False
    was_recovering: bool = False
    recovered: bool = False
    publications: tuple[Publication, ...] = ()
    data: bytes | None = None
