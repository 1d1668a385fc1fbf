"""How many may come in: bounds on connections and handshakes, and what was counted."""

from __future__ import annotations

from collections.abc import Mapping

from sennit.errors import HandshakeError
from sennit.net.setting import WebSocketSettings

__all__ = ["RETRY_AFTER", "Limits"]

RETRY_AFTER = ("Retry-After", "5")
"""Seconds after which a client that was refused for want of room may try again."""

PAGE_CONNECTIONS = 8
"""Connections of one address that may be silent or in their head besides its WebSockets, where
pages are served on the same port: browsers open up to six for a page, and some in advance."""

REASONS = ("max_connections", "max_handshakes", "max_per_address", "handshake_timeout")


class Limits:
    """Counts those who come in at one port, and refuses those who are too many.

    A connection has a place as a handshake from the beginning until its head, or what decides
    about it, is done; and a place as a WebSocket from when that begins until it is gone.

    Args:
        settings: ``max_connections``, ``max_handshakes`` and ``max_per_address`` are used.
        pages: whether pages are served on the same port.

    Attributes:
        connections: WebSockets now, those included about which is being decided.
        handshakes: handshakes now.
        accepted: WebSockets since the beginning.
    """

    __slots__ = (
        "_by_address",
        "_heads",
        "_pages",
        "_refused",
        "_settings",
        "accepted",
        "connections",
        "handshakes",
    )

    def __init__(self, settings: WebSocketSettings, *, pages: bool = False) -> None:
        self._settings = settings
        self._pages = PAGE_CONNECTIONS if pages else 0
        self._by_address: dict[bytes, int] = {}
        self._heads: dict[bytes, int] = {}
        self._refused = dict.fromkeys(REASONS, 0)
        self.connections = 0
        self.handshakes = 0
        self.accepted = 0

    def __repr__(self) -> str:
        return (
            f"<Limits connections={self.connections} handshakes={self.handshakes} "
            f"accepted={self.accepted} refused={self._refused}>"
        )

    @property
    def refused(self) -> Mapping[str, int]:
        """How many were refused since the beginning, by the setting that did it.

        The settings are ``max_connections``, ``max_handshakes``, ``max_per_address``,
        and ``handshake_timeout``.
        """
        return dict(self._refused)

    def count_refusal(self, setting: str) -> None:
        """Note that somebody was refused."""
        self._refused[setting] += 1

    # -- handshakes ------------------------------------------------------------------------------

    def enter(self, address: bytes | None = None) -> None:
        """Give a place to a handshake.

        Args:
            address: the peer's, if it counts.

        Raises:
            HandshakeError: 503, there are too many; 429, there are too many from this address.
        """
        settings = self._settings
        if self.handshakes >= settings.max_handshakes:
            self._refused["max_handshakes"] += 1
            raise HandshakeError(503, "too many handshakes are under way", (RETRY_AFTER,))
        if address is not None and settings.max_per_address is not None:
            heads = self._heads.get(address, 0)
            there = heads + self._by_address.get(address, 0)
            if there >= settings.max_per_address + self._pages:
                raise self._too_many_from_there()
            self._heads[address] = heads + 1
        self.handshakes += 1

    def leave(self, address: bytes | None = None) -> None:
        """Take the place of a handshake back."""
        self.handshakes -= 1
        if address is not None and self._settings.max_per_address is not None:
            _decrement(self._heads, address)

    # -- connections -----------------------------------------------------------------------------

    def admit(self, address: bytes | None = None) -> None:
        """Give a place to a WebSocket.

        Args:
            address: the peer's, if it counts.

        Raises:
            HandshakeError: 503, there are too many; 429, there are too many from this address.
        """
        settings = self._settings
        if settings.max_connections is not None and self.connections >= settings.max_connections:
            self._refused["max_connections"] += 1
            raise HandshakeError(503, "the server is full", (RETRY_AFTER,))
        if address is not None and settings.max_per_address is not None:
            there = self._by_address.get(address, 0)
            if there >= settings.max_per_address:
                raise self._too_many_from_there()
            self._by_address[address] = there + 1
        self.connections += 1

    def release(self, address: bytes | None = None) -> None:
        """Take the place of a WebSocket back."""
        self.connections -= 1
        if address is not None and self._settings.max_per_address is not None:
            _decrement(self._by_address, address)

    def _too_many_from_there(self) -> HandshakeError:
        self._refused["max_per_address"] += 1
        return HandshakeError(429, "too many connections from this address", (RETRY_AFTER,))


def _decrement(counts: dict[bytes, int], address: bytes) -> None:
    counts[address] -= 1
    if not counts[address]:
        del counts[address]
