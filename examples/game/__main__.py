"""``python -m examples.game``: the server, its page, and bots to play with if you are alone."""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from sennit import Configuration, serve

from .app import GIFT_EVERY, Game
from .bot import play

PAGE = Path(__file__).parent / "page"


async def run(reactor: Any, host: str, port: int, gift_every: float, bots: int) -> None:
    """Serve until the reactor is told to stop."""
    game = Game(reactor, random.SystemRandom(), gift_every)
    endpoint = f"tcp:{port}:interface={host}"
    server = await serve(game.app, reactor, endpoint, Configuration(page=str(PAGE)))
    game.pulse.start()
    reactor.addSystemEventTrigger("before", "shutdown", game.pulse.stop)
    for number in range(bots):
        play(reactor, f"ws{server.addresses[0][4:]}connection/websocket", f"Bot {number + 1}")
    for address in server.addresses:
        sys.stdout.write(f"The game is at {address} - press Ctrl-C to stop.\n")
    sys.stdout.flush()
    await Deferred()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m examples.game", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--gift", type=float, default=GIFT_EVERY, help="seconds between two gifts")
    parser.add_argument("--bots", type=int, default=3, help="players that nobody plays")
    chosen = parser.parse_args()
    react(
        lambda reactor: Deferred.fromCoroutine(
            run(reactor, chosen.host, chosen.port, chosen.gift, chosen.bots)
        )
    )
