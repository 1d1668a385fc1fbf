"""Subscribers who do not keep up: bounded, in order, and by the channel's policy."""

from __future__ import annotations

import pytest

from sennit.errors import ConfigurationError
from sennit.hub.namespace import History
from sennit.hub.outbox import FRAME_COST
from sennit.hub.setting import HubSettings
from tests.double import outcome
from tests.hub.conftest import House, Person

FEW = 6 * (FRAME_COST + 40)
"""Room for about six frames."""
PLENTY = 100 * FRAME_COST


def _slow(house: House, limit: int = FEW) -> Person:
    house.settings = HubSettings(queue_limit=limit)
    person = house.person("slow")
    person.subscribe("room:a")
    person.take()
    person.transport.blocked = True
    return person


def test_what_waits_is_sent_in_order_and_the_group_taken_up_again(house: House) -> None:
    """A short pause costs nothing: pushes and replies come in their order, then one by one."""
    house.app.namespace("room", allow_subscribe={"client"})
    person = _slow(house, limit=PLENTY)
    for number in range(3):
        house.publish("room:a", number)
    person.session.write(b'["reply"]')
    house.publish("room:a", 3)
    assert person.take() == []
    assert person.session.queued > 0
    person.unblock()
    words = [entry[-1] if entry[0] == "pub" else entry[0] for entry in person.take()]
    assert words == [0, 1, 2, "reply", 3]
    assert person.session.queued == 0
    refused = person.transport.refused
    house.publish("room:a", 4)
    assert person.take() == [["pub", "room:a", 0, 4]]
    assert person.transport.refused == refused


def test_a_slow_client_is_not_asked_again_while_it_waits(house: House) -> None:
    """Once refused, a transport is out of every group until it has room."""
    house.app.namespace("room", allow_subscribe={"client"})
    person = _slow(house, limit=PLENTY)
    outcome(person.subscribing("room:b"))
    house.publish("room:a", 1)
    refused = person.transport.refused
    house.publish("room:a", 2)
    house.publish("room:b", 3)
    assert person.transport.refused == refused


def test_room_for_some_takes_some(house: House) -> None:
    """A transport that refuses again in the middle keeps the rest waiting."""
    house.app.namespace("room", allow_subscribe={"client"})
    person = _slow(house, limit=PLENTY)
    for number in range(3):
        house.publish("room:a", number)
    person.transport.blocked = False
    send = person.transport.send

    def once(frame: bytes) -> bool:
        taken = send(frame)
        person.transport.blocked = True
        return taken

    person.transport.send = once  # type: ignore[method-assign]  # one frame, then full again
    person.session.writable()
    assert person.take() == [["pub", "room:a", 0, 0]]
    house.publish("room:a", 3)
    person.transport.send = send  # type: ignore[method-assign]
    person.unblock()
    assert [entry[-1] for entry in person.take()] == [1, 2, 3]


def test_disconnect_is_the_default(house: House) -> None:
    """Over the limit the client goes with 3008, and what waited is let go of at once."""
    house.app.namespace("room", presence=True, allow_subscribe={"client"})
    person = _slow(house)
    fast = house.person("fast")
    fast.subscribe("room:a")
    for number in range(20):
        house.publish("room:a", number)
    assert person.transport.disconnected == (3008, "slow")
    assert person.session.queued == 0
    assert person.session.channels == ()
    assert house.hub.dropped["disconnect"] == 7
    assert [entry[-1] for entry in fast.take()[1:]] == list(range(20))
    assert len(outcome(house.app.presence("room:a"))) == 1


def test_replies_over_the_limit_disconnect_whatever_the_policy(house: House) -> None:
    """A client that asks and does not read is not answered without bound."""
    house.app.namespace("room", slow="drop-oldest", allow_subscribe={"client"})
    person = _slow(house)
    for _ in range(50):
        person.session.write(b'["a reply"]')
    assert person.transport.disconnected == (3008, "slow")


def test_drop_oldest_keeps_the_newest(house: House) -> None:
    """The oldest of the channel make room; the order stays, and the count says how many went."""
    house.app.namespace("room", slow="drop-oldest", allow_subscribe={"client"})
    person = _slow(house)
    for number in range(30):
        house.publish("room:a", number)
    assert person.session.queued <= FEW
    person.unblock()
    numbers = [entry[-1] for entry in person.take()]
    assert numbers == list(range(30 - len(numbers), 30))
    assert house.hub.dropped["drop-oldest"] == 30 - len(numbers)
    assert person.transport.disconnected is None


def test_conflate_keeps_the_newest_of_each_key(house: House) -> None:
    """One publication per key waits, the newest, in the order they came."""
    house.app.namespace("room", slow="conflate", conflate_key="symbol", allow_subscribe={"client"})
    person = _slow(house)
    for number in range(30):
        house.publish("room:a", number, tags={"symbol": "AB"[number % 2]})
    person.unblock()
    assert [entry[-1] for entry in person.take()] == [28, 29]
    assert house.hub.dropped["conflate"] == 28


def test_a_busy_channel_pushes_out_nobody_elses(house: House) -> None:
    """What a quiet channel has sent waits on, however much a busy one drops of its own."""
    house.app.namespace("room", slow="drop-oldest", allow_subscribe={"client"})
    person = _slow(house)
    outcome(person.subscribing("room:quiet"))
    house.publish("room:quiet", "first")
    for number in range(100):
        house.publish("room:a", number)
    house.publish("room:quiet", "second")
    person.unblock()
    words = [entry[-1] for entry in person.take() if entry[0] == "pub"]
    assert words[0] == "first"
    assert words[-1] == "second"
    assert words[1:-1] == list(range(100 - len(words) + 2, 100))


def test_what_may_be_left_out_gives_way_to_replies(house: House) -> None:
    """A backlog of prices does not disconnect a client that asks for something."""
    house.app.namespace("room", slow="drop-oldest", allow_subscribe={"client"})
    person = _slow(house)
    for number in range(30):
        house.publish("room:a", number)
    for _ in range(3):
        person.session.write(b'["reply"]')
    assert person.transport.disconnected is None
    assert house.hub.dropped == {"drop-oldest": 27}
    person.unblock()
    assert [entry[-1] for entry in person.take()] == [27, 28, 29, "reply", "reply", "reply"]


def test_the_busiest_key_is_sent_too(house: House) -> None:
    """Who reads a little now and then gets every key, the one that never rests as well."""
    house.app.namespace("room", slow="conflate", conflate_key="symbol", allow_subscribe={"client"})
    person = _slow(house, limit=PLENTY)
    got: list[str] = []
    for number in range(40):
        for symbol in "ABCD":
            house.publish("room:a", f"{symbol}{number}", tags={"symbol": symbol})
            house.publish("room:a", f"hot{number}", tags={"symbol": "hot"})
        _read_one(person)
        got += [entry[-1] for entry in person.take()]
    assert sum(word.startswith("hot") for word in got) == len(got) // 5
    numbers = [int(word.lstrip("ABCDhot")) for word in got]
    assert numbers == sorted(numbers)


def _read_one(person: Person) -> None:
    """Take one frame, and refuse the next."""
    send = person.transport.send

    def once(frame: bytes) -> bool:
        person.transport.blocked = True
        return send_now(frame)

    def send_now(frame: bytes) -> bool:
        person.transport.sent.append(frame)
        person.transport.send = send  # type: ignore[method-assign]  # refuses again
        return True

    person.transport.send = once  # type: ignore[method-assign]
    person.session.writable()


def test_slow_client_that_goes_leaves_nothing(house: House) -> None:
    """Joins and leaves wait as publications do."""
    house.app.namespace(
        "room", join_leave=True, force_push_join_leave=True, allow_subscribe={"client"}
    )
    person = _slow(house, limit=PLENTY)
    house.publish("room:a", 1)
    other = house.person("other")
    other.subscribe("room:a")
    outcome(other.session.unsubscribe("room:a"))
    person.unblock()
    assert person.take()[1:] == [["join", "room:a", "other"], ["leave", "room:a", "other"]]


def test_joins_refused_by_a_full_transport_wait(house: House) -> None:
    """A join that a member of the group cannot take is kept like a publication."""
    house.app.namespace(
        "room", join_leave=True, force_push_join_leave=True, allow_subscribe={"client"}
    )
    person = _slow(house, limit=PLENTY)
    house.person("other").subscribe("room:a")
    person.unblock()
    assert person.take() == [["join", "room:a", "other"]]


@pytest.mark.parametrize("slow", ["drop-oldest", "conflate"])
def test_recovery_refuses_policies_that_leave_out(house: House, slow: str) -> None:
    """What may leave publications out does not go with recovery, and says so when declared."""
    with pytest.raises(ConfigurationError, match="recovery=True goes with"):
        house.app.namespace(
            "room",
            history=History(9, 9),
            recovery=True,
            slow=slow,  # type: ignore[arg-type]
        )
