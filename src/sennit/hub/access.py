"""What a client may do besides to subscribe: publish, ask who is there, read history, call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError

from sennit.hub.namespace import Grant, Namespace
from sennit.hub.payload import check_format, encode_payload
from sennit.hub.permission import is_granted, is_open_to
from sennit.model.code import DisconnectCode, ErrorCode, disconnect, reply_error
from sennit.model.publication import ClientInfo, HistoryPage, Publication, StreamPosition

if TYPE_CHECKING:
    from sennit.hub.hub import Hub
    from sennit.hub.session import Session

__all__ = ["Access"]


class Access:
    """One client's requests, each checked against its rights first.

    Args:
        hub: the hub.
        session: the client.
    """

    __slots__ = ("_hub", "_session")

    def __init__(self, hub: Hub, session: Session) -> None:
        self._hub = hub
        self._session = session

    async def publish(self, channel: str, data: bytes) -> StreamPosition:
        """Publish as this client.

        Raises:
            ReplyError: 102 or 107, there is no such channel, or the payload is not what it takes;
                103, the client may not; 111, it does so too often; or what the handler says.
            Disconnect: 3013, it does not stop; or what the handler says.
        """
        session = self._session
        self._hub.limiter.check(session, "publish")
        namespace = self._namespace(channel)
        self._hub.limiter.check_channel(session, "publish", channel, namespace.options)
        check_format(data, namespace.options.publication_data_format)
        publication = Publication(data, info=session.info_in(channel))
        handler = namespace.publish_handler
        if handler is not None:

            def changed(answer: Any) -> Publication:
                if answer is None:
                    return publication
                if isinstance(answer, Publication):
                    if answer.data is not publication.data:
                        encode_payload(answer.data)
                    return answer
                return replace(publication, data=encode_payload(answer))

            name = f"on_publish of {namespace.name!r}"
            publication = await self._hub.handlers.call(
                name, handler, session, replace(publication, channel=channel), convert=changed
            )
        else:
            self._check(namespace.options.allow_publish, channel)
        if session.ended:
            raise CancelledError
        return await self._hub.keep(namespace, channel, publication)

    async def presence(self, channel: str) -> Mapping[str, ClientInfo]:
        """Return who is subscribed, by connection id.

        Raises:
            ReplyError: 102 or 107, there is no such channel; 103, the client may not know; 108, it
                is not kept.
        """
        self._check_presence(channel)
        return await self._hub.shown_presence_of(channel)

    async def presence_stats(self, channel: str) -> tuple[int, int]:
        """Return how many connections and how many users are subscribed.

        Raises:
            ReplyError: as :meth:`presence`.
        """
        self._check_presence(channel)
        return await self._hub.presence_stats_of(channel)

    async def history(
        self, channel: str, limit: int, since: StreamPosition | None, reverse: bool
    ) -> HistoryPage:
        """Read a channel's history.

        Raises:
            ReplyError: 102 or 107, there is no such channel, or no such page; 103, the client may
                not read it; 108, it is not kept; 112, the position is of another epoch.
        """
        options = self._namespace(channel).options
        if options.history is None:
            raise reply_error(ErrorCode.NOT_AVAILABLE)
        self._check(options.allow_history, channel)
        return await self._hub.history_of(channel, limit, since, reverse)

    async def message(self, data: bytes) -> None:
        """Take a message that wants no answer.

        Raises:
            Disconnect: 3508, the application takes none; 3013, there are too many.
        """
        self._hub.limiter.check_message(self._session)
        handler = self._hub.app.message_handler
        if handler is None:
            raise disconnect(DisconnectCode.NOT_AVAILABLE)
        await self._hub.handlers.call("on_message", handler, self._session, data)

    def _check_presence(self, channel: str) -> None:
        options = self._namespace(channel).options
        if not options.presence:
            raise reply_error(ErrorCode.NOT_AVAILABLE)
        self._check(options.allow_presence, channel)

    def _namespace(self, channel: str) -> Namespace:
        """Return what a channel can do, for this client.

        Raises:
            ReplyError: 102 or 107, there is no such channel; 103, it is not for this client.
        """
        session = self._session
        namespace = self._hub.namespace_for(channel)
        subscribed = session.is_subscribed(channel)
        if not is_open_to(namespace.options, channel, session.user, subscribed):
            raise reply_error(ErrorCode.PERMISSION_DENIED)
        return namespace

    def _check(self, grant: frozenset[Grant], channel: str) -> None:
        session = self._session
        if not is_granted(grant, session.user, session.is_subscribed(channel)):
            raise reply_error(ErrorCode.PERMISSION_DENIED)
