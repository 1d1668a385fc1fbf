"""Requests of pages from elsewhere: which of them are answered, and what browsers are told."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.web.server import NOT_DONE_YET, Request

from sennit.errors import HandshakeError
from sennit.net.upgrade import refuse

__all__ = ["allow_page", "check_fetch", "empty", "preflight", "refuse_method", "refuse_page"]

_MAX_AGE = 300
"""Seconds for which a browser need not ask again."""


def allow_page(request: Request) -> None:
    """Let the page that has sent a request read the answer (Fetch standard, 3.3)."""
    headers = request.responseHeaders
    headers.setRawHeaders("Vary", ["Origin"])
    origin = request.getHeader(b"origin")
    if origin:
        headers.setRawHeaders(b"Access-Control-Allow-Origin", [origin])
        headers.setRawHeaders("Access-Control-Allow-Credentials", ["true"])


def check_fetch(request: Request) -> None:
    """Check a GET that does something, which a page elsewhere could have sent by an image.

    Browsers send no ``Origin`` then; those of today say where it comes from all the same.

    Raises:
        HandshakeError: 403, it comes from a page of another site.
    """
    site = request.getHeader(b"sec-fetch-site") or b"none"
    if request.getHeader(b"origin") is None and site not in (b"same-origin", b"none"):
        raise HandshakeError(403, "pages of this origin may not connect here")


def preflight(request: Request, methods: Sequence[str]) -> int:
    """Answer a browser that asks whether a page may send a request; its origin was checked."""
    headers = request.responseHeaders
    headers.setRawHeaders("Access-Control-Allow-Methods", [", ".join([*methods, "OPTIONS"])])
    wished = request.getHeader(b"access-control-request-headers") or b"Content-Type"
    headers.setRawHeaders(b"Access-Control-Allow-Headers", [wished])
    headers.setRawHeaders("Access-Control-Max-Age", [str(_MAX_AGE)])
    return empty(request, 204)


def empty(request: Request, status: int) -> int:
    """Answer without a body."""
    request.setResponseCode(status)
    request.responseHeaders.setRawHeaders("Server", ["Sennit"])
    request.responseHeaders.setRawHeaders("Cache-Control", ["no-store"])
    request.write(b"")
    request.finish()
    return NOT_DONE_YET


def refuse_page(request: Request, error: HandshakeError) -> bytes:
    """Set the head of a refusal that is not to be kept, and return its body."""
    request.responseHeaders.setRawHeaders("Server", ["Sennit"])
    request.responseHeaders.setRawHeaders("Cache-Control", ["no-store"])
    request.responseHeaders.setRawHeaders("X-Content-Type-Options", ["nosniff"])
    return refuse(request, error)


def refuse_method(methods: Sequence[str]) -> HandshakeError:
    """Return how a method is refused that there is not."""
    allowed = ", ".join([*methods, "OPTIONS"])
    return HandshakeError(405, f"this address takes {allowed}", (("Allow", allowed),))
