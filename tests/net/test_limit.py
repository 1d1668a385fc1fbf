"""Bounds on those who come in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sennit.errors import HandshakeError
from sennit.net.limit import PAGE_CONNECTIONS, Limits
from sennit.net.setting import WebSocketSettings

HERE, THERE = b"here", b"there"


def refused(call: Callable[[bytes | None], None], address: bytes | None = None) -> int:
    """Return the status that a call is refused with."""
    with pytest.raises(HandshakeError) as caught:
        call(address)
    assert ("Retry-After", "5") in caught.value.headers
    return caught.value.status


def test_without_bounds_everybody_is_counted() -> None:
    """Connections and handshakes now, and connections ever are for others to note."""
    limits = Limits(WebSocketSettings())
    for _ in range(3):
        limits.enter(HERE)
        limits.admit(HERE)
    limits.leave(HERE)
    limits.release(HERE)
    assert (limits.handshakes, limits.connections) == (2, 2)
    assert set(limits.refused.values()) == {0}
    assert "connections=2 handshakes=2" in repr(limits)


def test_one_connection_too_many() -> None:
    """It gets 503 until another one is gone."""
    limits = Limits(WebSocketSettings(max_connections=2))
    limits.admit()
    limits.admit()
    assert refused(limits.admit) == 503
    assert refused(limits.admit) == 503
    limits.release()
    limits.admit()
    assert limits.connections == 2
    assert limits.refused["max_connections"] == 2


def test_one_handshake_too_many() -> None:
    """Likewise."""
    limits = Limits(WebSocketSettings(max_handshakes=1))
    limits.enter()
    assert refused(limits.enter) == 503
    limits.leave()
    limits.enter()
    assert (limits.handshakes, limits.refused["max_handshakes"]) == (1, 1)


def test_one_too_many_of_an_address() -> None:
    """It gets 429; others are not concerned, and who has no address that counts neither."""
    limits = Limits(WebSocketSettings(max_per_address=1))
    limits.admit(HERE)
    assert refused(limits.admit, HERE) == 429
    limits.admit(THERE)
    limits.admit(None)
    limits.admit(None)
    limits.release(HERE)
    limits.admit(HERE)
    assert (limits.connections, limits.refused["max_per_address"]) == (4, 1)


def test_silent_connections_of_an_address_count() -> None:
    """They are let in only as long as there is room for them to become WebSockets."""
    limits = Limits(WebSocketSettings(max_per_address=3))
    limits.admit(HERE)
    limits.enter(HERE)
    limits.enter(HERE)
    assert refused(limits.enter, HERE) == 429
    limits.enter(THERE)
    limits.leave(HERE)
    limits.enter(HERE)
    assert limits.handshakes == 3


def test_beside_pages_there_is_room_for_a_browser() -> None:
    """Which opens more connections than it has WebSockets, but not any number."""
    limits = Limits(WebSocketSettings(max_per_address=1), pages=True)
    limits.admit(HERE)
    for _ in range(PAGE_CONNECTIONS):
        limits.enter(HERE)
    assert refused(limits.enter, HERE) == 429


def test_nothing_is_kept_of_those_who_are_gone_or_were_refused() -> None:
    """An attacker with many addresses fills no memory."""
    limits = Limits(WebSocketSettings(max_per_address=1, max_connections=1))
    for number in range(100):
        address = number.to_bytes(4, "big")
        limits.enter(address)
        limits.leave(address)
        limits.admit(address)
        assert refused(limits.admit, b"another") == 503
        limits.release(address)
    assert (limits._by_address, limits._heads) == ({}, {})
    assert (limits.handshakes, limits.connections) == (0, 0)
