"""WebSockets without anything above them: servers, clients, broadcasts.

::

    from sennit import websocket

    async def echo(ws):
        async for message in ws:
            await ws.send(message)          # waits only while the peer is slow

    websocket.listen(reactor, "tcp:8000", echo)

    ws = await websocket.connect(reactor, "wss://host/path", subprotocols=["chat"])

    async for ws in websocket.reconnect(reactor, "wss://host/path"):
        try:
            async for message in ws:
                ...
        except websocket.ConnectionClosed:
            continue                        # and the next connection comes

The faster style is an object for each connection, which is notified::

    class Echo:
        def __init__(self, ws):
            self.ws = ws

        def message_received(self, data, is_text):
            self.ws.send_nowait(data, text=is_text)

    websocket.listen(reactor, "tcp:8000", Echo)
"""

from sennit.engine.deflate import Deflate
from sennit.errors import (
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    HandshakeError,
    LocalProtocolError,
)
from sennit.model.request import Closed, ConnectionRequest
from sennit.net.backoff import Backoff
from sennit.net.broadcast import broadcast
from sennit.net.client import ConnectOptions, connect, reconnect
from sennit.net.flow import MessageConsumer, MessageProducer
from sennit.net.limit import Limits
from sennit.net.listener import listen, resource, service
from sennit.net.mount import Accept, HandshakeHook, Subprotocols
from sennit.net.port import HandlerResource, WebSocketPort
from sennit.net.reconnecting import Reconnecting
from sennit.net.retry import worth_retrying
from sennit.net.service import WebSocketService
from sennit.net.setting import WebSocketOptions, WebSocketSettings
from sennit.net.websocket import Handler, MessageReceiver, WebSocket

__all__ = [
    "Accept",
    "Backoff",
    "Closed",
    "ConnectOptions",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "ConnectionRequest",
    "Deflate",
    "Handler",
    "HandlerResource",
    "HandshakeError",
    "HandshakeHook",
    "Limits",
    "LocalProtocolError",
    "MessageConsumer",
    "MessageProducer",
    "MessageReceiver",
    "Reconnecting",
    "Subprotocols",
    "WebSocket",
    "WebSocketOptions",
    "WebSocketPort",
    "WebSocketService",
    "WebSocketSettings",
    "broadcast",
    "connect",
    "listen",
    "reconnect",
    "resource",
    "service",
    "worth_retrying",
]
