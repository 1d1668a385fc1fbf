"""The ticker in a real browser: its rate is reached, and who is slow gets the newest."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.live.browser.person import Person
from tests.live.process import Process

pytestmark = pytest.mark.deadline(120)

RATE = 10_000
OLD = 8.0
"""Seconds that a price may be old when the slow client gets it, on a machine that is busy."""
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 860}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
    "color_scheme": "dark",
}


class Watcher(Person):
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

    def until(self, condition: Callable[[], bool], seconds: float = 20) -> bool:
        """Wait until something is so."""
        for _ in range(round(seconds * 4)):
            if condition():
                return True
            self.page.wait_for_timeout(250)
        return False


@pytest.fixture
def watchers(
    browser: Browser, new_port: Callable[[], int]
) -> Iterator[Callable[[dict[str, Any]], Watcher]]:
    """Run the ticker; afterwards it has not complained, nor has a page."""
    port = new_port()
    process = Process([sys.executable, "-m", "examples.ticker", "--port", str(port)])
    made: list[Watcher] = []

    def watcher(options: dict[str, Any]) -> Watcher:
        made.append(Watcher(browser.new_context(**options), f"http://127.0.0.1:{port}"))
        made[-1].watch()
        return made[-1]

    try:
        process.wait_for_line("The ticker is at")
        yield watcher
        assert process.running(), process.output
        assert len(process.lines) == 1, process.output
        assert [watcher.complaints for watcher in made] == [[] for _ in made]
    finally:
        for one in made:
            one.page.context.close()
        process.stop()


def test_fast_and_slow(watchers: Callable[[dict[str, Any]], Watcher]) -> None:
    """10,000 a second go in and come out; a page draws some; who is slow has few, but new ones."""
    ann = watchers(DESKTOP)
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

    bob = watchers(PHONE)
    bob.page.wait_for_timeout(6000)
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not bob.page.evaluate(wide)
    bob.page.screenshot(path="tests/live/artifacts/ticker-phone.png", full_page=True)

    ann.page.get_by_role("switch").click()
    expect(ann.page.get_by_role("switch")).not_to_be_checked(timeout=15_000)
    expect(ann.price("TERN", 2)).to_have_text("")
