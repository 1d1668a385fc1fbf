"""The chat in a real browser: people talk, lose the network, come back, and miss nothing."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.live.browser.conftest import Stage

pytestmark = pytest.mark.deadline(90)

MISSED = ".notice-missed"
FORGOTTEN = ".notice-forgotten"


def test_two_people_talk(stage: Stage) -> None:
    """Two people see each other, what each says in order, and who is typing."""
    ann = stage.person("Ann")
    ben = stage.person("Ben")
    ann.sees("Ann", "Ben")
    ben.sees("Ben", "Ann")

    ann.box.press_sequentially("Hello")
    expect(ben.page.locator("#typing")).to_have_text("Ann is typing")
    ann.box.press("Enter")
    ben.reads("Hello")
    expect(ben.page.locator("#typing")).to_have_text("")
    ben.say("Hello yourself")
    ann.say("How is it there?")
    for person in (ann, ben):
        person.reads("Hello", "Hello yourself", "How is it there?")
    expect(ann.log.locator(".own.tail .delivery").last).to_contain_text("Sent")
    expect(ben.log.locator(".theirs .name").first).to_have_text("Ann")

    ann.page.context.close()
    stage.people.remove(ann)
    ben.sees("Ben")


def test_typing_ends_by_itself(stage: Stage) -> None:
    """Who types and stops without a word is forgotten after a few seconds."""
    ann = stage.person("Ann")
    ben = stage.person("Ben")
    ben.sees("Ben", "Ann")
    ann.box.press_sequentially("hm")
    expect(ben.page.locator("#typing")).to_have_text("Ann is typing")
    expect(ben.page.locator("#typing")).to_have_text("", timeout=10_000)


def test_earlier_messages_and_reload(stage: Stage) -> None:
    """Who enters, or loads the page again, reads what was said before, under the same name."""
    ann = stage.person("Ann")
    ann.say("first\nof two lines")
    ann.say("second")
    ben = stage.person("Ben")
    ben.reads("first\nof two lines", "second")
    expect(ben.page).to_have_title("lobby · Sennit")
    ann.page.reload()
    ann.is_connected()
    ann.reads("first\nof two lines", "second")
    expect(ann.log.locator(".own")).to_have_count(2)
    ben.sees("Ben", "Ann")


def test_unread_counts(stage: Stage) -> None:
    """What is said in a room that is not open is counted at the room and in the title."""
    ann = stage.person("Ann")
    ben = stage.person("Ben")
    ann.open("random")
    ann.open("lobby")
    ben.open("random")
    ben.say("one")
    ben.say("two")
    expect(ann.line("random")).to_have_accessible_name("random, 2 unread")
    expect(ann.page).to_have_title("(2) lobby · Sennit")
    ann.open("random")
    ann.reads("one", "two")
    expect(ann.page).to_have_title("random · Sennit")
    expect(ann.log.locator(".notice-unread")).to_have_text("New messages")


def test_rooms(stage: Stage) -> None:
    """A room can be made, shared by its address, left, and is there for others."""
    ann = stage.person("Ann")
    ann.page.get_by_label("Name of a room").fill("Tea & Biscuits")
    ann.page.get_by_label("Name of a room").press("Enter")
    expect(ann.page.get_by_role("heading", level=1)).to_have_text("tea-biscuits")
    expect(ann.page).to_have_url(re.compile("#tea-biscuits$"))
    ann.say("Kettle is on")
    ben = stage.person("Ben", room="tea-biscuits")
    ben.reads("Kettle is on")
    ann.page.go_back()
    expect(ann.page.get_by_role("heading", level=1)).to_have_text("lobby")
    ann.page.locator('[data-room="tea-biscuits"]').hover()
    ann.page.get_by_role("button", name="Leave tea-biscuits").click()
    ben.sees("Ben")


def test_one_person_with_two_tabs(stage: Stage) -> None:
    """Two tabs of one person are one person in the list, and both see what either says."""
    ben = stage.person("Ben")
    ann = stage.person("Ann")
    tab = stage.window(tab_of=ann)
    tab.page.goto(tab.url)
    tab.is_connected()
    ben.sees("Ben", "Ann")
    tab.say("from the second tab")
    for person in (ann, tab, ben):
        person.reads("from the second tab")
    expect(ann.log.locator(".own")).to_have_count(1)
    tab.page.close()
    ben.say("still here?")
    ann.reads("from the second tab", "still here?")
    ben.sees("Ben", "Ann")


def test_network_lost_and_back(stage: Stage) -> None:
    """Who loses the network is told so, and on return reads what was missed, in order, once."""
    ann = stage.person("Ann")
    ben = stage.person("Ben", wired=True)
    ann.say("before")
    ben.reads("before")
    ben.network_may_fail = True

    stage.wire.cut()
    expect(ben.status).to_have_text("Offline, trying again…")
    expect(ben.page.locator("#banner")).to_contain_text("No connection to the server")
    ann.sees("Ann")
    for text in ("one", "two", "three"):
        ann.say(text)
    ann.reads("before", "one", "two", "three")
    ben.reads("before")

    stage.wire.mend()
    ben.is_connected()
    ben.reads("before", "one", "two", "three")
    expect(ben.log.locator(MISSED)).to_have_text("You missed 3 messages")
    ann.sees("Ann", "Ben")
    ben.picture("missed")

    ann.say("after")
    ben.reads("before", "one", "two", "three", "after")

    # And once more: the mark moves on.
    stage.wire.cut()
    expect(ben.status).to_have_text("Offline, trying again…")
    ann.say("again")
    stage.wire.mend()
    ben.is_connected()
    ben.reads("before", "one", "two", "three", "after", "again")
    expect(ben.log.locator(MISSED)).to_have_text("You missed 1 message")


def test_sent_while_offline(stage: Stage) -> None:
    """What is written without a network waits, is marked so, and arrives once on return."""
    ann = stage.person("Ann")
    ben = stage.person("Ben", wired=True)
    ben.network_may_fail = True
    stage.wire.cut()
    expect(ben.status).to_have_text("Offline, trying again…")
    ben.say("written in the tunnel")
    ben.say("and this too")
    expect(ben.log.locator(".own .delivery").last).to_have_text("Waiting to be sent")
    ben.picture("offline")
    ann.say("meanwhile")

    stage.wire.mend()
    ben.is_connected()
    for person in (ann, ben):
        person.reads("meanwhile", "written in the tunnel", "and this too")
    expect(ben.log.locator(".own.tail .delivery").last).to_contain_text("Sent")


def test_sent_while_offline_survives_a_reload(stage: Stage) -> None:
    """What waits to be sent is not lost when the page is loaded again."""
    ann = stage.person("Ann")
    ben = stage.person("Ben", wired=True)
    ben.network_may_fail = True
    stage.wire.cut()
    expect(ben.status).to_have_text("Offline, trying again…")
    ben.say("do not lose me")
    stage.wire.mend()
    ben.page.reload()
    ben.is_connected()
    for person in (ann, ben):
        person.reads("do not lose me")


def test_answer_that_does_not_come(stage: Stage) -> None:
    """A message without an answer is offered again; sent twice, it appears once everywhere."""
    ann = stage.person("Ann")
    ben = stage.person("Ben", wired=True)
    ben.network_may_fail = True
    ann.sees("Ann", "Ben")
    stage.wire.stall()
    ben.say("did you get this?")
    ann.reads("did you get this?")
    again = ben.page.get_by_role("button", name="Not sent — try again")
    expect(again).to_be_visible(timeout=15_000)
    ben.picture("not-sent")
    again.click()
    expect(ben.log.locator(".own .delivery")).to_have_text("Sending…")
    stage.wire.mend()
    expect(ben.log.locator(".own .delivery")).to_contain_text("Sent", timeout=15_000)
    ann.say("yes")
    for person in (ann, ben):
        person.reads("did you get this?", "yes")


def test_restart_of_the_server(stage: Stage) -> None:
    """After a restart the page says that earlier messages are gone, and goes on."""
    ann = stage.person("Ann")
    ben = stage.person("Ben")
    ann.say("from the old days")
    ben.reads("from the old days")
    for person in (ann, ben):
        person.network_may_fail = True

    stage.stop()
    expect(ann.status).to_have_text("Offline, trying again…")
    stage.start()
    for person in (ann, ben):
        person.is_connected()
        expect(person.log.locator(FORGOTTEN)).to_contain_text("Earlier messages are gone from it")
    ann.say("a new beginning")
    for person in (ann, ben):
        person.reads("from the old days", "a new beginning")
    ben.picture("restart")
    ann.sees("Ann", "Ben")

    newcomer = stage.person("Cy")
    newcomer.reads("a new beginning")
    expect(newcomer.log.locator(FORGOTTEN)).to_have_count(0)


MARKUP = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>&amp;'


def test_text_is_text(stage: Stage) -> None:
    """Markup in a message, a name or a room shows as text and nothing of it runs."""
    ann = stage.person("<b onclick=alert(1)>Ann")
    ben = stage.person("Ben")
    ann.say(MARKUP)
    ben.reads(MARKUP)
    ben.sees("Ben", "<b onclick=alert(1)>Ann")
    ann.box.press_sequentially("x")
    expect(ben.page.locator("#typing")).to_have_text("<b onclick=alert(1)>Ann is typing")
    for person in (ann, ben):
        assert person.page.evaluate("window.hit") is None
        assert person.log.locator("img, script, b").count() == 0


def test_policy_of_the_page(stage: Stage) -> None:
    """The page is served under a strict policy, and asks nothing of other hosts."""
    ann = stage.window()
    asked: list[str] = []
    ann.page.on("request", lambda request: asked.append(request.url))
    response = ann.page.goto(ann.url)
    assert response is not None
    policy = response.header_value("content-security-policy") or ""
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    ann.arrive("Ann")
    assert all(url.startswith(ann.url) for url in asked), asked
    inert = "document.querySelectorAll('[style], script:not([src]), style').length"
    assert ann.page.evaluate(inert) == 0


def test_a_name_that_is_refused(stage: Stage) -> None:
    """A name needs a letter, and what the page lets through the server may still refuse."""
    ann = stage.window()
    ann.page.goto(ann.url)
    box = ann.page.get_by_label("Your name", exact=True)
    box.fill("   ")
    box.press("Enter")
    expect(ann.page.get_by_text("A name needs at least one character.")).to_be_visible()
    ann.page.keyboard.press("Escape")
    expect(ann.page.get_by_role("dialog")).to_be_visible()
    box.fill("Ann")
    box.press("Enter")
    ann.is_connected()


def test_another_name(stage: Stage) -> None:
    """Who takes another name is known by it to everybody, and keeps their own messages."""
    ann = stage.person("Ann")
    ben = stage.person("Ben")
    ann.say("as Ann")
    ann.page.get_by_role("button", name="Change name").click()
    ann.page.get_by_label("Your name", exact=True).fill("Anna")
    ann.page.get_by_role("button", name="Use this name").click()
    ann.is_connected()
    ben.sees("Ben", "Anna")
    ann.say("as Anna")
    for person in (ann, ben):
        person.reads("as Ann", "as Anna")
    expect(ann.log.locator(".own")).to_have_count(2)
    expect(ben.log.locator(".name:visible")).to_have_text(["Ann", "Anna"])


def test_keyboard_alone(stage: Stage) -> None:
    """Everything is done without a mouse, and the focus is always to be seen."""
    ann = stage.window()
    keys = ann.page.keyboard
    ann.page.goto(ann.url)
    expect(ann.page.get_by_label("Your name", exact=True)).to_be_focused()
    keys.type("Ann")
    keys.press("Enter")
    ann.is_connected()
    expect(ann.box).to_be_focused()
    keys.type("one line")
    keys.press("Shift+Enter")
    keys.type("and another")
    keys.press("Enter")
    ann.reads("one line\nand another")
    expect(ann.box).to_be_focused()

    outline = "getComputedStyle(document.activeElement).outlineStyle"
    for _ in range(40):
        keys.press("Shift+Tab")
        name = ann.page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''")
        if name.startswith("random"):
            break
        around = "getComputedStyle(document.activeElement.parentElement).outlineStyle"
        assert "solid" in (ann.page.evaluate(outline), ann.page.evaluate(around))
    keys.press("Enter")
    expect(ann.page.get_by_role("heading", level=1)).to_have_text("random")
    expect(ann.box).to_be_focused()
    expect(ann.page.get_by_role("log")).to_have_accessible_name("Messages in random")


def test_composing_with_an_input_method(stage: Stage) -> None:
    """The Enter that ends a composition of an input method does not send."""
    ann = stage.person("Ann")
    ann.box.fill("にほ")
    ann.box.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})
    expect(ann.box).to_have_value("にほ")
    ann.box.press("Enter")
    ann.reads("にほ")


def test_long_text(stage: Stage) -> None:
    """The room left is shown near the limit, and too much cannot be sent."""
    ann = stage.person("Ann")
    ann.box.fill("x" * 3900)
    expect(ann.page.locator("#message-left")).to_have_text("100 left")
    ann.box.fill("x" * 4001)
    expect(ann.page.locator("#message-left")).to_have_text("1 characters too many")
    expect(ann.page.get_by_role("button", name="Send")).to_be_disabled()
    ann.box.fill("🙂" * 4000)
    ann.box.press("Enter")
    ann.reads("🙂" * 4000)
    expect(ann.log.locator(".own .delivery")).to_contain_text("Sent")


def test_reading_back(stage: Stage) -> None:
    """Who reads further up is not torn away by what is new, and finds the way down."""
    ann = stage.person("Ann")
    ben = stage.person("Ben")
    for number in range(30):
        ann.say(f"line {number}")
    expect(ben.bubbles).to_have_count(30)
    expect(ben.bubbles.last).to_be_in_viewport()
    ben.page.locator("#scroller").hover()
    ben.page.mouse.wheel(0, -600)
    jump = ben.page.locator("#jump")
    expect(jump).to_be_visible()
    ann.say("news")
    expect(jump).to_have_text("1 new")
    expect(ben.bubbles.last).not_to_be_in_viewport()
    jump.click()
    expect(ben.bubbles.last).to_be_in_viewport()
    expect(jump).to_be_hidden()


RAW = """
(port) => new Promise((resolve, reject) => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`, ["chat", "superchat"]);
  window.heard = [];
  window.socket = socket;
  socket.onmessage = ({ data }) => window.heard.push(data);
  socket.onopen = () => resolve(socket.protocol);
  socket.onerror = () => reject(new Error("refused"));
})
"""


def test_raw_websocket(stage: Stage) -> None:
    """A plain WebSocket with the tutorial's subprotocols talks with the web chat, both ways."""
    ann = stage.person("Ann")
    guest = stage.window()
    guest.page.goto(guest.url)
    assert guest.page.evaluate(RAW, stage.port) == "chat"
    guest.page.evaluate("window.socket.send('hello from a plain socket')")
    ann.reads("hello from a plain socket")
    expect(ann.log.locator(".theirs .name")).to_have_text(re.compile("^guest-"))
    ann.say("hello yourself")
    guest.page.wait_for_function("window.heard.includes('Ann: hello yourself')")
    heard: list[str] = guest.page.evaluate("window.heard")
    assert heard[-1] == "Ann: hello yourself"
    guest.page.evaluate("window.socket.close()")


def test_a_message_is_changed_and_taken_back(stage: Stage) -> None:
    """Everybody sees the new words, those who come later too, and that something was taken back."""
    ann = stage.person("Ann")
    ben = stage.person("Ben")
    ann.say("The ferry leaves at noon")
    ann.say("Bring a coat")
    ben.reads("The ferry leaves at noon", "Bring a coat")
    first = ann.log.locator(".message").first
    first.hover()
    first.get_by_role("button", name="Change this message").click()
    expect(ann.box).to_have_value("The ferry leaves at noon")
    expect(ann.page.locator("#editing")).to_be_visible()
    ann.say("The ferry leaves at one")
    ann.reads("The ferry leaves at one (edited)", "Bring a coat")
    ben.reads("The ferry leaves at one (edited)", "Bring a coat")
    expect(ann.page.locator("#editing")).to_be_hidden()
    ann.box.press("ArrowUp")
    expect(ann.box).to_have_value("Bring a coat")
    ann.box.press("Escape")
    expect(ann.box).to_have_value("")
    second = ann.log.locator(".message").nth(1)
    second.hover()
    second.get_by_role("button", name="Take this message back").click()
    for person in (ann, ben, stage.person("Eve")):
        person.reads("The ferry leaves at one (edited)", "Message taken back")
    expect(ben.page.get_by_role("button", name="Change this message")).to_have_count(0)
    ann.picture("changed")


def test_who_has_read_it(stage: Stage) -> None:
    """The name of who has read it stands under a message, and is there after a reload."""
    ann = stage.person("Ann")
    ben = stage.person("Ben")
    ann.say("Did you see the gulls?")
    expect(ann.log.locator(".seen")).to_have_text(["Seen by Ben"])
    ben.say("All of them")
    expect(ben.log.locator(".seen").last).to_have_text("Seen by Ann")
    ann.page.reload()
    ann.is_connected()
    expect(ann.log.locator(".own .seen")).to_have_text("Seen by Ben")
    ann.picture("seen")
