"""What the kernel tells of a process's memory."""

from __future__ import annotations

import pytest

from bench.memory import Memory, parse_rollup

ROLLUP = """\
55d8c5a00000-7ffd3a3fe000 ---p 00000000 00:00 0                          [rollup]
Rss:               12000 kB
Pss:                9000 kB
Pss_Dirty:          3000 kB
Shared_Clean:       2000 kB
Private_Clean:       500 kB
Private_Dirty:      6500 kB
Swap:                  0 kB
"""


def test_the_numbers() -> None:
    """Its own pages are those that are private, clean or dirty."""
    assert parse_rollup(ROLLUP) == Memory(pss=9000 * 1024, uss=7000 * 1024)


@pytest.mark.parametrize("missing", ["Pss", "Private_Clean", "Private_Dirty"])
def test_a_number_that_is_missing(missing: str) -> None:
    """It is an error, and no memory of zero."""
    with pytest.raises(ValueError, match=missing):
        parse_rollup(ROLLUP.replace(f"\n{missing}:", "\nOther:"))
