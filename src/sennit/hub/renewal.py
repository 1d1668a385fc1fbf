"""Renewing what would end: a connection, or a subscription (section 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError

from sennit.errors import ReplyError
from sennit.hub.request import Credentials, RefreshRequest, SubscriptionOptions
from sennit.model.code import DisconnectCode, ErrorCode, disconnect, reply_error

if TYPE_CHECKING:
    from sennit.hub.hub import Hub
    from sennit.hub.session import Session

__all__ = ["Renewal"]


class Renewal:
    """One client's wish to stay.

    Args:
        hub: the hub.
        session: the client.
        token: what it shows.
    """

    __slots__ = ("_hub", "_session", "_token")

    def __init__(self, hub: Hub, session: Session, token: str) -> None:
        self._hub = hub
        self._session = session
        self._token = token

    async def connection(self) -> int | None:
        """Renew the connection, and return the seconds until it ends; ``None`` for never.

        Raises:
            Disconnect: 3500, the token is not good, or another user's; 3005, it has expired; 3501,
                there is none.
            ReplyError: 108, nothing here can renew it; 110, it would be over at once.
        """
        handler, tokens = self._hub.app.refresh_handler, self._hub.tokens
        checked = tokens is not None and tokens.checks_connections
        if handler is None and not checked:
            raise reply_error(ErrorCode.NOT_AVAILABLE)
        if not self._token:
            raise disconnect(DisconnectCode.BAD_REQUEST, "bad request: refresh without token")
        session = self._session
        shown = None
        if tokens is not None:
            shown = await tokens.refresh(self._token, session)
        credentials = shown
        if handler is not None:
            request = RefreshRequest(token=self._token, credentials=shown)
            answer = await self._hub.handlers.call(
                "on_refresh", handler, session, request, convert=_answer_of(Credentials)
            )
            credentials = answer or shown
        if credentials is None:
            raise reply_error(ErrorCode.EXPIRED)
        if session.ended:
            raise CancelledError
        try:
            return session.renew(credentials.expire_at)
        except ReplyError:
            if credentials is not shown:
                raise
            # The handler took longer than the token was good.
            raise disconnect(DisconnectCode.CONNECTION_EXPIRED) from None

    async def subscription(self, channel: str) -> int | None:
        """Renew a subscription, and return the seconds until it ends; ``None`` for never.

        Args:
            channel: whose; empty for the token's.

        Raises:
            Disconnect: 3500, the token is not good, or for something else.
            ReplyError: 103, there is no such subscription; 107, there is no token; 108, nothing
                here can renew it; 109, the token has expired; 110, it would be over at once.
        """
        session, tokens = self._session, self._hub.tokens
        if tokens is None and self._hub.namespace_for(channel).refresh_handler is None:
            raise reply_error(ErrorCode.NOT_AVAILABLE)
        if not self._token:
            raise reply_error(ErrorCode.BAD_REQUEST, "sub_refresh needs a token")
        if channel and not session.is_subscribed(channel):
            raise reply_error(ErrorCode.PERMISSION_DENIED)
        options = None
        if tokens is not None:
            channel, options = await tokens.refresh_subscription(self._token, channel, session)
        namespace = self._hub.namespace_for(channel)
        if namespace.refresh_handler is not None:
            request = RefreshRequest(token=self._token, options=options)
            answer = await self._hub.handlers.call(
                f"on_refresh of {namespace.name!r}",
                namespace.refresh_handler,
                session,
                channel,
                request,
                convert=_answer_of(SubscriptionOptions),
            )
            options = answer or options
        if options is None:
            raise reply_error(ErrorCode.EXPIRED)
        if not session.is_subscribed(channel):  # not any more, or not yet
            raise reply_error(ErrorCode.PERMISSION_DENIED)
        return session.renew_subscription(channel, options.expire_at)


def _answer_of(form: type[Any]) -> Any:
    """Return what checks that a handler answers with this, or with nothing."""

    def check(answer: Any) -> Any:
        if answer is None or isinstance(answer, form):
            return answer
        raise TypeError(f"on_refresh returns {form.__name__} or None, not {type(answer).__name__}")

    return check
