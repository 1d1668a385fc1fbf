"""The pages: built from ``apps/`` into the package, whenever their sources are newer."""

from __future__ import annotations

from pathlib import Path

from tools.node import Node, find_node

__all__ = ["PAGES", "build_pages", "install_packages", "page_sources", "pages_are_current"]

ROOT = Path(__file__).resolve().parents[1]
PAGES = {"chat": ROOT / "src" / "sennit" / "web" / "pages" / "chat"}
"""The folder of each built page; its sources are in ``apps/``, by the same name."""


def page_sources(name: str) -> list[Path]:
    """Return the files that a page is made of."""
    app = ROOT / "apps" / name
    files = [path for path in app.iterdir() if path.is_file() and path.suffix != ".md"]
    for folder in ("src", "public"):
        files += [path for path in (app / folder).rglob("*") if path.is_file()]
    return sorted(files)


def pages_are_current() -> bool:
    """Return whether every page is built from the sources as they are."""
    return all(_is_current(name) for name in PAGES)


def build_pages() -> None:
    """Build what is not current.

    Raises:
        NodeMissingError: there is no Node for it.
        subprocess.CalledProcessError: the build failed; what it said was shown.
    """
    for name, built in PAGES.items():
        if not _is_current(name):
            app = ROOT / "apps" / name
            node = find_node()
            install_packages(node, app)
            node.run_npm(["run", "build"], app, quiet=True)
            (built / "index.html").touch()


def install_packages(node: Node, folder: Path) -> None:
    """Install what the folder's lock file says, unless that was done.

    Raises:
        subprocess.CalledProcessError: npm failed; what it said was shown.
    """
    done = folder / "node_modules" / ".package-lock.json"
    if not done.exists() or done.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime:
        node.run_npm(["ci"], folder, quiet=True)


def _is_current(name: str) -> bool:
    index = PAGES[name] / "index.html"
    if not index.exists():
        return False
    return index.stat().st_mtime >= max(path.stat().st_mtime for path in page_sources(name))
