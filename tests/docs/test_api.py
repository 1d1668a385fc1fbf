"""The pages of the API have every public name."""

from __future__ import annotations

import re
from types import ModuleType

import pytest

import sennit
from sennit import testing, websocket
from tests.docs.page import ROOT, Page

REFERENCE = ROOT / "docs" / "reference"


@pytest.mark.parametrize(
    ("module", "name"),
    [(sennit, "api.md"), (websocket, "api-websocket.md"), (testing, "api-testing.md")],
    ids=["api", "websocket", "testing"],
)
def test_every_name_is_there(module: ModuleType, name: str) -> None:
    """Described by a directive of Sphinx, or said to be described elsewhere."""
    page = Page(REFERENCE / name)
    described = {
        match.rpartition(".")[2]
        for block in page.blocks
        for match in re.findall(r"^\.\. [\w:]+:: ([\w.]+)", block.source, re.MULTILINE)
    }
    assert set(module.__all__) - described - set(page.words) == {"websocket"} & set(module.__all__)
