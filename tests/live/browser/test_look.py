"""How the chat looks: on a phone and a desktop, light and dark, with pictures of all of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.live.browser.conftest import Stage
from tests.live.browser.window import PHONE

pytestmark = pytest.mark.deadline(90)

TALK: list[tuple[str, str]] = [
    ("Ben", "Morning! Is the tide table for the harbour live yet?"),
    ("Ben", "I can see the ferries moving, but not the water."),
    ("Ann", "It went up ten minutes ago."),
    (
        "Ann",
        "The buoys come by plain WebSocket, this page by the SDK. They meet in one room.",
    ),
    ("Cyrus", "From the ferry: lost the signal under the bridge, and all of it was here after."),
    ("Ben", "In order?"),
    ("Cyrus", "In order, and once 🙂"),
    ("Ann", "That is the whole idea."),
]


def test_looks(stage: Stage) -> None:
    """Phone and desktop, light and dark: everything fits, and pictures are kept."""
    first = stage.window()
    first.page.goto(first.url)
    expect(first.page.get_by_role("dialog")).to_be_visible()
    first.picture("welcome")
    first.arrive("Ann Marlowe")
    people = {
        "Ann": first,
        "Ben": stage.person("Ben Okafor", color_scheme="dark"),
        "Cyrus": stage.person("Cyrus Ode", **PHONE),
    }
    dot = stage.person("Dot", **PHONE, color_scheme="dark")
    for name, text in TALK:
        people[name].say(text)
        expect(dot.bubbles.last).to_have_text(text)
    first.open("random")
    first.open("lobby")
    people["Ben"].open("random")
    people["Ben"].say("Who has the blue mug?")
    people["Ben"].open("lobby")
    expect(first.line("random")).to_have_accessible_name("random, 1 unread")
    dot.box.tap()
    dot.box.press_sequentially("On my")
    expect(first.page.locator("#typing")).to_have_text("Dot is typing")

    for person, name in (
        (first, "desktop-light"),
        (people["Ben"], "desktop-dark"),
        (people["Cyrus"], "phone-light"),
        (dot, "phone-dark"),
    ):
        assert not person.is_wide()
        person.picture(name)


def test_drawers_of_a_phone(stage: Stage) -> None:
    """On a phone rooms and people slide in, take the focus, and give it back."""
    ann = stage.person("Ann", **PHONE)
    opener = ann.page.get_by_role("button", name="Rooms", exact=True)
    rooms = ann.page.locator("#rooms")
    expect(rooms).to_be_hidden()
    opener.tap()
    expect(rooms).to_be_in_viewport()
    expect(ann.line("lobby")).to_be_focused()
    ann.picture("phone-rooms")
    ann.page.keyboard.press("Escape")
    expect(rooms).to_be_hidden()
    expect(opener).to_be_focused()

    opener.tap()
    ann.line("help").tap()
    expect(rooms).to_be_hidden()
    expect(ann.page.get_by_role("heading", level=1)).to_have_text("help")

    ann.page.get_by_role("button", name="Who is here").tap()
    expect(ann.people).to_be_in_viewport()
    ann.picture("phone-people")
    ann.page.locator("#scrim").tap(position={"x": 20, "y": 400})
    expect(ann.page.locator("#people")).to_be_hidden()


def test_small_and_reduced(stage: Stage) -> None:
    """A very small phone, larger text and no motion: all of it still fits."""
    ann = stage.person(
        "Somebody with a rather long name",
        viewport={"width": 320, "height": 560},
        reduced_motion="reduce",
        device_scale_factor=2,
    )
    ann.say("Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft")
    expect(ann.log.locator(".own .delivery")).to_contain_text("Sent")
    ann.page.evaluate("document.documentElement.style.fontSize = '125%'")
    assert not ann.is_wide()
    expect(ann.box).to_be_in_viewport()
    ann.picture("small")
