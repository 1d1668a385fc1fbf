"""The seams of the house: what each room may expect of the others.

Everything here is a :class:`typing.Protocol`; a class of any room fits by having the methods.
``net`` provides :class:`Transport`, :class:`Framing` and :class:`FanoutGroup` and calls
:class:`Mount` and :class:`MessageHandler`, which ``protocols`` provides. ``protocols`` provides
:class:`Codec`. ``brokers`` provides :class:`Broker` and :class:`PresenceStore`, and calls
:class:`PublicationSink`, which the hub is. ``web`` provides transports too, whose clients speak by
requests of their own: it calls :class:`StreamMount`, and reaches their sessions by a
:class:`Forwarder`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

from twisted.internet.defer import Deferred

from sennit.model.publication import ClientInfo, HistoryPage, Publication, StreamPosition
from sennit.model.request import Closed, ConnectionRequest

__all__ = [
    "Accepted",
    "Broker",
    "Codec",
    "CoroutineRunner",
    "Delta",
    "FanoutGroup",
    "Forwarded",
    "Forwarder",
    "Framing",
    "MessageHandler",
    "Mount",
    "PresenceStore",
    "PublicationSink",
    "PublishOptions",
    "PublishResult",
    "StreamMount",
    "Streamed",
    "Transport",
    "UplinkFrame",
]

T = TypeVar("T")


# -- towards the network -------------------------------------------------------------------------


class Transport(Protocol):
    """One connection, as a session sees it: WebSocket, SSE and HTTP streaming are equals.

    A transport keeps what the operating system has not taken, up to a small bound, and then refuses
    whole frames until it has room. What is refused stays with the caller, in order; the
    transport calls :meth:`MessageHandler.writable` once there is room again.
    """

    @property
    def framing(self) -> Framing:
        """How this connection frames payloads; equal for connections that can share a frame."""

    @property
    def buffered(self) -> int:
        """Bytes accepted but not yet given to the operating system."""

    def send(self, frame: bytes) -> bool:
        """Take one frame made by :attr:`framing`.

        Returns:
            ``True`` if the frame was taken (or the connection is closing, where frames go
            nowhere); ``False`` if nothing of it was, and ``writable()`` will be called.
        """

    def disconnect(self, code: int, reason: str) -> None:
        """End the connection: a close frame here, a disconnect push there. Later sends go nowhere.

        Whatever was taken is still written first. A peer that does not finish the closing within
        the transport's deadline is cut off. ``connection_lost`` is called in the end, never
        from inside this call. A second call changes nothing.
        """

    def pause_reading(self) -> None:
        """Deliver no messages until :meth:`resume_reading`; the peer meets a full window."""

    def resume_reading(self) -> None:
        """Deliver messages again."""


class Framing(Protocol):
    """How one kind of transport wraps a payload. Hashable; equal framings make equal frames."""

    def prepare(self, payload: bytes) -> bytes:
        """Return the bytes that carry this payload to any connection with this framing."""

    def group(self) -> FanoutGroup:
        """Return a new, empty fan-out group for transports with this framing."""


class FanoutGroup(Protocol):
    """Transports that share one framing and are all up to date.

    Nothing in Python runs per member in :meth:`broadcast` of a native group.
    """

    def add(self, transport: Transport) -> None:
        """Make a transport of this group's framing a member; adding it twice changes nothing."""

    def discard(self, transport: Transport) -> None:
        """Remove a member; anything else is ignored. Allowed during a broadcast."""

    def __len__(self) -> int:
        """Return how many members there are."""

    def broadcast(self, frame: bytes) -> Sequence[Transport]:
        """Give one frame to every member.

        Returns:
            The members that refused it, as :meth:`Transport.send` would have. They remain
            members; it is for the caller to keep the frame and to take them out.
        """


class MessageHandler(Protocol):
    """What a protocol does with one connection; ``net`` calls it.

    Nothing it raises goes further than an entry in the log and close code 1011.
    """

    def connection_made(self, transport: Transport) -> None:
        """Called once, before anything else."""

    def message_received(self, data: bytes, is_text: bool) -> None:
        """A whole message has arrived; text has been checked to be UTF-8."""

    def writable(self) -> None:
        """A transport that refused a frame has room again."""

    def connection_lost(self, closed: Closed) -> None:
        """Called once, in the end; nothing is called after it."""


class Accepted(NamedTuple):
    """A mount's answer to an upgrade request that it takes.

    Attributes:
        handler: what will receive the messages.
        subprotocol: one that the client offered, or ``None``.
        binary: whether frames sent to this connection are binary messages, else text.
        headers: further headers for the handshake's response.
        ping_interval: seconds between the transport's own pings, for a protocol that has none;
            ``None`` leaves it to the transport's settings.
    """

    handler: MessageHandler
    subprotocol: str | None = None
    binary: bool = False
    headers: Sequence[tuple[str, str]] = ()
    ping_interval: float | None = None


class Mount(Protocol):
    """What is mounted at a WebSocket path."""

    def open(self, request: ConnectionRequest) -> Accepted | Deferred[Accepted]:
        """Take the connection, now or when the Deferred fires.

        It is cancelled when the client goes away, or a deadline passes; what comes of it then is
        forgotten.

        Raises:
            HandshakeError: it is refused, with this HTTP status, body and headers; the Deferred
                may fail with it too.
        """


class Streamed(NamedTuple):
    """A mount's answer to a client that reads a response without end, and speaks by an uplink.

    Attributes:
        handler: what will receive the messages.
        farewell: makes the payload that says with which code and reason the connection ends,
            where there is no close frame.
    """

    handler: MessageHandler
    farewell: Callable[[int, str], bytes]


class UplinkFrame(NamedTuple):
    """What a client says by an uplink.

    Attributes:
        node: which node has its session.
        session: which one it is; a secret.
        data: the frame.
    """

    node: str
    session: str
    data: bytes


class StreamMount(Protocol):
    """What is mounted where clients read a response without end."""

    def open_stream(
        self, request: ConnectionRequest, *, binary: bool, session: str, node: str
    ) -> Streamed:
        """Take the connection.

        Args:
            request: the request that the response answers.
            binary: whether frames are binary, else text.
            session: what the client is to be told, to say it in its uplinks; a secret.
            node: likewise.

        Raises:
            HandshakeError: it is refused, with this HTTP status, body and headers.
        """

    def read_uplink(self, body: bytes, *, binary: bool) -> UplinkFrame:
        """Read the body of an uplink.

        Raises:
            RemoteProtocolError: it cannot be read as one.
        """


Forwarded = Literal["taken", "full", "unknown session", "unknown node"]
"""What became of a frame: its session has it, or had so much to do that it took no more, or there
is no such session, or no such node."""


class Forwarder(Protocol):
    """Brings what clients say by uplinks to the node that has their session."""

    def forward(self, frame: UplinkFrame) -> Deferred[Forwarded]:
        """Bring one frame, behind those of its session that came before.

        Fires once the session has taken it, which may wait until it has done other things.
        """


# -- towards the client's protocol ---------------------------------------------------------------


class Delta(NamedTuple):
    """What a subscriber holds who takes publications as differences to the one before.

    Attributes:
        base: the payload that it was sent last; ``None`` if it has to be sent a whole one.
    """

    base: bytes | None = None


class Codec(Protocol):
    """What the hub asks of a client protocol: words for what it pushes. Knows no transport.

    Hashable; one codec object serves every connection that speaks it. The other half, decoding
    commands and encoding replies, is between a codec and its own protocol.
    """

    def encode_publication(
        self, channel: str, publication: Publication, delta: Delta | None = None
    ) -> bytes | None:
        """Return the payload that brings a publication to a subscriber; ``None`` to send none.

        Args:
            channel: its channel.
            publication: what is published.
            delta: for a subscriber who takes differences, what it holds; ``None`` for another.

        Raises:
            Disconnect: this protocol cannot say it: the connection ends, since what is left out
                would be missed.
        """

    def encode_join(self, channel: str, info: ClientInfo) -> bytes | None:
        """Return the payload that says who joined; ``None`` if this protocol does not say."""

    def encode_leave(self, channel: str, info: ClientInfo) -> bytes | None:
        """Return the payload that says who left; ``None`` if this protocol does not say."""

    def encode_subscribe(
        self, channel: str, position: StreamPosition | None, recoverable: bool, data: bytes | None
    ) -> bytes | None:
        """Return the payload that tells of a subscription made by the server.

        Args:
            channel: its name.
            position: where the client stands; ``None`` where it has no position.
            recoverable: whether it may recover.
            data: the application's payload, or ``None``.

        Returns:
            ``None`` if this protocol has no words for it: then there can be no such subscription.

        Raises:
            Disconnect: this protocol cannot say the payload: the connection ends.
        """

    def encode_unsubscribe(self, channel: str, code: int, reason: str) -> bytes | None:
        """Return the payload that ends a subscription.

        ``None`` if this protocol has no words for it: the connection is ended instead.
        """

    def encode_message(self, data: bytes) -> bytes | None:
        """Return the payload of an application's message; ``None`` if this protocol cannot.

        Raises:
            Disconnect: it cannot say this one, which is not JSON: the connection ends.
        """


# -- towards the broker --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """How a broker keeps one publication.

    Attributes:
        history_size: how many publications the channel keeps; 0 keeps none and gives no offset.
        history_ttl: seconds after its last publication that a channel's history is kept.
        meta_ttl: seconds after its last use that the channel's offset and epoch are kept.
        idempotency_key: a publication with a key seen in this channel within ``idempotency_ttl``
            is not published again; its answer is the first one's. Empty for none.
        idempotency_ttl: seconds.
        version: of what the publication describes, 0 for none; a channel with history that has
            seen this version, or a newer one, keeps and delivers nothing, and answers with its top.
        version_epoch: names one run of versions; those of another are not compared.
    """

    history_size: int = 0
    history_ttl: float = 0
    meta_ttl: float = 30 * 86400
    idempotency_key: str = ""
    idempotency_ttl: float = 300
    version: int = 0
    version_epoch: str = ""


@dataclass(frozen=True, slots=True)
class PublishResult:
    """Where a publication stands, and whether it was known already."""

    position: StreamPosition
    duplicate: bool = False


class PublicationSink(Protocol):
    """Where a broker delivers; the hub."""

    def on_publication(self, channel: str, publication: Publication) -> None:
        """Deliver a publication that has been kept.

        Called in offset order within one channel, only for channels subscribed to, and for every
        publication kept after ``subscribe`` fired.
        """

    def on_join(self, channel: str, info: ClientInfo) -> None:
        """Somebody subscribed, here or on another node."""

    def on_leave(self, channel: str, info: ClientInfo) -> None:
        """Somebody's subscription ended, here or on another node."""


class Broker(Protocol):
    """Keeps streams and carries publications between nodes. Every answer is a Deferred.

    ``publish`` answers, and ``on_publication`` is called, only once the publication is kept for
    good. A Deferred of a broker that is cancelled may still take effect.
    """

    def start(self, sink: PublicationSink) -> Deferred[None]:
        """Make ready; called once before anything else."""

    def stop(self) -> Deferred[None]:
        """Finish what is under way and let go of everything."""

    def subscribe(self, channel: str) -> Deferred[None]:
        """Deliver this channel's publications to the sink from when this fires."""

    def unsubscribe(self, channel: str) -> Deferred[None]:
        """Deliver this channel no more."""

    def publish(
        self, channel: str, publication: Publication, options: PublishOptions
    ) -> Deferred[PublishResult]:
        """Keep a publication (its own offset and epoch are ignored) and deliver it everywhere."""

    def publish_join(self, channel: str, info: ClientInfo) -> Deferred[None]:
        """Tell every node that somebody subscribed. Not kept."""

    def publish_leave(self, channel: str, info: ClientInfo) -> Deferred[None]:
        """Tell every node that somebody's subscription ended. Not kept."""

    def history(
        self,
        channel: str,
        options: PublishOptions,
        *,
        since: StreamPosition | None = None,
        limit: int = 0,
        reverse: bool = False,
    ) -> Deferred[HistoryPage]:
        """Read a channel's stream.

        Args:
            channel: any channel; one never published to has an empty stream, and an epoch.
            options: what the channel's namespace says of its history.
            since: exclusive: forward, offsets above it; reverse, offsets below it. Its epoch is
                not looked at; the caller compares epochs with the page's position.
            limit: at most so many publications; 0 reads the position only, -1 means no limit.
            reverse: newest first.
        """

    def remove_history(self, channel: str) -> Deferred[None]:
        """Forget a channel's publications; its offset and epoch go on."""


class PresenceStore(Protocol):
    """Who is subscribed to a channel, over all nodes."""

    def add(self, channel: str, info: ClientInfo) -> Deferred[None]:
        """Note that a connection is subscribed, or still is."""

    def remove(self, channel: str, client: str) -> Deferred[None]:
        """Note that a connection, by its id, is not subscribed any more."""

    def clients(self, channel: str) -> Deferred[Mapping[str, ClientInfo]]:
        """Return every subscribed connection by its id."""

    def count(self, channel: str) -> Deferred[tuple[int, int]]:
        """Return how many connections, and how many distinct user ids, are subscribed."""


# -- towards the application ---------------------------------------------------------------------


class CoroutineRunner(Protocol):
    """Runs a handler's coroutine.

    On the asyncio reactor the coroutine may await asyncio's awaitables as well as Deferreds;
    elsewhere ``Deferred.fromCoroutine`` fits. Cancelling the Deferred cancels the coroutine.
    """

    def __call__(self, coroutine: Coroutine[Any, Any, T], /) -> Deferred[T]:
        """Start the coroutine and return its outcome."""
