"""A directory with modules in it, an installed reactor, and signals that are put back."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
import twisted.internet

from tests.cli.double import RunnableReactor


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Return ``write_module(name, source)``; its modules are in the current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def write(name: str, source: str = "from sennit import App\napp = App()\n") -> Path:
        path = tmp_path / f"{name.replace('.', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(source))
        return path

    yield write
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Return what sets variables; none of Sennit's is set."""
    for name in [name for name in os.environ if name.startswith("SENNIT_")]:
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
def reactor(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunnableReactor]:
    """Return the installed reactor. It may set signal handlers."""
    reactor = RunnableReactor()
    monkeypatch.setattr(twisted.internet, "reactor", reactor, raising=False)
    monkeypatch.setitem(sys.modules, "twisted.internet.reactor", reactor)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield reactor
    for number, handler in handlers.items():
        signal.signal(number, handler)
