"""The roster of connections."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError

from sennit.net.roster import Roster
from tests.double import outcome


class Connection:
    """Notes how it was told to end; ends at once if it is told so."""

    def __init__(self, roster: Roster[Connection], at_once: bool = False) -> None:
        self.told: list[tuple[int, str]] = []
        self.roster = roster
        self.at_once = at_once
        roster.add(self)

    def disconnect(self, code: int, reason: str) -> None:
        self.told.append((code, reason))
        if self.at_once:
            self.roster.discard(self)


def test_it_knows_who_is_there() -> None:
    """In the order they came."""
    roster: Roster[Connection] = Roster()
    one, two = Connection(roster), Connection(roster)
    assert (len(roster), list(roster), one in roster) == (2, [one, two], True)
    roster.discard(one)
    roster.discard(one)
    assert (list(roster), one in roster) == ([two], False)


def test_closing_waits_for_those_who_were_there() -> None:
    """Each is told once; who comes later is neither told nor waited for."""
    roster: Roster[Connection] = Roster()
    one, two = Connection(roster), Connection(roster, at_once=True)
    gone = roster.close_all(1001, "going")
    late = Connection(roster)
    assert (one.told, two.told, late.told) == ([(1001, "going")], [(1001, "going")], [])
    assert not gone.called
    roster.discard(one)
    assert outcome(gone) is None


def test_closing_an_empty_roster_is_done() -> None:
    """Also when all end at once."""
    roster: Roster[Connection] = Roster()
    assert outcome(roster.close_all(1001, "")) is None
    Connection(roster, at_once=True)
    assert outcome(roster.close_all(1001, "")) is None


def test_the_waiting_can_be_cancelled() -> None:
    """The connections go on ending."""
    roster: Roster[Connection] = Roster()
    one = Connection(roster)
    first, second = roster.close_all(1001, ""), roster.close_all(1001, "")
    first.cancel()
    with pytest.raises(CancelledError):
        outcome(first)
    roster.discard(one)
    assert outcome(second) is None
