"""WebSockets beside Twisted's producers and consumers: each side slows the other down."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IConsumer,
    IProducer,
    IPullProducer,
    IPushProducer,
    IReactorTime,
)
from zope.interface import implementer

from sennit.errors import ConnectionClosed
from sennit.model.request import Closed
from sennit.net.websocket import WebSocket

__all__ = ["MessageConsumer", "MessageProducer"]


@implementer(IConsumer)
class MessageConsumer:
    """Sends what a producer writes: each write is a message.

    ::

        FileSender().beginFileTransfer(file, MessageConsumer(reactor, ws))

    The producer is paused while the peer does not keep up, and stopped when the connection ends.

    Args:
        reactor: the time; a pulling producer is asked once in a turn of the loop.
        ws: where to send.
        text: whether the writes are UTF-8, to be sent as text.
    """

    def __init__(self, reactor: IReactorTime, ws: WebSocket, *, text: bool = False) -> None:
        self._clock = reactor
        self._ws = ws
        self._text = text
        self._producer: Any = None
        self._streaming = False
        self._waiting = 0
        ws.wait_closed().addCallback(self._closed)

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Take a producer, pushing (``streaming``) or pulling.

        Raises:
            RuntimeError: there is one already.
        """
        if self._producer is not None:
            raise RuntimeError("there is a producer already: unregister it first")
        if self._ws.closed:
            producer.stopProducing()
            return
        self._producer = producer
        self._streaming = streaming
        if self._waiting:
            self._pause()
        elif not streaming:
            self._ask_later()

    def unregisterProducer(self) -> None:
        """Note that the producer is done. What it wrote is sent; the connection stays open."""
        self._producer = None

    def write(self, data: bytes) -> None:
        """Send a message; of a connection that is closed nothing is said to the producer here."""
        try:
            sent = self._ws.send(data, text=self._text)
        except ConnectionClosed:
            return
        if isinstance(sent, Deferred):
            self._waiting += 1
            sent.addCallbacks(self._sent, lambda _: None)
            if self._waiting == 1:
                self._pause()
        elif not self._streaming:
            self._ask_later()

    def _sent(self, _: None) -> None:
        self._waiting -= 1
        producer = self._producer
        if self._waiting or producer is None:
            return
        if self._streaming:
            producer.resumeProducing()
        else:
            self._ask_later()

    def _pause(self) -> None:
        if self._streaming and self._producer is not None:
            self._producer.pauseProducing()

    def _ask_later(self) -> None:
        # In a turn of its own: a peer that keeps up must not keep the loop to itself.
        if self._producer is not None:
            self._clock.callLater(0, self._ask, self._producer)

    def _ask(self, producer: IPullProducer) -> None:
        if producer is self._producer and not self._waiting:
            producer.resumeProducing()

    def _closed(self, _: None) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()


@implementer(IPushProducer)
class MessageProducer:
    """Writes what a connection receives to a consumer: each message is a write.

    It is a receiver object, for :func:`sennit.websocket.listen` and ``connect``::

        listen(reactor, "tcp:8000", lambda ws: MessageProducer(ws, consumer))

    A consumer that pauses it slows the peer down, and one that stops it closes the connection.
    When the connection ends it is unregistered.

    Args:
        ws: what to receive from.
        consumer: where to write, an ``IConsumer`` without a producer.
    """

    def __init__(self, ws: WebSocket, consumer: Any) -> None:
        self._ws = ws
        self._consumer = consumer
        consumer.registerProducer(self, True)

    def message_received(self, data: bytes, is_text: bool) -> None:  # noqa: ARG002 - both alike
        """Write a message."""
        self._consumer.write(data)

    def fragment_received(self, data: bytes, is_text: bool, final: bool) -> None:  # noqa: ARG002
        """Write a piece of a message."""
        self._consumer.write(data)

    def connection_lost(self, closed: Closed) -> None:  # noqa: ARG002 - however it was
        """Write no more."""
        self._consumer.unregisterProducer()

    def pauseProducing(self) -> None:
        """Receive nothing for now."""
        self._ws.pause_reading()

    def resumeProducing(self) -> None:
        """Receive again."""
        self._ws.resume_reading()

    def stopProducing(self) -> None:
        """Close the connection."""
        self._ws.close()
