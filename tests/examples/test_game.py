"""The game as clients reach it: what they are told, may say, and are asked."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock

from game.app import CHANNEL, PATIENCE, PLAYERS, Game
from game.board import PACE, WIDTH
from sennit import ReplyError
from sennit.brokers.memory import MemoryBroker, MemoryPresence
from sennit.hub.call import ANSWER, CALLS
from sennit.hub.hub import Hub
from sennit.hub.request import ConnectRequest, SubscribeRequest
from sennit.model.request import Closed
from tests.double import FakeCodec, FakeFraming, FakeTransport, LogKeeper, outcome

TICK = 0.05
GIFT_EVERY = 10.0


class Guest:
    """Somebody who comes to play.

    Args:
        house: where.
        name: who it is.
    """

    def __init__(self, house: House, name: str) -> None:
        self.transport = FakeTransport(house.framing)
        request = ConnectRequest(data=json.dumps({"name": name}).encode(), protocol="test")
        self.session = house.hub.open_session(
            self.transport, house.codec, request.connection, "test"
        )
        outcome(self.session.connect(request, lambda _: None))
        self.whole: dict[str, Any] = {}

    def enter(self) -> Guest:
        """Get onto the board."""

        def answer(result: Any) -> None:
            self.whole = json.loads(result.data)

        outcome(self.session.subscribe(SubscribeRequest(channel=CHANNEL), answer))
        return self

    def call(self, method: str, params: Any = None) -> Any:
        """Call a procedure."""
        return json.loads(outcome(self.session.rpc(method, json.dumps(params).encode())))

    def refused(self, method: str, params: Any = None) -> int:
        """Call a procedure, and return the code of the error."""
        with pytest.raises(ReplyError) as caught:
            self.call(method, params)
        return caught.value.code

    def take(self, channel: str = CHANNEL) -> list[Any]:
        """Return what came in a channel since the last call; the rest is gone."""
        return [
            rest[2] for word, *rest in self.transport.take() if word == "pub" and rest[0] == channel
        ]

    def leave(self) -> None:
        """Lose the connection."""
        self.session.close(Closed(1006, ""))


class House:
    """A game on a fake clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.framing, self.codec = FakeFraming(), FakeCodec()
        chance = random.Random(3)  # noqa: S311 - replayable on purpose
        self.game = Game(self.clock, chance, GIFT_EVERY)
        self.hub = Hub(
            self.game.app,
            broker=MemoryBroker(self.clock),
            presence=MemoryPresence(),
            clock=self.clock,
        )
        outcome(self.hub.start())
        self.game.pulse.start()

    def guest(self, name: str = "Ann") -> Guest:
        """Let somebody in, and onto the board."""
        return Guest(self, name).enter()

    def ticks(self, count: int) -> None:
        """Let ticks go by, each in its time."""
        for _ in range(count):
            self.clock.advance(TICK)


@pytest.fixture
def house() -> Iterator[House]:
    """Run the game; nothing is logged, and nothing is left on the clock."""
    with LogKeeper() as log:
        made = House()
        yield made
        made.game.pulse.stop()
        outcome(made.hub.stop())
        assert log.failures() == []


def asked(guest: Guest) -> list[Any]:
    """Return the calls that came in."""
    return guest.take(CALLS)


def test_a_newcomer_is_told_the_whole(house: House) -> None:
    """With the answer, and the changes go on from there: the numbers leave no gap."""
    ann = house.guest()
    house.ticks(1)
    ann.call("game.steer", {"to": "right"})
    house.ticks(3 * PACE)
    ben = house.guest("Ben")
    assert ben.whole["fields"] == house.game.board.whole()["fields"]
    assert len(ben.whole["fields"]) == WIDTH * ben.whole["height"]
    assert {number for number, *_ in ben.whole["at"]} == {ann.whole["you"], ben.whole["you"]}
    ben.take()
    house.ticks(1)
    (first,) = ben.take()
    assert first["n"] == ben.whole["n"] + 1
    assert ben.whole["you"] in [number for number, *_ in first["at"]]


def test_one_publication_a_tick(house: House) -> None:
    """With everything that has changed; none where nothing has; late ticks come together."""
    ann, ben = house.guest(), house.guest("Ben")
    house.ticks(1)
    ann.take()
    house.ticks(5)
    assert ann.take() == []
    for number, player in enumerate(house.game.board.players.values()):
        player.x, player.y = 5 * number, 5
    for one in (ann, ben):
        one.call("game.steer", {"to": "up"})
        one.call("game.steer", {"to": "down"})
    house.ticks(1)
    (both,) = ann.take()
    assert len(both["at"]) == 2
    house.clock.advance(5 * TICK)
    (late,) = ann.take()
    assert [number for number, _, x, y in late["at"] if y == 7] == [1, 2]
    assert len(late["paint"]) == 2
    assert late["n"] == both["n"] + 1


def test_a_client_that_was_too_slow(house: House) -> None:
    """Ticks are missing, which shows in their numbers; the whole is to be had, and goes on."""
    ann, ben = house.guest(), house.guest("Ben")
    house.ticks(1)
    ben.take()
    ben.transport.blocked = True
    for _ in range(20_000):
        house.game.board.tell(gift="wings", player=1, words="x" * 100)
        house.ticks(1)
        ann.transport.sent.clear()
        if house.hub.dropped["drop-oldest"]:
            break
    assert house.hub.dropped["drop-oldest"] > 0
    assert not ben.session.ended
    ben.transport.blocked = False
    ben.session.writable()
    numbers = [told["n"] for told in ben.take()]
    assert numbers == sorted(set(numbers))
    assert len(numbers) < numbers[-1] - 1
    assert ben.call("game.board")["n"] == numbers[-1]


def test_what_is_refused(house: House) -> None:
    """A name that is none, a heading that is none, and to steer without being on the board."""
    for name in ("", " ", "x" * 17, "a\nb"):
        with pytest.raises(ReplyError) as caught:
            Guest(house, name)
        assert caught.value.code == 107
    outsider = Guest(house, "Eve")
    assert outsider.refused("game.steer", {"to": "up"}) == 403
    ann = house.guest()
    assert ann.refused("game.steer", {"to": "north"}) == 107
    assert ann.refused("game.steer", {"x": 1}) == 107
    for _ in range(58):
        ann.call("game.steer", {"to": "up"})
    assert ann.refused("game.steer", {"to": "up"}) == 111


def test_a_full_board(house: House) -> None:
    """One more is refused for now, and may come once somebody has left."""
    guests = [house.guest(f"G{number}") for number in range(PLAYERS)]
    late = Guest(house, "Late")
    with pytest.raises(ReplyError) as caught:
        late.enter()
    assert (caught.value.code, caught.value.temporary) == (429, True)
    guests[0].leave()
    late.enter()
    assert len(house.game.board.players) == PLAYERS


@pytest.mark.parametrize("how", ["unsubscribe", "leave"])
def test_leaving(house: House, how: str) -> None:
    """The others see it with the next tick, and presence has it at once."""
    ann, ben = house.guest(), house.guest("Ben")
    house.ticks(1)
    present = outcome(house.game.app.presence(CHANNEL)).values()
    assert {json.loads(info.chan_info or b"")["name"] for info in present} == {"Ann", "Ben"}
    ann.take()
    if how == "leave":
        ben.leave()
    else:
        outcome(ben.session.unsubscribe(CHANNEL))
    assert len(outcome(house.game.app.presence(CHANNEL))) == 1
    house.ticks(1)
    (told,) = ann.take()
    assert told["gone"] == [ben.whole["you"]]


def test_nobody_plays(house: House) -> None:
    """Time stands still: a round does not end while nobody is there."""
    before = house.game.board.left
    house.ticks(100)
    assert house.game.board.left == before
    house.guest()
    house.ticks(10)
    assert house.game.board.left == before - 10


# -- the server's question -------------------------------------------------------------------------


def ask(house: House, ann: Guest) -> dict[str, Any]:
    """Let time go by until somebody is asked."""
    house.ticks(round(GIFT_EVERY / TICK) - 1)
    assert asked(ann) == []
    house.ticks(2)
    (call,) = asked(ann)
    assert call["method"] == "choose"
    assert call["data"]["seconds"] == PATIENCE
    return dict(call)


def gifts(guest: Guest) -> list[tuple[str, int]]:
    """Return which gifts everybody was told of."""
    events = [event for told in guest.take() for event in told.get("events", ())]
    return [(event["gift"], event["player"]) for event in events if "gift" in event]


def test_a_gift_that_was_chosen(house: House) -> None:
    """It takes effect, and everybody is told."""
    ann = house.guest()
    call = ask(house, ann)
    fields = sum(map(bool, house.game.board.fields))
    ann.call(ANSWER, {"id": call["id"], "data": "cross"})
    house.ticks(1)
    assert gifts(ann) == [("cross", ann.whole["you"])]
    assert sum(map(bool, house.game.board.fields)) >= fields + WIDTH


def test_taking_turns(house: House) -> None:
    """Whoever has waited longest is asked."""
    guests = [house.guest(name) for name in ("Ann", "Ben", "Cid")]
    turns = []
    for _ in range(6):
        house.ticks(round(GIFT_EVERY / TICK) + 1)
        turns += [number for number, guest in enumerate(guests) if asked(guest)]
    assert turns == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("answer", ["nothing", "a gift that is none", "an error"])
def test_a_gift_that_was_not_chosen(house: House, answer: str) -> None:
    """Who does not answer in time, or badly, gets wings; a late answer is no more than that."""
    ann = house.guest()
    call = ask(house, ann)
    if answer == "nothing":
        house.ticks(round(PATIENCE / TICK) + 1)
        assert ann.refused(ANSWER, {"id": call["id"], "data": "cross"}) == 107
    elif answer == "an error":
        ann.call(ANSWER, {"id": call["id"], "error": {"code": 400, "message": "no"}})
    else:
        assert ann.refused(ANSWER, {"id": call["id"], "data": "everything"}) == 107
    house.ticks(1)
    assert gifts(ann) == [("wings", ann.whole["you"])]
    assert sum(map(bool, house.game.board.fields)) == 0


@pytest.mark.parametrize("how", ["unsubscribe", "leave"])
def test_a_player_who_leaves_gets_nothing(house: House, how: str) -> None:
    """The question is over with it, and the game goes on."""
    ann = house.guest()
    call = ask(house, ann)
    ben = house.guest("Ben")
    if how == "leave":
        ann.leave()
    else:
        outcome(ann.session.unsubscribe(CHANNEL))
        assert ann.refused(ANSWER, {"id": call["id"], "data": "cross"}) == 107
    house.ticks(round(PATIENCE / TICK) + 2)
    assert gifts(ben) == []
    assert sum(map(bool, house.game.board.fields)) == 0
    house.ticks(round(GIFT_EVERY / TICK))
    assert [call["method"] for call in asked(ben)] == ["choose"]
