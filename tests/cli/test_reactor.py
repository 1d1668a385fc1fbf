"""Choosing and installing the reactor."""

from __future__ import annotations

import asyncio
import select
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest
import twisted.internet
from twisted.internet.main import installReactor

from sennit.cli import reactor as reactor_module
from sennit.cli.complaint import Complaint, Misuse
from sennit.cli.reactor import install_reactor
from sennit.server.configuration import ReactorName
from tests.cli.double import run_python

SCRIPT = """
import asyncio, sys
from sennit.cli.reactor import install_reactor
reactor = install_reactor(sys.argv[1])
from twisted.internet import reactor as installed
assert installed is reactor
loop = getattr(reactor, "_asyncioEventloop", None)
if loop is not None:
    assert asyncio.get_event_loop() is loop
print(type(reactor).__name__, type(loop).__module__.partition(".")[0])
"""
INSTALLED = "twisted.internet.reactor"
HAS_UVLOOP = find_spec("uvloop") is not None


class FakeLoop(asyncio.AbstractEventLoop):
    """A loop that is no more than one."""


class Workshop:
    """The modules that install reactors, in a process that has none.

    Attributes:
        installed: the names of the modules that were called, each with the loop it was given.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.installed: list[tuple[str, Any]] = []
        for name in ("asyncio", "uvloop", "epoll", "select"):
            self.make(name)
        monkeypatch.setattr(asyncio, "SelectorEventLoop", FakeLoop)
        self.has_uvloop(True)

    def make(self, name: str) -> Any:
        """Make a module that installs a reactor, and return it."""
        module: Any = ModuleType(f"{name}reactor")

        def install(loop: object = None) -> None:
            self.installed.append((name, loop))
            installReactor(module)

        module.install = install
        if name == "uvloop":
            self._monkeypatch.setitem(sys.modules, "sennit.cli.uvloop_reactor", module)
            return module
        full = f"twisted.internet.{name}reactor"
        self._monkeypatch.setitem(sys.modules, full, module)
        self._monkeypatch.setattr(twisted.internet, f"{name}reactor", module, raising=False)
        return module

    def has_uvloop(self, has: bool) -> None:
        """Say whether uvloop is installed."""
        spec = ModuleSpec("uvloop", None) if has else None
        self._monkeypatch.setattr(reactor_module, "find_spec", lambda _name: spec)
        module: Any = ModuleType("uvloop")
        module.new_event_loop = FakeLoop
        # What Python has for a module that must not be imported is None.
        self._monkeypatch.setitem(sys.modules, "uvloop", module if has else None)


@pytest.fixture
def workshop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    """Return the modules that install reactors; afterwards everything is as it was."""
    package = vars(twisted.internet)
    before = sys.modules.pop(INSTALLED, None)
    package.pop("reactor", None)
    yield Workshop(monkeypatch)
    asyncio.set_event_loop(None)
    package.pop("reactor", None)
    sys.modules.pop(INSTALLED, None)
    if before is not None:
        package["reactor"] = sys.modules[INSTALLED] = before


# -- doubles of reactors -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["epoll", "select"])
def test_a_reactor_by_name(workshop: Workshop, name: ReactorName) -> None:
    """It is installed and returned."""
    reactor = install_reactor(name)
    assert reactor is sys.modules[INSTALLED]
    assert workshop.installed == [(name, None)]


@pytest.mark.parametrize("name", ["asyncio", "uvloop"])
def test_a_reactor_on_a_loop(workshop: Workshop, name: ReactorName) -> None:
    """The loop is the current one, too, so that asyncio's own functions find it."""
    install_reactor(name)
    ((module, loop),) = workshop.installed
    assert (module, type(loop)) == (name, FakeLoop)
    assert asyncio.get_event_loop() is loop


@pytest.mark.parametrize("has_uvloop", [True, False])
def test_auto(workshop: Workshop, has_uvloop: bool) -> None:
    """It is asyncio's reactor in any case, on uvloop where there is one."""
    workshop.has_uvloop(has_uvloop)
    install_reactor("auto")
    assert [name for name, _loop in workshop.installed] == ["uvloop" if has_uvloop else "asyncio"]


def test_a_reactor_that_is_not_here(workshop: Workshop) -> None:
    """One line says so, whether it is the platform or a package that lacks it."""
    workshop.has_uvloop(False)
    with pytest.raises(Misuse, match=r"^there is no uvloop reactor here: .*uvloop"):
        install_reactor("uvloop")

    def install() -> None:
        raise AttributeError("module 'select' has no attribute 'epoll'")

    workshop.make("epoll").install = install
    with pytest.raises(Misuse) as caught:
        install_reactor("epoll")
    assert str(caught.value) == (
        "there is no epoll reactor here: module 'select' has no attribute 'epoll'"
    )
    assert workshop.installed == []


def test_another_reactor_was_installed_before(workshop: Workshop) -> None:
    """Two cannot be, and it is nothing that the command line could change."""
    install_reactor("select")
    with pytest.raises(Complaint, match=r"^another reactor is installed already$") as caught:
        install_reactor("epoll")
    assert caught.value.exit_code == 1
    assert workshop.installed == [("select", None)]


# -- real ones, each in a process of its own -----------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "auto",
            "UvloopReactor uvloop" if HAS_UVLOOP else "AsyncioSelectorReactor asyncio",
        ),
        ("asyncio", "AsyncioSelectorReactor asyncio"),
        pytest.param(
            "uvloop",
            "UvloopReactor uvloop",
            marks=pytest.mark.skipif(not HAS_UVLOOP, reason="there is no uvloop"),
        ),
        pytest.param(
            "epoll",
            "EPollReactor builtins",
            marks=pytest.mark.skipif(not hasattr(select, "epoll"), reason="there is no epoll"),
        ),
        ("poll", "PollReactor builtins"),
        ("select", "SelectReactor builtins"),
    ],
)
def test_a_fresh_process(name: str, expected: str) -> None:
    """Every reactor of a name there is can be had where nothing else was imported before."""
    done = run_python("-c", SCRIPT, name)
    assert (done.stdout, done.stderr) == (f"{expected}\n", "")


def test_a_module_with_a_reactor_of_its_own(tmp_path: Any) -> None:
    """The server's is there first, and the module is told so in a line."""
    (tmp_path / "notes.py").write_text(
        "from twisted.internet import selectreactor\n"
        "selectreactor.install()\n"
        "from sennit import App\n"
        "app = App()\n"
    )
    done = run_python("-m", "sennit", "serve", "notes:app", directory=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "sennit: notes installs a reactor of its own, but the server has installed one: leave it "
        "to the server, and choose by --reactor\n"
    )
