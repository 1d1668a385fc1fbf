"""The ticker: what comes in by UDP goes out to everybody, as fast as each of them can read."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

import json
import time
from typing import Any

from twisted.internet.protocol import DatagramProtocol

from sennit import App, ConnectRequest, Credentials, Session

__all__ = ["CHANNEL", "Market", "app"]

CHANNEL = "market:all"
"""Every price; those of one symbol alone are in ``market:SYMBOL``."""

app = App()
# A slow client is not sent every price, but the newest of each symbol: never an old one for long.
app.namespace(
    "market", slow="conflate", conflate_key="symbol", allow_subscribe={"client", "anonymous"}
)
app.namespace("view", slow="conflate", conflate_key="view", allow_subscribe={"client", "anonymous"})


class Market(DatagramProtocol):
    """Publishes what the feed sends: datagrams of lines, each a symbol and a price.

    Attributes:
        updates: how many prices have come in.
    """

    def __init__(self) -> None:
        self.updates = 0

    def datagramReceived(self, datagram: bytes, _address: Any) -> None:
        """Publish every price in a datagram."""
        at = round(time.time() * 1000)
        for line in datagram.splitlines():
            symbol, _, price = line.decode("ascii").partition(" ")
            self.updates += 1
            data = b'{"s":"%s","p":%s,"t":%d}' % (symbol.encode(), price.encode(), at)
            for channel in (CHANNEL, f"market:{symbol}"):
                app.publish(channel, data, tags={"symbol": symbol})


market = Market()


@app.on_connect
def let_in(_request: ConnectRequest) -> Credentials:
    """Let everybody in."""
    return Credentials("")


@app.rpc("ticker.numbers")
def tell_numbers(_session: Session, _params: Any) -> dict[str, float]:
    """Say how many updates came in by now, and how many were left out for those who are slow."""
    return {
        "at": time.monotonic(),
        "updates": market.updates,
        "conflated": app.hub.dropped["conflate"],
    }


def tell_view(name: str, line: bytes) -> None:
    """Tell what a client sees, as it says it: a line of JSON."""
    app.publish(f"view:{name}", json.loads(line), tags={"view": name})
