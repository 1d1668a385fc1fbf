"""The outbox: bounded in bytes and in frames, in order, and fair between channels."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import pytest

from sennit.hub.namespace import SlowPolicy
from sennit.hub.outbox import FRAME_COST, Outbox, Waiting

POLICIES: tuple[SlowPolicy, ...] = ("disconnect", "recover", "drop-oldest", "conflate")


class Box(Outbox[str]):
    """An outbox with room for so many frames of ten bytes, which notes what it counts and calls."""

    def __init__(self, frames: int) -> None:
        self.counted: Counter[str] = Counter()
        self.put_offs: list[tuple[str, int]] = []
        super().__init__(
            frames * (FRAME_COST + 10),
            self.counted,
            lambda owner, lowest: self.put_offs.append((owner, lowest)),
        )


def _frame(number: int) -> Waiting:
    return Waiting(b"%010d" % number, offset=number)


def _all(outbox: Outbox[str]) -> list[int]:
    numbers = []
    while outbox:
        numbers.append(int(outbox.first().frame))
        outbox.pop()
    assert outbox.size == 0
    return numbers


def test_one_that_is_too_large_is_left_out_alone() -> None:
    """A frame that could never fit costs no other its place."""
    outbox = Box(3)
    assert outbox.put(_frame(1), "a", "drop-oldest")
    assert outbox.put(Waiting(b"x" * outbox.limit), "a", "drop-oldest")
    assert outbox.put(Waiting(b"x" * outbox.limit, offset=7), "b", "recover")
    assert not outbox.put(Waiting(b"x" * outbox.limit))
    assert outbox.counted == {"drop-oldest": 1, "recover": 1}
    assert outbox.put_offs == [("b", 7)]
    assert _all(outbox) == [1]


def test_no_more_is_dropped_than_needed() -> None:
    """Only as many of the oldest go as must."""
    outbox = Box(3)
    for number in range(5):
        outbox.put(_frame(number), "a", "drop-oldest")
    assert _all(outbox) == [2, 3, 4]
    assert outbox.counted == {"drop-oldest": 2}


def test_small_shares_take_from_the_largest() -> None:
    """Among several busy channels each comes to an even share, in the order of all."""
    outbox = Box(9)
    for number in range(9):
        outbox.put(_frame(number), "a", "drop-oldest")
    for number in range(9, 29):
        outbox.put(_frame(number), "bc"[number % 2], "conflate")
    assert outbox.counted == {"drop-oldest": 6, "conflate": 14}
    assert _all(outbox) == [6, 7, 8, *range(23, 29)]


def test_what_belongs_to_no_share_is_given_way_to() -> None:
    """Replies, and channels that leave nothing out, come first: the largest share makes room."""
    outbox = Box(5)
    for number in range(3):
        outbox.put(_frame(number), "lossy", "drop-oldest")
    for number in (3, 4):
        outbox.put(_frame(number), "kept", "recover")
    assert outbox.put(_frame(5), "firm")
    assert outbox.counted == {"drop-oldest": 1}
    outbox.pop()
    assert outbox.put(_frame(6))
    assert outbox.put(_frame(7))
    assert outbox.put_offs == [("kept", 3)]
    for number in (8, 9):
        assert outbox.put(_frame(number))
    assert not outbox.put(_frame(10))
    assert outbox.counted == {"drop-oldest": 2, "recover": 2}
    assert _all(outbox) == [5, 6, 7, 8, 9]


def test_a_busy_channel_that_can_be_read_again_gives_way_to_a_quiet_one() -> None:
    """An even share is what counts, whatever the policy: the large one goes, as a whole."""
    outbox = Box(5)
    for number in range(1, 6):
        outbox.put(_frame(number), "busy", "recover")
    outbox.put(_frame(6), "quiet", "conflate")
    assert outbox.put_offs == [("busy", 1)]
    assert _all(outbox) == [6]


def test_one_that_can_be_read_again_gives_way_with_its_newest() -> None:
    """No part is left, and the new one is not kept either: it would come before the others."""
    outbox = Box(3)
    for number in range(1, 5):
        outbox.put(_frame(number), "a", "recover")
    assert outbox.put_offs == [("a", 1)]
    assert outbox.counted == {"recover": 4}
    assert not outbox


def test_owners_that_are_gone_leave_their_frames_in_order() -> None:
    """A released share is sent as it stands; the next of that name is another one."""
    outbox = Box(4)
    for owner, policy in (("a", "drop-oldest"), ("b", "recover")):
        outbox.put(_frame(1), owner, policy)  # type: ignore[arg-type]
        outbox.release(owner)
    outbox.put(_frame(2), "a", "drop-oldest")
    outbox.put(_frame(3), "a", "drop-oldest")
    outbox.put(_frame(4), "a", "drop-oldest")
    assert outbox.counted == {"drop-oldest": 1}
    outbox.release("nobody")
    assert _all(outbox) == [1, 1, 3, 4]
    assert outbox.put_offs == []


def test_keys_are_of_their_channel() -> None:
    """The same key in another channel is another key, and none is never conflated."""
    outbox = Box(9)
    for number, (owner, key) in enumerate([("a", "k"), ("b", "k"), ("a", None), ("a", None)]):
        outbox.put(Waiting(b"%010d" % number, key), owner, "conflate")
    outbox.put(Waiting(b"%010d" % 4, "k"), "a", "conflate")
    assert outbox.counted == {"conflate": 1}
    assert _all(outbox) == [1, 2, 3, 4]


def test_at_most_two_of_a_key_wait() -> None:
    """What has begun to be sent goes out as it stands; behind it the newest is conflated again."""
    outbox = Box(9)
    for number, key in enumerate("abab"):
        outbox.put(Waiting(b"%010d" % number, key), "c", "conflate")
    outbox.pop()  # a
    for number, key in enumerate("bbab", 4):
        outbox.put(Waiting(b"%010d" % number, key), "c", "conflate")
    assert _all(outbox) == [3, 6, 7]
    assert outbox.counted == {"conflate": 4}


@pytest.mark.parametrize("policy", POLICIES)
def test_what_a_frame_is_counted_with_is_what_it_takes(policy: SlowPolicy) -> None:
    """The bound is one of memory: a flood of tiny frames takes no more than the bytes counted."""
    outbox = Box(1 << 30)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(3000):
            key = f"key {number}" if policy == "conflate" else None
            outbox.put(Waiting(b"%010d" % number, key), "a", policy)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(outbox) == 3000
    assert outbox.size / 3 < taken <= outbox.size


@pytest.mark.parametrize("others", [0, 100])
def test_dropping_looks_at_few(others: int) -> None:
    """What is dropped is found without a walk along the queue, beside many channels as well."""

    class Looked(Waiting):
        """Counts how often it is looked at."""

        looks = 0

        @property
        def cost(self) -> int:
            Looked.looks += 1
            return super().cost

    outbox = Box(2000)
    for number in range(others):
        outbox.put(_frame(number), f"other {number}", "drop-oldest")
    for number in range(6000):
        outbox.put(Looked(b"%010d" % number), "a", "drop-oldest")
    assert outbox.counted["drop-oldest"] == 4000 + others
    assert Looked.looks < 10 * 6000
