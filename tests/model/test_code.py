"""The codes: each has words, and these are words that clients understand."""

from __future__ import annotations

import pytest

from sennit.model.code import (
    DisconnectCode,
    ErrorCode,
    UnsubscribeCode,
    disconnect,
    reply_error,
    unsubscribe_reason,
)


@pytest.mark.parametrize("code", ErrorCode)
def test_errors(code: ErrorCode) -> None:
    """Their usual words or others, temporary if trying again may help."""
    error = reply_error(code)
    assert error.code == code
    assert error.message == error.message.strip() != ""
    assert error.temporary == (code in (100, 111, 113))
    assert reply_error(code, "other words").message == "other words"


@pytest.mark.parametrize("code", DisconnectCode)
def test_disconnects(code: DisconnectCode) -> None:
    """A reason that SDKs do not misread; its own constructor sees to that."""
    assert disconnect(code).code == code
    assert disconnect(code).reason
    assert disconnect(code, "other words").reason == "other words"


def test_unsubscribes() -> None:
    """Codes of an application's own have words too."""
    assert len({unsubscribe_reason(code) for code in UnsubscribeCode}) == len(UnsubscribeCode)
    assert unsubscribe_reason(2042) == "unsubscribed"
