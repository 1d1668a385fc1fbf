"""``sennit publish``: a publication from the command line, by a running server's HTTP API."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from typing import Any

import click
import msgspec

from sennit.cli.complaint import Complaint, Misuse

__all__ = ["publish"]

_TIMEOUT = 10


class _Failure(msgspec.Struct):
    """Why the server has not published."""

    code: int
    message: str


class _Position(msgspec.Struct):
    """Where the publication stands; nothing without history."""

    offset: int = 0
    epoch: str = ""


class _Answer(msgspec.Struct):
    """What the server says: either of the two."""

    result: _Position | None = None
    error: _Failure | None = None


@click.command()
@click.argument("channel")
@click.argument("data")
@click.option(
    "--url",
    default="http://127.0.0.1:8000",
    show_default=True,
    metavar="URL",
    help="The server's address.",
)
@click.option("--key", metavar="KEY", help="Its API key; else the first of SENNIT_API_KEYS.")
@click.option("--idempotency-key", default="", metavar="KEY", help="Sent again, it is the same.")
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="A label to send along.")
def publish(
    channel: str,
    data: str,
    url: str,
    key: str | None,
    idempotency_key: str,
    tags: tuple[str, ...],
) -> None:
    """Publish DATA to CHANNEL on a running server.

    DATA is JSON; what is none is taken for a text.
    """
    key = key or os.environ.get("SENNIT_API_KEYS", "").partition(",")[0].strip()
    if not key:
        raise Misuse("there is no key: say --key, or set SENNIT_API_KEYS")
    if not url.startswith(("http://", "https://")):
        raise Misuse(f"--url is an address like http://127.0.0.1:8000, not {url}")
    try:
        request: dict[str, Any] = {"channel": channel, "data": _payload(data)}
        if idempotency_key:
            request["idempotency_key"] = idempotency_key
        if tags:
            request["tags"] = dict(_tag(each) for each in tags)
        body = msgspec.json.encode(request)
    except UnicodeEncodeError as error:
        raise Misuse("what is to be published is not UTF-8") from error
    position = _call(f"{url.rstrip('/')}/api/publish", key, body)
    if position.offset:
        click.echo(f"offset {position.offset}, epoch {position.epoch}")


def _payload(data: str) -> msgspec.Raw:
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return msgspec.Raw(msgspec.json.encode(data))
    return msgspec.Raw(data.encode())


def _tag(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise Misuse(f"--tag is NAME=VALUE, not {text!r}")
    return name, value


def _call(url: str, key: str, body: bytes) -> _Position:
    """Return where the publication stands.

    Raises:
        Complaint: it was not published.
        Misuse: the address or the key is none.
    """
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    try:
        request = urllib.request.Request(url, body, headers)  # noqa: S310 - it was looked at
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as found:  # noqa: S310
            answer = msgspec.json.decode(found.read(), type=_Answer)
    except urllib.error.HTTPError as error:
        raise Complaint(_refusal(error)) from error
    except (OSError, msgspec.DecodeError, http.client.HTTPException) as error:
        if isinstance(error, http.client.InvalidURL):
            raise Misuse(f"--url is no address: {error}") from error
        raise Complaint(f"{url} does not answer: {getattr(error, 'reason', error)}") from error
    except ValueError as error:  # which UnicodeError is too
        raise Misuse(f"--url or the key cannot be sent: {error}") from error
    if answer.error is not None:
        raise Complaint(f"{answer.error.message} ({answer.error.code})")
    if answer.result is None:
        raise Complaint(f"{url} does not answer as an API does")
    return answer.result


def _refusal(refused: urllib.error.HTTPError) -> str:
    """Return in words why a server has refused; it may tell errors by the status."""
    if refused.code == http.client.UNAUTHORIZED:
        return "the key is wrong"
    try:
        failure = msgspec.json.decode(refused.read(), type=_Failure)
    except (OSError, msgspec.DecodeError, http.client.HTTPException):
        if refused.code == http.client.NOT_FOUND:
            return "the server has no API: it needs api.keys"
        return f"the server answers with {refused.code}"
    return f"{failure.message} ({failure.code})"
