"""A small page of plain words: nothing here, not built, not this method."""

# ruff: noqa: N815 - Twisted reads this attribute
from __future__ import annotations

import base64
import hashlib
from html import escape

from twisted.web.resource import Resource
from twisted.web.server import Request

from sennit.web.answer import answer

__all__ = ["Notice", "not_found", "wrong_method"]

_STYLE = (
    "body{font:1.05rem/1.6 system-ui,sans-serif;color:#1d2b2e;background:#f4efe4;margin:0;"
    "min-height:100vh;display:grid;place-content:center;padding:1.5rem;max-width:34rem;"
    "margin-inline:auto}h1{font-size:1.5rem;margin:0}code{font-size:.95em}a{color:inherit}"
    "@media(prefers-color-scheme:dark){body{color:#e6ece9;background:#0e1719}}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class Notice(Resource):
    """Answers every request below it with one sentence.

    Args:
        status: the HTTP status.
        title: a few words.
        sentence: what to do; text between backquotes is set as code.
        headers: further headers.
    """

    isLeaf = True

    def __init__(
        self, status: int, title: str, sentence: str, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        Resource.__init__(self)
        self._status = status
        self._headers = headers
        parts = escape(sentence).split("`")
        words = "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
        self._body = (
            '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n"
            f"<main><h1>{escape(title)}</h1>\n<p>{words}</p></main>\n</html>\n"
        ).encode()

    def render(self, request: Request) -> bytes:
        """Answer, whatever the method."""
        for name, value in self._headers:
            request.responseHeaders.setRawHeaders(name, [value])
        return answer(
            request,
            self._body,
            status=self._status,
            kind="text/html; charset=utf-8",
            policy=_POLICY,
        )


def not_found() -> Notice:
    """Return what is where nothing is."""
    return Notice(404, "Nothing here", "There is no page at this address.")


def wrong_method() -> Notice:
    """Return the answer to a method other than GET and HEAD."""
    return Notice(
        405, "Not like this", "This address is for reading: GET or HEAD.", (("Allow", "GET, HEAD"),)
    )
