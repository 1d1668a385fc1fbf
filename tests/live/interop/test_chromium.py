"""Ours as a server, and the browser's own WebSocket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.live.browser.conftest import ARGUMENTS
from tests.live.interop.conftest import COMPRESSION, OURS, Stage, closed_before, closings
from tests.live.interop.peer.script import BY_ASKED, BY_ASKER
from tests.live.requirement import require_program

CONVERSATION = Path(__file__).with_name("js") / "conversation.js"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return Debian's chromium."""
    program = require_program("chromium")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield made
        made.close()


@pytest.mark.parametrize("compression", COMPRESSION)
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_conversation(stage: Stage, browser: Browser, tls: bool, compression: str) -> None:
    """Text, bytes, nothing, 1 MiB, fragments and broadcasts arrive, and so do close codes."""
    url, process = stage.server(OURS, tls, compression)
    context = browser.new_context(ignore_https_errors=tls)
    page = context.new_page()
    # A page of the same host, as its origin has to be, though what it says is 426.
    page.goto(url.replace("ws", "http", 1))
    try:
        for asker_closes in (True, False):
            before = closed_before(process)
            told = page.evaluate(CONVERSATION.read_text(), [url, asker_closes])
            (end,) = closings(process, before, 1)
            assert told["wrong"] == []
            assert told["compressed"] == (compression == "on")
            assert told["clean"]
            assert told["closing"] == ([BY_ASKER[0], ""] if asker_closes else list(BY_ASKED))
            assert end == (list(BY_ASKER) if asker_closes else list(BY_ASKED))
    finally:
        context.close()
