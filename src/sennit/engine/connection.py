"""A WebSocket connection after its handshake, without I/O (RFC 6455, 5 to 7; RFC 7692, 6)."""

from __future__ import annotations

import os
from collections.abc import Callable

from sennit.engine.close import NO_STATUS, decode_close, encode_close
from sennit.engine.deflate import Agreement, Compressor, Decompressor
from sennit.engine.event import Chunk, Close, Event, Failure, Message, Ping, Pong
from sennit.engine.frame import (
    BINARY,
    CLOSE,
    CONTINUATION,
    CONTROL_LIMIT,
    PING,
    PONG,
    RSV1,
    TEXT,
    encode_frame,
)
from sennit.engine.reader import CLIENT, SERVER, Reader
from sennit.errors import LocalProtocolError, RemoteProtocolError

__all__ = ["CLIENT", "CLOSED", "CLOSING", "OPEN", "SERVER", "Connection"]

OPEN = 0
"""Nothing was closed."""
CLOSING = 1
"""A close frame was sent; the peer's is awaited, and its messages still arrive."""
CLOSED = 2
"""The peer's close frame has arrived, or it broke the protocol: no more events."""


def _random_mask() -> bytes:
    return os.urandom(4)


class Connection:
    """One end of a connection: give it bytes, it gives events; tell it what to say, it gives bytes.

    Args:
        role: ``SERVER`` or ``CLIENT``.
        max_message: bytes in a message that the peer may send; over it the connection fails
            with 1009, when a frame's head announces it and before its payload is taken; of a
            compressed one, when so much has come out.
        max_fragments: frames in a message that the peer may send; likewise.
        new_mask: makes masking keys of four bytes, unpredictable (10.3).
        deflate: what was agreed on about compression, or ``None``.
        streaming: give messages in pieces (``Chunk``), as they come, not whole (``Message``).

    Attributes:
        role: ``SERVER`` or ``CLIENT``.
        deflate: what was agreed on about compression.
        reader: reads what the peer sends.
        state: ``OPEN``, ``CLOSING`` or ``CLOSED``.
        close_sent: the code and the reason that we sent, or ``None``.
        close_received: the code and the reason that arrived, or ``None``.
    """

    __slots__ = (
        "_compressing",
        "_compressor",
        "_continuing",
        "_new_mask",
        "_streaming",
        "close_received",
        "close_sent",
        "deflate",
        "reader",
        "role",
        "state",
    )

    def __init__(
        self,
        role: int,
        *,
        max_message: int = 64 * 1024,
        max_fragments: int = 64 * 1024,
        new_mask: Callable[[], bytes] = _random_mask,
        deflate: Agreement | None = None,
        streaming: bool = False,
    ) -> None:
        self.role = role
        self.deflate = deflate
        self._new_mask = new_mask
        self._streaming = streaming
        self._compressor = None if deflate is None else Compressor(deflate)
        decompressor = None if deflate is None else Decompressor(deflate)
        self.reader = Reader(role, max_message, max_fragments, decompressor, streaming)
        self._continuing = False
        self._compressing = False
        self.state = OPEN
        self.close_sent: tuple[int, str] | None = None
        self.close_received: tuple[int, str] | None = None

    # -- what arrives ----------------------------------------------------------------------------

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes in and return everything that they mean.

        A violation is the last event, a ``Failure``; after it, and after a ``Close``, everything
        is ignored.
        """
        self.feed(data)
        events = []
        while (event := self.next_event()) is not None:
            events.append(event)
        return events

    def feed(self, data: bytes) -> None:
        """Take bytes in, for :meth:`next_event` to say what they mean."""
        if self.state != CLOSED:
            self.reader.feed(data)

    def next_event(self) -> Event | None:
        """Return the next event; ``None`` where more bytes are needed, and after the last one.

        What is not asked for is neither unmasked nor decompressed.
        """
        if self.state == CLOSED:
            return None
        reader = self.reader
        try:
            if not reader.advance():
                return None
        except RemoteProtocolError as error:
            return self.fail(error)
        return self.event_of(reader.opcode, reader.payload, reader.final)

    def event_of(self, opcode: int, payload: bytes, final: bool) -> Event:
        """Return what an item of :attr:`reader` means, for who asks that by itself."""
        if opcode > BINARY:
            return self._control_event(opcode, payload)
        if self._streaming:
            return Chunk(payload, opcode == TEXT, final)
        return Message(payload, opcode == TEXT)

    def _control_event(self, opcode: int, payload: bytes) -> Event:
        if opcode == PING:
            return Ping(payload, b"" if self.close_sent else self.pong(payload))
        if opcode == PONG:
            return Pong(payload)
        return self._closed(payload)

    def _closed(self, payload: bytes) -> Event:
        try:
            code, reason = decode_close(payload)
        except RemoteProtocolError as error:
            return self.fail(error)
        self.close_received = (code, reason)
        reply = b""
        if self.close_sent is None:
            reply = self.close(None if code == NO_STATUS else code, "")
        self.state = CLOSED
        return Close(code, reason, reply)

    def fail(self, error: RemoteProtocolError) -> Failure:
        """Return what it means that the peer broke the protocol; nothing is read any more."""
        reply = b""
        if self.close_sent is None:
            reply = self.close(error.close_code, error.reason)
        self.state = CLOSED
        return Failure(error, reply)

    # -- what is said ----------------------------------------------------------------------------

    def send(self, payload: bytes, *, binary: bool, fin: bool = True) -> bytes:
        """Return the bytes of a message, or with ``fin=False`` of its first fragment.

        Args:
            payload: text as UTF-8, or anything.
            binary: whether it is a binary message, else text.
            fin: whether that is all; else :meth:`send_more` goes on.

        Raises:
            LocalProtocolError: a close frame was sent, or the message before is not finished.
        """
        self._check_open()
        if self._continuing:
            raise LocalProtocolError("the message before is not finished")
        deflate = self.deflate
        self._continuing = not fin
        self._compressing = deflate is not None and (
            not fin or len(payload) >= deflate.settings.threshold
        )
        return self._data_frame(BINARY if binary else TEXT, payload, fin)

    def send_more(self, payload: bytes, *, fin: bool) -> bytes:
        """Return the bytes of the next fragment of a message; the last with ``fin``.

        Raises:
            LocalProtocolError: a close frame was sent, or there is no message to continue.
        """
        self._check_open()
        if not self._continuing:
            raise LocalProtocolError("there is no message to continue")
        self._continuing = not fin
        return self._data_frame(CONTINUATION, payload, fin)

    def shared_frame_sent(self) -> None:
        """Note that a message went out that :meth:`send` has not made, between two of its own.

        The peer's window has that message in it and ours has not, so that nothing of what came
        before may be referred to any more.
        """
        if self._compressor is not None:
            self._compressor.reset()

    def ping(self, payload: bytes = b"") -> bytes:
        """Return the bytes of a ping.

        Raises:
            LocalProtocolError: a close frame was sent, or the payload has over 125 bytes.
        """
        return self._control(PING, payload)

    def pong(self, payload: bytes = b"") -> bytes:
        """Return the bytes of a pong.

        Raises:
            LocalProtocolError: a close frame was sent, or the payload has over 125 bytes.
        """
        return self._control(PONG, payload)

    def close(self, code: int | None = 1000, reason: str = "") -> bytes:
        """Return the bytes of a close frame.

        Args:
            code: any that may be sent, or ``None`` for a frame without one.
            reason: at most 123 bytes of UTF-8.

        Raises:
            LocalProtocolError: one was sent already, or the code or reason may not be sent.
        """
        self._check_open()
        payload = encode_close(code, reason)
        self.close_sent = (NO_STATUS if code is None else code, reason)
        self.state = CLOSING
        return self._frame(CLOSE, payload, True, 0)

    def _control(self, opcode: int, payload: bytes) -> bytes:
        self._check_open()
        if len(payload) > CONTROL_LIMIT:
            raise LocalProtocolError("a control frame has at most 125 bytes")
        return self._frame(opcode, payload, True, 0)

    def _check_open(self) -> None:
        if self.close_sent is not None:
            # A closed connection has sent one too: the answer to what closed it.
            raise LocalProtocolError("a close frame was sent: nothing may follow it")

    def _data_frame(self, opcode: int, payload: bytes, fin: bool) -> bytes:
        if not self._compressing or self._compressor is None:
            return self._frame(opcode, payload, fin, 0)
        packed = self._compressor.compress(payload, final=fin)
        return self._frame(opcode, packed, fin, RSV1 if opcode else 0)

    def _frame(self, opcode: int, payload: bytes, fin: bool, rsv: int) -> bytes:
        mask = self._new_mask() if self.role == CLIENT else None
        return encode_frame(opcode, payload, fin=fin, rsv=rsv, mask=mask)
