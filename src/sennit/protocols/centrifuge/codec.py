"""What a codec of the Centrifuge protocol can do; the driver knows no more of one."""

from __future__ import annotations

from typing import Protocol

from sennit.hub.request import SubscribeResult
from sennit.interfaces import Codec
from sennit.protocols.centrifuge.command import Command
from sennit.protocols.centrifuge.reply import Published, Reply

__all__ = ["CentrifugeCodec"]


class CentrifugeCodec(Codec, Protocol):
    """Reads commands and writes replies. Knows nothing of connections."""

    @property
    def is_text(self) -> bool:
        """Whether its frames are text messages, else binary ones."""

    def decode(self, frame: bytes) -> list[Command]:
        """Return the commands of one frame, in order.

        Raises:
            ProtocolError: it cannot be read as commands; the message says where.
        """

    def encode(self, reply: Reply) -> bytes:
        """Return the payload of one reply or push."""

    def recovered(self, result: SubscribeResult) -> list[Published]:
        """Return the words for what a subscription has recovered."""
