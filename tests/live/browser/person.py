"""Somebody who chats: a browser window, and what is done and seen in it."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.live.browser.window import Window

__all__ = ["Person"]


class Person(Window):
    """One person in one window."""

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
