"""One message for many connections."""

from __future__ import annotations

from collections.abc import Iterable

from sennit.engine.build import CLIENT
from sennit.engine.frame import BINARY, TEXT
from sennit.net.framing import WebSocketFraming
from sennit.net.message import Payload, encode_message
from sennit.net.websocket import WebSocket

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
    opcode, payload = encode_message(message, text)
    frames: dict[object, bytes] = {}
    refused = []
    for websocket in tuple(websockets):
        transport = websocket._transport  # noqa: SLF001 - one trade, two modules
        if transport.closing:
            continue
        connection = transport.connection
        if connection.role == CLIENT:
            if not websocket.send_nowait(payload, text=opcode == TEXT):
                refused.append(websocket)
            continue
        if not transport.has_room() or not websocket._is_free():  # noqa: SLF001
            refused.append(websocket)
            continue
        deflate = connection.deflate
        key = None if deflate is None else (id(deflate.settings), deflate.send_bits)
        frame = frames.get(key)
        if frame is None:
            frame = WebSocketFraming(opcode == BINARY, deflate).prepare(payload)
            frames[key] = frame
        transport.send(frame)
        connection.shared_frame_sent()
    return refused
