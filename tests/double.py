"""Doubles for tests without sockets: a transport, its framing and fan-out, a codec, a late broker.

They hold to the contracts of ``sennit.interfaces``, and say so when somebody breaks one.
"""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from sennit.brokers.memory import MemoryBroker
from sennit.interfaces import (
    Delta,
    PublicationSink,
    PublishOptions,
    PublishResult,
    Transport,
)
from sennit.model.publication import ClientInfo, HistoryPage, Publication, StreamPosition

__all__ = [
    "FakeCodec",
    "FakeFraming",
    "FakeGroup",
    "FakeTransport",
    "LateBroker",
    "LogKeeper",
    "outcome",
]

T = TypeVar("T")


def outcome(deferred: Deferred[T]) -> T:
    """Return what a Deferred has fired with, or raise its failure; it must have fired.

    A result stays in the Deferred; a failure is taken out of it.
    """
    results: list[T] = []
    failures: list[BaseException] = []

    def fired(result: T) -> T:
        results.append(result)
        return result

    deferred.addCallbacks(fired, lambda failure: failures.append(failure.value))
    if failures:
        raise failures[0]
    assert results, "the Deferred has not fired"
    return results[0]


@implementer(ILogObserver)
class LogKeeper:
    """Keeps what is logged between entering and leaving it as a context."""

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        self.events.append(event)

    def __enter__(self) -> Self:
        globalLogPublisher.addObserver(self)
        return self

    def __exit__(self, *_: object) -> None:
        globalLogPublisher.removeObserver(self)

    def failures(self) -> list[Failure]:
        """Return the failures logged since the last call."""
        events, self.events = self.events, []
        return [event["log_failure"] for event in events if "log_failure" in event]


class FakeGroup:
    """A fan-out group that counts its broadcasts."""

    def __init__(self) -> None:
        self.members: dict[Transport, None] = {}
        self.broadcasts = 0

    def add(self, transport: Transport) -> None:
        self.members[transport] = None

    def discard(self, transport: Transport) -> None:
        self.members.pop(transport, None)

    def __len__(self) -> int:
        return len(self.members)

    def broadcast(self, frame: bytes) -> Sequence[Transport]:
        self.broadcasts += 1
        return [transport for transport in list(self.members) if not transport.send(frame)]


class FakeFraming:
    """Frames a payload with angle brackets, and counts what it was asked to do."""

    def __init__(self) -> None:
        self.prepared = 0
        self.groups: list[FakeGroup] = []

    def prepare(self, payload: bytes) -> bytes:
        self.prepared += 1
        return b"<" + payload + b">"

    def group(self) -> FakeGroup:
        self.groups.append(FakeGroup())
        return self.groups[-1]


class FakeTransport:
    """A transport that keeps what it was sent; with ``blocked`` set it refuses."""

    def __init__(self, framing: FakeFraming | None = None) -> None:
        self.framing = framing or FakeFraming()
        self.sent: list[bytes] = []
        self.blocked = False
        self.disconnected: tuple[int, str] | None = None
        self.reading = True
        self.refused = 0

    @property
    def buffered(self) -> int:
        return 0

    def send(self, frame: bytes) -> bool:
        if self.disconnected is not None:
            return True
        if self.blocked:
            self.refused += 1
            return False
        self.sent.append(frame)
        return True

    def disconnect(self, code: int, reason: str) -> None:
        if self.disconnected is None:
            self.disconnected = (code, reason)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def take(self) -> list[Any]:
        """Return what was sent since the last call, decoded."""
        sent, self.sent = self.sent, []
        return [json.loads(frame[1:-1]) for frame in sent]


class FakeCodec:
    """Speaks short JSON lists: ``["pub", channel, offset, data]`` and the like."""

    def __init__(self) -> None:
        self.encoded = 0

    def encode_publication(
        self, channel: str, publication: Publication, delta: Delta | None = None
    ) -> bytes | None:
        self.encoded += 1
        data = json.loads(publication.data)
        if data == "unspeakable":
            return None
        if delta is None:
            return _json("pub", channel, publication.offset, data)
        base = None if delta.base is None else json.loads(delta.base)
        return _json("delta", channel, publication.offset, data, base)

    def encode_join(self, channel: str, info: ClientInfo) -> bytes | None:
        return _json("join", channel, info.user)

    def encode_leave(self, channel: str, info: ClientInfo) -> bytes | None:
        return _json("leave", channel, info.user)

    def encode_subscribe(
        self, channel: str, position: StreamPosition | None, recoverable: bool, data: bytes | None
    ) -> bytes | None:
        return _json("subscribe", channel, None if position is None else position.offset)

    def encode_unsubscribe(self, channel: str, code: int, reason: str) -> bytes | None:
        return _json("unsubscribe", channel, code, reason)

    def encode_message(self, data: bytes) -> bytes | None:
        return _json("message", json.loads(data))


def _json(*values: object) -> bytes:
    return json.dumps(list(values)).encode()


class LateBroker:
    """A memory broker whose every answer and delivery is late, and out of step with the others.

    What the contract promises it keeps: each channel's publications are delivered in offset order,
    and only once they are kept. Answers overtake deliveries, and deliveries answers. A history is
    that of the moment it was asked for, however late it is answered.

    Args:
        clock: the time.
        seed: of the delays, which are up to three seconds, mostly short.
    """

    def __init__(self, clock: Clock, seed: int = 0) -> None:
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311 - replayable on purpose
        self._memory = MemoryBroker(clock, new_epoch=lambda: f"e{self._random.randrange(10**6)}")
        self._queues: dict[str, deque[Callable[[], None]]] = {}
        self._subscribed: set[str] = set()
        self.failing: set[str] = set()
        self.calls: list[tuple[str, str]] = []

    def start(self, sink: PublicationSink) -> Deferred[None]:
        self._sink = sink
        return self._memory.start(self)

    def stop(self) -> Deferred[None]:
        return self._late(self._memory.stop)

    def subscribe(self, channel: str) -> Deferred[None]:
        def subscribe() -> Deferred[None]:
            self._subscribed.add(channel)
            return self._memory.subscribe(channel)

        return self._late(subscribe, "subscribe", channel)

    def unsubscribe(self, channel: str) -> Deferred[None]:
        def unsubscribe() -> Deferred[None]:
            self._subscribed.discard(channel)
            return self._memory.unsubscribe(channel)

        return self._late(unsubscribe, "unsubscribe", channel)

    def publish(
        self, channel: str, publication: Publication, options: PublishOptions
    ) -> Deferred[PublishResult]:
        return self._late(
            lambda: self._memory.publish(channel, publication, options), "publish", channel
        )

    def publish_join(self, channel: str, info: ClientInfo) -> Deferred[None]:
        return self._late(lambda: self._memory.publish_join(channel, info), "join", channel)

    def publish_leave(self, channel: str, info: ClientInfo) -> Deferred[None]:
        return self._late(lambda: self._memory.publish_leave(channel, info), "leave", channel)

    def history(
        self,
        channel: str,
        options: PublishOptions,
        *,
        since: StreamPosition | None = None,
        limit: int = 0,
        reverse: bool = False,
    ) -> Deferred[HistoryPage]:
        def read() -> Deferred[HistoryPage]:
            return self._memory.history(channel, options, since=since, limit=limit, reverse=reverse)

        return self._late(read, "history", channel)

    def remove_history(self, channel: str) -> Deferred[None]:
        return self._late(lambda: self._memory.remove_history(channel), "remove", channel)

    # What the memory broker delivers at once goes out late, in order within the channel.

    def on_publication(self, channel: str, publication: Publication) -> None:
        self._deliver(channel, lambda: self._sink.on_publication(channel, publication))

    def on_join(self, channel: str, info: ClientInfo) -> None:
        self._deliver(channel, lambda: self._sink.on_join(channel, info))

    def on_leave(self, channel: str, info: ClientInfo) -> None:
        self._deliver(channel, lambda: self._sink.on_leave(channel, info))

    def _deliver(self, channel: str, call: Callable[[], None]) -> None:
        queue = self._queues.setdefault(channel, deque())
        queue.append(call)
        self._clock.callLater(self._delay(), self._deliver_next, queue)

    def _deliver_next(self, queue: deque[Callable[[], None]]) -> None:
        queue.popleft()()

    def _late(
        self, act: Callable[[], Deferred[T]], name: str = "stop", channel: str = ""
    ) -> Deferred[T]:
        self.calls.append((name, channel))
        late: Deferred[T] = Deferred()

        def do() -> None:
            if name in self.failing:
                self._answer(late, None)
            else:
                act().addCallback(lambda result: self._answer(late, (result,)))

        self._clock.callLater(self._delay(), do)
        return late

    def _answer(self, late: Deferred[T], result: tuple[T] | None) -> None:
        def answer() -> None:
            if late.called:  # cancelled by who asked
                return
            if result is None:
                late.errback(ConnectionError("the broker is away"))
            else:
                late.callback(result[0])

        self._clock.callLater(self._delay(), answer)

    def _delay(self) -> float:
        return 3.0 * self._random.random() ** 4
