"""The page that is written from a result."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.report import PAGE, MissingBlockError, blocks, drawings, fill, write
from tests.bench.double import make_result, measured, spent

RESULT = make_result(
    measured(1, "echo1", "limit", 10),
    measured(1, "echo1", "sennit", 12.5),
    measured(1, "handshake", "sennit", 50),
    measured(1, "storm5000", "limit", 20),
    measured(1, "storm5000", "sennit", spent(200, seconds=0.75)),
)


def test_filling() -> None:
    """Between the comments is the new content, around them what was there."""
    text = (
        "# A\n<!-- begin one -->\nold\n<!-- end one -->\nmine\n<!-- begin two --><!-- end two -->"
    )
    assert fill(text, {"one": "new\\1", "two": "2"}) == (
        "# A\n<!-- begin one -->\nnew\\1\n<!-- end one -->\nmine\n"
        "<!-- begin two -->\n2\n<!-- end two -->"
    )


def test_a_block_that_is_missing() -> None:
    """A table without its place must not get lost."""
    with pytest.raises(MissingBlockError):
        fill("<!-- begin one -->", {"one": "1"})


def test_the_page_has_every_block() -> None:
    """And shows every drawing; writing it twice changes nothing more."""
    once = fill(PAGE.read_text(), blocks(RESULT))
    assert fill(once, blocks(RESULT)) == once
    assert set(re.findall(r"<!-- begin (\w+) -->", once)) == set(blocks(RESULT))
    assert set(re.findall(r"\(images/(.*?)\)", once)) == set(drawings(RESULT))


def test_writing(tmp_path: Path) -> None:
    """The page, and the drawings beside it."""
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text())
    written = write(RESULT, page, tmp_path)
    assert {path.name for path in written} == {"page.md", *drawings(RESULT)}
    assert "| **Sennit, epoll reactor** | 0.80 | – |" in page.read_text()  # noqa: RUF001
    assert ">sennit<" in (tmp_path / "performance-cpu.svg").read_text()


def test_a_storm() -> None:
    """It is told in seconds, in processor time, and in handshakes."""
    assert "| **Sennit, epoll reactor** | 0.75 s | 200 µs | 4.0 |" in blocks(RESULT)["storm"]


def test_others_at_work() -> None:
    """A page says it when it was measured on a busy machine."""
    assert "at work" not in blocks(RESULT)["machine"]
    assert "Abacus" in blocks(RESULT)["machine"]
    busy = make_result(*RESULT.measurements, load="3.2")
    assert "(load average 3.2 before the first round)" in blocks(busy)["machine"]


def test_what_was_not_measured() -> None:
    """The page says it, rather than show an empty table."""
    assert blocks(RESULT)["memory"] == "*Not measured.*"
