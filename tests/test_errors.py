"""The exceptions: what each says, and what none may say."""

from __future__ import annotations

import pytest

from sennit import errors
from sennit.errors import (
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    Disconnect,
    HandshakeError,
    LocalProtocolError,
    ProtocolError,
    RemoteProtocolError,
    ReplyError,
    SennitError,
)


def test_one_tree() -> None:
    """Whoever catches the root catches all of them."""
    found = [getattr(errors, name) for name in errors.__all__]
    assert len(found) == 12
    assert all(issubclass(kind, SennitError) for kind in found)
    assert issubclass(LocalProtocolError, ProtocolError)
    assert issubclass(ConnectionClosedOK, ConnectionClosed)
    assert issubclass(ConnectionClosedError, ConnectionClosed)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RemoteProtocolError(1002, "a reserved bit"), "a reserved bit (1002)"),
        (HandshakeError(403, "not from there"), "not from there (HTTP 403)"),
        (HandshakeError(0, "no answer"), "no answer"),
        (ConnectionClosedOK(1000, "done"), "connection closed: 1000 done"),
        (ConnectionClosedError(1006, ""), "connection closed: 1006"),
        (ReplyError(103, "permission denied"), "permission denied (103)"),
        (Disconnect(4500, "go away"), "go away (4500)"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_words(error: Exception, words: str) -> None:
    """As a traceback's last line shows them."""
    assert str(error) == words


@pytest.mark.parametrize("code", [-1, 0, 1000, 2999, 5000])
def test_codes_that_do_not_disconnect(code: int) -> None:
    """3000 to 4999 alone mean something to clients."""
    with pytest.raises(ValueError, match="3000 to 4999"):
        Disconnect(code, "reason")


@pytest.mark.parametrize("reason", ["", "x" * 124, "ü" * 62, "42", "null", '{"reconnect": true}'])
def test_reasons_that_clients_misread(reason: str) -> None:
    """An empty one or one in JSON would make an SDK reconnect; a long one does not fit."""
    with pytest.raises(ValueError, match="reason"):
        Disconnect(4500, reason)
