"""The engine is a library of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import sennit.engine

SCRIPT = """
import importlib, pkgutil, sys
import sennit.engine
for module in pkgutil.iter_modules(sennit.engine.__path__):
    importlib.import_module("sennit.engine." + module.name)
foreign = sorted({name.partition(".")[0] for name in sys.modules} & {"twisted", "zope", "msgspec"})
print(foreign, len([name for name in sys.modules if name.startswith("sennit.engine.")]))
"""


def test_it_brings_nothing_along() -> None:
    """In a fresh process all of it is imported, and neither Twisted, zope nor msgspec is."""
    source = sennit.engine.__path__[0].rpartition("sennit")[0]
    done = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    foreign, count = done.stdout.rsplit(maxsplit=1)
    assert foreign == "[]"
    assert int(count) >= 9
