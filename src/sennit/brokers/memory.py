"""The memory broker: streams and presence in this process, gone when it ends."""

from __future__ import annotations

import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import islice

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from sennit.interfaces import PublicationSink, PublishOptions, PublishResult
from sennit.model.publication import ClientInfo, HistoryPage, Publication, StreamPosition

__all__ = ["MemoryBroker", "MemoryPresence"]

_SWEEP_EVERY = 1024
"""Publications after which what has expired is looked for in all channels."""


class _Stream:
    """One channel's stream: a ring of publications, and a counter that outlives them."""

    __slots__ = ("epoch", "expires", "meta_expires", "offset", "ring", "version")

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self.offset = 0
        self.ring: deque[Publication] = deque()
        self.expires = 0.0
        self.meta_expires = 0.0
        self.version = (0, "")

    def has_seen(self, version: int, epoch: str) -> bool:
        """Return whether a version is not newer than the last one of the same run."""
        return bool(version) and epoch == self.version[1] and version <= self.version[0]

    @property
    def position(self) -> StreamPosition:
        return StreamPosition(self.offset, self.epoch)

    def page(
        self, since: StreamPosition | None, limit: int, *, reverse: bool
    ) -> tuple[Publication, ...]:
        found: Iterable[Publication] = reversed(self.ring) if reverse else self.ring
        if since is not None:
            # The ring has no holes, so the first one wanted is found by counting.
            oldest = self.offset - len(self.ring) + 1
            if reverse:
                skipped = max(0, self.offset - since.offset + 1)
            else:
                skipped = max(0, since.offset - oldest + 1)
            found = islice(found, skipped, None)
        return tuple(found if limit < 0 else islice(found, limit))


class MemoryBroker:
    """Keeps streams in memory and delivers at once. One process, nothing survives it.

    Args:
        clock: the time.
        new_epoch: makes the names of new streams' lives; they must not repeat, also not after a
            restart of the process, or clients would take a new stream for the old one.
    """

    def __init__(
        self, clock: IReactorTime, new_epoch: Callable[[], str] = lambda: uuid.uuid4().hex[:8]
    ) -> None:
        self._clock = clock
        self._new_epoch = new_epoch
        self._sink: PublicationSink | None = None
        self._subscribed: set[str] = set()
        self._streams: dict[str, _Stream] = {}
        self._results: OrderedDict[tuple[str, str], tuple[float, StreamPosition]] = OrderedDict()
        self._until_sweep = _SWEEP_EVERY

    def __len__(self) -> int:
        """Return how many streams and remembered keys it holds."""
        return len(self._streams) + len(self._results)

    def start(self, sink: PublicationSink) -> Deferred[None]:
        """Make ready."""
        self._sink = sink
        return succeed(None)

    def stop(self) -> Deferred[None]:
        """Forget everything."""
        self._sink = None
        self._subscribed.clear()
        self._streams.clear()
        self._results.clear()
        return succeed(None)

    def subscribe(self, channel: str) -> Deferred[None]:
        """Deliver a channel from now on."""
        self._subscribed.add(channel)
        return succeed(None)

    def unsubscribe(self, channel: str) -> Deferred[None]:
        """Deliver a channel no more."""
        self._subscribed.discard(channel)
        return succeed(None)

    def publish(
        self, channel: str, publication: Publication, options: PublishOptions
    ) -> Deferred[PublishResult]:
        """Keep a publication and deliver it."""
        self._sweep_in_turn()
        key = (channel, options.idempotency_key)
        if options.idempotency_key:
            known = self._results.get(key)
            if known is not None and known[0] > self._clock.seconds():
                return succeed(PublishResult(known[1], duplicate=True))
        position = StreamPosition()
        if options.history_size and options.history_ttl > 0:
            stream = self._stream(channel, options)
            if stream.has_seen(options.version, options.version_epoch):
                return succeed(PublishResult(stream.position, duplicate=True))
            position = self._append(channel, publication, options)
        if options.idempotency_key:
            expires = self._clock.seconds() + options.idempotency_ttl
            self._results[key] = (expires, position)
            self._results.move_to_end(key)
        if self._sink is not None and channel in self._subscribed:
            kept = replace(
                publication, offset=position.offset, epoch=position.epoch, channel=channel
            )
            self._sink.on_publication(channel, kept)
        return succeed(PublishResult(position))

    def publish_join(self, channel: str, info: ClientInfo) -> Deferred[None]:
        """Tell the sink that somebody subscribed."""
        if self._sink is not None and channel in self._subscribed:
            self._sink.on_join(channel, info)
        return succeed(None)

    def publish_leave(self, channel: str, info: ClientInfo) -> Deferred[None]:
        """Tell the sink that somebody's subscription ended."""
        if self._sink is not None and channel in self._subscribed:
            self._sink.on_leave(channel, info)
        return succeed(None)

    def history(
        self,
        channel: str,
        options: PublishOptions,
        *,
        since: StreamPosition | None = None,
        limit: int = 0,
        reverse: bool = False,
    ) -> Deferred[HistoryPage]:
        """Read a channel's stream."""
        stream = self._stream(channel, options)
        publications = stream.page(since, limit, reverse=reverse) if limit else ()
        return succeed(HistoryPage(publications, stream.position))

    def remove_history(self, channel: str) -> Deferred[None]:
        """Forget a channel's publications; its offset and epoch go on."""
        stream = self._streams.get(channel)
        if stream is not None:
            stream.ring.clear()
        return succeed(None)

    def _append(
        self, channel: str, publication: Publication, options: PublishOptions
    ) -> StreamPosition:
        stream = self._stream(channel, options)
        stream.offset += 1
        if options.version:
            stream.version = (options.version, options.version_epoch)
        stream.ring.append(
            replace(publication, offset=stream.offset, epoch=stream.epoch, channel=channel)
        )
        while len(stream.ring) > options.history_size:
            stream.ring.popleft()
        stream.expires = self._clock.seconds() + options.history_ttl
        return stream.position

    def _stream(self, channel: str, options: PublishOptions) -> _Stream:
        now = self._clock.seconds()
        stream = self._streams.get(channel)
        if stream is None or stream.meta_expires <= now:
            stream = self._streams[channel] = _Stream(self._new_epoch())
        elif stream.expires <= now:
            stream.ring.clear()
        stream.meta_expires = now + options.meta_ttl
        return stream

    def _sweep_in_turn(self) -> None:
        self._until_sweep -= 1
        if self._until_sweep > 0:
            return
        self._until_sweep = _SWEEP_EVERY
        now = self._clock.seconds()
        for channel, stream in list(self._streams.items()):
            if stream.meta_expires <= now:
                del self._streams[channel]
            elif stream.expires <= now:
                stream.ring.clear()
        for key, (expires, _) in list(self._results.items()):
            if expires <= now:
                del self._results[key]


class MemoryPresence:
    """Keeps who is subscribed in memory. One process, nothing survives it."""

    def __init__(self) -> None:
        self._channels: dict[str, dict[str, ClientInfo]] = {}

    def add(self, channel: str, info: ClientInfo) -> Deferred[None]:
        """Note that a connection is subscribed."""
        self._channels.setdefault(channel, {})[info.client] = info
        return succeed(None)

    def remove(self, channel: str, client: str) -> Deferred[None]:
        """Note that a connection is not subscribed any more."""
        clients = self._channels.get(channel)
        if clients is not None:
            clients.pop(client, None)
            if not clients:
                del self._channels[channel]
        return succeed(None)

    def clients(self, channel: str) -> Deferred[Mapping[str, ClientInfo]]:
        """Return every subscribed connection by its id."""
        return succeed(dict(self._channels.get(channel, {})))

    def count(self, channel: str) -> Deferred[tuple[int, int]]:
        """Return how many connections and how many distinct users are subscribed."""
        clients = self._channels.get(channel, {})
        return succeed((len(clients), len({info.user for info in clients.values()})))
