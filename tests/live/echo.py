"""A handler for ``twist websocket``, as somebody would write it."""

from __future__ import annotations

from sennit.websocket import Accept, ConnectionRequest, HandshakeError, WebSocket

__all__ = ["check", "handler"]


async def handler(ws: WebSocket) -> None:
    """Say who it is, then echo."""
    await ws.send(f"hello {ws.state}")
    async for message in ws:
        await ws.send(message)


async def check(request: ConnectionRequest) -> Accept:
    """Let in who has a cookie."""
    user = request.cookies.get("user")
    if user is None:
        raise HandshakeError(401, "log in first")
    return Accept(state=user)
