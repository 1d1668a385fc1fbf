"""The rules of the house that no other tool holds: see docs/architecture.md."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "sennit"
MODULES = sorted(SOURCE.rglob("*.py"))

NO_SOCKET = {
    "twisted.internet.defer",
    "twisted.internet.interfaces",
    "twisted.internet.task",
    "twisted.logger",
    "twisted.python.failure",
}
"""What of Twisted has neither sockets nor a reactor of its own."""
ALLOWED = {"errors": set[str](), "model": set[str](), "engine": set[str]()} | dict.fromkeys(
    ("interfaces", "hub", "brokers", "protocols"), NO_SOCKET
)
"""What of Twisted a room may import, where not everything."""
SAYS_NOTHING = re.compile(r"_?(utils?|helpers?|common|base|misc|manager)\.(py|pyx|ts)")


def _imports(path: Path) -> Iterator[str]:
    """Yield the full names of the modules that a module imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            name = node.module or ""
            # What is imported from a package may be one of its modules.
            package = name in ("twisted.internet", "twisted.python", "twisted.web", "sennit")
            yield from (f"{name}.{alias.name}" for alias in node.names) if package else (name,)


def _room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def _tracked() -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - whichever git there is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip("this is not a working copy of git")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_the_rooms_without_sockets() -> None:
    """The hub, brokers and protocols know Deferreds and clocks, the cellar not even these."""
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in MODULES
        if (allowed := ALLOWED.get(_room(path))) is not None
        for name in _imports(path)
        if name.startswith("twisted") and name not in allowed
    ]
    assert wrong == []


def test_the_reactor_is_a_parameter() -> None:
    """Only the commands import the global one, at the moment they run."""
    importers = {
        _room(path)
        for path in MODULES
        for name in _imports(path)
        if name == "twisted.internet.reactor"
    }
    assert importers == {"cli"}


def test_nobody_imports_the_front_door() -> None:
    """The root is for users; a room that imports it imports everything."""
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in MODULES
        if path != SOURCE / "__init__.py"
        for name in _imports(path)
        if name == "sennit" or re.fullmatch(r"sennit\.[A-Z_]\w*", name)
    ]
    assert wrong == []


def test_loggers_are_of_modules() -> None:
    """One that is an attribute of a class loses its namespace to the name of the class."""
    wrong = [
        f"{path.relative_to(ROOT)}:{inner.lineno}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        for inner in node.body
        if isinstance(inner, ast.Assign) and ast.unparse(inner.value).startswith("Logger(")
    ]
    assert wrong == []


def test_a_file_is_one_noun() -> None:
    """Under 600 lines, with a name that says something."""
    files = [path for path in _tracked() if path.suffix in (".py", ".pyx", ".ts")]
    assert files
    assert [str(path) for path in files if SAYS_NOTHING.fullmatch(path.name)] == []
    sources = [path for path in files if "tests" not in path.parts]
    assert [str(path) for path in sources if len(path.read_text().splitlines()) > 600] == []


def test_every_module_has_its_tests() -> None:
    """``tests`` mirrors ``src``: each room has a folder there."""
    rooms = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert {room for room in rooms if not any((ROOT / "tests" / room).rglob("test_*.py"))} == set()


def test_lock_files_name_no_registry() -> None:
    """They hold versions and hashes; where packages come from is each machine's own affair."""
    locks = [path for path in _tracked() if path.name == "package-lock.json"]
    assert len(locks) >= 2
    for lock in locks:
        packages = json.loads(lock.read_text())["packages"]
        assert len(packages) > 1
        assert [name for name, package in packages.items() if "resolved" in package] == []
    pins = (ROOT / "requirements" / "constraints.txt").read_text().splitlines()
    assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.]+", pin)] == []
