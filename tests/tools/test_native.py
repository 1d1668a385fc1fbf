"""The native modules: found by their names, made into C in ``build/``, and missed where missing."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from tools import native
from tools.native import built_files, main, native_modules

TYPES = """
from libc.string cimport memcpy
from a._mask cimport mask_into as mask
from a._other cimport (
    one,
    two as other,
)
"""
WRITTEN = '''"""A module."""

from a.mask import (
    NAME,
    mask,
)
from a.other import other


def double(number: int) -> int:
    return number * 2
'''
COMPILED = '''"""A module."""

from a.mask import NAME






def double(number: int) -> int:
    return number * 2
'''


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the sources, in a project of its own."""
    sources = tmp_path / "src"
    for name in ("a/_mask.pyx", "a/_mask.pxd", "a/mask.py", "a/_double.pxd", "a/double.py"):
        path = sources / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    monkeypatch.setattr(native, "ROOT", tmp_path)
    monkeypatch.setattr(native, "SOURCES", sources)
    monkeypatch.setattr(native, "STAGE", tmp_path / "build" / "cython")
    monkeypatch.delenv("SENNIT_NO_EXTENSIONS", raising=False)
    monkeypatch.delenv("CI", raising=False)
    return sources


def test_what_there_is(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Machine code of its own, or of the Python beside it; nothing where it is not wanted."""
    assert native_modules() == {
        "a._double": sources / "a" / "double.py",
        "a._mask": sources / "a" / "_mask.pyx",
    }
    monkeypatch.setattr(native, "LINUX_ONLY", ("a._mask",))
    monkeypatch.setattr(sys, "platform", "darwin")
    assert list(native_modules()) == ["a._double"]
    monkeypatch.setenv("SENNIT_NO_EXTENSIONS", "1")
    assert native_modules() == {}


def made_of(sources: Path) -> dict[str, int]:
    """Have a fresh process make C where it is not current; return when each was made."""
    script = (
        "import sys; from pathlib import Path; from tools import native; "
        "native.ROOT = Path.cwd(); native.SOURCES = native.ROOT / 'src'; "
        "native.STAGE = native.ROOT / 'build' / 'cython'; "
        "print(*native.translate(native.native_modules()).values())"
    )
    root = sources.parent
    done = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-c", script],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(Path(native.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    return {name: (root / name).stat().st_mtime_ns for name in done.stdout.split()}


def test_c(sources: Path) -> None:
    """It is made of the one source, in build/; again when anything that it stands on changes."""
    pytest.importorskip("Cython")
    package = sources / "a"
    (package / "_mask.pxd").write_text("cdef inline int mask(int number):\n    return number\n")
    (package / "_double.pxd").write_text("from a._mask cimport mask\n")
    (package / "double.py").write_text("from a.mask import mask\n\n\ndef double():\n    pass\n")
    before = sorted(sources.rglob("*"))
    made = made_of(sources)
    assert sorted(made) == ["build/cython/a/_double.c", "build/cython/a/_mask.c"]
    assert sorted(sources.rglob("*")) == before
    assert made_of(sources) == made
    (package / "_mask.pxd").write_text("cdef inline int mask(int number):\n    return -number\n")
    again = made_of(sources)
    assert all(again[name] > made[name] for name in made)


def test_imports() -> None:
    """Of names that the types import there is C; the others, and the lines, stay."""
    names = native._names_of_c(TYPES)
    assert names == {"memcpy", "mask", "one", "other"}
    assert native._without(names, WRITTEN) == COMPILED


def test_what_is_missing(
    sources: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said, with what to do; in CI it is an error."""
    assert main() == 0
    words = capsys.readouterr().err
    assert "2 native modules of Sennit could not be compiled" in words
    assert "apt-get install gcc python3-dev" in words
    monkeypatch.setenv("CI", "true")
    assert main() == 1
    capsys.readouterr()
    for name in ("_double", "_mask"):
        (sources / "a" / f"{name}{EXTENSION_SUFFIXES[0]}").touch()
    assert len(built_files(sources, "a._mask")) == 1
    assert main() == 0
    assert capsys.readouterr().err == ""
