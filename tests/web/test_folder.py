"""Folders in the tree of addresses."""

from __future__ import annotations

from urllib.parse import urljoin

import pytest
from twisted.web.static import Data

from sennit.web.folder import Folder
from tests.web.double import Browser


def word(text: str) -> Data:
    return Data(text.encode(), "text/plain")


@pytest.fixture
def root() -> Folder:
    """Return a folder with an index, a leaf, and folders with and without an index."""
    root = Folder()
    for path in ("/", "/leaf", "/page/", "/page/deep/", "/bare/leaf", "/a b/ü:?#%/", "/;x=1/"):
        root.place(path, word(path))
    return root


@pytest.fixture
def browser(root: Folder) -> Browser:
    """Return somebody who asks for them."""
    return Browser(root)


# -- children ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/leaf", "/page/", "/page/deep/", "/bare/leaf"])
def test_a_place(browser: Browser, path: str) -> None:
    """What was put at an address is there."""
    assert browser.ask(path).body == path.encode()


@pytest.mark.parametrize(
    "path",
    [
        "/none",
        "/LEAF",
        "/bare",
        "/bare/",
        "/page/none",
        "/page/deep/..",
        "/page/../leaf",
        "/page/..%2fleaf",
        "/page%2f",
        "/leaf%00",
        "/%ff",
    ],
)
def test_nothing_is_anywhere_else(browser: Browser, path: str) -> None:
    """Names are exact, and a folder without an index is nothing itself."""
    found = browser.ask(path)
    assert found.status == 404
    assert b"Nothing here" in found.body


def test_names_are_compared_decoded(browser: Browser) -> None:
    """Browsers encode more or less of them."""
    assert browser.ask("/%6ceaf").body == b"/leaf"
    assert browser.ask("/a%20b/%C3%BC:%3F%23%25/").status == 200


def test_a_later_place_makes_room(root: Folder, browser: Browser) -> None:
    """For itself, and for folders on its way; what is beside it stays."""
    root.place("/leaf/inner", word("inner"))
    root.place("/page/", word("another"))
    assert browser.ask("/leaf/inner").body == b"inner"
    assert browser.ask("/leaf").status == 404
    assert browser.ask("/page/").body == b"another"
    assert browser.ask("/page/deep/").body == b"/page/deep/"


def test_the_slash_at_the_beginning_may_be_left_out(root: Folder, browser: Browser) -> None:
    """It is the folder's own."""
    root.place("x/y", word("y"))
    assert browser.ask("/x/y").body == b"y"


# -- the way to the index ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/page", "./page/"),
        ("/page/deep", "./deep/"),
        ("/page?room=a&b=/c?d", "./page/?room=a&b=/c?d"),
        ("/page?", "./page/?"),
        ("/a%20b/%C3%BC:%3F%23%25", "./%C3%BC%3A%3F%23%25/"),
        ("/%3Bx%3D1", "./%3Bx%3D1/"),
    ],
)
def test_a_folder_leads_to_its_index(browser: Browser, path: str, location: str) -> None:
    """By an address that is relative, quoted, and keeps the query."""
    found = browser.ask(path)
    assert (found.status, found.headers["location"], found.body) == (308, location, b"")
    there = urljoin(f"https://example.com/prefix{path}", location)
    assert there.startswith("https://example.com/prefix/")
    assert browser.ask(there.removeprefix("https://example.com/prefix")).status == 200


def test_it_leads_to_no_other_host(root: Folder, browser: Browser) -> None:
    """However its address is written."""
    root.place("//evil.example/", word("evil"))
    found = browser.ask("//evil.example")
    assert found.status == 308
    there = urljoin("https://example.com//evil.example", found.headers["location"])
    assert there.startswith("https://example.com/")
    for path in ("//other.example/page", "/%2fother.example", "/\\other.example", "/page%0d%0aX:y"):
        found = browser.ask(path)
        assert found.status == 404
        assert "location" not in found.headers


@pytest.mark.parametrize("method", ["HEAD", "POST"])
def test_every_method_is_led_there(browser: Browser, method: str) -> None:
    """The index says what it thinks of it; 308 keeps the method."""
    found = browser.ask("/page", method)
    assert (found.status, found.headers["location"]) == (308, "./page/")


def test_the_way_has_the_headers_of_every_answer(browser: Browser) -> None:
    """The policy, and no version of the server."""
    found = browser.ask("/page")
    assert found.headers["server"] == "Sennit"
    assert found.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
