"""Built pages: the files of a folder, from memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sennit.web import page as page_module
from sennit.web.notice import Notice
from sennit.web.page import built_page, page_folder
from tests.double import LogKeeper
from tests.web.double import Answer, Browser

HASHED = "app-DBjR6t_E.js"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder as a build leaves it, beside a file that is no part of it."""
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "page"
    for name in ("index.html", "a.svg", "A", f"assets/{HASHED}", "assets/plain.js", HASHED, ".env"):
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"this is {name}")
    (folder / "bare").mkdir()
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("secret")
    (folder / "deep" / "deeper").mkdir(parents=True)
    (folder / "deep" / "deeper" / "index.html").write_text("deep down")
    return folder


@pytest.fixture
def browser(folder: Path) -> Browser:
    """Return somebody who asks for what is there."""
    return Browser(page_folder(folder))


def socket_sources(found: Answer) -> list[str]:
    """Return where the policy lets a page connect to."""
    policy = found.headers["content-security-policy"].split("; ")
    (sources,) = [part for part in policy if part.startswith("connect-src ")]
    return sources.split(" ")[1:]


# -- what is there -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", b"this is index.html"),
        ("/index.html", b"this is index.html"),
        ("/?room=den", b"this is index.html"),
        ("/A", b"this is A"),
        ("/assets/plain.js", b"this is assets/plain.js"),
        ("/deep/deeper/", b"deep down"),
    ],
)
def test_a_file(browser: Browser, path: str, body: bytes) -> None:
    """It is at its name, and the index of a folder at the folder's as well."""
    found = browser.ask(path)
    assert (found.status, found.body) == (200, body)
    assert found.headers["content-length"] == str(len(body))


def test_head(browser: Browser) -> None:
    """It is told everything but the body."""
    got, head = browser.ask("/a.svg"), browser.ask("/a.svg", "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["etag"] == got.headers["etag"]
    assert head.headers["content-length"] == got.headers["content-length"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
@pytest.mark.parametrize("path", ["/", "/a.svg"])
def test_other_methods(browser: Browser, path: str, method: str) -> None:
    """A file is for reading."""
    found = browser.ask(path, method, b"x" if method in ("POST", "PUT") else b"")
    assert (found.status, found.headers["allow"]) == (405, "GET, HEAD")
    assert "etag" not in found.headers


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.SVG", "image/svg+xml"),
        ("a.woff2", "font/woff2"),
        ("a.wasm", "application/wasm"),
        ("a.b.txt", "text/plain; charset=utf-8"),
        ("a.exe", "application/octet-stream"),
        ("html", "application/octet-stream"),
    ],
)
def test_kinds(tmp_path: Path, name: str, kind: str) -> None:
    """By the name's end, and nothing that is not known is guessed, by the browser either."""
    (tmp_path / name).write_bytes(b"<html>")
    found = Browser(page_folder(tmp_path)).ask(f"/{name}")
    assert found.headers["content-type"] == kind
    assert found.headers["x-content-type-options"] == "nosniff"


def test_names_of_all_kinds(tmp_path: Path) -> None:
    """They are served as they are, in UTF-8 or not."""
    for name in ("a b.txt", "ü?.txt", "100%.txt", os.fsdecode(b"\xff.txt")):
        (tmp_path / name).write_text("here")
    browser = Browser(page_folder(tmp_path))
    for path in ("/a%20b.txt", "/%C3%BC%3f.txt", "/100%25.txt", "/%ff.txt"):
        assert browser.ask(path).body == b"here"


# -- what is not ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/assets",
        "/assets/",
        "/bare",
        "/bare/",
        "/deep/",
        "/.env",
        "/.git",
        "/.git/",
        "/.git/config",
        "/%2egit/config",
        "/INDEX.HTML",
        "/a",
        "/none",
    ],
)
def test_no_listing_and_no_hidden_files(browser: Browser, path: str) -> None:
    """What begins with a dot is not there, nor are names of another case."""
    found = browser.ask(path)
    assert found.status == 404
    assert b"this is" not in found.body


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/%252e%252e%252fsecret.txt",
        "/assets/../../secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/..\\secret.txt",
        "/..%5csecret.txt",
        "/.%00./secret.txt",
        "/secret.txt%00.svg",
        "/{folder}/../secret.txt",
        "/%2f{folder}/index.html",
        "/{folder}/index.html",
    ],
)
def test_no_way_out(folder: Path, browser: Browser, path: str) -> None:
    """However an address is written, it is looked up among names and never on the disk."""
    found = browser.ask(path.format(folder=folder))
    assert found.status == 404
    assert b"secret" not in found.body


@pytest.mark.parametrize(
    "path",
    [
        "//",
        "//a.svg",
        "//evil.example",
        "/index.html/",
        "/a.svg/more",
        "/assets%2fplain.js",
        "/assets//plain.js",
        "/deep/deeper//",
        "/a.svg%00",
    ],
)
def test_nothing_is_below_a_file(browser: Browser, path: str) -> None:
    """An address that goes on behind one leads nowhere; so does one with a slash too many."""
    assert browser.ask(path).status == 404


def test_what_came_later_is_not_served(folder: Path, browser: Browser) -> None:
    """Nor is what was changed; what was taken away is served still."""
    (folder / "later.txt").write_text("later")
    (folder / "A").write_text("changed")
    (folder / "a.svg").unlink()
    assert browser.ask("/later.txt").status == 404
    assert browser.ask("/A").body == b"this is A"
    assert browser.ask("/a.svg").body == b"this is a.svg"


def test_what_is_no_file(tmp_path: Path) -> None:
    """It is left out: a pipe, which would block, and a link to nothing."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    assert page_folder(tmp_path).children == {}


def test_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    """It is the caller's business."""
    with pytest.raises(FileNotFoundError):
        page_folder(tmp_path / "none")


# -- caching -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "caching"),
    [
        (f"/assets/{HASHED}", "public, max-age=31536000, immutable"),
        ("/assets/plain.js", "no-cache"),
        (f"/{HASHED}", "no-cache"),
        ("/", "no-cache"),
        ("/a.svg", "no-cache"),
    ],
)
def test_how_long_it_may_be_kept(browser: Browser, path: str, caching: str) -> None:
    """For ever if the name has the content's hash; else it is asked for each time."""
    found = browser.ask(path)
    assert found.headers["cache-control"] == caching
    assert found.headers["etag"]


@pytest.mark.parametrize(
    "known", ["{tag}", "W/{tag}", "*", '"other", {tag}', '"other",W/{tag} , "more"']
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_the_client_has_is_not_sent_again(browser: Browser, known: str, method: str) -> None:
    """Whether it knows more than one version, and whatever a proxy made of the tag."""
    tag = browser.ask("/").headers["etag"]
    found = browser.ask("/", method, If_None_Match=known.format(tag=tag))
    assert (found.status, found.body, found.headers["etag"]) == (304, b"", tag)
    assert found.headers["content-length"] == str(len(b"this is index.html"))
    assert found.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("known", ['"other"', "", "{bare}", "\xff", "{tag}x"])
def test_what_the_client_does_not_have_is_sent(browser: Browser, known: str) -> None:
    """With a tag that says which version it is."""
    tag = browser.ask("/").headers["etag"]
    found = browser.ask("/", If_None_Match=known.format(tag=tag, bare=tag.strip('"')))
    assert (found.status, found.body) == (200, b"this is index.html")


def test_a_tag_goes_with_the_content(browser: Browser) -> None:
    """Equal files have equal ones, others others, and it is the same after a restart."""
    tags = {path: browser.ask(path).headers["etag"] for path in ("/", "/index.html", "/A")}
    assert tags["/"] == tags["/index.html"] != tags["/A"]
    assert all(tag.startswith('"') and tag.endswith('"') for tag in tags.values())


# -- what a page may do --------------------------------------------------------------------------


def test_its_policy(browser: Browser) -> None:
    """It loads from where it comes from, and nobody frames it."""
    policy = browser.ask("/").headers["content-security-policy"].split("; ")
    assert policy[0] == "default-src 'none'"
    assert {"script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} < set(policy)
    assert "unsafe" not in " ".join(policy)


@pytest.mark.parametrize(
    "host",
    ["example.com", "a.b-c.example:8000", "127.0.0.1:8000", "localhost", "[::1]", "[fe80::1]:8000"],
)
def test_it_may_open_websockets_to_its_own_host(browser: Browser, host: str) -> None:
    """Older browsers want them named."""
    assert socket_sources(browser.ask("/", Host=host)) == [
        "'self'",
        f"ws://{host}",
        f"wss://{host}",
    ]


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a; script-src *",
        "a b",
        "*",
        "*.example.com",
        "a:port",
        "a:123456",
        "a'unsafe-inline'",
        "a/b",
        "a@b",
        "[::1",
        "[::1]x",
        "a\tb",
        "\xff",
        "\xb2",
        "a, b",
    ],
)
def test_a_host_cannot_change_the_policy(browser: Browser, host: str) -> None:
    """One that is no host is not in it, and is no reason to fail or to log."""
    usual = browser.ask("/", Host="good").headers["content-security-policy"]
    with LogKeeper() as log:
        found = browser.ask("/", Host=host)
    assert found.status == 200
    assert found.headers["content-security-policy"] == usual.replace(" ws://good wss://good", "")
    assert log.failures() == []


def test_a_client_without_a_host(browser: Browser) -> None:
    """Old ones send none."""
    socket = browser.open()
    socket.deliver(b"GET / HTTP/1.0\r\n\r\n")
    socket.drain()
    assert b" connect-src 'self'; " in socket.taken


# -- the pages of the package --------------------------------------------------------------------


def test_a_page_that_is_built(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found in the package."""
    (tmp_path / "pages").mkdir()
    folder.rename(tmp_path / "pages" / "chat")
    monkeypatch.setattr(page_module, "files", lambda _package: tmp_path)
    assert Browser(built_page("chat")).ask("/").body == b"this is index.html"


def test_a_page_that_is_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser is told how to build it, and to ask again later."""
    monkeypatch.setattr(page_module, "files", lambda _package: tmp_path)
    notice = built_page("chat")
    assert isinstance(notice, Notice)
    found = Browser(notice).ask("/")
    assert (found.status, found.headers["retry-after"]) == (503, "60")
    assert b"<code>npm ci &amp;&amp; npm run build</code> in <code>apps/chat</code>" in found.body
    assert b"<code>make serve</code>" in found.body
