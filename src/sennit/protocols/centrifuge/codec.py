"""What a codec of the Centrifuge protocol can do; the driver knows no more of one."""

from __future__ import annotations

from typing import Protocol

from sennit.errors import RemoteProtocolError
from sennit.hub.request import SubscribeResult
from sennit.interfaces import Codec, UplinkFrame
from sennit.model.code import DisconnectCode
from sennit.protocols.centrifuge.command import Command
from sennit.protocols.centrifuge.reply import Published, Reply

__all__ = ["CentrifugeCodec", "unreadable"]


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

    def decode_uplink(self, body: bytes) -> UplinkFrame:
        """Return what the body of an uplink says (section 11).

        Raises:
            RemoteProtocolError: it cannot be read as one.
        """

    def encode(self, reply: Reply) -> bytes:
        """Return the payload of one reply or push."""

    def encode_disconnect(self, code: int, reason: str) -> bytes:
        """Return the push that stands for a close frame where there is none (section 6)."""

    def recovered(self, result: SubscribeResult) -> list[Published]:
        """Return the words for what a subscription has recovered."""


def unreadable(error: Exception) -> RemoteProtocolError:
    """Return the error, 3501, for a frame that cannot be read; it says why, as far as fits."""
    reason = str(error).encode()[:100].decode(errors="ignore")
    return RemoteProtocolError(DisconnectCode.BAD_REQUEST, f"bad request: {reason}")
