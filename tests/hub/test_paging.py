"""Reading a channel's history in pages: each page is the one that a list would give."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sennit.errors import ReplyError
from sennit.hub.namespace import History
from sennit.hub.setting import HubSettings
from sennit.model.publication import StreamPosition
from tests.double import outcome
from tests.hub.conftest import House

CHANNEL = "room:a"
SIZE = 9
"""Publications that are kept."""
MOST = 5
"""Publications on a page."""


class Reader:
    """A client that may read a history of so many publications, and a list of what is kept."""

    def __init__(self, published: int) -> None:
        self.house = House()
        self.house.settings = HubSettings(history_limit=MOST)
        self.house.app.namespace("room", history=History(SIZE, 99), allow_history={"client"})
        self.session = self.house.person().session
        self.top = published
        for number in range(1, published + 1):
            self.house.publish(CHANNEL, number)
        self.epoch = self.ask(0).position.epoch
        self.kept = list(range(max(1, published - SIZE + 1), published + 1))

    def ask(self, limit: int, since: StreamPosition | None = None, *, reverse: bool = False) -> Any:
        """Return a page."""
        return outcome(self.session.history(CHANNEL, limit, since, reverse))

    def offsets(
        self, limit: int, since: StreamPosition | None = None, *, reverse: bool = False
    ) -> list[int]:
        """Return what is on a page, which says where the stream stands, too."""
        page = self.ask(limit, since, reverse=reverse)
        assert page.position == StreamPosition(self.top, self.epoch)
        assert [int(each.data) for each in page.publications] == [
            each.offset for each in page.publications
        ]
        return [each.offset for each in page.publications]

    def code(self, since: StreamPosition, *, limit: int = 1, reverse: bool = False) -> int:
        """Return the error that a page is refused with."""
        with pytest.raises(ReplyError) as caught:
            self.ask(limit, since, reverse=reverse)
        return caught.value.code


@given(
    published=st.integers(0, 2 * SIZE),
    limit=st.integers(-2, 2 * SIZE),
    offset=st.none() | st.integers(0, 3 * SIZE),
    reverse=st.booleans(),
    named=st.booleans(),
)
def test_every_page_is_that_of_a_list(
    published: int, limit: int, offset: int | None, reverse: bool, named: bool
) -> None:
    """Forward come those after a position, in reverse those before it, as many as there may be."""
    reader = Reader(published)
    since = None if offset is None else StreamPosition(offset, reader.epoch if named else "")
    if reverse and offset == 0:
        assert since is not None
        assert reader.code(since, limit=limit, reverse=True) == 107
        return
    expected = reader.kept
    if offset is not None:
        expected = [each for each in expected if (each < offset if reverse else each > offset)]
    if reverse:
        expected = expected[::-1]
    expected = expected[: MOST if limit < 0 else min(limit, MOST)]
    assert reader.offsets(limit, since, reverse=reverse) == expected


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("limit", [-1, 0, 3])
@pytest.mark.parametrize("offset", [1, 4, 99])
def test_a_position_of_another_life(reverse: bool, limit: int, offset: int) -> None:
    """Whatever is asked for, an epoch that is over is 112; the same without it is answered."""
    reader = Reader(7)
    since = StreamPosition(offset, "other")
    assert reader.code(since, limit=limit, reverse=reverse) == 112
    reader.offsets(limit, StreamPosition(offset, ""), reverse=reverse)


@pytest.mark.parametrize("size", [1, 2, MOST, 99])
@pytest.mark.parametrize("reverse", [False, True])
def test_page_by_page_is_everything_once(size: int, reverse: bool) -> None:
    """Whoever goes on from the last of a page reads what is kept, nothing twice, and an end."""
    reader = Reader(12)
    found: list[int] = []
    since = None
    while page := reader.offsets(size, since, reverse=reverse):
        found += page
        since = StreamPosition(page[-1], reader.epoch)
    assert found == (reader.kept[::-1] if reverse else reader.kept)


def test_a_history_that_was_removed() -> None:
    """It has no pages, and the stream stands where it stood."""
    reader = Reader(7)
    outcome(reader.house.app.remove_history(CHANNEL))
    for since in (None, StreamPosition(3, reader.epoch)):
        assert reader.offsets(-1, since) == reader.offsets(-1, since, reverse=True) == []
    reader.house.publish(CHANNEL, 8)
    reader.top = 8
    assert reader.offsets(-1, StreamPosition(3, reader.epoch)) == [8]
