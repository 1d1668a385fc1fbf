"""The board and its rules; who plays, and over which wire, is nothing to it.

A player paints the fields that it walks over in the colour of its team. What a team's colour
encloses, all the way round, becomes the team's as well, whoever had it before. A gift helps: see
:data:`Gift`. After a round the team with the most fields has won, and the board is empty again.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

__all__ = ["GIFTS", "TICKS", "Board", "Gift", "Heading", "Player"]

TICKS = 20
"""Steps of the board in a second."""
WIDTH, HEIGHT = 24, 18
TEAMS = 6
PACE, FAST_PACE = 4, 2
"""Ticks from field to field."""
FAST_FOR = 8 * TICKS
ROUND = 120 * TICKS

Heading = Literal["up", "down", "left", "right"]
Gift = Literal["wings", "splash", "cross"]
"""Twice as fast for 8 seconds; all fields around are painted; or all of the row and the column."""
GIFTS: tuple[Gift, ...] = get_args(Gift)
WAYS: dict[Heading, tuple[int, int]] = {
    "up": (0, -1),
    "down": (0, 1),
    "left": (-1, 0),
    "right": (1, 0),
}


@dataclass(slots=True)
class Player:
    """Somebody on the board.

    Attributes:
        number: nobody else has it.
        team: from 1 on.
        x: which column.
        y: which row.
        heading: the way it goes.
        held: whether it goes on and on.
        owes: whether it makes one step at least.
        rest: ticks until it may step again.
        fast: ticks for which it still has wings.
    """

    number: int
    team: int
    x: int
    y: int
    heading: Heading = "up"
    held: bool = False
    owes: bool = False
    rest: int = 0
    fast: int = 0


class Board:
    """The fields and the players.

    Args:
        chance: where newcomers begin.

    Attributes:
        fields: row by row, each a team from 1 on, or 0.
        players: by their numbers.
        left: ticks until the round is over.
    """

    def __init__(self, chance: random.Random) -> None:
        self.fields = bytearray(WIDTH * HEIGHT)
        self.players: dict[int, Player] = {}
        self.left = ROUND
        self._chance = chance
        self._number = 0
        self._painted: set[int] = set()
        self._moved: set[int] = set()
        self._events: list[dict[str, Any]] = []

    # -- what players do -------------------------------------------------------------------------

    def join(self) -> Player:
        """Put a new player on the board, in the team that has the fewest."""
        sizes = dict.fromkeys(range(1, TEAMS + 1), 0)
        for player in self.players.values():
            sizes[player.team] += 1
        self._number += 1
        x, y = self._chance.randrange(WIDTH), self._chance.randrange(HEIGHT)
        player = Player(self._number, min(sizes, key=sizes.__getitem__), x, y)
        self.players[player.number] = player
        self._moved.add(player.number)
        return player

    def leave(self, player: Player) -> None:
        """Take a player off; what it has painted stays."""
        if self.players.pop(player.number, None) is not None:
            self._moved.add(player.number)

    def steer(self, player: Player, heading: Heading | None) -> None:
        """Let a player go some way, or stop; however soon it stops, it has made one step."""
        player.held = heading is not None
        if heading is not None:
            player.heading = heading
            player.owes = True

    def give(self, player: Player, gift: Gift) -> None:
        """Let a gift take effect."""
        self.tell(gift=gift, player=player.number)
        if gift == "wings":
            player.fast = FAST_FOR
            return
        if gift == "splash":
            near = range(-2, 3)
            spots = [(player.x + across, player.y + down) for across in near for down in near]
        else:
            spots = [(x, player.y) for x in range(WIDTH)] + [(player.x, y) for y in range(HEIGHT)]
        self._paint(player.team, spots)
        self._enclose(player.team)

    def tell(self, **event: Any) -> None:
        """Add an event to the next changes."""
        self._events.append(event)

    # -- time ------------------------------------------------------------------------------------

    def step(self) -> None:
        """Let a tick go by."""
        painted = {player.team for player in self.players.values() if self._walk(player)}
        for team in sorted(painted):
            self._enclose(team)
        self.left -= 1
        if self.left <= 0:
            most, team = max((self.fields.count(team), -team) for team in range(1, TEAMS + 1))
            self.tell(won=-team if most else 0, fields=most)
            everywhere = ((x, y) for y in range(HEIGHT) for x in range(WIDTH))
            self._paint(0, everywhere)
            self.left = ROUND

    def _walk(self, player: Player) -> bool:
        """Let a player step if it may, and return whether it has painted."""
        player.rest = max(0, player.rest - 1)
        player.fast = max(0, player.fast - 1)
        if player.rest or not (player.held or player.owes):
            return False
        player.owes = False
        player.rest = FAST_PACE if player.fast else PACE
        across, down = WAYS[player.heading]
        x, y = player.x + across, player.y + down
        if not (0 <= x < WIDTH and 0 <= y < HEIGHT):
            return False
        player.x, player.y = x, y
        self._moved.add(player.number)
        return self._paint(player.team, [(x, y)])

    def _paint(self, team: int, spots: Iterable[tuple[int, int]]) -> bool:
        """Paint what of these is on the board, and return whether anything was of another."""
        fields = {y * WIDTH + x for x, y in spots if 0 <= x < WIDTH and 0 <= y < HEIGHT}
        changed = {field for field in fields if self.fields[field] != team}
        for field in changed:
            self.fields[field] = team
        self._painted |= changed
        return bool(changed)

    def _enclose(self, team: int) -> None:
        """Give a team what its colour encloses: what cannot be reached from the edge."""
        across, down = range(WIDTH), range(HEIGHT)
        edge = [(x, y) for y in (0, HEIGHT - 1) for x in across]
        edge += [(x, y) for x in (0, WIDTH - 1) for y in down]
        free = {(x, y) for y in down for x in across if self.fields[y * WIDTH + x] != team}
        reached = [spot for spot in edge if spot in free]
        free.difference_update(reached)
        while reached:
            x, y = reached.pop()
            for spot in ((x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)):
                if spot in free:
                    free.discard(spot)
                    reached.append(spot)
        self._paint(team, free)

    # -- what is told ----------------------------------------------------------------------------

    def whole(self) -> dict[str, Any]:
        """Return everything, for somebody who knows nothing."""
        return {
            "width": WIDTH,
            "height": HEIGHT,
            "fields": self.fields.translate(bytes(range(48, 58)).ljust(256, b"?")).decode(),
            "at": [self._place(number) for number in self.players],
            "left": self.left // TICKS,
        }

    def changes(self) -> dict[str, Any]:
        """Return what is new since the last call; empty if nothing is."""
        told: dict[str, Any] = {}
        if self._painted:
            told["paint"] = [(field, self.fields[field]) for field in sorted(self._painted)]
        if here := sorted(self._moved & self.players.keys()):
            told["at"] = [self._place(number) for number in here]
        if gone := sorted(self._moved - self.players.keys()):
            told["gone"] = gone
        if self._events:
            told["events"] = self._events
        self._painted, self._moved, self._events = set(), set(), []
        return told

    def _place(self, number: int) -> tuple[int, int, int, int]:
        player = self.players[number]
        return number, player.team, player.x, player.y
