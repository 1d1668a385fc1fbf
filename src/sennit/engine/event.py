"""What a connection has to say about the bytes it was given."""

from __future__ import annotations

from sennit.errors import RemoteProtocolError

__all__ = ["Chunk", "Close", "Event", "Failure", "Message", "Ping", "Pong"]


class _Event:
    """An event: equal to one of the same kind with the same attributes."""

    __slots__ = ()

    def _values(self) -> tuple[object, ...]:
        names: tuple[str, ...] = self.__slots__
        return tuple(getattr(self, name) for name in names)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Event)
            and type(other) is type(self)
            and other._values() == self._values()
        )

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self._values()!r}"


class Message(_Event):
    """A whole message.

    Attributes:
        data: the payload; text is UTF-8, already checked.
        text: whether it is text, else binary.
    """

    __slots__ = ("data", "text")

    def __init__(self, data: bytes, text: bool) -> None:
        self.data = data
        self.text = text


class Chunk(_Event):
    """A piece of a message, where messages are taken in pieces.

    Attributes:
        data: the payload; of text it is UTF-8, already checked, that may end within a character.
        text: whether the message is text, else binary.
        final: whether the message ends with it.
    """

    __slots__ = ("data", "final", "text")

    def __init__(self, data: bytes, text: bool, final: bool) -> None:
        self.data = data
        self.text = text
        self.final = final


class Ping(_Event):
    """The peer asks for a pong.

    Attributes:
        data: its payload, at most 125 bytes.
        reply: the pong to write; empty after a close frame was sent.
    """

    __slots__ = ("data", "reply")

    def __init__(self, data: bytes, reply: bytes) -> None:
        self.data = data
        self.reply = reply


class Pong(_Event):
    """A pong, asked for or not.

    Attributes:
        data: its payload.
    """

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class Close(_Event):
    """The peer's close frame; the last event.

    Attributes:
        code: its code, 1005 if it has none.
        reason: its reason.
        reply: the close frame to write in answer; empty if one was sent.
    """

    __slots__ = ("code", "reason", "reply")

    def __init__(self, code: int, reason: str, reply: bytes) -> None:
        self.code = code
        self.reason = reason
        self.reply = reply


class Failure(_Event):
    """The peer broke the protocol; the last event (RFC 6455, 7.1.7).

    Attributes:
        error: the close code and what was wrong.
        reply: the close frame to write; empty if one was sent.
    """

    __slots__ = ("error", "reply")

    def __init__(self, error: RemoteProtocolError, reply: bytes) -> None:
        self.error = error
        self.reply = reply

    def _values(self) -> tuple[object, ...]:
        return (self.error.close_code, self.error.reason, self.reply)


Event = Message | Chunk | Ping | Pong | Close | Failure
