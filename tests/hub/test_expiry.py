"""When something ends: what clients are told of it."""

from __future__ import annotations

import pytest

from sennit.errors import ReplyError
from sennit.hub.expiry import time_left

NOW = 1_000_000_000.0


@pytest.mark.parametrize(
    ("expire_at", "ttl"),
    [
        (None, None),
        (NOW + 0.001, 1),
        (NOW + 60, 60),
        (NOW + 60.5, 61),
        (NOW * 1000, 2**32 - 1),
        (float("inf"), 2**32 - 1),
    ],
)
def test_what_is_left(expire_at: float | None, ttl: int | None) -> None:
    """Whole seconds, at least one; no more than Protobuf's field holds, if it says milliseconds."""
    assert time_left(expire_at, NOW) == ttl


@pytest.mark.parametrize("expire_at", [NOW, NOW - 1, 0.0])
def test_what_is_over(expire_at: float) -> None:
    """It is error 110."""
    with pytest.raises(ReplyError) as caught:
        time_left(expire_at, NOW)
    assert caught.value.code == 110
