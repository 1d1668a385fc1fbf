"""The times and bounds of the Centrifuge protocol."""

from __future__ import annotations

from dataclasses import dataclass

from sennit.errors import ConfigurationError

__all__ = ["ProtocolSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolSettings:
    """How connections of the Centrifuge protocol are kept.

    Attributes:
        ping_interval: seconds between the server's pings, a whole number since clients are told
            it; the first comes after a random half to whole of it. 0 sends none, and then nobody
            notices a dead link.
        pong_timeout: seconds for the answer to a ping, then the client is disconnected with 3012.
        stale_timeout: seconds for a client to have connected, then it is disconnected with 3502.
        max_in_flight: commands of one connection that are being answered at once; further ones
            wait, and nothing more is read from the connection meanwhile.
        version: the server's, as clients are told it.

    Raises:
        ConfigurationError: a value is out of bounds; a pong must be due before the next ping.
    """

    ping_interval: int = 25
    pong_timeout: float = 8.0
    stale_timeout: float = 10.0
    max_in_flight: int = 128
    version: str = "sennit"

    def __post_init__(self) -> None:
        if self.ping_interval < 0:
            raise ConfigurationError("ping_interval is a number of seconds, or 0 for no pings")
        if self.ping_interval and not 0 < self.pong_timeout < self.ping_interval:
            raise ConfigurationError("pong_timeout is more than 0 and less than ping_interval")
        if self.stale_timeout <= 0:
            raise ConfigurationError("stale_timeout is more than 0 seconds")
        if self.max_in_flight < 1:
            raise ConfigurationError("max_in_flight is at least 1")
