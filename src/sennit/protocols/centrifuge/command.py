"""What a client says (protocol, section 3): a structure for each command.

A structure has the fields that this server looks at; others are skipped. Payloads are carried as
they came. Any codec decodes to these.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, Raw, Struct

__all__ = [
    "ABSENT",
    "ChannelCommand",
    "Command",
    "ConnectCommand",
    "EmptyCommand",
    "HistoryCommand",
    "PublishCommand",
    "Recovery",
    "RefreshCommand",
    "RpcCommand",
    "SendCommand",
    "Since",
    "SubRefreshCommand",
    "SubscribeCommand",
    "TextUplinkCommand",
    "UplinkCommand",
]

Uint32: TypeAlias = Annotated[int, Meta(ge=0, lt=2**32)]
Offset: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Int32: TypeAlias = Annotated[int, Meta(ge=-(2**31), lt=2**31)]
Int64: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]

ABSENT = Raw()
"""A payload that was not sent."""


class Recovery(Struct, frozen=True):
    """Where the client stands in a channel that the server had subscribed it to."""

    recover: bool = False
    epoch: str = ""
    offset: Offset = 0


class ConnectCommand(Struct, frozen=True):
    """``connect``: who the client says it is."""

    token: str = ""
    data: Raw = ABSENT
    name: str = ""
    version: str = ""
    headers: dict[str, str] = {}
    subs: dict[str, Recovery] = {}


class SubscribeCommand(Struct, frozen=True):
    """``subscribe``: a wish for a channel, and the position of who comes back."""

    channel: str = ""
    token: str = ""
    recover: bool = False
    epoch: str = ""
    offset: Offset = 0
    data: Raw = ABSENT
    positioned: bool = False
    recoverable: bool = False
    join_leave: bool = False
    delta: str = ""
    tf: Raw = ABSENT
    flag: Int64 = 0
    type: Int32 = 0


class ChannelCommand(Struct, frozen=True):
    """``unsubscribe``, ``presence``, ``presence_stats``: a channel's name."""

    channel: str = ""


class PublishCommand(Struct, frozen=True):
    """``publish``: a payload for a channel."""

    channel: str = ""
    data: Raw = ABSENT


class Since(Struct, frozen=True):
    """A position in a stream."""

    offset: Offset = 0
    epoch: str = ""


class HistoryCommand(Struct, frozen=True):
    """``history``: which part of a channel's stream."""

    channel: str = ""
    limit: Int32 = 0
    since: Since | None = None
    reverse: bool = False


class RpcCommand(Struct, frozen=True):
    """``rpc``: a call of one of the application's procedures."""

    data: Raw = ABSENT
    method: str = ""


class SendCommand(Struct, frozen=True):
    """``send``: a message that wants no answer."""

    data: Raw = ABSENT


class RefreshCommand(Struct, frozen=True):
    """``refresh``: a new token for the connection."""

    token: str = ""


class SubRefreshCommand(Struct, frozen=True):
    """``sub_refresh``: a new token for a subscription."""

    channel: str = ""
    token: str = ""


class EmptyCommand(Struct, frozen=True):
    """``ping``: known, and not looked into."""


class Command(Struct, frozen=True):
    """One command: an id, and one of the bodies; neither of both in a pong."""

    id: Uint32 = 0
    connect: ConnectCommand | None = None
    subscribe: SubscribeCommand | None = None
    unsubscribe: ChannelCommand | None = None
    publish: PublishCommand | None = None
    presence: ChannelCommand | None = None
    presence_stats: ChannelCommand | None = None
    history: HistoryCommand | None = None
    ping: EmptyCommand | None = None
    send: SendCommand | None = None
    rpc: RpcCommand | None = None
    refresh: RefreshCommand | None = None
    sub_refresh: SubRefreshCommand | None = None


class UplinkCommand(Struct, frozen=True):
    """An uplink in Protobuf: a frame of commands, and for whom it is (section 11)."""

    node: str = ""
    session: str = ""
    data: Raw = ABSENT


class TextUplinkCommand(Struct, frozen=True):
    """The same in JSON, where the frame is in a string, and so encoded twice."""

    node: str
    session: str
    data: str
