"""The game as others reach it: who comes in, how one steers, and what everybody is told."""

from __future__ import annotations

import random
from typing import Annotated, Any

from msgspec import Meta, Struct
from twisted.internet.defer import CancelledError, Deferred

from sennit import (
    App,
    Closed,
    ConnectionClosed,
    ConnectRequest,
    Credentials,
    ReplyError,
    Session,
    SubscribeRequest,
    SubscriptionOptions,
)

from .board import GIFTS, TICKS, Board, Gift, Heading, Player
from .pulse import Pulse

__all__ = ["CHANNEL", "Game"]

CHANNEL = "board:main"
PLAYERS = 256
"""On the board at once."""
GIFT_EVERY = 20.0
"""Seconds between two gifts."""
PATIENCE = 8.0
"""Seconds that a player has to choose its gift."""


class Hello(Struct):
    """What a page says when it connects."""

    name: Annotated[str, Meta(min_length=1, max_length=16, pattern=r"^\S(.*\S)?$")]


class Steer(Struct):
    """Which way to go; ``None`` is to stop."""

    to: Heading | None


class Game:
    """A board, its players' connections, and the pulse that drives it.

    Args:
        clock: a reactor, or a clock that looks like one.
        chance: where newcomers begin.
        gift_every: seconds between two gifts.

    Attributes:
        app: what to serve.
        board: the rules.
    """

    def __init__(self, clock: Any, chance: random.Random, gift_every: float = GIFT_EVERY) -> None:
        self.board = Board(chance)
        self.pulse = Pulse(clock, 1 / TICKS, self.advance)
        self.app = self._declare()
        self._gift_every = gift_every
        self._gift_in = gift_every
        self._number = 0
        self._second = 0
        self._players: dict[Session, Player] = {}
        self._choosing: dict[Session, Deferred[None]] = {}

    def _declare(self) -> App:
        app = App()
        # A client that is slow misses ticks. It sees that by their numbers, and asks for the whole.
        board = app.namespace(
            "board",
            presence=True,
            join_leave=True,
            slow="drop-oldest",
            allow_presence={"subscriber", "anonymous"},
            pattern="main",
        )

        @app.on_connect
        def let_in(request: ConnectRequest) -> Credentials:
            hello = request.decode(Hello)
            return Credentials("", state={"name": hello.name})

        @board.on_subscribe
        def enter(
            session: Session, _channel: str, _request: SubscribeRequest
        ) -> SubscriptionOptions:
            if len(self._players) >= PLAYERS:
                raise ReplyError(429, "the board is full", temporary=True)
            player = self._players[session] = self.board.join()
            who = {"name": session.state["name"], "player": player.number, "team": player.team}
            told = {**self._whole(), "you": player.number}
            return SubscriptionOptions(info=who, data=told, force_push_join_leave=True)

        @board.on_unsubscribe
        def unsubscribed(session: Session, _channel: str, _code: int) -> None:
            self._leave(session)

        @app.on_disconnect
        def disconnected(session: Session, _closed: Closed) -> None:
            self._leave(session)

        @app.rpc("game.steer", rate="30/s burst 60")
        def steer(session: Session, params: Steer) -> None:
            if session not in self._players:
                raise ReplyError(403, "you are not on the board")
            self.board.steer(self._players[session], params.to)

        @app.rpc("game.board", rate="2/s burst 5")
        def tell_whole(_session: Session, _params: Any) -> dict[str, Any]:
            return self._whole()

        @app.rpc("game.numbers", rate="2/s burst 5")
        def tell_numbers(_session: Session, _params: Any) -> dict[str, Any]:
            pulse = self.pulse
            late = round(1000 * pulse.late(), 2)
            return {"ticks": pulse.steps, "skipped": pulse.skipped, "late": late}

        return app

    def _leave(self, session: Session) -> None:
        player = self._players.pop(session, None)
        if player is not None:
            self.board.leave(player)
            if session in self._choosing:
                self._choosing[session].cancel()

    def _whole(self) -> dict[str, Any]:
        return {"n": self._number, **self.board.whole()}

    def advance(self, ticks: int) -> None:
        """Let ticks go by, and tell everybody at once what has changed."""
        if not self._players:
            return
        for _ in range(ticks):
            self.board.step()
        self._gift_in -= ticks / TICKS
        if self._gift_in <= 0:
            self._gift_in = self._gift_every
            # Whoever has waited longest; it is the last one now.
            session = next(iter(self._players))
            self._players[session] = self._players.pop(session)
            self._ask(session)
        changes = self.board.changes()
        second = self.board.left // TICKS
        if changes or second != self._second:
            self._number += 1
            self._second = second
            self.app.publish(CHANNEL, {"n": self._number, "left": second, **changes})

    # -- gifts -----------------------------------------------------------------------------------

    def _ask(self, session: Session) -> None:
        if session not in self._choosing:
            asking = self._choosing[session] = Deferred.fromCoroutine(self._offer(session))
            asking.addBoth(lambda result: (self._choosing.pop(session, None), result)[1])

    async def _offer(self, session: Session) -> None:
        """Let a player choose a gift; who does not, or says something else, gets the first one."""
        player = self._players[session]
        self.board.tell(asked=player.number)
        question = {"gifts": GIFTS, "seconds": PATIENCE}
        gift: Gift
        try:
            gift = await session.call("choose", question, timeout=PATIENCE, form=Gift)
        except (TimeoutError, ReplyError):
            gift = GIFTS[0]
        except (CancelledError, ConnectionClosed):
            return  # It has left, and its gift with it.
        self.board.give(player, gift)
