"""The native modules: which there are, and how Cython makes C of them, all of it in ``build/``.

``_x.pyx`` is compiled as it is. ``_x.pxd`` alone has the types that make machine code of ``x.py``,
which is put under that name for it, without the imports that ``_x.pxd`` has C for.

``python -m tools.native`` says what is missing of them where Sennit is installed from here.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

__all__ = ["SOURCES", "built_files", "is_strict", "native_modules", "translate", "warning"]

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "src"
STAGE = ROOT / "build" / "cython"

LINUX_ONLY = {
    f"sennit.net._{name}"
    for name in (
        "address",
        "broadcast",
        "client",
        "group",
        "letter",
        "libssl",
        "poller",
        "port",
        "sender",
        "socket",
        "tls",
    )
}
"""What stands on calls that only Linux has."""

DIRECTIVES = {
    "annotation_typing": False,  # Types are in the .pxd; an annotation's int has any size.
    "boundscheck": False,
    "cdivision": True,
    "initializedcheck": False,
    "language_level": 3,
    "wraparound": False,
}


def native_modules() -> dict[str, Path]:
    """Return the source of each native module; nothing with ``SENNIT_NO_EXTENSIONS=1``."""
    if os.environ.get("SENNIT_NO_EXTENSIONS") == "1":
        return {}
    found = {}
    for path in sorted([*SOURCES.rglob("_*.pxd"), *SOURCES.rglob("_*.pyx")]):
        name = ".".join(path.relative_to(SOURCES).with_suffix("").parts)
        if sys.platform == "linux" or name not in LINUX_ONLY:
            written = path.with_name(path.stem.removeprefix("_") + ".py")
            compiled = path.with_suffix(".pyx")
            found[name] = compiled if compiled.exists() else written
    return found


def is_strict() -> bool:
    """Return whether a module that cannot be compiled is an error, not a warning."""
    return os.environ.get("CI") == "true"


# -- C -------------------------------------------------------------------------------------------


def translate(modules: dict[str, Path], *, force: bool = False) -> dict[str, str]:
    """Make C of modules where it is not current.

    Args:
        modules: the source of each.
        force: make it in any case.

    Returns:
        The C of each, relative to the project's folder.

    Raises:
        Cython.Compiler.Errors.CompileError: a source is wrong.
    """
    # Only a build has these.
    from Cython.Build import cythonize  # noqa: PLC0415
    from setuptools import Extension  # noqa: PLC0415

    for path in SOURCES.rglob("_*.pxd"):
        _stage(path.relative_to(SOURCES), path.read_text())
    staged = []
    for name, source in modules.items():
        place = Path(*name.split(".")).with_suffix(source.suffix)
        text = source.read_text()
        if source.suffix == ".py":
            types = SOURCES / place.with_suffix(".pxd")
            text = _without(_names_of_c(types.read_text()), text)
        path = _stage(place, text)
        staged.append(Extension(name, [path.relative_to(ROOT).as_posix()]))
    made = cythonize(
        staged,
        include_path=[str(STAGE)],
        compiler_directives=DIRECTIVES,
        force=force,
        quiet=True,
    )
    return {extension.name: extension.sources[0] for extension in made}


def _stage(place: Path, text: str) -> Path:
    """Put a source where C is made of it; its time stays if nothing has changed."""
    path = STAGE / place
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        # Without these Cython finds its way as well, but does not notice what has changed.
        for package in place.parents[:-1]:
            (STAGE / package / "__init__.py").touch()
    return path


def _without(names: set[str], text: str) -> str:
    """Leave names out of the imports of a module; the lines stay where they are."""
    lines = text.splitlines()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom):
            node.names = [alias for alias in node.names if alias.name not in names]
            end = node.end_lineno or node.lineno
            lines[node.lineno - 1 : end] = [""] * (end - node.lineno + 1)
            if node.names:
                lines[node.lineno - 1] = ast.unparse(node)
    return "\n".join(lines) + "\n"


def _names_of_c(types: str) -> set[str]:
    """Return the names that a ``.pxd`` imports C by."""
    lists = re.findall(r"^from \S+ cimport (\([^)]*\)|.*)", types, re.MULTILINE)
    entries = ",".join(entries.strip("()") for entries in lists).split(",")
    return {entry.split()[-1] for entry in entries if entry.strip()}


# -- what there is -------------------------------------------------------------------------------


def built_files(root: Path, name: str) -> list[Path]:
    """Return what is there of a native module below a folder, for this Python."""
    path = root.joinpath(*name.split("."))
    files = [path.with_name(path.name + suffix) for suffix in EXTENSION_SUFFIXES]
    return [file for file in files if file.exists()]


def warning(missing: list[str]) -> str:
    """Return what is said where native modules are missing."""
    return (
        f"\n*** {len(missing)} native modules of Sennit could not be compiled: {missing[0]}...\n"
        "*** Everything works without them, only slower. They take a C compiler, and the headers\n"
        "*** of Python (Debian: apt-get install gcc python3-dev). See docs/guide/building.md.\n\n"
    )


def main() -> int:
    """Say what is missing; the exit status is 1 if that is an error."""
    missing = [name for name in native_modules() if not built_files(SOURCES, name)]
    if missing:
        sys.stderr.write(warning(missing))
    return 1 if missing and is_strict() else 0


if __name__ == "__main__":
    sys.exit(main())
