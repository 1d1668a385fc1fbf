"""A built page: a folder of files with an ``index.html``, read once and served from memory."""

# ruff: noqa: N815 - Twisted reads this attribute
from __future__ import annotations

import hashlib
import os
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from twisted.web.resource import Resource
from twisted.web.server import Request

from sennit.web.answer import READING, answer
from sennit.web.folder import Folder
from sennit.web.notice import Notice, not_found, wrong_method

__all__ = ["built_page", "page_folder"]

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".gif": "image/gif",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_HASHED = re.compile(r".+-[-_A-Za-z0-9]{8}\.\w+")
"""A name with its content's hash, as the build gives to what is in ``assets``."""
_HOST = re.compile(r"[-.A-Za-z0-9]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


class File(Resource):
    """One file, in memory.

    Args:
        data: its bytes.
        kind: its media type.
        lasting: whether its name changes with its content, so that it may be kept for ever.
    """

    isLeaf = True

    def __init__(self, data: bytes, kind: str, lasting: bool) -> None:
        Resource.__init__(self)
        self._data = data
        self._kind = kind
        self._lasting = lasting
        self._tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'

    def render(self, request: Request) -> bytes:
        """Answer GET and HEAD; with 304 where the client has it already."""
        if request.method not in READING:
            return wrong_method().render(request)
        if request.postpath:
            return not_found().render(request)  # A file has nothing below it.
        request.responseHeaders.setRawHeaders("ETag", [self._tag])
        known = self._is_known(_header(request, b"if-none-match"))
        return answer(
            request,
            self._data,  # With 304 it is not sent, only its size.
            status=304 if known else 200,
            kind=self._kind,
            policy=_policy(request),
            caching="public, max-age=31536000, immutable" if self._lasting else "no-cache",
        )

    def _is_known(self, tags: str) -> bool:
        """Return whether an If-None-Match has our tag (RFC 9110, 13.1.2).

        A tag may have become a weak one on its way, as where a proxy compresses.
        """
        return any(tag.strip().removeprefix("W/") in (self._tag, "*") for tag in tags.split(","))


def built_page(name: str) -> Folder | Notice:
    """Return a page that is built into the package, or what to say while it is not built."""
    folder = files("sennit.web").joinpath("pages", name)
    if not folder.joinpath("index.html").is_file():
        return Notice(
            503,
            "This page is not built",
            f"Build it by `npm ci && npm run build` in `apps/{name}` (or `make serve` in the "
            "root of the source), then start the server again.",
            (("Retry-After", "60"),),
        )
    return page_folder(folder)


def page_folder(folder: Traversable) -> Folder:
    """Return the files of a folder, with its ``index.html`` as the index.

    Only what is there now is served, by its exact name: there is no listing, and no way out.

    Raises:
        OSError: the folder cannot be read.
    """
    page = Folder()
    for entry in folder.iterdir():
        if entry.name.startswith("."):
            continue
        name = os.fsencode(entry.name)  # It need not be UTF-8.
        if entry.is_dir():
            page.putChild(name, page_folder(entry))
        elif entry.is_file():
            kind = _TYPES.get(PurePosixPath(entry.name).suffix.lower(), "application/octet-stream")
            lasting = folder.name == "assets" and _HASHED.fullmatch(entry.name) is not None
            file = File(entry.read_bytes(), kind, lasting)
            page.putChild(name, file)
            if entry.name == "index.html":
                page.putChild(b"", file)
    return page


def _policy(request: Request) -> str:
    """Return what a page may do: load from here, and talk to here."""
    host = _header(request, b"host")
    # Older browsers do not count a WebSocket of the same host as 'self'.
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"font-src 'self'; connect-src 'self'{sockets}; manifest-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )


def _header(request: Request, name: bytes) -> str:
    """Return a header as text, whatever bytes it has; empty if there is none."""
    value: bytes = request.getHeader(name) or b""
    return value.decode("latin-1")
