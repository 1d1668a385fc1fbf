"""An answer over HTTP, with the headers that every one of ours has."""

from __future__ import annotations

from twisted.web.server import Request

__all__ = ["READING", "answer"]

READING = (b"GET", b"HEAD")
"""The methods that read."""


def answer(
    request: Request,
    body: bytes,
    *,
    status: int = 200,
    kind: str,
    policy: str = "default-src 'none'; frame-ancestors 'none'",
    caching: str = "no-store",
) -> bytes:
    """Set an answer's head and return its body, which is empty for a HEAD request.

    Args:
        request: what is answered.
        body: what a GET gets.
        status: the HTTP status.
        kind: the media type.
        policy: the Content-Security-Policy.
        caching: the Cache-Control.
    """
    request.setResponseCode(status)
    headers = request.responseHeaders
    headers.setRawHeaders("Server", ["Sennit"])
    headers.setRawHeaders("Content-Type", [kind])
    headers.setRawHeaders("Cache-Control", [caching])
    headers.setRawHeaders("Content-Security-Policy", [policy])
    headers.setRawHeaders("X-Content-Type-Options", ["nosniff"])
    headers.setRawHeaders("Referrer-Policy", ["no-referrer"])
    headers.setRawHeaders("Cross-Origin-Opener-Policy", ["same-origin"])
    headers.setRawHeaders("Cross-Origin-Resource-Policy", ["same-origin"])
    if request.method == b"HEAD":
        headers.setRawHeaders("Content-Length", [str(len(body))])
        return b""
    return body
