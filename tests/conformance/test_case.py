"""The cases of the outside suite, and choices among them."""

from __future__ import annotations

import pytest

from conformance.case import ALL, QUICK, SECTIONS, UnknownCaseError, choose, compact, section


def test_all_of_them() -> None:
    """517, in order, each in a section that has a name."""
    assert len(ALL) == len(set(ALL)) == 517
    assert [number for number in SECTIONS if any(section(case) == number for case in ALL)] == list(
        SECTIONS
    )
    assert (ALL[0], ALL[-1]) == ("1.1.1", "13.7.18")


@pytest.mark.parametrize(
    ("patterns", "cases"),
    [
        ("9.1.3", ["9.1.3"]),
        ("10", ["10.1.1"]),
        ("1.1.*", [f"1.1.{number}" for number in range(1, 9)]),
        ("1.1", [f"1.1.{number}" for number in range(1, 9)]),
        ("12.*.18, 2.1", ["2.1", *(f"12.{number}.18" for number in range(1, 6))]),
        ("7.1.1,7.1", [f"7.1.{number}" for number in range(1, 7)]),
    ],
)
def test_choices(patterns: str, cases: list[str]) -> None:
    """In the suite's order, each once, whatever the order of the patterns."""
    assert choose(patterns) == cases


@pytest.mark.parametrize("patterns", ["8", "1.3", "", "1.1.9", "1.1.1.1", "x"])
def test_a_choice_of_nothing(patterns: str) -> None:
    """It is an error: a misspelt case must not pass for a tested one."""
    with pytest.raises(UnknownCaseError):
        choose(patterns)


def test_the_quick_choice_has_all_sections() -> None:
    """A little of everything."""
    assert {section(case) for case in choose(QUICK)} == set(SECTIONS)


def test_compact() -> None:
    """Neighbours are joined, also over the end of a part."""
    assert compact(["1.1.7", "1.1.8", "1.2.1", "9.1.1"]) == "1.1.7-1.2.1, 9.1.1"
    assert compact([]) == ""
