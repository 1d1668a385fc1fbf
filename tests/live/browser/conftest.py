"""A real browser, the chat as ``sennit serve`` serves it, and a network that can be taken away."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.live.browser.person import Person
from tests.live.process import ROOT, Process, wait_for_port
from tests.live.sdk.wire import Wire

SERVE = ["-m", "sennit", "serve"]

SOURCE = ROOT / "apps" / "chat"
BUILT = ROOT / "src" / "sennit" / "web" / "pages" / "chat" / "index.html"

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


def _built_from() -> float:
    """Return when the newest of the page's sources was changed."""
    files = [SOURCE / "index.html", SOURCE / "package-lock.json", SOURCE / "vite.config.ts"]
    files += [path for folder in ("src", "public") for path in (SOURCE / folder).rglob("*")]
    return max(path.stat().st_mtime for path in files)


@pytest.fixture(scope="session")
def page_files() -> Path:
    """Return the folder of the built page, built anew if its sources are newer."""
    if not BUILT.exists() or BUILT.stat().st_mtime < _built_from():
        npm = which("npm")
        assert npm is not None, "the chat page is not built, and there is no npm to build it"
        if not (SOURCE / "node_modules").exists():
            subprocess.run([npm, "ci"], cwd=SOURCE, check=True, timeout=300)  # noqa: S603
        subprocess.run([npm, "run", "build"], cwd=SOURCE, check=True, timeout=120)  # noqa: S603
    return BUILT.parent


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return Debian's chromium.

    It is closed with its module: while Playwright runs, this thread has a running event loop, and
    other tests start their own.
    """
    program = which("chromium")
    if program is None:
        message = "chromium is not installed (apt-get install chromium): NO BROWSER TEST WAS RUN"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
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
        self._server = self._start()

    def _start(self) -> Process:
        server = Process([*SERVE, "--port", str(self.port)])
        try:
            wait_for_port(self.port)
        except TimeoutError as error:
            server.stop()
            raise TimeoutError(f"{error}; its output:\n{server.output}") from error
        return server

    def stop(self) -> None:
        """Stop the server."""
        self._server.stop()

    def start(self) -> None:
        """Start the server again: it remembers nothing."""
        self._server = self._start()

    def check(self) -> None:
        """Check that the server still runs, and logged no failure."""
        assert self._server.running(), self._server.output
        assert "Traceback" not in self._server.output, self._server.output

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
