"""Producers and consumers of Twisted at either end of a WebSocket."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

import io
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.protocols.basic import FileSender
from zope.interface import implementer
from zope.interface.verify import verifyObject

from sennit.engine.build import Close, Message
from sennit.net.flow import MessageConsumer, MessageProducer
from sennit.net.websocket import WebSocket
from tests.double import outcome
from tests.net.test_websocket import Guest, Room, holding


def open_pair(**settings: Any) -> tuple[Room, WebSocket, Guest]:
    sockets, handler = holding()
    room = Room(handler, **settings)
    guest = room.enter()
    return room, sockets[0], guest


@implementer(IPushProducer)
class Producer:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


class Consumer:
    """Keeps what it gets, and its producer."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.producer: Any = None

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def write(self, data: bytes) -> None:
        self.written.append(data)


# -- sending what is produced --------------------------------------------------------------------


def test_a_file_is_sent() -> None:
    """Twisted's ``FileSender`` pulls it through; slowly where the peer is slow."""
    room, ws, guest = open_pair(write_high=65536)
    consumer = MessageConsumer(room.clock, ws)
    verifyObject(IConsumer, consumer)
    data = bytes(range(256)) * 4096
    guest.socket.room = 100_000
    transfer: Deferred[Any] = FileSender().beginFileTransfer(io.BytesIO(data), consumer)
    for _ in range(40):
        room.clock.advance(0)
    assert ws.buffered < 200_000
    assert not transfer.called
    for _ in range(40):
        guest.socket.drain()
        room.clock.advance(0)
    outcome(transfer)
    messages = guest.hear()
    assert len(messages) > 8
    assert b"".join(event.data for event in messages if isinstance(event, Message)) == data
    assert room.clock.getDelayedCalls() == []


def test_a_pushing_producer_is_paused_and_resumed() -> None:
    """Once for all that waits."""
    room, ws, guest = open_pair(write_high=10, write_low=0)
    consumer, producer = MessageConsumer(room.clock, ws, text=True), Producer()
    consumer.registerProducer(producer, True)
    guest.socket.room = 0
    consumer.write(b"0123456789")
    assert producer.told == []
    consumer.write(b"more")
    consumer.write(b"and more")
    assert producer.told == ["pause"]
    guest.socket.drain()
    assert producer.told == ["pause", "resume"]
    assert guest.hear() == [Message(text, True) for text in (b"0123456789", b"more", b"and more")]


def test_one_that_comes_while_the_peer_is_slow_begins_paused() -> None:
    """Another may have been there before it."""
    room, ws, guest = open_pair(write_high=10, write_low=0)
    consumer = MessageConsumer(room.clock, ws)
    guest.socket.room = 0
    consumer.write(b"0123456789")
    consumer.write(b"waits")
    pushing, pulling = Producer(), Producer()
    consumer.registerProducer(pushing, True)
    assert pushing.told == ["pause"]
    consumer.unregisterProducer()
    consumer.registerProducer(pulling, False)
    room.clock.advance(0)
    assert pulling.told == []
    guest.socket.drain()
    room.clock.advance(0)
    assert pulling.told == ["resume"]


def test_a_producer_that_is_gone_is_asked_nothing() -> None:
    """Neither what it was to be asked, nor when there is room again."""
    room, ws, guest = open_pair(write_high=10, write_low=0)
    consumer, producer = MessageConsumer(room.clock, ws), Producer()
    consumer.registerProducer(producer, False)
    consumer.unregisterProducer()
    room.clock.advance(0)
    guest.socket.room = 0
    consumer.write(b"0123456789")
    consumer.write(b"waits")
    guest.socket.drain()
    assert producer.told == []


def test_an_end_stops_the_producer() -> None:
    """That of the connection; a producer that comes later is stopped at once."""
    room, ws, guest = open_pair(write_high=10)
    consumer, producer = MessageConsumer(room.clock, ws), Producer()
    consumer.registerProducer(producer, True)
    guest.socket.room = 0
    consumer.write(b"0123456789")
    consumer.write(b"waits")
    guest.lose()
    assert producer.told == ["pause", "stop"]
    consumer.write(b"nowhere")
    late = Producer()
    consumer.registerProducer(late, True)
    assert late.told == ["stop"]


def test_there_is_one_producer() -> None:
    """As with every consumer of Twisted."""
    room, ws, _ = open_pair()
    consumer = MessageConsumer(room.clock, ws)
    consumer.registerProducer(Producer(), True)
    with pytest.raises(RuntimeError, match="unregister"):
        consumer.registerProducer(Producer(), True)


# -- producing what is received ------------------------------------------------------------------


@pytest.mark.parametrize("streaming", [False, True])
def test_what_is_received_is_written(streaming: bool) -> None:
    """Pausing pauses the socket; the end of the connection is the producer's."""
    consumer = Consumer()
    guest = Room(lambda ws: MessageProducer(ws, consumer), streaming=streaming).enter()
    verifyObject(IPushProducer, consumer.producer)
    guest.say("text", b"bytes")
    assert consumer.written == [b"text", b"bytes"]
    consumer.producer.pauseProducing()
    assert not guest.socket.reading
    guest.say("later")
    assert consumer.written == [b"text", b"bytes"]
    consumer.producer.resumeProducing()
    assert consumer.written[-1] == b"later"
    assert guest.socket.reading
    guest.lose()
    assert consumer.producer is None


def test_stopping_closes() -> None:
    """With 1000."""
    consumer = Consumer()
    guest = Room(lambda ws: MessageProducer(ws, consumer)).enter()
    consumer.producer.stopProducing()
    (close,) = guest.hear()
    assert isinstance(close, Close)
    assert close.code == 1000
