"""Somebody who chats: a browser window, and what is done and seen in it."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect

__all__ = ["Person"]

ARTIFACTS = Path(__file__).resolve().parents[1] / "artifacts"

_LOST = re.compile(
    r"^WebSocket connection to .* failed"
    r"|net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING)"
)
"""What the browser itself says when the network is gone."""


class Person:
    """One person in one window.

    Args:
        context: the browser profile that the window belongs to.
        url: where the page is.

    Attributes:
        page: the window's page.
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

    # -- what they do ------------------------------------------------------------------------------

    def arrive(self, name: str, room: str = "") -> None:
        """Open the page, choose a name, and wait for the connection."""
        self.page.goto(f"{self.url}/#{room}" if room else self.url)
        self.page.get_by_label("Your name", exact=True).fill(name)
        self.page.get_by_role("button", name="Start talking").click()
        self.is_connected()

    def say(self, text: str) -> None:
        """Write a message and press Enter."""
        self.box.fill(text)
        self.box.press("Enter")
        expect(self.box).to_have_value("")

    def open(self, room: str) -> None:
        """Open a room of the list."""
        self.line(room).click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text(room)

    def picture(self, name: str) -> None:
        """Keep what the window shows."""
        ARTIFACTS.mkdir(exist_ok=True)
        # Without the caret, and with every animation at its end.
        self.page.screenshot(path=ARTIFACTS / f"{name}.png", animations="disabled")

    # -- what they see -----------------------------------------------------------------------------

    @property
    def box(self) -> Locator:
        """Where one writes."""
        return self.page.get_by_role("textbox", name="Message to")

    @property
    def log(self) -> Locator:
        """The list of messages."""
        return self.page.get_by_role("log")

    @property
    def bubbles(self) -> Locator:
        """The texts of the messages."""
        return self.log.locator(".bubble")

    @property
    def status(self) -> Locator:
        """The connection's state."""
        return self.page.locator("#status")

    @property
    def people(self) -> Locator:
        """The names of those who are here."""
        return self.page.locator("#people-list .person-name")

    def line(self, room: str) -> Locator:
        """The line of a room in the list."""
        return self.page.locator(f'[data-room="{room}"] .room')

    def reads(self, *texts: str) -> None:
        """Expect these messages and no others, in this order."""
        expect(self.bubbles).to_have_text(list(texts))

    def sees(self, *names: str) -> None:
        """Expect these people in the list, in this order."""
        expect(self.people).to_have_text(list(names))

    def is_connected(self) -> None:
        """Expect the connection to be there, and the room to be entered."""
        expect(self.status).to_have_text("Connected", timeout=15_000)
        expect(self.log).to_have_attribute("aria-busy", "false")
