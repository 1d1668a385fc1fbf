"""Which errors are worth another try, and when."""

from __future__ import annotations

import pytest
from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.defer import CancelledError
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionDone,
    ConnectionLost,
    DNSLookupError,
    NoRouteError,
)
from twisted.internet.error import ConnectionRefusedError as RefusedError
from twisted.internet.error import TimeoutError as ConnectTimeoutError

from sennit.errors import ConnectionClosedError, ConnectionClosedOK, HandshakeError
from sennit.net.retry import retry_after, worth_retrying


def lost(cause: BaseException | None) -> HandshakeError:
    error = HandshakeError(0, "the connection ended before the server's answer")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        RefusedError(),
        NoRouteError(),
        ConnectTimeoutError(),
        ConnectError(),
        DNSLookupError("no such name"),
        ConnectionLost(),
        ConnectionDone(),
        OSError(24, "too many open files"),
        lost(ConnectionDone()),
        lost(ConnectionLost()),
        lost(OSError()),
        *(HandshakeError(status, "no") for status in (408, 429, 500, 502, 503, 504)),
        *(ConnectionClosedOK(code, "") for code in (1000, 1001)),
        *(ConnectionClosedError(code, "") for code in (1005, 1006, 1011, 1012, 1013, 1014)),
        *(ConnectionClosedError(code, "") for code in (3000, 3499, 4000, 4499)),
        ConnectionClosedError(1006, "reset", 1000),
        ConnectionClosedError(1006, "reset", 1011),
    ],
    ids=str,
)
def test_what_is_worth_it(error: Exception) -> None:
    """What may have passed by the next time."""
    assert worth_retrying(error)


@pytest.mark.parametrize(
    "error",
    [
        *(HandshakeError(status, "no") for status in (101, 200, 302, 400, 401, 403, 404)),
        *(HandshakeError(status, "no") for status in (407, 410, 426, 501, 505)),
        lost(SSL.Error([("", "", "certificate verify failed")])),
        lost(VerificationError(errors=[])),
        lost(None),
        *(ConnectionClosedError(code, "") for code in (1002, 1003, 1007, 1008, 1009, 1010)),
        *(ConnectionClosedError(code, "") for code in (3500, 3999, 4500, 4999)),
        ConnectionClosedError(1006, "protocol error: a reserved bit", 1002),
        ConnectionClosedError(1006, "too large", 1009),
        CancelledError(),
        ConnectingCancelledError(None),
        ValueError("invalid hostname"),
        ZeroDivisionError(),
    ],
    ids=str,
)
def test_what_is_not_worth_it(error: Exception) -> None:
    """What would be the same the next time, or is a mistake."""
    assert not worth_retrying(error)


NOW = ("date", "Wed, 25 Nov 2026 10:00:00 GMT")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([("retry-after", "120")], 120),
        ([("retry-after", "0")], 0),
        ([("retry-after", "999999999")], 999999999),
        ([("retry-after", "9" * 400)], 0),
        ([("retry-after", "-5")], 0),
        ([("retry-after", "1.5")], 0),
        ([("retry-after", "soon")], 0),
        ([("retry-after", "")], 0),
        ([], 0),
        ([NOW, ("retry-after", "Wed, 25 Nov 2026 10:02:00 GMT")], 120),
        ([NOW, ("retry-after", "Wed, 25 Nov 2026 09:00:00 GMT")], 0),
        ([NOW, ("retry-after", "Wed, 25 Nov 2026 10:02:00")], 0),
        ([NOW, ("retry-after", "Wed, 99 Nov 2026 10:02:00 GMT")], 0),
        ([("retry-after", "Wed, 25 Nov 2026 10:02:00 GMT")], 0),
        ([("date", "now"), ("retry-after", "Wed, 25 Nov 2026 10:02:00 GMT")], 0),
    ],
)
def test_what_a_server_asks_for(headers: list[tuple[str, str]], seconds: float) -> None:
    """Seconds, or a time by its own clock; nothing if it makes no sense."""
    assert retry_after(HandshakeError(503, "busy", headers)) == seconds


def test_who_asks_for_nothing() -> None:
    """A connection that was lost."""
    assert retry_after(ConnectionLost()) == 0
