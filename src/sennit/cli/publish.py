"""``sennit publish``: a publication from the command line, by a running server's HTTP API."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from typing import Any

import click
import msgspec

from sennit.cli.complaint import Complaint, Misuse

__all__ = ["publish"]

_TIMEOUT = 10


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
    request: dict[str, Any] = {"channel": channel, "data": _payload(data)}
    if idempotency_key:
        request["idempotency_key"] = idempotency_key
    if tags:
        request["tags"] = dict(_tag(each) for each in tags)
    answer = _call(f"{url.rstrip('/')}/api/publish", key, msgspec.json.encode(request))
    if "error" in answer:
        raise Complaint(f"{answer['error']['message']} ({answer['error']['code']})")
    result = answer["result"]
    if "offset" in result:
        click.echo(f"offset {result['offset']}, epoch {result['epoch']}")


def _payload(data: str) -> msgspec.Raw:
    try:
        msgspec.json.decode(data)
    except msgspec.DecodeError:
        return msgspec.Raw(msgspec.json.encode(data))
    return msgspec.Raw(data.encode())


def _tag(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise Misuse(f"--tag is NAME=VALUE, not {text!r}")
    return name, value


def _call(url: str, key: str, body: bytes) -> Any:
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    request = urllib.request.Request(url, body, headers)  # noqa: S310 - it was looked at
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
            return msgspec.json.decode(answer.read())
    except urllib.error.HTTPError as error:
        why = {401: "the key is wrong", 404: "the server has no API: it needs api.keys"}
        said = why.get(error.code, f"the server answers with {error.code}")
        raise Complaint(said) from error
    except (OSError, msgspec.DecodeError) as error:
        raise Complaint(f"{url} does not answer: {getattr(error, 'reason', error)}") from error
