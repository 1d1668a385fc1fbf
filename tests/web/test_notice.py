"""Small pages of plain words."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from sennit.web.notice import Notice, not_found, wrong_method
from tests.web.double import Answer, Browser


def show(notice: Notice, method: str = "GET") -> Answer:
    return Browser(notice).ask(method=method)


def test_not_found() -> None:
    """It says so in a page that is stored nowhere."""
    found = show(not_found())
    assert found.status == 404
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    assert found.headers["cache-control"] == "no-store"
    assert b"<title>Nothing here</title>" in found.body
    assert b"<p>There is no page at this address.</p>" in found.body


def test_wrong_method() -> None:
    """It says which methods there are."""
    found = show(wrong_method(), "POST")
    assert (found.status, found.headers["allow"]) == (405, "GET, HEAD")
    assert b"GET or HEAD" in found.body


def test_its_headers() -> None:
    """They come with it."""
    headers = (("Retry-After", "60"), ("X-Why", "because"))
    found = show(Notice(503, "Not yet", "Come back later.", headers))
    assert found.status == 503
    assert (found.headers["retry-after"], found.headers["x-why"]) == ("60", "because")


def test_head_and_other_methods() -> None:
    """All are answered alike, HEAD without the body."""
    for method in ("GET", "POST", "DELETE", "BREW"):
        assert b"Nothing here" in show(not_found(), method).body
    head = show(not_found(), "HEAD")
    assert (head.status, head.body) == (404, b"")


@pytest.mark.parametrize("path", ["/", "/a", "/a/b?c", "//", "/%00"])
def test_it_answers_whatever_is_below_it(path: str) -> None:
    """It has no children."""
    assert Browser(not_found()).ask(path).status == 404


def test_words_cannot_become_markup() -> None:
    """Neither in the title nor in the sentence, nor in what is set as code."""
    attack = '<script>alert("1")</script>&\''
    body = show(Notice(400, attack, f"{attack} and `{attack}`")).body.decode()
    escaped = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#x27;"
    assert "<script" not in body
    assert f"<title>{escaped}</title>" in body
    assert f"<h1>{escaped}</h1>" in body
    assert f"<p>{escaped} and <code>{escaped}</code></p>" in body


def test_code() -> None:
    """What stands between backquotes is set as such."""
    body = show(Notice(503, "Not built", "Run `make` in `apps`, then wait.")).body
    assert b"<p>Run <code>make</code> in <code>apps</code>, then wait.</p>" in body


def test_its_policy_allows_its_own_style_and_nothing_else() -> None:
    """The style is named by its hash, so that no other can be slipped in."""
    found = show(not_found())
    style = re.search(rb"<style>(.*)</style>", found.body)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1]).digest()).decode()
    directives = dict(
        directive.split(" ", 1)
        for directive in found.headers["content-security-policy"].split("; ")
    )
    assert directives == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
