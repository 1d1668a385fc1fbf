"""The making of a connection: who the client is, and what it is subscribed to from the start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList

from sennit.hub.admission import Admission, server_side
from sennit.hub.expiry import time_left
from sennit.hub.request import (
    ConnectRequest,
    ConnectResult,
    Credentials,
    SubscribeResult,
    SubscriptionOptions,
)
from sennit.model.code import DisconnectCode, ErrorCode, disconnect, reply_error

if TYPE_CHECKING:
    from sennit.hub.hub import Hub
    from sennit.hub.session import Session

__all__ = ["Entry"]


class Entry:
    """One client's way in.

    Args:
        hub: the hub.
        session: the client.
        request: what it says.
    """

    __slots__ = ("_admissions", "_hub", "_over", "_request", "_session")

    def __init__(self, hub: Hub, session: Session, request: ConnectRequest) -> None:
        self._hub = hub
        self._session = session
        self._request = request
        self._admissions: list[Admission] = []
        self._over = ErrorCode.EXPIRED

    async def make(self, answer: Callable[[ConnectResult], None]) -> None:
        """Let the client in; see :meth:`sennit.hub.session.Session.connect`."""
        session = self._session
        self._hub.limiter.check_connect(session.request.host)
        credentials = await self._identify()
        if session.ended:
            raise CancelledError
        self._hub.check_room_for(credentials.user)
        session.enter(credentials)
        try:
            results = await self._subscribe(credentials)
            # Others of the user may have come in meanwhile, and the end of it all may have come.
            self._hub.check_room_for(credentials.user)
            ttl = session.renew(credentials.expire_at, self._over)
            session.connected = True
            self._hub.add_session(session)
            answer(ConnectResult(session.id, credentials.data, results, ttl))
        except BaseException:
            for admission in self._admissions:
                admission.abandon()
            raise
        for admission, result in zip(self._admissions, results.values(), strict=True):
            admission.complete(result)

    async def _identify(self) -> Credentials:
        """Find out who the client is, by its token, and by what the application says.

        Raises:
            Disconnect: 3500, its token is not good; 3501, it has none, and needs one.
            ReplyError: 109, its token has expired; 110, it has none, and what it would be is over.
        """
        request, tokens, handler = self._request, self._hub.tokens, self._hub.app.connect_handler
        if tokens is not None and request.token:
            shown = await tokens.connect(request.token)
            request = replace(request, credentials=shown)
            if shown is not None:
                self._session.token_user = shown.user
                self._over = ErrorCode.TOKEN_EXPIRED
        credentials = request.credentials
        if handler is not None:
            answer: Credentials | None = await self._hub.handlers.call(
                "on_connect", handler, request, convert=_credentials
            )
            credentials = answer or credentials
        if credentials is None:
            if tokens is not None and not tokens.allow_anonymous:
                raise disconnect(DisconnectCode.BAD_REQUEST, "bad request: connect without token")
            credentials = Credentials()
        time_left(credentials.expire_at, self._hub.now(), self._over)  # which refuses what is over
        return credentials

    async def _subscribe(self, credentials: Credentials) -> dict[str, SubscribeResult]:
        """Prepare every subscription that the client has from the start, all at once.

        Raises:
            ReplyError: one of them cannot be: 102 or 107, or 100 where the broker failed.
            Disconnect: 3505, there are too many.
            CancelledError: the client is gone.
        """
        session, positions = self._session, self._request.subscriptions
        wanted = self._wanted(credentials)
        if len(wanted) > self._hub.settings.channel_limit:
            raise disconnect(DisconnectCode.CHANNEL_LIMIT)
        self._admissions = [
            server_side(self._hub, session, channel, options, positions.get(channel))
            for channel, options in wanted.items()
        ]
        if not self._admissions:
            return {}
        outcomes: Any = await DeferredList(
            [Deferred.fromCoroutine(admission.prepare()) for admission in self._admissions],
            consumeErrors=True,
        )
        for succeeded, outcome in outcomes:
            if not succeeded:
                outcome.raiseException()
        if session.ended:
            raise CancelledError
        return {
            admission.channel: result
            for admission, (_, result) in zip(self._admissions, outcomes, strict=True)
        }

    def _wanted(self, credentials: Credentials) -> dict[str, SubscriptionOptions]:
        """Return the channels, personal ones included, that the client is subscribed to.

        Raises:
            ReplyError: 107, the user's id would make a name that others could share.
        """
        session, user = self._session, credentials.user
        if session.codec.encode_subscribe("", None, False, None) is None:
            return {}  # its protocol has no words for it
        namespaces = self._hub.app.namespaces
        personal = [name for name, it in namespaces.items() if it.options.personal and user]
        if personal and ("," in user or "#" in user):
            raise reply_error(
                ErrorCode.BAD_REQUEST, "a user id with , or # has no personal channel"
            )
        channels = {
            f"{name}:#{user}" if name else f"#{user}": SubscriptionOptions() for name in personal
        }
        return channels | credentials.subscriptions


def _credentials(answer: Any) -> Credentials | None:
    """Return what an ``on_connect`` has answered with."""
    if answer is None or isinstance(answer, Credentials):
        return answer
    raise TypeError(f"on_connect returns Credentials or None, not {type(answer).__name__}")
