"""How a server's WebSocket messages are framed, and sent to many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from sennit.engine.build import encode_frame
from sennit.engine.deflate import Agreement, Deflate, compress_shared
from sennit.engine.frame import BINARY, RSV1, TEXT
from sennit.interfaces import FanoutGroup, Transport
from sennit.net.native import send_to_all

if TYPE_CHECKING:
    from sennit.net._socket import Socket
    from sennit.net.stream_transport import StreamTransport

__all__ = ["StreamGroup", "WebSocketFraming"]


class StreamGroup:
    """A fan-out group of stream transports: one send each, in the order they came in.

    Those on native sockets are served together, in one call.
    """

    __slots__ = ("_members", "_natives", "_sockets")

    def __init__(self) -> None:
        self._members: dict[Transport, None] = {}
        self._natives: dict[StreamTransport, Socket] = {}
        self._sockets: tuple[list[StreamTransport], list[Socket]] | None = None

    def add(self, transport: Transport) -> None:
        """Make a transport a member."""
        socket = getattr(transport, "socket", None)
        if socket is None:
            self._members[transport] = None
        else:
            self._natives[cast("StreamTransport", transport)] = socket
            self._sockets = None

    def discard(self, transport: Transport) -> None:
        """Remove a member; anything else is ignored."""
        self._members.pop(transport, None)
        if self._natives.pop(cast("StreamTransport", transport), None) is not None:
            self._sockets = None

    def __len__(self) -> int:
        return len(self._members) + len(self._natives)

    def broadcast(self, frame: bytes) -> Sequence[Transport]:
        """Give one frame to every member and return those that refused it."""
        refused = [transport for transport in tuple(self._members) if not transport.send(frame)]
        if self._natives:
            refused += self._broadcast_natively(frame)
        return refused

    def _broadcast_natively(self, frame: bytes) -> list[Transport]:
        if self._sockets is None:
            self._sockets = list(self._natives), list(self._natives.values())
        transports, sockets = self._sockets
        return [
            transports[index]
            for index in send_to_all(sockets, frame)
            if not transports[index].has_room()
        ]


class WebSocketFraming:
    """A server's frames, which are not masked: one whole message each.

    A compressed one refers to no message before it, so that every connection with a window of at
    least this size can take it (RFC 7692, 7.1.1).

    Args:
        binary: whether the messages are binary, else text.
        deflate: what was agreed on about compression, if anything.
    """

    __slots__ = ("_binary", "_bits", "_deflate", "_opcode")

    def __init__(self, binary: bool = False, deflate: Agreement | None = None) -> None:
        self._binary = binary
        self._opcode = BINARY if binary else TEXT
        self._deflate: Deflate | None = None
        self._bits = 0
        if deflate is not None:
            self._deflate = deflate.settings
            self._bits = deflate.send_bits

    def _values(self) -> tuple[bool, int, Deflate | None]:
        return self._binary, self._bits, self._deflate

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WebSocketFraming) and other._values() == self._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        bits = f", {self._bits} bits" if self._deflate is not None else ""
        return f"WebSocketFraming(binary={self._binary}{bits})"

    def prepare(self, payload: bytes) -> bytes:
        """Return the frame of a whole message."""
        if self._deflate is not None:
            packed = compress_shared(payload, self._deflate, self._bits)
            if packed is not None:
                return encode_frame(self._opcode, packed, rsv=RSV1)
        return encode_frame(self._opcode, payload)

    def group(self) -> FanoutGroup:
        """Return a new, empty group."""
        return StreamGroup()
