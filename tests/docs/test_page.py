"""What the tests read in a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.page import Block, Page


@pytest.fixture
def page(tmp_path: Path) -> Page:
    path = tmp_path / "page.md"
    path.write_text(
        "# A page\n\n```python\na = 1\n\nb = 2\n```\n\nThe `one` and ``the `other` `` word.\n\n"
        "## Two times\n\n| A | B |\n|---|:-:|\n| `x` | 1 \\| 2 |\n|  | y |\n\n"
        "## Two times\n\n````md\n```python\nnot a block\n```\n````\n"
    )
    return Page(path)


def test_blocks(page: Page) -> None:
    """With their lines; a longer fence may have shorter ones in it."""
    assert page.blocks == [
        Block("python", "a = 1\n\nb = 2\n", 4),
        Block("md", "```python\nnot a block\n```\n", 21),
    ]


def test_words(page: Page) -> None:
    """What is set as code, but for blocks."""
    assert page.words == ["one", "the `other`", "x"]


def test_anchors(page: Page) -> None:
    """A second heading with the same words gets a number."""
    assert page.anchors == {"a-page", "two-times", "two-times-1"}


def test_tables(page: Page) -> None:
    """By the heading above them, each row by its columns."""
    assert page.tables() == {"Two times": [{"A": "`x`", "B": "1 | 2"}, {"A": "", "B": "y"}]}


@pytest.mark.parametrize(
    "text", ["```python\na = 1\n", "* a list\n\n  ```python\n  a = 1\n  ```\n"]
)
def test_blocks_that_would_be_missed(tmp_path: Path, text: str) -> None:
    """One without an end, or within a list, is a mistake and not passed over."""
    path = tmp_path / "page.md"
    path.write_text(text)
    with pytest.raises(AssertionError, match="block"):
        Page(path)
