"""The rules of the game: who may step when, what is painted, and what is enclosed."""

from __future__ import annotations

import random

import pytest

from game.board import (
    FAST_PACE,
    HEIGHT,
    PACE,
    ROUND,
    TEAMS,
    WIDTH,
    Board,
    Heading,
    Player,
)


@pytest.fixture
def board() -> Board:
    """An empty board, as told: nothing is new."""
    return Board(random.Random(1))  # noqa: S311 - replayable on purpose


def put(board: Board, x: int, y: int) -> Player:
    """Put a new player on a field."""
    player = board.join()
    player.x, player.y = x, y
    board.changes()
    return player


def steps(board: Board, ticks: int) -> None:
    """Let ticks go by."""
    for _ in range(ticks):
        board.step()


def walk(board: Board, player: Player, ways: dict[Heading, int]) -> None:
    """Walk so many fields each way."""
    for heading, fields in ways.items():
        for _ in range(fields):
            board.steer(player, heading)
            board.steer(player, None)
            steps(board, PACE)


def painted(board: Board, team: int) -> set[tuple[int, int]]:
    """Return the fields of a team."""
    return {(at % WIDTH, at // WIDTH) for at, has in enumerate(board.fields) if has == team}


def test_teams_are_even(board: Board) -> None:
    """A newcomer is in the team that has the fewest, on the board, with a number of its own."""
    players = [board.join() for _ in range(2 * TEAMS)]
    assert sorted(player.team for player in players) == sorted([*range(1, TEAMS + 1)] * 2)
    board.leave(players[3])
    newcomer = board.join()
    assert newcomer.team == players[3].team
    assert newcomer.number not in {player.number for player in players}
    assert all(0 <= one.x < WIDTH and 0 <= one.y < HEIGHT for one in board.players.values())


def test_walking(board: Board) -> None:
    """At once, then a field each few ticks while it is held; the fields walked over are painted."""
    player = put(board, 5, 5)
    board.steer(player, "right")
    board.step()
    assert (player.x, player.y) == (6, 5)
    steps(board, PACE - 1)
    assert player.x == 6
    board.step()
    assert player.x == 7
    board.steer(player, None)
    steps(board, 10 * PACE)
    assert painted(board, player.team) == {(6, 5), (7, 5)}


def test_a_short_press_is_one_step(board: Board) -> None:
    """However soon it is let go, and however often it is pressed: the pace is the server's."""
    player = put(board, 5, 5)
    for _ in range(50):
        board.steer(player, "down")
        board.steer(player, None)
    steps(board, 10 * PACE)
    assert player.y == 6


@pytest.mark.parametrize(
    ("heading", "x", "y"),
    [("up", 3, 0), ("down", 3, HEIGHT - 1), ("left", 0, 3), ("right", WIDTH - 1, 3)],
)
def test_the_edge(board: Board, heading: Heading, x: int, y: int) -> None:
    """Nobody walks off the board, and nothing is painted by trying."""
    player = put(board, x, y)
    board.steer(player, heading)
    steps(board, 5 * PACE)
    assert (player.x, player.y) == (x, y)
    assert painted(board, 0) == {(x, y) for x in range(WIDTH) for y in range(HEIGHT)}


def test_what_is_enclosed(board: Board) -> None:
    """All of it, also what was another's, but not before the last gap is closed."""
    ann, ben = put(board, 4, 4), put(board, 6, 5)
    walk(board, ben, {"down": 1})
    assert painted(board, ben.team) == {(6, 6)}
    walk(board, ann, {"right": 4, "down": 4, "left": 4, "up": 2})
    assert len(painted(board, ann.team)) == 14
    assert painted(board, ben.team) == {(6, 6)}
    walk(board, ann, {"up": 1})
    # Without the corner where she began: what touches by a corner is closed.
    square = {(x, y) for x in range(4, 9) for y in range(4, 9)}
    assert painted(board, ann.team) == square - {(4, 4)}
    assert painted(board, ben.team) == set()


def test_the_edge_encloses_nothing(board: Board) -> None:
    """A corner that is cut off is not surrounded."""
    player = put(board, 3, HEIGHT - 1)
    walk(board, player, {"up": 4, "left": 3})
    assert len(painted(board, player.team)) == 7


def test_wings(board: Board) -> None:
    """Twice as fast for a while, then as before."""
    player = put(board, 0, 5)
    board.give(player, "wings")
    board.steer(player, "right")
    steps(board, 10 * FAST_PACE)
    assert player.x == 10
    board.steer(player, None)
    steps(board, 200)
    board.steer(player, "right")
    steps(board, 2 * PACE)
    assert player.x == 12


def test_splash_and_cross(board: Board) -> None:
    """As much of it as is on the board; what it encloses is the team's too."""
    player = put(board, 1, 0)
    board.give(player, "splash")
    assert painted(board, player.team) == {(x, y) for x in range(4) for y in range(3)}
    other = put(board, 2, 1)
    board.give(other, "cross")
    cross = {(x, 1) for x in range(WIDTH)} | {(2, y) for y in range(HEIGHT)}
    assert painted(board, other.team) == cross
    assert len(painted(board, player.team)) == 12 - 6


def test_a_round(board: Board) -> None:
    """The team with the most fields has won, and the board is empty; players stay."""
    ann, ben = put(board, 0, 0), put(board, 0, 9)
    walk(board, ann, {"right": 3})
    walk(board, ben, {"right": 5})
    board.changes()
    steps(board, ROUND - 8 * PACE - 1)
    assert board.changes() == {}
    board.step()
    told = board.changes()
    assert told["events"] == [{"won": ben.team, "fields": 5}]
    assert len(told["paint"]) == 8
    assert {team for _, team in told["paint"]} == {0}
    assert (ben.x, ben.y) == (5, 9)
    assert board.left == ROUND
    steps(board, ROUND)
    assert board.changes()["events"] == [{"won": 0, "fields": 0}]


def test_changes_make_the_same_board(board: Board) -> None:
    """Somebody who was told the whole once, and all changes since, knows the whole."""
    chance = random.Random(7)  # noqa: S311 - replayable on purpose
    players = [board.join() for _ in range(12)]
    known = board.whole()
    fields = [int(team) for team in known["fields"]]
    places = {number: rest for number, *rest in known["at"]}
    for tick in range(600):
        board.steer(chance.choice(players), chance.choice(["up", "down", "left", "right", None]))
        if tick % 50 == 0:
            board.give(chance.choice(players), chance.choice(["wings", "splash", "cross"]))
        if tick == 300:
            board.leave(players.pop())
        board.step()
        told = board.changes()
        for field, team in told.get("paint", ()):
            fields[field] = team
        for number, *rest in told.get("at", ()):
            places[number] = rest
        for number in told.get("gone", ()):
            del places[number]
    whole = board.whole()
    assert fields == [int(team) for team in whole["fields"]]
    assert places == {number: rest for number, *rest in whole["at"]}
    assert len(set(fields)) > 3
