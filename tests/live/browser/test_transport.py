"""The chat in a real browser without WebSockets: by HTTP streaming, and by server-sent events."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.live.browser.conftest import Stage
from tests.live.browser.person import Person

pytestmark = pytest.mark.deadline(90)

BLOCKED = """
    const Real = WebSocket;
    window.WebSocket = class extends Real {
        constructor(url) { super(url.replace("/connection/", "/blocked/")); }
    };
"""
"""Sees to it that no WebSocket opens, as some proxies do."""


def by(stage: Stage, name: str, way: str, *, wired: bool = False) -> Person:
    """Return somebody who has come by one transport."""
    person = stage.window(wired=wired)
    person.url = f"{person.url}/?transport={way}"
    with person.page.expect_request(lambda request: f"/connection/{way}" in request.url):
        person.arrive(name)
    return person


@pytest.mark.parametrize("way", ["http_stream", "sse"])
def test_two_people_talk(stage: Stage, way: str) -> None:
    """One without WebSockets and one with: they see each other, and what each says, at once."""
    ann, ben = stage.person("Ann"), by(stage, "Ben", way)
    ann.sees("Ann", "Ben")
    ben.sees("Ben", "Ann")
    ann.box.press_sequentially("Hello")
    expect(ben.page.locator("#typing")).to_have_text("Ann is typing")
    ann.box.press("Enter")
    ben.reads("Hello")
    ben.say("Hello yourself")
    for person in (ann, ben):
        person.reads("Hello", "Hello yourself")
    ben.page.context.close()
    stage.people.remove(ben)
    ann.sees("Ann")


@pytest.mark.parametrize("way", ["http_stream", "sse"])
def test_network_lost_and_back(stage: Stage, way: str) -> None:
    """What was missed is read on return, in order, once."""
    ann, ben = stage.person("Ann"), by(stage, "Ben", way, wired=True)
    ann.say("before")
    ben.reads("before")
    ben.network_may_fail = True
    stage.wire.cut()
    expect(ben.status).to_have_text("Offline, trying again…")
    ann.sees("Ann")
    for text in ("one", "two"):
        ann.say(text)
    stage.wire.mend()
    ben.is_connected()
    ben.reads("before", "one", "two")
    ann.sees("Ann", "Ben")


def test_blocked_websockets(stage: Stage) -> None:
    """The page finds another way by itself."""
    ann, ben = stage.person("Ann"), stage.window()
    ben.network_may_fail = True
    ben.page.add_init_script(BLOCKED)
    with ben.page.expect_request(lambda request: "/connection/http_stream" in request.url):
        ben.arrive("Ben")
    ann.say("Hello")
    ben.reads("Hello")
    ben.say("Hello yourself")
    ann.reads("Hello", "Hello yourself")
