"""A request's body, up to a bound."""

from __future__ import annotations

from typing import Any

from twisted.web.server import Request

from sennit.errors import HandshakeError

__all__ = ["read_body"]


def read_body(request: Request, bound: int) -> bytes:
    """Return a request's body.

    A site of somebody else's, which ours may be mounted in, takes bodies of any size.

    Raises:
        HandshakeError: 413, it has more bytes than the bound.
    """
    content: Any = request.content
    content.seek(0)
    body: bytes = content.read(bound + 1)
    if len(body) > bound:
        raise HandshakeError(413, f"the request's body has over {bound} bytes")
    return body
