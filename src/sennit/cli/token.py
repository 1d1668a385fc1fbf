"""``sennit token``: making a token, and looking at one."""

from __future__ import annotations

import os
import time
import urllib.request
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click
import jwt
import msgspec
from jwt.warnings import InsecureKeyLengthWarning
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from sennit.cli.complaint import Complaint, Misuse
from sennit.errors import ConfigurationError, ReplyError
from sennit.hub.key import ECDSA, HMAC, RSA, JsonWebKeys, KeyRing
from sennit.hub.setting import TokenSettings
from sennit.hub.token import InvalidTokenError, TokenReader
from sennit.server.configuration import Configuration, load_configuration

__all__ = ["token"]

_LIMIT = 256 * 1024


@click.command()
@click.argument("token", metavar="[TOKEN]", required=False)
@click.option("--user", default="", metavar="ID", help="Whom it is for; none is anonymous.")
@click.option("--channel", metavar="NAME", help="For a subscription to this channel alone.")
@click.option(
    "--expire",
    type=click.IntRange(min=0),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="How long it is good; 0 for ever.",
)
@click.option("--info", metavar="JSON", help="What others see of the user.")
@click.option(
    "--subscribe",
    "channels",
    multiple=True,
    metavar="NAME",
    help="A channel that the server subscribes the client to; several times if need be.",
)
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A configuration in TOML, for its hmac_secret.",
)
@click.option(
    "--key",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A private key in PEM to sign with, instead.",
)
@click.option(
    "--algorithm",
    type=click.Choice([*HMAC, *RSA, *ECDSA]),
    help="HS256, or RS256 or ES256 by what the key is.",
)
def token(token: str | None, config: Path | None, **options: Any) -> None:
    """Make a token for a client, or say what is in TOKEN and whether it is good.

    The secret is that of the configuration: tokens.hmac_secret of the FILE, or
    SENNIT_TOKENS_HMAC_SECRET in the environment.
    """
    try:
        configuration = load_configuration(config, os.environ)
    except ConfigurationError as error:
        raise Misuse(str(error)) from error
    click.echo(_make(configuration, **options) if token is None else _look(token, configuration))


def _make(
    configuration: Configuration, *, key: Path | None, algorithm: str | None, **wanted: Any
) -> str:
    """Return a token.

    Raises:
        Misuse: what is wanted contradicts itself, or there is no key for it.
        Complaint: the key does not sign.
    """
    claims = _claims(**wanted)
    material, names = _signing_key(key, _settings(configuration, claims))
    algorithm = algorithm or names[0]
    if algorithm not in names:
        raise Misuse(f"{algorithm} does not go with this key, but {', '.join(names)}")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", InsecureKeyLengthWarning)
            made = jwt.encode(claims, material, algorithm)
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        raise Complaint(f"the key does not sign: {error}") from error
    for warning in caught:
        click.echo(f"sennit: {warning.message}", err=True)
    return made


def _claims(
    *, user: str, channel: str | None, expire: int, info: str | None, channels: tuple[str, ...]
) -> dict[str, Any]:
    if channel and channels:
        raise Misuse("--subscribe is for connections, --channel for one subscription")
    now = int(time.time())
    claims: dict[str, Any] = {"sub": user, "iat": now}
    if expire:
        claims["exp"] = now + expire
    if channel:
        claims["channel"] = channel
    if channels:
        claims["channels"] = list(channels)
    if info is not None:
        try:
            claims["info"] = msgspec.json.decode(info)
        except msgspec.DecodeError as error:
            raise Misuse(f"--info is not JSON: {error}") from error
    return claims


def _settings(configuration: Configuration, claims: Mapping[str, Any]) -> TokenSettings:
    """Return by what a token with these claims is checked."""
    own = configuration.subscription_tokens
    return own if claims.get("channel") and own.has_keys else configuration.tokens


def _signing_key(file: Path | None, settings: TokenSettings) -> tuple[Any, tuple[str, ...]]:
    """Return a key and the algorithms that it goes with."""
    if file is None:
        if not settings.hmac_secret:
            raise Misuse("there is no secret: set SENNIT_TOKENS_HMAC_SECRET, or say --key FILE")
        return settings.hmac_secret.encode(), HMAC
    try:
        text = file.read_bytes()
    except OSError as error:
        raise Misuse(f"{file} cannot be read: {error.strerror}") from error
    for names in (RSA, *((name,) for name in ECDSA)):  # A curve goes with one of them alone.
        try:
            return jwt.get_algorithm_by_name(names[0]).prepare_key(text), names
        except (ValueError, TypeError, jwt.PyJWTError):
            continue
    raise Misuse(f"{file} is not a private key in PEM, of RSA or an elliptic curve")


def _look(token: str, configuration: Configuration) -> str:
    """Return what a token says.

    Raises:
        Complaint: it is not good.
        Misuse: there is nothing to check it by.
    """
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise Complaint(f"it is not a token: {error}") from error
    settings = _settings(configuration, claims)
    if not settings.has_keys:
        raise Misuse("there is no key to check it by: see the reference, [tokens]")
    problems: list[OSError] = []
    remote = JsonWebKeys(settings.jwks_url, partial(_get, problems), Clock())
    try:
        keys = KeyRing(settings, remote if settings.jwks_url else None)
    except ConfigurationError as error:
        raise Misuse(str(error)) from error
    reader = TokenReader(settings, keys, time.time)
    read = reader.subscription if claims.get("channel") else reader.credentials
    reading: Deferred[Any] = Deferred.fromCoroutine(read(token))
    failures: list[Failure] = []
    reading.addErrback(failures.append)  # at once: there is nothing here that waits
    for problem in problems:
        raise Complaint(f"{settings.jwks_url} gives no keys: {problem}")
    for failure in failures:
        failure.trap(InvalidTokenError, ReplyError)
        raise Complaint(f"it is not good: {failure.value}")
    return msgspec.json.format(msgspec.json.encode(claims), indent=2).decode()


def _get(problems: list[OSError], url: str) -> Deferred[bytes]:
    """Get a document, and note why it could not be had."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - one of the web
            return succeed(answer.read(_LIMIT))
    except OSError as error:
        problems.append(error)
        raise
