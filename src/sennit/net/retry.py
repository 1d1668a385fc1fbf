"""Whether it is worth another try, and when the server wants it."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

from twisted.internet.error import ConnectError
from twisted.internet.error import ConnectionClosed as TransportClosed

from sennit.errors import ConnectionClosed, HandshakeError
from sennit.net.answer import header
from sennit.net.tls import is_tls_failure

__all__ = ["retry_after", "worth_retrying"]

STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""Refusals that pass (RFC 9110, 15.5 and 15.6; RFC 6585, 4)."""
FINAL = frozenset({1002, 1003, 1007, 1008, 1009, 1010})
"""Close codes that say: what you do is wrong, and will be the next time (RFC 6455, 7.4.1)."""

_ABNORMAL = 1006
_SECONDS = re.compile(r"\d{1,9}")


def worth_retrying(error: BaseException) -> bool:
    """Return whether another try may end better than the one that ended with an error.

    It may, if

    * there was no connection, or it broke: refused, timed out, no such name, lost;
    * the handshake was refused, by the server or a proxy, with 408, 429, 500, 502, 503 or 504;
    * the connection was closed, by whom ever: also with 1000, since who does not want another
      one leaves the loop.

    It may not, if

    * the handshake was refused with any other status, or the answer was none to it;
    * TLS did not come about, as with a certificate that is not trusted;
    * the connection was closed with 1002, 1003, 1007, 1008, 1009 or 1010, by the server, or by
      this side for the server's fault; or with 3500 to 3999 or 4500 to 4999, which tell Sennit's
      clients to stay away;
    * it is none of these, like a mistake in the program.
    """
    if isinstance(error, HandshakeError):
        if error.status:
            return error.status in STATUSES
        cause = error.__cause__
        return cause is not None and not is_tls_failure(cause)
    if isinstance(error, ConnectionClosed):
        code = error.code
        if code == _ABNORMAL and error.sent_code is not None:
            code = error.sent_code
        return not (code in FINAL or 3500 <= code < 4000 or 4500 <= code < 5000)
    return isinstance(error, (ConnectError, TransportClosed, OSError))


def retry_after(error: BaseException) -> float:
    """Return the seconds that a refusal asks to wait; 0 if it does not (RFC 9110, 10.2.3).

    A time of day is taken by the answer's own header ``Date``, since clocks differ.
    """
    if not isinstance(error, HandshakeError):
        return 0.0
    text = header(error.headers, "retry-after")
    if text is None:
        return 0.0
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        then = parsedate_to_datetime(text)
        now = parsedate_to_datetime(header(error.headers, "date") or "")
        return max(0.0, (then - now).total_seconds())
    except (TypeError, ValueError):
        return 0.0
