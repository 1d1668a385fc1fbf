"""A real browser, the chat as ``sennit serve`` serves it, and a network that can be taken away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.live.browser.person import Person
from tests.live.requirement import require_program
from tests.live.sdk.wire import Wire
from tests.live.server import Server

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return Debian's chromium.

    It is closed with its module: while Playwright runs, this thread has a running event loop, and
    other tests start their own.
    """
    program = require_program("chromium")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield made
        made.close()


class Stage:
    """The chat server, the network before it, and the people who use it.

    Attributes:
        port: where the server listens.
        wire: a way to the server that can be cut; ``person(..., wired=True)`` uses it.
        people: everybody who came, for the check that no page complained.
    """

    def __init__(self, browser: Browser, port: int, wire: Wire) -> None:
        self._browser = browser
        self.port = port
        self.wire = wire
        self.people: list[Person] = []
        self._server = Server(port)

    def stop(self) -> None:
        """Stop the server."""
        self._server.process.stop()

    def start(self) -> None:
        """Start the server again: it remembers nothing."""
        self._server = Server(self.port)

    def check(self) -> None:
        """Check that the server still runs, and logged no failure."""
        self._server.check()

    def window(
        self, *, wired: bool = False, tab_of: Person | None = None, **options: Any
    ) -> Person:
        """Open a window; of a new person, or another tab of somebody's.

        Args:
            wired: reach the server by the wire.
            tab_of: whose browser profile it shares.
            options: of the browser profile: ``viewport``, ``color_scheme``, …
        """
        port = self.wire.port if wired else self.port
        options.setdefault("viewport", {"width": 1280, "height": 800})
        context = self._browser.new_context(**options) if tab_of is None else tab_of.page.context
        person = Person(context, f"http://127.0.0.1:{port}")
        self.people.append(person)
        return person

    def person(self, name: str, *, room: str = "", wired: bool = False, **options: Any) -> Person:
        """Open a window and enter the chat; see :meth:`window`."""
        person = self.window(wired=wired, **options)
        person.arrive(name, room)
        return person


@pytest.fixture
def stage(browser: Browser, new_port: Callable[[], int], page_files: Path) -> Iterator[Stage]:
    """Return a chat with nobody in it; afterwards no page may have complained."""
    assert page_files.is_dir()
    port = new_port()
    with Wire(new_port(), port) as wire:
        made = Stage(browser, port, wire)
        try:
            yield made
            made.check()
            assert [person.complaints for person in made.people] == [[] for _ in made.people]
        finally:
            for person in made.people:
                person.page.context.close()
            made.stop()
