"""Autobahn|Testsuite for Python 3: taken from PyPI as published for Python 2, and changed by rule.

Most of the work is fissix's, the 2to3 that still runs. What it cannot know is in ``EDITS``, each of
which must fit at least once: another edition of the suite fails here, loudly, and not in its
verdicts. What is the same for all cases, above all that a payload is a ``str`` with one character
for each octet, is not edited but met by ``conformance/seam.py``, by which the port is run.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["AUTOBAHN", "SUITE", "PortError", "port"]

SUITE = "autobahntestsuite==25.10.1"
AUTOBAHN = "autobahn==0.10.9"
"""The edition that the suite is written on; it runs on Python 3 by itself."""

MODULES = ("_version.py", "caseset.py", "fuzzing.py", "case/*.py")
"""What of the suite is needed: not its own reports in HTML, and not its other programs."""
UNUSED = "case/case9_9_1.py"
"""A case that is in no list."""


class PortError(Exception):
    """The suite is not as it was when the rules were written."""


@dataclass(frozen=True)
class Edit:
    """A change of the suite's source.

    Attributes:
        files: a pattern of the files.
        old: what is looked for, a regular expression.
        new: what is put there.
        why: what Python 3 would make of it otherwise.
    """

    files: str
    old: str
    new: str
    why: str


EDITS = (
    Edit(
        "autobahntestsuite/case/__init__.py",
        r"^from case9_9_1 import .*$",
        "",
        "it declares its interface in Python 2's way",
    ),
    Edit(
        "autobahntestsuite/case/*.py",
        r"\(object, Case,? ?\)",
        "(Case,)",
        "object cannot stand before what inherits from it",
    ),
    Edit(
        "autobahntestsuite/case/case.py",
        r"pickle\.dumps\(obj1\) == pickle\.dumps\(obj2\)",
        "obj1 == obj2",
        "equal objects may be pickled differently",
    ),
    Edit(
        "autobahntestsuite/case/case10_1_1.py",
        r"len\(self\.payload\) / ",
        "len(self.payload) // ",
        "a quotient of whole numbers is none",
    ),
    Edit(
        "autobahn/websocket/protocol.py",
        r"payload_len / len\(payload\)",
        "payload_len // len(payload)",
        "a quotient of whole numbers is none",
    ),
    Edit(
        "autobahntestsuite/fuzzing.py",
        r"''\.join\(payload\)",
        "b''.join(payload)",
        "what has arrived is bytes",
    ),
    Edit(
        "autobahntestsuite/fuzzing.py",
        r"^from report import (?:.*\\\n)*.*$",
        "CSS_COMMON = CSS_DETAIL_REPORT = CSS_MASTER_REPORT = JS_MASTER_REPORT = ''",
        "no reports are written in HTML",
    ),
)


def port(pip: Sequence[str], folder: Path) -> None:
    """Fetch the suite and its Autobahn from PyPI and make them run on this Python.

    Args:
        pip: the command that is pip.
        folder: where both go; what they import besides Twisted is there already.

    Raises:
        PortError: a rule does not fit.
        subprocess.CalledProcessError: something could not be fetched or converted.
    """
    archives = folder / "archives"
    download = [*pip, "download", "--no-deps", "--dest", str(archives)]
    # The suite's wheel says that it is for Python 2 only: ask as one would there.
    two = ["--only-binary=:all:", "--python-version=2.7", "--implementation=py", "--abi=none"]
    subprocess.run([*download, *two, SUITE], check=True)
    subprocess.run([*download, "--no-binary=:all:", AUTOBAHN], check=True)
    _unpack(archives, folder)
    suite = folder / "autobahntestsuite"
    for path in (path for pattern in MODULES for path in suite.glob(pattern)):
        _transcode(path)
    (suite / "__init__.py").write_text("from ._version import __version__ as version\n")
    _convert(folder, suite)
    for edit in EDITS:
        _apply(edit, folder)


def _unpack(archives: Path, folder: Path) -> None:
    (wheel,) = archives.glob("autobahntestsuite-*.whl")
    with zipfile.ZipFile(wheel) as packed:
        for name in packed.namelist():
            inside = Path(name).relative_to("autobahntestsuite") if _is_suite(name) else None
            if inside and (inside.parts[0] == "testdata" or _is_needed(inside)):
                packed.extract(name, folder)
    (source,) = archives.glob("autobahn-*.tar.gz")
    root = source.name.removesuffix(".tar.gz")
    with tarfile.open(source) as packed_source:
        for member in packed_source.getmembers():
            path = Path(member.name)
            if (
                member.isfile()
                and path.parts[:2] == (root, "autobahn")
                and "test" not in path.parts
            ):
                member.name = str(path.relative_to(root))
                packed_source.extract(member, folder, filter="data")


def _is_suite(name: str) -> bool:
    return name.startswith("autobahntestsuite/")


def _is_needed(inside: Path) -> bool:
    return str(inside) != UNUSED and any(inside.match(pattern) for pattern in MODULES)


def _transcode(path: Path) -> None:
    """Make a character of every octet: that is what a literal of Python 2 has."""
    text = path.read_bytes().decode("latin-1").replace("\r\n", "\n")
    path.write_text(re.sub(r"^#.*coding[=:].*\n", "", text), encoding="utf-8")


def _convert(folder: Path, suite: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "fissix", "--write", "--nobackups"]
    done = subprocess.run(
        [*command, "--no-diffs", str(suite)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PYTHONPATH": str(folder)},
        check=False,
    )
    (folder / "fissix.log").write_bytes(done.stdout)
    done.check_returncode()


def _apply(edit: Edit, folder: Path) -> None:
    fitted = 0
    for path in folder.glob(edit.files):
        text, count = re.subn(edit.old, edit.new, path.read_text("utf-8"), flags=re.MULTILINE)
        if count:
            path.write_text(text, encoding="utf-8")
            fitted += count
    if not fitted:
        raise PortError(f"nothing in {edit.files} is {edit.old!r}, changed since {edit.why}")
