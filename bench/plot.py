"""Bars in SVG: one group for each workload, one bar for each program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

__all__ = ["Bar", "Group", "draw"]

WIDTH = 760
LEFT = 220
RIGHT = 60
BAR = 14
GAP = 4
HEAD = 34
FONT = "font-family='system-ui, sans-serif'"
OURS, OTHERS, INK, FAINT = "#0b7285", "#adb5bd", "#212529", "#868e96"


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


def draw(title: str, groups: Sequence[Group], *, limit: float | None = 1.0, unit: str = "") -> str:
    """Return a drawing.

    Args:
        title: says what the length of a bar is.
        groups: what to draw.
        limit: where to draw the line of the limit, if anywhere.
        unit: what stands behind a number.
    """
    longest = max((bar.high for group in groups for bar in group.bars), default=1.0)
    scale = (WIDTH - LEFT - RIGHT) / max(longest, limit or 0.0, 1e-9)
    parts: list[str] = []
    y = HEAD + 10
    for group in groups:
        parts.append(_text(16, y + 12, group.title, INK, weight="600"))
        y += 22
        top = y
        for bar in group.bars:
            parts += _bar(bar, y, scale, unit)
            y += BAR + GAP
        if limit is not None:
            x = LEFT + limit * scale
            parts.append(
                f"<line x1='{x:.1f}' y1='{top - 3}' x2='{x:.1f}' y2='{y}' stroke='{INK}' "
                "stroke-dasharray='3 3'/>"
            )
        y += 14
    head = _text(16, 22, title, INK, weight="700", size=14)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{y}' "
        f"viewBox='0 0 {WIDTH} {y}' role='img'>\n<title>{escape(title)}</title>\n"
        f"<rect width='{WIDTH}' height='{y}' fill='#ffffff'/>\n{head}\n"
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _bar(bar: Bar, y: int, scale: float, unit: str) -> list[str]:
    colour = OURS if bar.is_ours else OTHERS
    middle = y + BAR / 2
    end = LEFT + bar.value * scale
    label = f"{bar.value:,.2f}" if bar.value < 100 else f"{bar.value:,.0f}"
    beyond = max(end, LEFT + bar.high * scale) + 6
    whisker = f"x1='{LEFT + bar.low * scale:.1f}' x2='{LEFT + bar.high * scale:.1f}'"
    length = max(bar.value * scale, 0.5)
    return [
        _text(LEFT - 8, y + BAR - 3, bar.title, INK if bar.is_ours else FAINT, anchor="end"),
        f"<rect x='{LEFT}' y='{y}' width='{length:.1f}' height='{BAR}' fill='{colour}'/>",
        f"<line {whisker} y1='{middle}' y2='{middle}' stroke='{INK}'/>",
        _text(round(beyond), y + BAR - 3, f"{label}{unit}", INK),
    ]


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
