"""A browser's window, what is seen in it, and the examples that have a page to look at."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.live.process import Process

__all__ = ["DESKTOP", "PHONE", "Window", "run_example"]

DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 860}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
ARTIFACTS = Path(__file__).resolve().parents[1] / "artifacts"

_LOST = re.compile(
    r"^WebSocket connection to .* failed"
    r"|net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING)"
)
"""What the browser itself says when the network is gone."""


class Window:
    """A window of a browser.

    Args:
        context: the browser profile that it belongs to.
        url: where the page is.

    Attributes:
        page: what is in it.
        complaints: errors that the page wrote to the console or did not catch.
        network_may_fail: whether the browser's own complaints about a lost connection are fine.
    """

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page: Page = context.new_page()
        self.url = url
        self.complaints: list[str] = []
        self.network_may_fail = False
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            if self.network_may_fail and _LOST.search(message.text):
                return
            self.complaints.append(f"{message.type}: {message.text}")

    def picture(self, name: str, *, whole: bool = False) -> None:
        """Keep what the window shows, or the whole page."""
        ARTIFACTS.mkdir(exist_ok=True)
        # Without the caret, and with every animation at its end.
        file = ARTIFACTS / f"{name}.png"
        self.page.screenshot(path=file, animations="disabled", full_page=whole)

    def until(self, condition: Callable[[], bool], seconds: float = 20) -> bool:
        """Wait until something is so, and return whether it is."""
        for _ in range(round(seconds * 10)):
            if condition():
                return True
            self.page.wait_for_timeout(100)
        return False

    def is_wide(self) -> bool:
        """Return whether the page is wider than its window."""
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        return bool(self.page.evaluate(wide))


W = TypeVar("W", bound=Window)


@contextmanager
def run_example(
    browser: Browser, window: type[W], port: int, name: str, *arguments: str
) -> Iterator[Callable[..., W]]:
    """Run an example, and yield what opens its page; afterwards neither has complained.

    What is yielded takes the options of a browser profile.
    """
    command = [sys.executable, "-m", f"examples.{name}", "--port", str(port), *arguments]
    process = Process(command)
    opened: list[W] = []

    def open_page(**options: Any) -> W:
        opened.append(window(browser.new_context(**options), f"http://127.0.0.1:{port}"))
        return opened[-1]

    try:
        process.wait_for_line(f"The {name} is at")
        yield open_page
        assert process.running(), process.output
        assert len(process.lines) == 1, process.output
        assert [one.complaints for one in opened] == [[] for _ in opened]
    finally:
        for one in opened:
            one.page.context.close()
        process.stop()
