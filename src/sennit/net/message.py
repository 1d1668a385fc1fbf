"""Messages as programs give them: text or bytes, whole or in pieces."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable

from sennit.engine.frame import BINARY, TEXT

__all__ = ["Payload", "each_piece", "encode_message"]

Payload = str | bytes | bytearray | memoryview


def encode_message(
    message: Payload, text: bool | None, like: int | None = None
) -> tuple[int, bytes]:
    """Return a message's opcode and payload: ``str`` is text, anything else binary.

    Args:
        message: what to send.
        text: of bytes, whether they are UTF-8 to be sent as text; of ``str``, ``False`` sends its
            UTF-8 as binary.
        like: the opcode of the pieces before this one.

    Raises:
        TypeError: the piece is of another kind than those before it.
    """
    if isinstance(message, str):
        opcode, payload = BINARY if text is False else TEXT, message.encode()
    else:
        opcode = TEXT if text else BINARY
        payload = message if isinstance(message, bytes) else bytes(message)
    if like not in (None, opcode):
        raise TypeError("the pieces of a message are all str, or all bytes")
    return opcode, payload


async def each_piece(
    pieces: Iterable[Payload] | AsyncIterable[Payload],
) -> AsyncIterator[Payload]:
    """Yield the pieces of either kind of iterable."""
    if isinstance(pieces, AsyncIterable):
        async for piece in pieces:
            yield piece
    else:
        for piece in pieces:
            yield piece
