"""Publications as differences: who is sent which, and what it is a difference to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sennit.hub.namespace import History
from sennit.model.request import Closed
from tests.double import FakeGroup
from tests.hub.conftest import House, Person


def declare(house: House, **options: Any) -> None:
    """Declare a namespace whose publications can be sent as differences."""
    house.app.namespace(
        "room",
        history=History(20, 99),
        recovery=True,
        allow_subscribe={"client"},
        **{"allowed_delta_types": {"fossil"}, "delta_publish": True, **options},
    )


def comer(house: House, name: str, delta: str = "fossil") -> Person:
    """Return somebody who has subscribed."""
    person = house.person(name)
    person.subscribe("room:a", delta=delta)
    person.take()
    return person


def heard(person: Person) -> list[Any]:
    """Return what was heard since the last call: the payload, and what it was a difference to."""
    return [
        (rest[2], rest[3]) if word == "delta" else rest[2]
        for word, *rest in person.take()
        if word in ("pub", "delta")
    ]


def test_the_first_is_whole_and_then_come_differences(house: House) -> None:
    """A newcomer is sent one whole publication, whoever has been there for longer."""
    declare(house)
    ann = comer(house, "ann")
    house.publish("room:a", 1)
    house.publish("room:a", 2)
    bob = comer(house, "bob")
    house.publish("room:a", 3)
    house.publish("room:a", 4)
    assert heard(ann) == [(1, None), (2, 1), (3, 2), (4, 3)]
    assert heard(bob) == [(3, None), (4, 3)]


def test_who_does_not_ask_gets_all_of_it(house: House) -> None:
    """Without the wish, and where the namespace does not allow it, publications are plain."""
    declare(house)
    house.app.namespace("plain", allow_subscribe={"client"})
    ann, bob = comer(house, "ann"), comer(house, "bob", "")
    assert ann.answers[-1].delta
    assert not bob.answers[-1].delta
    assert not bob.subscribe("plain:a", delta="fossil").delta
    house.publish("room:a", 1)
    house.publish("room:a", 2)
    assert heard(bob) == [1, 2]
    assert heard(ann) == [(1, None), (2, 1)]


def test_differences_need_a_position(house: House) -> None:
    """Who may miss something without being told is sent all of it."""
    house.app.namespace(
        "room", allow_subscribe={"client"}, allowed_delta_types={"fossil"}, delta_publish=True
    )
    assert not house.person().subscribe("room:a", delta="fossil").delta


def test_one_publication_at_a_time(house: House) -> None:
    """Where the namespace does not say so for all, each publication says whether it may be."""
    declare(house, delta_publish=False)
    ann = comer(house, "ann")
    for data, delta in ((1, False), (2, True), (3, False), (4, True)):
        house.publish("room:a", data, delta=delta)
    assert heard(ann) == [(1, None), (2, 1), (3, None), (4, 3)]


def test_one_call_for_all_who_hold_the_same(house: House) -> None:
    """However many there are, a publication is encoded once and broadcast once to them."""
    declare(house)
    people = [comer(house, f"p{number}") for number in range(20)]
    house.publish("room:a", 1)
    house.publish("room:a", 2)
    house.codec.encoded = 0
    before = sum(group.broadcasts for group in house.framing.groups)
    house.publish("room:a", 3)
    assert house.codec.encoded == 1
    assert sum(group.broadcasts for group in house.framing.groups) == before + 1
    assert all(isinstance(group, FakeGroup) for group in house.framing.groups)
    assert [heard(person)[-1] for person in people] == [(3, 2)] * 20


def test_what_is_ephemeral_is_a_base_too(house: House) -> None:
    """A client holds whatever it was sent last, kept or not."""
    declare(house)
    ann = comer(house, "ann")
    house.publish("room:a", 1)
    house.publish("room:a", "typing", ephemeral=True)
    house.publish("room:a", 2)
    assert heard(ann) == [(1, None), ("typing", 1), (2, "typing")]


def test_one_that_leaves_somebody_out_is_no_base(house: House) -> None:
    """The next one is whole for everybody, then they go on."""
    declare(house)
    ann, bob = comer(house, "ann"), comer(house, "bob")
    house.publish("room:a", 1)
    house.publish("room:a", "cursor", ephemeral=True, exclude=ann.session.id)
    house.publish("room:a", 2)
    house.publish("room:a", 3)
    assert heard(ann) == [(1, None), (2, None), (3, 2)]
    assert heard(bob) == [(1, None), ("cursor", 1), (2, None), (3, 2)]


def test_who_was_slow_begins_with_a_whole_one(house: House) -> None:
    """What waits is sent as it was; after it comes a whole one."""
    declare(house)
    ann = comer(house, "ann")
    house.publish("room:a", 1)
    ann.transport.blocked = True
    house.publish("room:a", 2)
    house.publish("room:a", 3)
    ann.unblock()
    house.publish("room:a", 4)
    house.publish("room:a", 5)
    assert heard(ann) == [(1, None), (2, 1), (3, None), (4, None), (5, 4)]


def test_who_comes_back_begins_with_a_whole_one(house: House) -> None:
    """After a recovery too."""
    declare(house)
    ann = comer(house, "ann")
    held = ann.answers[-1].position
    house.publish("room:a", 1)
    ann.session.close(Closed(1006))
    house.publish("room:a", 2)
    again = house.person("ann")
    answer = again.recover("room:a", held.offset + 1, held.epoch, delta="fossil")
    assert (answer.recovered, answer.delta) == (True, True)
    assert [publication.data for publication in answer.publications] == [b"2"]
    assert all(publication.delta for publication in answer.publications)
    again.take()
    house.publish("room:a", 3)
    house.publish("room:a", 4)
    assert heard(again) == [(3, None), (4, 3)]


STEPS = st.lists(
    st.sampled_from(["publish", "plain", "ephemeral", "exclude", "come", "go", "block", "unblock"]),
    max_size=60,
)


class Crowd:
    """People who come, go, and are slow, and what is published to them."""

    def __init__(self, chance: Any) -> None:
        self.house = House()
        declare(self.house, delta_publish=False)
        self.chance = chance
        self.people: list[Person] = []

    def take(self, number: int, step: str) -> None:
        """Do one thing."""
        if step == "come":
            self.people.append(comer(self.house, "ann"))
        elif step in ("publish", "plain"):
            self.house.publish("room:a", number, delta=step == "publish")
        elif step == "ephemeral":
            self.house.publish("room:a", number, ephemeral=True, delta=True)
        elif self.people:
            self._take_one(self.chance.choice(self.people), number, step)

    def _take_one(self, person: Person, number: int, step: str) -> None:
        if step == "exclude":
            left_out = person.session.id
            self.house.publish("room:a", number, ephemeral=True, delta=True, exclude=left_out)
        elif step == "go":
            person.session.close(Closed(1006))
            self.people.remove(person)
        elif step == "block":
            person.transport.blocked = True
        else:
            person.unblock()


@settings(deadline=None)
@given(STEPS, st.randoms(use_true_random=False))
def test_every_difference_is_to_what_was_sent_last(steps: list[str], chance: Any) -> None:
    """Whoever comes, goes, or is slow: each client holds what it is sent a difference to."""
    crowd = Crowd(chance)
    for number, step in enumerate(steps):
        crowd.take(number, step)
    for person in crowd.people:
        person.unblock()
        held = None
        for data, base in heard(person):
            assert base is None or base == held
            held = data


@pytest.mark.parametrize("count", [0, 1])
def test_a_channel_that_is_left_forgets(house: House, count: int) -> None:
    """Its next life begins with a whole publication."""
    declare(house)
    ann = comer(house, "ann")
    house.publish("room:a", 1)
    ann.session.close(Closed(1006))
    for _ in range(count):
        house.publish("room:a", 2)
    bob = comer(house, "bob")
    house.publish("room:a", 3)
    assert heard(bob) == [(3, None)]
