"""Bars in SVG: one group for each workload, one bar for each program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

__all__ = ["Bar", "Group", "draw"]

COLUMNS = 2
COLUMN = 380
LEFT = 110
RIGHT = 50
BAR = 13
GAP = 4
HEAD = 44
HEADING = 22
BELOW = 16
FONT = "font-family='system-ui, sans-serif'"
OURS, OTHERS, INK, FAINT = "#0b7285", "#adb5bd", "#212529", "#5c636a"


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        title: what it is of.
        value: how long it is.
        low: where its whisker begins.
        high: where it ends.
        is_ours: whether it is Sennit's.
    """

    title: str
    value: float
    low: float
    high: float
    is_ours: bool


@dataclass(frozen=True)
class Group:
    """Bars under a heading.

    Attributes:
        title: the heading.
        bars: the bars.
    """

    title: str
    bars: Sequence[Bar]


def draw(title: str, groups: Sequence[Group], *, limit: float | None = 1.0) -> str:
    """Return a drawing.

    Args:
        title: says what the length of a bar is.
        groups: what to draw.
        limit: where to draw the line of the limit, if anywhere.
    """
    longest = max((bar.high for group in groups for bar in group.bars), default=1.0)
    scale = (COLUMN - LEFT - RIGHT) / max(longest, limit or 0.0, 1e-9)
    parts: list[str] = []
    y = HEAD
    for first in range(0, len(groups), COLUMNS):
        row = groups[first : first + COLUMNS]
        for column, group in enumerate(row):
            parts += _group(group, column * COLUMN, y, scale, limit)
        y += HEADING + max(len(group.bars) for group in row) * (BAR + GAP) + BELOW
    width = COLUMNS * COLUMN
    head = _text(16, 24, title, INK, weight="700", size=14)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{y}' "
        f"viewBox='0 0 {width} {y}' role='img'>\n<title>{escape(title)}</title>\n"
        f"<rect width='{width}' height='{y}' fill='#ffffff'/>\n{head}\n"
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _group(group: Group, x: int, y: int, scale: float, limit: float | None) -> list[str]:
    parts = [_text(x + 16, y + 12, group.title, INK, weight="600")]
    top = y = y + HEADING
    for bar in group.bars:
        parts += _bar(bar, x, y, scale)
        y += BAR + GAP
    if limit is not None:
        at = x + LEFT + limit * scale
        parts.append(
            f"<line x1='{at:.1f}' x2='{at:.1f}' y1='{top - 3}' y2='{y}' stroke='{INK}' "
            "stroke-dasharray='3 3'/>"
        )
    return parts


def _bar(bar: Bar, x: int, y: int, scale: float) -> list[str]:
    colour = OURS if bar.is_ours else OTHERS
    middle, begin = y + BAR / 2, x + LEFT
    low, high = begin + bar.low * scale, begin + bar.high * scale
    length = max(bar.value * scale, 0.5)
    parts = [
        _text(begin - 8, y + BAR - 3, bar.title, INK if bar.is_ours else FAINT, anchor="end"),
        f"<rect x='{begin}' y='{y}' width='{length:.1f}' height='{BAR}' fill='{colour}'/>",
    ]
    if bar.high > bar.low:
        parts.append(
            f"<line x1='{low:.1f}' x2='{high:.1f}' y1='{middle}' y2='{middle}' stroke='{INK}'/>"
        )
    parts.append(_text(round(max(begin + length, high)) + 6, y + BAR - 3, _number(bar.value), INK))
    return parts


def _number(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def _text(
    x: int,
    y: int,
    words: str,
    colour: str,
    *,
    anchor: str = "start",
    weight: str = "400",
    size: int = 11,
) -> str:
    return (
        f"<text x='{x}' y='{y}' {FONT} font-size='{size}' font-weight='{weight}' "
        f"text-anchor='{anchor}' fill='{colour}'>{escape(words)}</text>"
    )
