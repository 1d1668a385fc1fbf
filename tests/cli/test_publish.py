"""``sennit publish``: what it sends, and what it says of any answer. The server is a double."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from email.message import Message
from http.client import BadStatusLine
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sennit.cli.command import main

URL = "http://127.0.0.1:8000/api/publish"


class Server:
    """What stands in for ``urlopen``: keeps the requests, and answers each alike.

    Args:
        answer: the body, or what is raised.
    """

    def __init__(self, answer: bytes | Exception) -> None:
        self.requests: list[urllib.request.Request] = []
        self._answer = answer

    def open(self, request: urllib.request.Request, timeout: float) -> io.BytesIO:
        """Answer."""
        assert timeout > 0
        self.requests.append(request)
        if isinstance(self._answer, Exception):
            raise self._answer
        return io.BytesIO(self._answer)


def run(
    monkeypatch: pytest.MonkeyPatch, answer: bytes | Exception, *arguments: str
) -> tuple[Result, Server]:
    """Run the command against a server that answers so."""
    server = Server(answer)
    monkeypatch.setattr(urllib.request, "urlopen", server.open)
    monkeypatch.setenv("SENNIT_API_KEYS", "first, second")
    return CliRunner().invoke(main, ["publish", *arguments]), server


def refused(status: int, body: bytes) -> urllib.error.HTTPError:
    """Return an answer by the status."""
    return urllib.error.HTTPError(URL, status, "", Message(), io.BytesIO(body))


def test_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first key, JSON as it is written, and what else was said; it tells the position."""
    answer = b'{"result": {"offset": 3, "epoch": "e"}}'
    arguments = ("room:a", '{"n": 1}', "--tag", "a=b=c", "--idempotency-key", "k")
    result, server = run(monkeypatch, answer, *arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "offset 3, epoch e\n", "")
    (request,) = server.requests
    assert (request.full_url, request.get_header("X-api-key")) == (URL, "first")
    assert isinstance(request.data, bytes)
    assert json.loads(request.data) == {
        "channel": "room:a",
        "data": {"n": 1},
        "tags": {"a": "b=c"},
        "idempotency_key": "k",
    }


@pytest.mark.parametrize(
    ("data", "sent"),
    [("hello you", "hello you"), ('"x"', "x"), ("", ""), ("[" * 5000 + "]" * 5000, None)],
)
def test_what_is_no_json(monkeypatch: pytest.MonkeyPatch, data: str, sent: Any) -> None:
    """It is sent as a text, and so is JSON too deep to be read."""
    result, server = run(monkeypatch, b'{"result": {}}', "room:a", data)
    assert (result.exit_code, result.output) == (0, "")
    body = server.requests[0].data
    assert isinstance(body, bytes)
    assert json.loads(body)["data"] == (data if sent is None else sent)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b'{"error": {"code": 102, "message": "unknown channel"}}', "unknown channel (102)"),
        # The same, of a server that tells errors by the status.
        (refused(404, b'{"code": 102, "message": "unknown channel"}'), "unknown channel (102)"),
        (refused(404, b"<!doctype html>"), "the server has no API: it needs api.keys"),
        (refused(401, b""), "the key is wrong"),
        (refused(502, b"<html>"), "the server answers with 502"),
        (
            refused(503, b'{"code": 100, "message": "the server is starting"}'),
            "the server is starting (100)",
        ),
        (b"<html>", f"{URL} does not answer: "),
        (b"[]", f"{URL} does not answer: "),
        (b'{"status": "ok"}', f"{URL} does not answer as an API does"),
        (BadStatusLine("SSH-2.0"), f"{URL} does not answer: SSH-2.0"),
        (ConnectionResetError("gone"), f"{URL} does not answer: gone"),
    ],
)
def test_what_goes_wrong(
    monkeypatch: pytest.MonkeyPatch, answer: bytes | Exception, words: str
) -> None:
    """One line that says it, whatever is at the address."""
    result, _ = run(monkeypatch, answer, "room:a", "1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"sennit: {words}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("room:a", "1", "--url", "http://[x"),
        ("room:a", "1", "--url", "http://a b"),
        ("room:a", "1", "--url", "http://a:b"),
        ("room:a", "1", "--key", "k\n"),
        ("room:a", "1", "--key", "\u20ac"),
        ("room:a", "\udcff"),
        ("room:\udcff", "1"),
    ],
)
def test_what_cannot_be_sent(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    """It is the caller's mistake, and one line too."""
    # Nothing gets as far as the network: each of these fails before.
    monkeypatch.setenv("SENNIT_API_KEYS", "first")
    result = CliRunner().invoke(main, ["publish", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("sennit: ")
    assert result.stderr.count("\n") == 1
