"""Links lead somewhere, and so do the paths that are named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.page import PAGES, ROOT, Link, Page

FILES = (*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md")
LINKS = [(page, link) for page in map(Page, FILES) for link in page.links]

_PATH = re.compile(
    r"(?:\.ci|apps|changelog\.d|docs|examples|requirements|src|tests|tools)/[\w./-]*"
)


def problem_of(page: Page, link: Link) -> str | None:
    """Return what is wrong with a link that stays in the repository."""
    if re.match(r"[a-z]+:", link.target):
        return None if link.target.startswith("https://") else "neither https nor relative"
    path, _, anchor = link.target.partition("#")
    target = (page.path.parent / path).resolve() if path else page.path
    if not target.exists():
        return f"there is no {path}"
    if anchor and anchor not in Page(target).anchors:
        return f"there is no heading #{anchor} in {path or 'this page'}"
    return None


@pytest.mark.parametrize(
    ("page", "link"), LINKS, ids=lambda value: str(getattr(value, "target", value))
)
def test_link(page: Page, link: Link) -> None:
    """Its file exists, and its heading."""
    assert problem_of(page, link) is None, f"{page}:{link.line}"


@pytest.mark.parametrize("page", [Page(path) for path in FILES], ids=repr)
def test_paths(page: Page) -> None:
    """What is set as code and looks like a path in the repository is one."""
    named = [word for word in page.words if _PATH.fullmatch(word)]
    assert [word for word in named if not (ROOT / word).exists() and not _is_built(word)] == []


def _is_built(word: str) -> bool:
    return word.startswith("src/sennit/web/pages")


def test_bad_links_are_found(tmp_path: Path) -> None:
    """The checks above can fail."""
    path = tmp_path / "page.md"
    path.write_text(
        "# A heading, it's `here`\n\n[good](#a-heading-its-here) [good](page.md)\n"
        "[bad](#elsewhere) [bad](other.md)\n[bad](http://plain.example)\n"
        "`[not a link](x.md)`\n\n```text\n[nor this](y.md)\n```\n\n[bad]: gone.md\n"
    )
    page = Page(path)
    found = [(link.line, problem_of(page, link) is None) for link in page.links]
    assert found == [(3, True), (3, True), (4, False), (4, False), (5, False), (12, False)]
