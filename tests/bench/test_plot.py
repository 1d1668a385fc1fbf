"""Drawings."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from bench.plot import Bar, Group, draw

SPACE = "{http://www.w3.org/2000/svg}"


def parse(drawing: str) -> ET.Element:
    """Return a drawing's root."""
    return ET.fromstring(drawing)  # noqa: S314 - it is our own


def test_bars() -> None:
    """They are as long as their values, beside each other, and one colour is ours."""
    bars = [Bar("us <&>", 1.0, 0.9, 1.1, True), Bar("them", 0.5, 0.5, 0.5, False)]
    root = parse(draw("a title", [Group("echo", bars)]))
    _, ours, theirs = root.findall(f"{SPACE}rect")
    assert float(ours.attrib["width"]) == pytest.approx(2 * float(theirs.attrib["width"]), abs=0.2)
    assert ours.attrib["x"] == theirs.attrib["x"]
    assert ours.attrib["fill"] != theirs.attrib["fill"]
    words = [text.text for text in root.findall(f"{SPACE}text")]
    assert words == ["a title", "echo", "us <&>", "1.00", "them", "0.50"]


def test_everything_is_within() -> None:
    """No bar, no whisker and no line leaves the drawing, also when the limit is far away."""
    groups = [Group(f"g{number}", [Bar("a", 3.0, 2.0, 4.0, True)] * number) for number in (1, 3, 2)]
    root = parse(draw("t", groups, limit=5.0))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    lines = root.findall(f"{SPACE}line")
    assert len(lines) == 6 + 3
    for line in lines:
        assert 0 <= float(line.attrib["x1"]) <= float(line.attrib["x2"]) <= width
        assert 0 <= float(line.attrib["y1"]) <= float(line.attrib["y2"]) <= height


def test_nothing() -> None:
    """It is a drawing all the same."""
    assert parse(draw("nothing", [])).tag == f"{SPACE}svg"
