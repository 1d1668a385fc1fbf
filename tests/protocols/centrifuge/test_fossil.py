"""Differences between payloads, in Fossil's format."""

from __future__ import annotations

import contextlib
import json
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sennit.protocols.centrifuge.fossil import DeltaError, apply_delta, create_delta

TEXT = (
    b"The quick brown fox jumps over the lazy dog, and then it sleeps for a while in the sun "
    b"until the dog gets up again and looks for something to eat behind the old wooden shed."
)


@given(st.binary(max_size=300), st.binary(max_size=300))
@example(b"", b"")
@example(b"a" * 64, b"a" * 200)
@example(b"a" * 200, b"a" * 64)
def test_the_target_comes_back(base: bytes, target: bytes) -> None:
    """Whatever the two are, the delta makes the one of the other."""
    assert apply_delta(base, create_delta(base, target)) == target


@given(st.binary(min_size=1, max_size=4), st.lists(st.integers(0, 400), max_size=40), st.data())
def test_pieces_that_moved(part: bytes, places: list[int], data: st.DataObject) -> None:
    """Repetition, stretches in another order, cuts and insertions: all of it comes back."""
    base = part * 60 + bytes(range(256)) + part * 20
    target = b"".join(base[place : place + 37] for place in places)
    target += data.draw(st.binary(max_size=20))
    assert apply_delta(base, create_delta(base, target)) == target


def test_the_words() -> None:
    """Size, copies, insertions and checksum are written as the format has them (section 7)."""
    assert create_delta(b"", b"") == b"0\n0;"
    assert create_delta(b"", b"abcd") == b"4\n4:abcd1XMNgz;".replace(b"1XMNgz", _number(0x61626364))
    assert create_delta(TEXT, TEXT).startswith(
        _number(len(TEXT)) + b"\n" + _number(len(TEXT)) + b"@0,"
    )


def _number(value: int) -> bytes:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
    text = ""
    while True:
        text = digits[value % 64] + text
        value //= 64
        if not value:
            return text.encode()


def test_two_edits_far_apart() -> None:
    """Each is an insertion between copies: no common beginning and end alone."""
    edited = TEXT.replace(b"jumps", b"climbs").replace(b"gets up", b"stands")
    delta = create_delta(TEXT, edited)
    assert apply_delta(TEXT, delta) == edited
    assert delta.count(b"@") == 3
    assert len(delta) < 60


def test_a_stretch_that_moved() -> None:
    """What stands somewhere else now is copied from where it stood."""
    moved = TEXT[100:] + b" -- " + TEXT[:100]
    delta = create_delta(TEXT, moved)
    assert apply_delta(TEXT, delta) == moved
    assert len(delta) < 60


def test_market_data() -> None:
    """A book of which two levels have changed costs a small part of the whole."""
    source = random.Random(1)  # noqa: S311 - replayable on purpose
    book = {"symbol": "ACME", "bids": [[100 - i, source.randrange(999)] for i in range(60)]}
    before = json.dumps(book).encode()
    book["bids"][3][1] = 1  # type: ignore[index]
    book["bids"][50][1] = 2  # type: ignore[index]
    after = json.dumps(book).encode()
    delta = create_delta(before, after)
    assert apply_delta(before, delta) == after
    assert len(delta) * 10 < len(after)


@pytest.mark.parametrize(
    "delta",
    [
        b"",
        b"x",
        b"4\n",
        b"4\n4:ab",
        b"4\n4@0,",
        b"2\n2:ab0;",
        b"1\n2:ab0;",
        b"9\n2@99,0;",
        b"0\n0;0;",
        b"0\n0;x",
        b"!",
        b"0\n4,0;",
        create_delta(TEXT, TEXT + b"!"),
    ],
)
def test_what_is_no_delta(delta: bytes) -> None:
    """Not one, or one of another base, is refused."""
    with pytest.raises(DeltaError):
        apply_delta(b"another base", delta)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_delta_or_refused(delta: bytes) -> None:
    """Nothing else happens."""
    with contextlib.suppress(DeltaError):
        apply_delta(TEXT, delta)
