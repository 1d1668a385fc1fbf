"""The pushes, in words that any format has."""

from __future__ import annotations

from abc import ABC, abstractmethod

from msgspec import Raw

from sennit.hub.request import SubscribeResult
from sennit.interfaces import Delta
from sennit.model.publication import ClientInfo, Publication, StreamPosition
from sennit.protocols.centrifuge.fossil import create_delta
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


_LARGEST = 64 * 1024
"""Bytes of a payload for which a difference is looked for: of a larger one it would hold up others.

Where the two have nothing in common, that is some ten milliseconds.
"""


class PushCodec(ABC):
    """What ``sennit.interfaces.Codec`` asks for, made of what a format makes of a reply."""

    __slots__ = ()

    @abstractmethod
    def encode(self, reply: Reply) -> bytes:
        """Return the payload of one reply or push."""

    @abstractmethod
    def say_delta(self, data: bytes, patch: bytes | None) -> bytes | None:
        """Return what stands for a payload, for a subscriber who takes differences.

        Args:
            data: the payload.
            patch: the difference; ``None`` to say the payload.

        Returns:
            ``None`` if this format cannot say the difference.
        """

    def encode_publication(
        self, channel: str, publication: Publication, delta: Delta | None = None
    ) -> bytes:
        """Return the push of a publication."""
        words = Published.of(publication) if delta is None else self._differing(publication, delta)
        return self._push(Push(channel, pub=words))

    def recovered(self, result: SubscribeResult) -> list[Published]:
        """Return the words for what was recovered: one whole, then differences, where agreed."""
        if not result.delta:
            return [Published.of(publication) for publication in result.publications]
        words = []
        held = Delta()
        for publication in result.publications:
            words.append(self._differing(publication, held if publication.delta else Delta()))
            held = Delta(publication.data)
        return words

    def _differing(self, publication: Publication, delta: Delta) -> Published:
        data = publication.data
        if delta.base is not None and len(data) <= _LARGEST:
            patch = create_delta(delta.base, data)
            said = self.say_delta(data, patch) if len(patch) < len(data) else None
            if said is not None:
                return Published.of(publication, said, delta=True)
        return Published.of(publication, self.say_delta(data, None))

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
