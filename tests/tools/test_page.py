"""The pages are built when their sources are newer, and only then."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools import page
from tools.node import Node
from tools.page import build_pages, install_packages, page_sources, pages_are_current


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a page, in a source tree of its own, with an npm that takes notes."""
    app = tmp_path / "apps" / "chat"
    (app / "src" / "view").mkdir(parents=True)
    (app / "public").mkdir()
    for name in ("index.html", "package-lock.json", "README.md", "src/view/a.ts", "public/b.svg"):
        age(app / name, 100)
    npm = tmp_path / "npm"
    npm.write_text(
        "#!/bin/sh\necho $* >> notes\n"
        "case $1 in ci) mkdir -p node_modules; touch node_modules/.package-lock.json;;\n"
        "*) mkdir -p ../../built; touch ../../built/index.html;; esac\n"
    )
    npm.chmod(0o755)
    monkeypatch.setattr(page, "ROOT", tmp_path)
    monkeypatch.setattr(page, "PAGES", {"chat": tmp_path / "built"})
    monkeypatch.setattr(page, "find_node", lambda: Node(tmp_path / "node", (str(npm),)))
    return app


def age(path: Path, seconds: float) -> None:
    """Make a file that was changed so long ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    when = path.stat().st_mtime - seconds
    os.utime(path, (when, when))


def notes(app: Path) -> list[str]:
    """Return what npm was run for since the last call."""
    file = app / "notes"
    lines = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return lines


def test_it_is_built_once(app: Path) -> None:
    """Until a source changes; its packages are installed once, until the lock file changes."""
    assert not pages_are_current()
    build_pages()
    assert notes(app) == ["ci", "run build"]
    assert pages_are_current()
    build_pages()
    assert notes(app) == []
    age(app / "README.md", -100)
    assert pages_are_current()
    age(app / "src" / "view" / "a.ts", -1)
    assert not pages_are_current()
    build_pages()
    assert notes(app) == ["run build"]


def test_sources(app: Path) -> None:
    """What a build reads, and not what is written about it."""
    names = {path.relative_to(app).as_posix() for path in page_sources("chat")}
    assert names == {"index.html", "package-lock.json", "src/view/a.ts", "public/b.svg"}


def test_packages(app: Path) -> None:
    """They are installed anew after a change of the lock file."""
    node = Node(app / "node", (str(app.parents[1] / "npm"),))
    install_packages(node, app)
    install_packages(node, app)
    assert notes(app) == ["ci"]
    age(app / "package-lock.json", -100)
    install_packages(node, app)
    assert notes(app) == ["ci"]
