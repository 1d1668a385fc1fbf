"""The game in a real browser: two people see each other paint, and one is asked by the server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, WebSocketRoute, expect

from tests.live.browser.window import DESKTOP, PHONE, Window, run_example

pytestmark = pytest.mark.deadline(120)

GIFT_EVERY = 6
TEAMS = ("Teal", "Orange", "Violet", "Pink", "Green", "Gold")


class Painter(Window):
    """Somebody who plays.

    Attributes:
        left: messages that are still to be lost.
    """

    left: Sequence[None] = ()

    def lose(self, words: str, count: int) -> None:
        """Let messages with some words in them be lost on their way here."""
        self.left = lost = [None] * count

        def route(near: WebSocketRoute) -> None:
            far = near.connect_to_server()

            def pass_on(message: str | bytes) -> None:
                if lost and words in str(message):
                    lost.pop()
                else:
                    near.send(message)

            near.on_message(far.send)
            far.on_message(pass_on)

        self.page.route_web_socket(re.compile("/connection/websocket"), route)

    def play(self, name: str) -> None:
        """Open the page, say a name, and wait for the board."""
        self.page.goto(self.url)
        self.page.get_by_label("Your name").fill(name)
        self.page.get_by_role("button", name="Play").press("Enter")
        expect(self.page.get_by_role("status").first).to_have_text("Playing", timeout=20_000)
        expect(self.page.locator("#start")).to_be_hidden()

    def fields(self, team: str) -> int:
        """How many fields a team has, as this page knows it."""
        return int(self.page.locator(f'[data-team="{team}"] .number').inner_text())

    def hold(self, key: str, milliseconds: int) -> None:
        """Hold a key down for a while."""
        self.page.keyboard.down(key)
        self.page.wait_for_timeout(milliseconds)
        self.page.keyboard.up(key)

    @property
    def team(self) -> str:
        """The team's name."""
        return self.page.locator(".teams .mine").get_attribute("data-team") or ""

    @property
    def gift(self) -> Locator:
        """The server's question."""
        return self.page.get_by_role("group", name="Choose a gift")


Come = Callable[..., Painter]


@pytest.fixture
def come(browser: Browser, new_port: Callable[[], int]) -> Iterator[Come]:
    """Run the game; afterwards it has not complained, nor has a page."""
    arguments = ["--gift", str(GIFT_EVERY), "--bots", "0"]
    with run_example(browser, Painter, new_port(), "game", *arguments) as open_page:

        def come(name: str, lost: int = 0, **options: Any) -> Painter:
            made = open_page(**options)
            if lost:
                made.lose('"paint"', lost)
            made.play(name)
            return made

        yield come


def test_two_who_play(come: Come) -> None:
    """Each sees the other come, paint and go; the answer to the server's call changes the board."""
    ann = come("Ann", **DESKTOP)
    ben = come("Ben", **PHONE, color_scheme="dark")
    for one in (ann, ben):
        expect(one.page.locator("#people li")).to_have_text(["Ann", "Ben"])
        expect(one.page.locator(".teams .mine")).to_have_count(1)
    assert {ann.team, ben.team} == set(TEAMS[:2])

    # By keys, letters and arrows; by touch, on the phone.
    for key in ("ArrowRight", "d", "ArrowLeft", "ArrowDown", "s", "w"):
        ann.hold(key, 400)
    for way in ("Right", "Left", "Down", "Up"):
        button = ben.page.get_by_role("button", name=way)
        button.dispatch_event("pointerdown", {"pointerId": 1, "isPrimary": True})
        ben.page.wait_for_timeout(500)
        button.dispatch_event("pointerup", {"pointerId": 1, "isPrimary": True})
    for one, other in ((ann, ben), (ben, ann)):
        assert one.until(lambda one=one: one.fields(one.team) > 2), one.fields(one.team)  # type: ignore[misc]
        same = lambda one=one, other=other: other.fields(one.team) == one.fields(one.team)  # noqa: E731
        assert one.until(same), (one.fields(one.team), other.fields(one.team))

    # Whoever is asked: Ann answers by a key, and Ben by touch.
    assert ann.until(ann.gift.is_visible, 60), "Ann was never asked"
    ann.picture("game-desktop")
    before = ann.fields(ann.team)
    ann.page.keyboard.press("3")
    expect(ann.gift).to_be_hidden()
    assert ann.until(lambda: ann.fields(ann.team) > before + 20), ann.fields(ann.team)
    assert ben.until(lambda: ben.fields(ann.team) == ann.fields(ann.team))
    expect(ben.page.get_by_role("log")).to_contain_text("Ann has cross.")

    assert ben.until(ben.gift.is_visible, 60), "Ben was never asked"
    ben.picture("game-phone")
    assert not ben.is_wide()
    assert not ann.is_wide()
    ben.gift.get_by_role("button", name=re.compile("Splash")).tap()
    expect(ann.page.get_by_role("log")).to_contain_text("Ben has splash.")

    ben.page.goto("about:blank")
    expect(ann.page.locator("#people li")).to_have_text(["Ann"])
    ann.picture("game-alone")


def test_changes_that_were_lost(come: Come) -> None:
    """A page that misses some asks for the whole board, and is right again."""
    ann = come("Ann", **DESKTOP)
    ben = come("Ben", lost=2, **PHONE)
    ann.hold("ArrowRight", 900)
    ann.hold("ArrowLeft", 900)
    ann.hold("ArrowUp", 500)
    assert ann.until(lambda: ann.fields(ann.team) >= 4), ann.fields(ann.team)
    assert ben.until(lambda: ben.fields(ann.team) == ann.fields(ann.team))
    assert ben.left == []
