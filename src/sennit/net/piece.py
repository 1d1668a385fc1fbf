"""The pieces of a message that is received as it comes."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import TYPE_CHECKING

from sennit.errors import ConnectionClosedError, ConnectionClosedOK

if TYPE_CHECKING:
    from sennit.net.websocket import WebSocket

__all__ = ["Pieces"]

_Utf8Decoder = codecs.getincrementaldecoder("utf-8")


class Pieces:
    """The next message of a connection, as an asynchronous iterator of its pieces.

    Args:
        websocket: whose it is.
    """

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._decode: Callable[..., str] | None = None
        self._begun = False

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> str | bytes:
        websocket = self._websocket
        if not self._begun:
            await websocket._skip()  # noqa: SLF001 - two halves of one
        elif not websocket._within:  # noqa: SLF001
            raise StopAsyncIteration
        while True:
            try:
                data, is_text, final = await websocket._next_piece()  # noqa: SLF001
            except ConnectionClosedOK as closed:
                if not self._begun:
                    raise
                raise ConnectionClosedError(
                    closed.code, closed.reason, closed.sent_code, closed.sent_reason
                ) from closed
            first, self._begun = not self._begun, True
            websocket._within = not final  # noqa: SLF001
            piece: str | bytes = data
            if is_text:
                if self._decode is None:
                    self._decode = _Utf8Decoder().decode
                piece = self._decode(data, final)
            if piece or (first and final):
                return piece
            if final:
                raise StopAsyncIteration
