"""A WebSocket connection after its handshake, without I/O (RFC 6455, 5 to 7)."""

from __future__ import annotations

import os
from collections.abc import Callable

from sennit.engine import frame
from sennit.engine.close import NO_STATUS, decode_close, encode_close
from sennit.engine.event import Close, Event, Failure, Message, Ping, Pong
from sennit.engine.frame import encode_frame
from sennit.engine.reader import CLIENT, SERVER, Reader
from sennit.errors import LocalProtocolError, RemoteProtocolError

__all__ = ["CLIENT", "CLOSED", "CLOSING", "OPEN", "SERVER", "Connection"]

OPEN = 0
"""Nothing was closed."""
CLOSING = 1
"""A close frame was sent; the peer's is awaited, and its messages still arrive."""
CLOSED = 2
"""The peer's close frame has arrived, or it broke the protocol: no more events."""


def _new_mask() -> bytes:
    return os.urandom(4)


class Connection:
    """One end of a connection: give it bytes, it gives events; tell it what to say, it gives bytes.

    Args:
        role: ``SERVER`` or ``CLIENT``.
        max_message: bytes in a message that the peer may send; over it the connection fails
            with 1009, when a frame's head announces it and before its payload is taken.
        max_fragments: frames in a message that the peer may send; likewise.
        new_mask: makes masking keys of four bytes, unpredictable (10.3).

    Attributes:
        role: ``SERVER`` or ``CLIENT``.
        state: ``OPEN``, ``CLOSING`` or ``CLOSED``.
        close_sent: the code and the reason that we sent, or ``None``.
        close_received: the code and the reason that arrived, or ``None``.
    """

    __slots__ = (
        "_continuing",
        "_new_mask",
        "_reader",
        "close_received",
        "close_sent",
        "role",
        "state",
    )

    def __init__(
        self,
        role: int,
        *,
        max_message: int = 64 * 1024,
        max_fragments: int = 64 * 1024,
        new_mask: Callable[[], bytes] = _new_mask,
    ) -> None:
        self.role = role
        self._new_mask = new_mask
        self._reader = Reader(role, max_message, max_fragments)
        self._continuing = False
        self.state = OPEN
        self.close_sent: tuple[int, str] | None = None
        self.close_received: tuple[int, str] | None = None

    # -- what arrives ----------------------------------------------------------------------------

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes in and return what they mean.

        A violation is the last event, a ``Failure``; after it, and after a ``Close``, everything
        is ignored.
        """
        if self.state == CLOSED:
            return []
        reader = self._reader
        error: RemoteProtocolError | None = None
        try:
            reader.feed(data)
        except RemoteProtocolError as raised:
            error = raised
        items, reader.items = reader.items, []
        events: list[Event] = []
        for opcode, payload in items:
            if opcode <= frame.BINARY:
                events.append(Message(payload, opcode == frame.TEXT))
            elif opcode == frame.PING:
                events.append(Ping(payload, b"" if self.close_sent else self.pong(payload)))
            elif opcode == frame.PONG:
                events.append(Pong(payload))
            else:
                events.append(self._closed(payload))
                return events
        if error is not None:
            events.append(self._failed(error))
        return events

    def _closed(self, payload: bytes) -> Event:
        try:
            code, reason = decode_close(payload)
        except RemoteProtocolError as error:
            return self._failed(error)
        self.close_received = (code, reason)
        reply = b""
        if self.close_sent is None:
            reply = self.close(None if code == NO_STATUS else code, "")
        self.state = CLOSED
        return Close(code, reason, reply)

    def _failed(self, error: RemoteProtocolError) -> Failure:
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
        self._continuing = not fin
        return self._frame(frame.BINARY if binary else frame.TEXT, payload, fin)

    def send_more(self, payload: bytes, *, fin: bool) -> bytes:
        """Return the bytes of the next fragment of a message; the last with ``fin``.

        Raises:
            LocalProtocolError: a close frame was sent, or there is no message to continue.
        """
        self._check_open()
        if not self._continuing:
            raise LocalProtocolError("there is no message to continue")
        self._continuing = not fin
        return self._frame(frame.CONTINUATION, payload, fin)

    def ping(self, payload: bytes = b"") -> bytes:
        """Return the bytes of a ping.

        Raises:
            LocalProtocolError: a close frame was sent, or the payload has over 125 bytes.
        """
        return self._control(frame.PING, payload)

    def pong(self, payload: bytes = b"") -> bytes:
        """Return the bytes of a pong.

        Raises:
            LocalProtocolError: a close frame was sent, or the payload has over 125 bytes.
        """
        return self._control(frame.PONG, payload)

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
        return self._frame(frame.CLOSE, payload, fin=True)

    def _control(self, opcode: int, payload: bytes) -> bytes:
        self._check_open()
        if len(payload) > frame.CONTROL_LIMIT:
            raise LocalProtocolError("a control frame has at most 125 bytes")
        return self._frame(opcode, payload, fin=True)

    def _check_open(self) -> None:
        if self.close_sent is not None:
            # A closed connection has sent one too: the answer to what closed it.
            raise LocalProtocolError("a close frame was sent: nothing may follow it")

    def _frame(self, opcode: int, payload: bytes, fin: bool) -> bytes:
        mask = self._new_mask() if self.role == CLIENT else None
        return encode_frame(opcode, payload, fin=fin, mask=mask)
