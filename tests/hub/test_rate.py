"""Rates in words, and the buckets that hold to them."""

from __future__ import annotations

import pytest

from sennit.errors import ConfigurationError
from sennit.hub.rate import Bucket, Buckets, Rate


@pytest.mark.parametrize(
    ("words", "rate"),
    [
        ("100/s burst 20", Rate(100, 20)),
        ("100/s", Rate(100, 100)),
        ("6/min", Rate(0.1, 6)),
        ("36/h burst 2", Rate(0.01, 2)),
        (" 0.5 / s ", Rate(0.5, 1)),
        ("", None),
    ],
)
def test_words(words: str, rate: Rate | None) -> None:
    """A rate is a number in a unit of time; without a burst it is the number itself."""
    assert Rate.parse(words) == rate


@pytest.mark.parametrize("words", ["fast", "10", "10/d", "0/s", "10/s burst 0", "-1/s", "1/s x"])
def test_no_words(words: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ConfigurationError, match="rate"):
        Rate.parse(words)


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    """After the burst, one comes with each share of a second; a rest fills no more than it."""
    bucket = Bucket(Rate(10, 3), 0)
    assert [bucket.take(0) for _ in range(5)] == [True, True, True, False, False]
    assert bucket.refused == 2
    assert [bucket.take(0.1), bucket.take(0.1)] == [True, False]
    assert [bucket.take(100) for _ in range(4)] == [True, True, True, False]
    assert bucket.refused == 1, "the rest has made it as good as new"


def test_a_clock_that_goes_back_gives_nothing() -> None:
    """What has been used stays used."""
    bucket = Bucket(Rate(10, 1), 5)
    assert bucket.take(5)
    assert not bucket.take(4)


def test_full_buckets_are_forgotten() -> None:
    """However many keys there are, those at rest take no room."""
    buckets = Buckets(1000)
    for key in range(10_000):
        assert buckets.bucket(key, Rate(10, 1), key).take(key)
        assert len(buckets) <= 64


def test_there_are_never_more_than_the_most() -> None:
    """Where all are in use the oldest goes, and a newer one is not touched."""
    buckets = Buckets(10)
    for key in range(100):
        assert buckets.bucket(key, Rate(1, 1), 0).take(0)
        assert len(buckets) <= 10
    assert not buckets.bucket(99, Rate(1, 1), 0).take(0)
    assert buckets.bucket(0, Rate(1, 1), 0).take(0)
