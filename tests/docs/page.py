"""A page of the documentation as the tests read it: its blocks of code, its headings, its links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

__all__ = ["PAGES", "ROOT", "Block", "Link", "Page"]

ROOT = Path(__file__).resolve().parents[2]

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
"""The pages whose code is run."""

_FENCE = re.compile(r"(\s*)(`{3,}|~{3,})\s*(\S*)\s*")
_CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(\s*([^)\s]+)[^)]*\)|^\[[^\]]+\]:\s+(\S+)", re.MULTILINE)
_HEADING = re.compile(r"#{1,6}\s+(.+?)\s*#*")


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    Attributes:
        language: the word behind the fence.
        source: what is between the fences.
        line: of the first line between them.
    """

    language: str
    source: str
    line: int


@dataclass(frozen=True)
class Link:
    """A link or an image.

    Attributes:
        target: where to.
        line: where it is.
    """

    target: str
    line: int


class Page:
    """One Markdown file.

    Args:
        path: the file.

    Attributes:
        blocks: its blocks of code, in order.
        prose: everything else; of a block only the empty lines are left, so that lines count.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.blocks: list[Block] = []
        self.prose = "\n".join(self._read(path.read_text()))

    def __repr__(self) -> str:
        return self.path.relative_to(ROOT).as_posix() if ROOT in self.path.parents else "a page"

    def _read(self, text: str) -> Iterator[str]:
        fence = ""
        inside: list[str] = []
        begin = 0
        language = ""
        for number, line in enumerate(text.splitlines(), 1):
            match = _FENCE.fullmatch(line)
            if fence:
                if match is not None and match[2].startswith(fence) and not match[3]:
                    self.blocks.append(Block(language, "\n".join([*inside, ""]), begin))
                    fence = ""
                else:
                    inside.append(line)
                yield ""
            elif match is not None:
                assert not match[1], f"{self}:{number}: a block of code is not indented"
                fence, language, inside, begin = match[2], match[3], [], number + 1
                yield ""
            else:
                yield line
        assert not fence, f"{self}:{begin}: a block of code has no end"

    @property
    def words(self) -> list[str]:
        """What is set as code within sentences."""
        return [" ".join(match[2].split()) for match in _CODE.finditer(self.prose)]

    @cached_property
    def anchors(self) -> frozenset[str]:
        """The names of its headings, as GitHub and Sphinx make them."""
        found: list[str] = []
        for line in self.prose.splitlines():
            match = _HEADING.fullmatch(line)
            if match is not None:
                text = re.sub(r"[^\w\- ]", "", match[1].lower()).replace(" ", "-")
                again = sum(
                    re.fullmatch(rf"{re.escape(text)}(-\d+)?", one) is not None for one in found
                )
                found.append(f"{text}-{again}" if again else text)
        return frozenset(found)

    @property
    def links(self) -> list[Link]:
        """Its links and images, but for those within code."""
        text = _CODE.sub(lambda match: re.sub(r"[^\n]", "x", match[0]), self.prose)
        return [
            Link(match[1] or match[2], text.count("\n", 0, match.start()) + 1)
            for match in _LINK.finditer(text)
        ]

    def tables(self) -> dict[str, list[dict[str, str]]]:
        """Return the rows of each table by the last heading above it; a row by its column."""
        tables: dict[str, list[dict[str, str]]] = {}
        heading = ""
        columns: list[str] = []
        for line in self.prose.splitlines():
            match = _HEADING.fullmatch(line)
            if match is not None:
                heading = match[1]
            if not line.startswith("|"):
                columns = []
                continue
            cells = [
                cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]
            ]
            if not columns:
                columns = cells
            elif not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                assert len(cells) == len(columns), f"{self}: a row with other columns: {line}"
                tables.setdefault(heading, []).append(dict(zip(columns, cells, strict=True)))
        return tables
