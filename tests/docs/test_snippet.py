"""Every block of code in the README and in ``docs`` is run; ``stage`` says by which rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.page import PAGES, Page
from tests.docs.stage import Stage


@pytest.mark.parametrize("page", [Page(path) for path in PAGES], ids=repr)
def test_the_page_is_true(page: Page, tmp_path: Path, new_port: Callable[[], int]) -> None:
    """Each block runs, and prints what the page says that it prints."""
    with Stage(page, tmp_path, new_port) as stage:
        stage.play()
