"""One message for many connections."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sennit.engine.build import CLIENT
from sennit.engine.deflate import Agreement
from sennit.engine.frame import BINARY, TEXT
from sennit.net.framing import WebSocketFraming
from sennit.net.message import Payload, encode_message
from sennit.net.native import send_to_all
from sennit.net.websocket import WebSocket

if TYPE_CHECKING:
    from sennit.net._socket import Socket

__all__ = ["broadcast"]


def broadcast(
    websockets: Iterable[WebSocket], message: Payload, *, text: bool | None = None
) -> list[WebSocket]:
    """Send a message to many connections.

    For those of a server it is framed once, and compressed once for each size of window.

    Args:
        websockets: those that are closed are passed over.
        message: ``str`` is sent as text, anything else as binary, unless ``text`` says it.
        text: of bytes, whether they are UTF-8 to be sent as text.

    Returns:
        The connections that did not take it, since their peers do not keep up. Nothing waits for
        them: it is for the caller to close them, to send them this message later, or to let it be.
    """
    shared = _Shared(*encode_message(message, text))
    natives: dict[Agreement | None, _Natives] = {}
    refused: list[WebSocket] = []
    for websocket in tuple(websockets):
        socket = websocket._quick  # noqa: SLF001 - one trade, two modules
        if socket is None or socket.masking:
            if not shared.send(websocket):
                refused.append(websocket)
            continue
        deflate = socket.deflate
        several = natives.get(deflate)
        if several is None:
            several = natives[deflate] = _Natives(shared.frame_for(deflate))
        several.websockets.append(websocket)
        several.sockets.append(socket)
    for several in natives.values():
        refused += several.send()
    return refused


class _Natives:
    """Connections on native sockets, which get one frame in one call.

    Args:
        frame: the frame, for all of them.
    """

    __slots__ = ("_frame", "sockets", "websockets")

    def __init__(self, frame: bytes) -> None:
        self._frame = frame
        self.websockets: list[WebSocket] = []
        self.sockets: list[Socket] = []

    def send(self) -> list[WebSocket]:
        """Send the frame, and return those that have no room for it."""
        slow = [self.websockets[index] for index in send_to_all(self.sockets, self._frame)]
        return [one for one in slow if not one._transport.has_room()]  # noqa: SLF001


class _Shared:
    """A message for many, framed once for each way to compress it.

    Args:
        opcode: its kind.
        payload: what it says.
    """

    def __init__(self, opcode: int, payload: bytes) -> None:
        self._opcode = opcode
        self._payload = payload
        self._frames: dict[tuple[int, int] | None, bytes] = {}

    def send(self, websocket: WebSocket) -> bool:
        """Send it to one connection, and return whether that was taken, or is not needed."""
        transport = websocket._transport  # noqa: SLF001 - one trade, two modules
        if transport.closing:
            return True
        connection = transport.connection
        if connection.role == CLIENT:
            return websocket.send_nowait(self._payload, text=self._opcode == TEXT)
        if not transport.has_room() or not websocket._is_free():  # noqa: SLF001
            return False
        transport.send(self.frame_for(connection.deflate))
        connection.shared_frame_sent()
        return True

    def frame_for(self, deflate: Agreement | None) -> bytes:
        """Return the frame for connections with this agreement."""
        key = None if deflate is None else (id(deflate.settings), deflate.send_bits)
        frame = self._frames.get(key)
        if frame is None:
            frame = WebSocketFraming(self._opcode == BINARY, deflate).prepare(self._payload)
            self._frames[key] = frame
        return frame
