"""WebSockets without anything above them: servers, clients, broadcasts.

::

    from sennit import websocket

    async def echo(ws):
        async for message in ws:
            await ws.send(message)          # waits only while the peer is slow

    websocket.listen(reactor, "tcp:8000", echo)

    ws = await websocket.connect(reactor, "wss://host/path", subprotocols=["chat"])

The faster style is an object for each connection, which is notified::

    class Echo:
        def __init__(self, ws):
            self.ws = ws

        def message_received(self, data, is_text):
            self.ws.send_nowait(data, text=is_text)

    websocket.listen(reactor, "tcp:8000", Echo)
"""

from sennit.errors import (
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    HandshakeError,
    LocalProtocolError,
)
from sennit.model.request import Closed, ConnectionRequest
from sennit.net.client import connect
from sennit.net.listener import listen
from sennit.net.setting import WebSocketOptions, WebSocketSettings
from sennit.net.websocket import Handler, MessageReceiver, WebSocket, broadcast

__all__ = [
    "Closed",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "ConnectionRequest",
    "Handler",
    "HandshakeError",
    "LocalProtocolError",
    "MessageReceiver",
    "WebSocket",
    "WebSocketOptions",
    "WebSocketSettings",
    "broadcast",
    "connect",
    "listen",
]
