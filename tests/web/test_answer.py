"""An answer's head, and the body of which HEAD is told no more than the size."""

# ruff: noqa: N815 - Twisted reads this attribute
from __future__ import annotations

from typing import Any

import pytest
from twisted.web.resource import Resource
from twisted.web.server import Request

from sennit.web.answer import answer
from tests.double import LogKeeper
from tests.web.double import Browser


class Word(Resource):
    """Answers everything with a word.

    Args:
        options: of the answer.
    """

    isLeaf = True

    def __init__(self, **options: Any) -> None:
        Resource.__init__(self)
        self.options = {"kind": "text/plain", **options}

    def render(self, request: Request) -> bytes:
        return answer(request, b"hello", **self.options)


def test_what_every_answer_has() -> None:
    """Headers that keep a browser from guessing, framing, loading, telling and storing."""
    found = Browser(Word()).ask()
    assert (found.status, found.body) == (200, b"hello")
    assert found.headers.pop("date")
    assert found.headers == {
        "server": "Sennit",
        "content-type": "text/plain",
        "content-length": "5",
        "cache-control": "no-store",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }


def test_what_an_answer_may_have() -> None:
    """A status, a policy and a caching of its own."""
    word = Word(status=418, policy="default-src 'self'", caching="no-cache", kind="text/css")
    found = Browser(word).ask()
    assert found.status == 418
    assert found.headers["content-security-policy"] == "default-src 'self'"
    assert found.headers["cache-control"] == "no-cache"
    assert found.headers["content-type"] == "text/css"


@pytest.mark.parametrize("status", [200, 404, 503])
def test_head(status: int) -> None:
    """It gets the same head as GET and no body, without a word in the log."""
    browser = Browser(Word(status=status))
    with LogKeeper() as log:
        got, head = browser.ask(), browser.ask(method="HEAD")
    assert (head.status, head.body) == (status, b"")
    del got.headers["date"], head.headers["date"]
    assert head.headers == got.headers
    assert [event for event in log.events if event["log_level"].name != "debug"] == []
