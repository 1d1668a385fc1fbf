"""What a soak makes of a server at rest."""

from __future__ import annotations

from bench.soak import GROWTH, Sample, judge

MIB = 1024 * 1024


def samples(memory: list[int], descriptors: list[int]) -> list[Sample]:
    return [
        Sample((number + 1) * 1000, (number + 1) * 50_000, used, opened)
        for number, (used, opened) in enumerate(zip(memory, descriptors, strict=True))
    ]


def test_nothing_stays() -> None:
    """What is taken while a server gets warm, and what comes and goes, is not a leak."""
    memory = [20 * MIB, *[30 * MIB] * 5, 30 * MIB + GROWTH]
    assert judge(samples(memory, [7, 7, 9, 9, 8, 8, 7])) == []


def test_memory_that_grows() -> None:
    """A little for each connection adds up."""
    found = judge(samples([20 * MIB + number * MIB // 2 for number in range(10)], [7] * 10))
    assert found == ["memory has grown by 4,194,304 bytes"]


def test_a_descriptor_that_is_left() -> None:
    """One is enough."""
    assert judge(samples([MIB, MIB], [7, 8])) == ["1 descriptors were left open"]
