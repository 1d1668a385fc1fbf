"""The ticker in a real browser: its rate is reached, and who is slow gets the newest."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.live.browser.window import DESKTOP, PHONE, Window, run_example

pytestmark = pytest.mark.deadline(120)

RATE = 10_000
OLD = 8.0
"""Seconds that a price may be old when the slow client gets it, on a machine that is busy."""


class Watcher(Window):
    """Somebody who looks at the ticker."""

    def watch(self) -> None:
        """Open the page and wait until prices come."""
        self.page.goto(self.url)
        expect(self.page.get_by_role("status")).to_have_text("Live", timeout=20_000)
        expect(self.price("TERN")).to_have_text(re.compile(r"\d+\.\d\d"), timeout=10_000)

    def price(self, symbol: str, column: int = 0) -> Locator:
        """A number of the table: 0 for the page's own price, 2 for the slow client's."""
        return self.page.get_by_role("row", name=symbol).get_by_role("cell").nth(column)

    def number(self, name: str) -> float:
        """A number with a name below it; 0 where there is none yet."""
        text = self.page.locator(f"#{name}").inner_text().replace(",", "")
        return float(text) if text[0].isdigit() else 0.0


Watch = Callable[..., Watcher]


@pytest.fixture
def watch(browser: Browser, new_port: Callable[[], int]) -> Iterator[Watch]:
    """Run the ticker; afterwards it has not complained, nor has a page."""
    with run_example(browser, Watcher, new_port(), "ticker") as open_page:

        def watch(**options: Any) -> Watcher:
            made = open_page(**options)
            made.watch()
            return made

        yield watch


def test_fast_and_slow(watch: Watch) -> None:
    """10,000 a second go in and come out; a page draws some; who is slow has few, but new ones."""
    ann = watch(**DESKTOP)
    first = ann.price("TERN").inner_text()
    assert ann.until(lambda: ann.price("TERN").inner_text() != first)
    assert ann.until(lambda: ann.number("feed") >= 0.98 * RATE), ann.number("feed")
    assert ann.until(lambda: ann.number("fast-rate") >= 0.9 * RATE), ann.number("fast-rate")

    ann.page.get_by_role("switch", name="A slow client").click()
    expect(ann.page.get_by_role("switch")).to_be_checked(timeout=15_000)
    # What lies in the sockets is old: the queue behind them begins to be conflated after that.
    assert ann.until(lambda: ann.number("conflated") > RATE), "nothing was left out for it"
    assert ann.until(lambda: 100 < ann.number("slow-rate") < 1000), ann.number("slow-rate")
    assert ann.until(lambda: 0 < ann.number("slow-age") < OLD), ann.number("slow-age")
    fast, slow = (float(ann.price("TERN", column).inner_text()) for column in (0, 2))
    assert abs(slow / fast - 1) < 0.05
    ann.page.wait_for_timeout(8000)
    assert ann.number("slow-age") < OLD, "it falls further and further behind"
    ann.picture("ticker-desktop")

    bob = watch(**PHONE, color_scheme="dark")
    bob.page.wait_for_timeout(6000)
    assert not bob.is_wide()
    bob.picture("ticker-phone", whole=True)

    ann.page.get_by_role("switch").click()
    expect(ann.page.get_by_role("switch")).not_to_be_checked(timeout=15_000)
    expect(ann.price("TERN", 2)).to_have_text("")
