"""Where a server sends a client instead."""

from __future__ import annotations

from sennit.errors import HandshakeError
from sennit.net.address import Address
from sennit.net.answer import header

__all__ = ["redirected"]

_STATUSES = (301, 302, 303, 307, 308)


def redirected(address: Address, refusal: HandshakeError) -> Address | None:
    """Return the address that an answer redirects to; ``None`` if it is no redirect.

    Args:
        address: where the answer is from.
        refusal: the answer.

    Raises:
        HandshakeError: with the answer's status: that is no address, or TLS would be given up.
    """
    location = header(refusal.headers, "location")
    if refusal.status not in _STATUSES or location is None:
        return None
    try:
        target = address.follow(location)
    except ValueError as error:
        why = f"the server redirects to what is no WebSocket's address: {error}"
    else:
        if target.secure or not address.secure:
            return target
        why = "the server redirects from wss:// to ws://, which is not followed"
    raise HandshakeError(refusal.status, why, refusal.headers)
