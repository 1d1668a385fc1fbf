"""A publication: what a channel carries, and where it stands in the channel's stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["ClientInfo", "HistoryPage", "Publication", "StreamPosition"]


@dataclass(frozen=True, slots=True)
class StreamPosition:
    """A place in a channel's stream.

    Attributes:
        offset: number of the publication, counted from 1; 0 is before the first. Always 0 in a
            channel without history.
        epoch: names one life of the stream; an offset means nothing in another epoch. Empty in a
            channel without history.
    """

    offset: int = 0
    epoch: str = ""


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """Who somebody is, as other clients see it (protocol, ``ClientInfo``).

    Attributes:
        user: the user id; empty for an anonymous user.
        client: the connection's id.
        conn_info: JSON that belongs to the connection, as bytes, or ``None``.
        chan_info: JSON that belongs to this subscription, as bytes, or ``None``.
    """

    user: str
    client: str
    conn_info: bytes | None = None
    chan_info: bytes | None = None


@dataclass(frozen=True, slots=True)
class Publication:
    """One message in a channel (protocol, ``Publication``).

    Attributes:
        data: the application's payload, JSON as bytes, never decoded on the way.
        offset: its number in the channel's stream, 0 without history or before it is kept.
        epoch: the stream's epoch, empty without history; not sent to clients with each publication.
        info: who published it, for publications of clients; ``None`` for those of the server.
        tags: small text labels, sent along.
        channel: where it was, or is to be, published.
        ephemeral: whether it is for those who are there now: not kept, without an offset.
        exclude: the id of a connection that does not get it, or empty. Only what is not kept can
            leave somebody out, since recovery brings what is kept to everybody.
        delta: whether it may be sent as a difference to the one before.
    """

    data: bytes
    offset: int = 0
    epoch: str = ""
    info: ClientInfo | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    channel: str = ""
    ephemeral: bool = False
    exclude: str = ""
    delta: bool = False


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Part of a channel's history.

    Attributes:
        publications: in the order that was asked for.
        position: the top of the stream when the page was read.
    """

    publications: tuple[Publication, ...]
    position: StreamPosition
