"""How a server's WebSocket messages are framed, and sent to many at once."""

from __future__ import annotations

from collections.abc import Sequence

from sennit.engine.frame import BINARY, TEXT, encode_frame
from sennit.interfaces import FanoutGroup, Transport

__all__ = ["StreamGroup", "WebSocketFraming"]


class StreamGroup:
    """A fan-out group of stream transports: one send each, in the order they came in."""

    __slots__ = ("_members",)

    def __init__(self) -> None:
        self._members: dict[Transport, None] = {}

    def add(self, transport: Transport) -> None:
        """Make a transport a member."""
        self._members[transport] = None

    def discard(self, transport: Transport) -> None:
        """Remove a member; anything else is ignored."""
        self._members.pop(transport, None)

    def __len__(self) -> int:
        return len(self._members)

    def broadcast(self, frame: bytes) -> Sequence[Transport]:
        """Give one frame to every member and return those that refused it."""
        return [transport for transport in tuple(self._members) if not transport.send(frame)]


class WebSocketFraming:
    """A server's frames, which are not masked: one whole message each.

    Args:
        binary: whether the messages are binary, else text.
    """

    __slots__ = ("_binary", "_opcode")

    def __init__(self, binary: bool = False) -> None:
        self._binary = binary
        self._opcode = BINARY if binary else TEXT

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WebSocketFraming) and other._binary == self._binary

    def __hash__(self) -> int:
        return hash((WebSocketFraming, self._binary))

    def __repr__(self) -> str:
        return f"WebSocketFraming(binary={self._binary})"

    def prepare(self, payload: bytes) -> bytes:
        """Return the frame of a whole message."""
        return encode_frame(self._opcode, payload)

    def group(self) -> FanoutGroup:
        """Return a new, empty group."""
        return StreamGroup()
