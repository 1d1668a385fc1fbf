"""The pushes, in words that any format has."""

from __future__ import annotations

from abc import ABC, abstractmethod

from msgspec import Raw

from sennit.model.publication import ClientInfo, Publication, StreamPosition
from sennit.protocols.centrifuge.reply import (
    Client,
    DisconnectPush,
    JoinPush,
    MessagePush,
    Published,
    Push,
    Reply,
    SubscribePush,
    UnsubscribePush,
)

__all__ = ["PushCodec"]


class PushCodec(ABC):
    """What ``sennit.interfaces.Codec`` asks for, made of what a format makes of a reply."""

    __slots__ = ()

    @abstractmethod
    def encode(self, reply: Reply) -> bytes:
        """Return the payload of one reply or push."""

    def encode_publication(self, channel: str, publication: Publication) -> bytes:
        """Return the push of a publication."""
        return self._push(Push(channel, pub=Published.of(publication)))

    def encode_join(self, channel: str, info: ClientInfo) -> bytes:
        """Return the push that says who joined."""
        return self._push(Push(channel, join=JoinPush(Client.of(info))))

    def encode_leave(self, channel: str, info: ClientInfo) -> bytes:
        """Return the push that says who left."""
        return self._push(Push(channel, leave=JoinPush(Client.of(info))))

    def encode_subscribe(
        self, channel: str, position: StreamPosition | None, recoverable: bool, data: bytes | None
    ) -> bytes:
        """Return the push that tells of a subscription made by the server."""
        words = SubscribePush.of(position, recoverable, data)
        return self._push(Push(channel, subscribe=words))

    def encode_unsubscribe(self, channel: str, code: int, reason: str) -> bytes:
        """Return the push that ends a subscription."""
        return self._push(Push(channel, unsubscribe=UnsubscribePush(code, reason)))

    def encode_message(self, data: bytes) -> bytes:
        """Return the push of an application's message."""
        return self._push(Push(message=MessagePush(Raw(data))))

    def encode_disconnect(self, code: int, reason: str) -> bytes:
        """Return the push that stands for a close frame."""
        return self._push(Push(disconnect=DisconnectPush(code, reason)))

    def _push(self, push: Push) -> bytes:
        return self.encode(Reply(push=push))
