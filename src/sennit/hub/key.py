"""The keys that tokens are signed with, and which of them may check which token (RFC 7515, 7517).

Each key is for one family of algorithms, so that a public key is never taken for a shared secret,
and a token can't choose how it is checked: ``none`` belongs to no family.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jwt
import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sennit.errors import ConfigurationError
from sennit.hub.setting import TokenSettings
from sennit.model.code import ErrorCode, reply_error

__all__ = ["Fetch", "JsonWebKeys", "Key", "KeyRing"]

_log = Logger(namespace="sennit.token")

Fetch = Callable[[str], Deferred[bytes]]
"""Gets what is at an address."""

HMAC = ("HS256", "HS384", "HS512")
RSA = ("RS256", "RS384", "RS512")
ECDSA = ("ES256", "ES384", "ES512")
_FAMILIES: Mapping[str, Sequence[str]] = {"RSA": RSA, "EC": ECDSA, "OKP": ("EdDSA",)}
"""The algorithms of a JSON Web Key by its ``kty``. Shared secrets have no place among them."""
_PUBLIC = frozenset(name for names in _FAMILIES.values() for name in names)

_KINDS: Mapping[str, str] = {
    "rsa_public_key": "of RSA",
    "ecdsa_public_key": "on the curve P-256, P-384 or P-521",
}

_LIFETIME = 3600.0
"""Seconds until a set of keys is fetched again."""
_PAUSE = 10.0
"""Seconds between two times that it is fetched for a key that it does not have."""


class Key:
    """A key, and what it may be used for.

    Attributes:
        material: as PyJWT takes it.
        algorithms: the names of the algorithms it may check.
    """

    __slots__ = ("algorithms", "material")

    def __init__(self, material: Any, algorithms: Sequence[str]) -> None:
        self.material = material
        self.algorithms = algorithms


class KeyRing:
    """Finds the key for a token.

    Args:
        settings: the keys of the configuration.
        remote: those of its ``jwks_url``, if it has one; they come before a public key that is
            written down.

    Raises:
        ConfigurationError: a public key is none, or is a private one; the secret is a key.
    """

    def __init__(self, settings: TokenSettings, remote: JsonWebKeys | None) -> None:
        self._remote = remote
        self._keys: list[Key] = []
        if settings.hmac_secret:
            self._keys.append(_shared_secret(settings.hmac_secret))
        for option, algorithms in (("rsa_public_key", RSA), ("ecdsa_public_key", ECDSA)):
            text = getattr(settings, option)
            if text:
                self._keys.append(_public_key(option, text, algorithms))

    async def key_for(self, algorithm: str, key_id: str) -> Key | None:
        """Return the key for a token whose header says this; ``None`` if there is none.

        Raises:
            ReplyError: 100, the set of keys cannot be fetched at the moment.
        """
        if self._remote is not None and algorithm in _PUBLIC:
            return await self._remote.key_for(algorithm, key_id)
        return next((key for key in self._keys if algorithm in key.algorithms), None)


def _shared_secret(text: str) -> Key:
    try:
        return Key(jwt.get_algorithm_by_name(HMAC[0]).prepare_key(text), HMAC)
    except jwt.PyJWTError as error:
        # A public key is known to everybody: whoever has it could sign.
        raise ConfigurationError("hmac_secret is a key in PEM, which is no secret") from error


def _public_key(option: str, text: str, algorithms: Sequence[str]) -> Key:
    material: Any = None
    fitting: list[str] = []
    for name in algorithms:  # An elliptic curve goes with one of them alone.
        try:
            material = jwt.get_algorithm_by_name(name).prepare_key(text)
            fitting.append(name)
        except (ValueError, TypeError, jwt.PyJWTError):
            continue
    if not fitting:
        raise ConfigurationError(f"{option} is not a public key in PEM, {_KINDS[option]}")
    if _is_private(material):
        raise ConfigurationError(f"{option} is a private key; its public half belongs here")
    return Key(material, fitting)


def _is_private(material: Any) -> bool:
    return hasattr(material, "private_bytes")


class _Document(msgspec.Struct):
    """A JSON Web Key Set (RFC 7517, 5)."""

    keys: list[dict[str, Any]]


class JsonWebKeys:
    """A set of keys at an address: fetched when it is needed, and once for all who wait.

    A token that names a key which is not there makes it be fetched again, in case it is new; but
    not more often than every ten seconds, so that made-up names cost nothing.

    Args:
        url: where it is.
        fetch: gets it.
        clock: the time.
    """

    def __init__(self, url: str, fetch: Fetch, clock: IReactorTime) -> None:
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[tuple[str, str], Key] = {}
        self._fetched: float | None = None
        self._tried: float | None = None
        self._failing = False
        self._waiting: list[Deferred[None]] | None = None

    async def key_for(self, algorithm: str, key_id: str) -> Key | None:
        """Return the key of this id for this algorithm; ``None`` if there is none.

        Raises:
            ReplyError: 100, the set was never fetched, and cannot be now.
        """
        wanted = (algorithm, key_id)
        if self._is_due(wanted):
            await self._refresh()
        if self._fetched is None:
            raise reply_error(ErrorCode.INTERNAL, "tokens cannot be checked at the moment")
        return self._keys.get(wanted)

    def _is_due(self, wanted: tuple[str, str]) -> bool:
        now = self._clock.seconds()
        if self._waiting is not None:
            return self._fetched is None or wanted not in self._keys
        if self._tried is not None and now - self._tried < _PAUSE:
            return False
        return self._fetched is None or wanted not in self._keys or now - self._fetched > _LIFETIME

    def _refresh(self) -> Deferred[None]:
        """Fetch, or wait for the one who does; fires in any case."""
        done: Deferred[None] = Deferred()
        if self._waiting is not None:
            self._waiting.append(done)
            return done
        self._waiting = [done]
        self._tried = self._clock.seconds()
        # Of its own: who goes away meanwhile does not take it from the others.
        Deferred.fromCoroutine(self._load()).addBoth(self._loaded)
        return done

    async def _load(self) -> None:
        try:
            document = msgspec.json.decode(await self._fetch(self._url), type=_Document)
            keys = {
                (algorithm, key_id): key
                for each in document.keys
                for key_id, key in _read(each)
                for algorithm in key.algorithms
            }
        except Exception as error:
            # Once for each time that it begins to fail: every token would say it again.
            if not self._failing:
                _log.error("{url} gives no keys: {error}", url=self._url, error=error)
            self._failing = True
            return
        self._failing = False
        self._keys = keys
        self._fetched = self._clock.seconds()

    def _loaded(self, _: object) -> None:
        waiting, self._waiting = self._waiting or [], None
        for done in waiting:
            if not done.called:
                done.callback(None)


def _read(values: dict[str, Any]) -> Iterator[tuple[str, Key]]:
    """Yield a key and its id, if it is one that we know how to use (RFC 7517, 5)."""
    algorithms = _FAMILIES.get(str(values.get("kty")), ())
    named = values.get("alg")
    if named is not None:
        algorithms = tuple(name for name in algorithms if name == named)
    if not algorithms or values.get("use", "sig") != "sig":
        return
    try:
        key = jwt.PyJWK(values, algorithm=algorithms[0]).key
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        _log.warn("a key cannot be used: {error}", error=error)
        return
    if _is_private(key):
        _log.warn("a key cannot be used: it is a private one, which everybody can read there")
        return
    yield str(values.get("kid", "")), Key(key, algorithms)
