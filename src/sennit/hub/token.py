"""Tokens: what a signed JSON Web Token says of a client, or of one subscription (section 8).

Signatures are checked by PyJWT, the claims here, since the time is the hub's. ``iat`` is not looked
at: a token is as old as it likes while it has not expired.
"""

from __future__ import annotations

import base64
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import jwt
import msgspec
from jwt.warnings import InsecureKeyLengthWarning
from twisted.logger import Logger

from sennit.errors import Disconnect
from sennit.hub.key import KeyRing
from sennit.hub.request import Credentials, SubscriptionOptions
from sennit.hub.setting import TokenSettings
from sennit.model.code import DisconnectCode, ErrorCode, disconnect, reply_error

if TYPE_CHECKING:
    from sennit.hub.session import Session

__all__ = ["ExpiredTokenError", "InvalidTokenError", "SubscriptionToken", "TokenReader", "Tokens"]

_log = Logger(namespace="sennit.token")
_jws = jwt.PyJWS()
_ABSENT = msgspec.Raw()


class InvalidTokenError(Exception):
    """A token that is none, or not one of ours, or not for this. The message says why."""


class ExpiredTokenError(InvalidTokenError):
    """A token that was good, or will be."""


class _Override(msgspec.Struct):
    value: bool


class _Overrides(msgspec.Struct):
    presence: _Override | None = None
    join_leave: _Override | None = None
    force_push_join_leave: _Override | None = None
    force_recovery: _Override | None = None
    force_positioning: _Override | None = None


class _Subscription(msgspec.Struct):
    """How a token says a subscription is to be."""

    info: msgspec.Raw = _ABSENT
    b64info: str = ""
    data: msgspec.Raw = _ABSENT
    b64data: str = ""
    override: _Overrides | None = None

    def options(self, expire_at: float | None = None) -> SubscriptionOptions:
        """Return them as the hub knows them.

        Raises:
            InvalidTokenError: a payload in base64 is none, or is not JSON.
        """
        wanted = self.override or _Overrides()
        overrides: dict[str, Any] = {
            name: one.value
            for name in _Overrides.__struct_fields__
            if (one := getattr(wanted, name)) is not None
        }
        try:
            return SubscriptionOptions(
                info=_payload(self.info, self.b64info),
                data=_payload(self.data, self.b64data),
                expire_at=expire_at,
                **overrides,
            )
        except TypeError as error:
            raise InvalidTokenError(str(error)) from error


class _Claims(msgspec.Struct):
    """The claims that every token may have."""

    sub: str = ""
    exp: float | None = None
    nbf: float | None = None
    aud: str | list[str] = []
    iss: str = ""
    expire_at: float | None = None
    info: msgspec.Raw = _ABSENT
    b64info: str = ""

    @property
    def ends_at(self) -> float | None:
        """When what the token allows ends, in seconds since 1970; ``None`` for never."""
        if self.expire_at is None:
            return self.exp
        return self.expire_at or None


_AnyClaims = TypeVar("_AnyClaims", bound=_Claims)


class _ConnectionClaims(_Claims):
    channel: str = ""
    channels: list[str] = []
    subs: dict[str, _Subscription] = {}
    meta: dict[str, Any] = {}


class _SubscriptionClaims(_Claims):
    channel: str = ""
    client: str = ""
    data: msgspec.Raw = _ABSENT
    b64data: str = ""
    override: _Overrides | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionToken:
    """What a subscription token allows.

    Attributes:
        channel: where.
        user: whom.
        client: which connection alone, or empty.
        options: how.
    """

    channel: str
    user: str
    client: str
    options: SubscriptionOptions

    def check(self, channel: str, user: str, client: str) -> None:
        """Check that it is for this channel and this client.

        Raises:
            InvalidTokenError: it is another's.
        """
        if channel != self.channel:
            raise InvalidTokenError("the token is for another channel")
        if user != self.user or (self.client and client != self.client):
            raise InvalidTokenError("the token is for somebody else")


class TokenReader:
    """Reads tokens.

    Args:
        settings: audience and issuer.
        keys: what they are signed with.
        now: the time, in seconds since 1970.
    """

    def __init__(self, settings: TokenSettings, keys: KeyRing, now: Callable[[], float]) -> None:
        self._settings = settings
        self._keys = keys
        self._now = now

    async def credentials(self, token: str) -> Credentials:
        """Return who a connection token says that the client is.

        Raises:
            InvalidTokenError: it is not good, or a subscription's.
            ExpiredTokenError: it is not good any more, or not yet.
            ReplyError: 100, the keys cannot be had at the moment.
        """
        claims = await self._read(token, _ConnectionClaims)
        if claims.channel:
            raise InvalidTokenError("the token is for a subscription, not for a connection")
        subscriptions = {channel: SubscriptionOptions() for channel in claims.channels}
        subscriptions |= {channel: sub.options() for channel, sub in claims.subs.items()}
        try:
            return Credentials(
                claims.sub,
                info=_payload(claims.info, claims.b64info),
                state={"meta": claims.meta} if claims.meta else None,
                subscriptions=subscriptions,
                expire_at=claims.ends_at,
            )
        except TypeError as error:
            raise InvalidTokenError(str(error)) from error

    async def subscription(self, token: str) -> SubscriptionToken:
        """Return what a subscription token allows.

        Raises:
            InvalidTokenError: it is not good, or a connection's.
            ExpiredTokenError: it is not good any more, or not yet.
            ReplyError: 100, the keys cannot be had at the moment.
        """
        claims = await self._read(token, _SubscriptionClaims)
        if not claims.channel:
            raise InvalidTokenError("the token names no channel")
        wanted = _Subscription(
            claims.info, claims.b64info, claims.data, claims.b64data, claims.override
        )
        options = wanted.options(claims.ends_at)
        return SubscriptionToken(claims.channel, claims.sub, claims.client, options)

    async def _read(self, token: str, form: type[_AnyClaims]) -> _AnyClaims:
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError) as error:
            raise InvalidTokenError(f"it is not a token: {error}") from error
        algorithm, key_id = str(header.get("alg", "")), str(header.get("kid", ""))
        key = await self._keys.key_for(algorithm, key_id)
        if key is None:
            raise InvalidTokenError(f"there is no key for {algorithm!r} with the id {key_id!r}")
        try:
            with warnings.catch_warnings():
                # How long a secret is, is for whoever has chosen it.
                warnings.simplefilter("ignore", InsecureKeyLengthWarning)
                decoded = _jws.decode_complete(token, key.material, list(key.algorithms))
            claims = _claims(decoded["payload"], form)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise InvalidTokenError(str(error)) from error
        self._check(claims)
        return claims

    def _check(self, claims: _Claims) -> None:
        settings = self._settings
        audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if settings.audience and settings.audience not in audience:
            raise InvalidTokenError("the token is for another audience")
        if settings.issuer and settings.issuer != claims.iss:
            raise InvalidTokenError("the token is of another issuer")
        now = self._now()
        if claims.exp is not None and claims.exp <= now:
            raise ExpiredTokenError("the token has expired")
        if claims.nbf is not None and claims.nbf > now:
            raise ExpiredTokenError("the token is not good yet")
        if claims.expire_at and claims.expire_at <= now:
            raise ExpiredTokenError("what the token allows is over")


def _claims(payload: bytes, form: type[_AnyClaims]) -> _AnyClaims:
    """Return what stands in a token; a claim that is ``null`` is one that is not there."""
    if b"null" in payload:
        said = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
        kept = {name: value for name, value in said.items() if bytes(value) != b"null"}
        payload = msgspec.json.encode(kept)
    return msgspec.json.decode(payload, type=form)


def _payload(value: msgspec.Raw, encoded: str) -> bytes | None:
    """Return a payload that stands in a token as JSON, or as base64.

    Raises:
        InvalidTokenError: it is not base64.
    """
    if encoded:
        try:
            return base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise InvalidTokenError(f"not base64: {error}") from error
    payload = bytes(value)
    return None if payload in (b"", b"null") else payload


class Tokens:
    """What tokens are worth to the clients who show them: each failure as section 8 has it.

    Args:
        connection: reads those of connections; ``None`` where they are the handlers' affair.
        subscription: reads those of subscriptions.
        allow_anonymous: whether a client without one may connect.
    """

    def __init__(
        self,
        connection: TokenReader | None,
        subscription: TokenReader,
        *,
        allow_anonymous: bool = False,
    ) -> None:
        self._connection = connection
        self._subscription = subscription
        self.allow_anonymous = allow_anonymous or connection is None

    @property
    def checks_connections(self) -> bool:
        """Whether connection tokens are checked, not those of subscriptions alone."""
        return self._connection is not None

    async def connect(self, token: str) -> Credentials | None:
        """Return who the client is; ``None`` where these tokens are not checked.

        Raises:
            Disconnect: 3500, the token is not good.
            ReplyError: 109, it has expired: the client fetches another.
        """
        if self._connection is None:
            return None
        try:
            return await self._connection.credentials(token)
        except ExpiredTokenError as error:
            raise reply_error(ErrorCode.TOKEN_EXPIRED) from error
        except InvalidTokenError as error:
            raise _invalid(error) from error

    async def refresh(self, token: str, session: Session) -> Credentials | None:
        """Return who a client that is connected still is; ``None`` likewise.

        Raises:
            Disconnect: 3500, the token is not good, or another user's; 3005, it has expired.
        """
        if self._connection is None:
            return None
        try:
            credentials = await self._connection.credentials(token)
        except ExpiredTokenError as error:
            raise disconnect(DisconnectCode.CONNECTION_EXPIRED) from error
        except InvalidTokenError as error:
            raise _invalid(error) from error
        # A handler may have let the client in under another name than its token's.
        user = session.user if session.token_user is None else session.token_user
        if credentials.user != user:
            raise _invalid(InvalidTokenError("the token is for somebody else"))
        return credentials

    async def subscribe(self, token: str, channel: str, session: Session) -> SubscriptionOptions:
        """Return how the client may subscribe.

        Raises:
            ReplyError: 103, the token is not good; 109, it has expired.
            Disconnect: 3500, it is for another channel or another client.
        """
        try:
            read = await self._subscription.subscription(token)
        except ExpiredTokenError as error:
            raise reply_error(ErrorCode.TOKEN_EXPIRED) from error
        except InvalidTokenError as error:
            _log.debug("a subscription token was refused: {why}", why=error)
            raise reply_error(ErrorCode.PERMISSION_DENIED) from error
        return _for(read, channel, session)

    async def refresh_subscription(
        self, token: str, channel: str, session: Session
    ) -> tuple[str, SubscriptionOptions]:
        """Return the channel, and how the client may stay subscribed.

        An empty channel is the token's: old SDKs for Python leave it out.

        Raises:
            ReplyError: 109, the token has expired.
            Disconnect: 3500, it is not good, or for another channel or another client.
        """
        try:
            read = await self._subscription.subscription(token)
        except ExpiredTokenError as error:
            raise reply_error(ErrorCode.TOKEN_EXPIRED) from error
        except InvalidTokenError as error:
            raise _invalid(error) from error
        channel = channel or read.channel
        return channel, _for(read, channel, session)


def _for(read: SubscriptionToken, channel: str, session: Session) -> SubscriptionOptions:
    try:
        read.check(channel, session.user, session.id)
    except InvalidTokenError as error:
        raise _invalid(error) from error
    return read.options


def _invalid(error: InvalidTokenError) -> Disconnect:
    # The client is told nothing of why, or could feel its way; whoever runs the server can see it.
    _log.debug("a token was refused: {why}", why=error)
    return disconnect(DisconnectCode.INVALID_TOKEN)
