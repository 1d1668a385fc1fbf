"""Where the poll group is used, and where everything stays as it was."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

import os
import subprocess
import sys
from typing import Any, cast

import pytest
from twisted.internet import tcp
from twisted.internet.interfaces import IReactorFDSet, IReactorSocket
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import directlyProvides

from sennit.net import native
from sennit.net.front_door import FrontDoor
from tests.certificate import make_certificate
from tests.net.double import RecordingMount


class Reactor(Clock):
    """A reactor that takes descriptors, as far as it says."""

    def __init__(self) -> None:
        super().__init__()
        directlyProvides(self, IReactorFDSet, IReactorSocket)


class Port(tcp.Port):
    """A port that listens, as far as can be seen."""

    def __init__(self, factory: Any, number: int = 7) -> None:
        self.factory = factory
        self.number = number
        self.reading = True

    def fileno(self) -> int:
        return self.number

    def stopReading(self) -> None:
        self.reading = False


class Groups:
    """The extension, as far as can be seen."""

    def __init__(self) -> None:
        self.made: list[Any] = []
        groups = self

        class Group:
            def __init__(self, reactor: object) -> None:
                groups.made.append(self)
                self.listeners: list[Listener] = []

        self.Group = Group

    def listen(self, group: Any, owner: object, door: object, tls: object) -> Listener:
        group.listeners.append(Listener(owner, door, tls))
        return cast("Listener", group.listeners[-1])


class Listener:
    """A listening socket of it."""

    def __init__(self, owner: object, door: object, tls: object) -> None:
        self.owner = owner
        self.door = door
        self.tls = tls
        self.stopped = 0

    def stop(self) -> None:
        self.stopped += 1


@pytest.fixture(name="groups")
def _groups(monkeypatch: pytest.MonkeyPatch) -> Groups:
    groups = Groups()
    for name in ("_group", "_port"):
        monkeypatch.setattr(native, name, groups)
    return groups


def accept(reactor: Any, port: Any, factory: Any) -> Any:
    return native.accept_natively(reactor, port, factory)


def test_a_plain_port_of_a_reactor_that_takes_descriptors(groups: Groups) -> None:
    """The group accepts in its place; one group serves all ports of a reactor."""
    reactor, factory = Reactor(), Factory()
    ports = [Port(factory), Port(factory, 8)]
    listeners = [accept(reactor, port, factory) for port in ports]
    assert [listener.owner for listener in listeners] == ports
    assert [listener.door for listener in listeners] == [factory, factory]
    assert [port.reading for port in ports] == [False, False]
    assert [listener.tls for listener in listeners] == [None, None]
    assert len(groups.made) == 1
    accept(Reactor(), Port(factory), factory)
    assert len(groups.made) == 2


@pytest.mark.usefixtures("groups")
@pytest.mark.parametrize("able", [True, False])
def test_a_port_over_tls(monkeypatch: pytest.MonkeyPatch, able: bool) -> None:
    """The group accepts with Twisted's factory of TLS, if it can speak that, and it is known."""
    monkeypatch.setattr(native, "native_tls", lambda: able)
    factory = Factory()
    tunnel = TLSMemoryBIOFactory(make_certificate("a").options(), False, factory, clock=Clock())
    port = Port(tunnel)
    listener = accept(Reactor(), port, factory)
    assert (listener is not None, port.reading) == (able, not able)
    if able:
        assert listener.tls is tunnel
    assert accept(Reactor(), Port(tunnel), Factory()) is None
    for attribute, value in (("protocol", TLSMemoryBIOProtocol), ("_creatorCallable", None)):
        other = TLSMemoryBIOFactory(make_certificate("a").options(), False, factory, clock=Clock())
        setattr(other, attribute, value)
        assert accept(Reactor(), Port(other), factory) is None


@pytest.mark.parametrize("missing", ["extension", "openssl"])
def test_no_tls(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """Without the extension, or where OpenSSL is not as it should be; it is looked for once."""
    times: list[int] = []
    native.native_tls.cache_clear()
    monkeypatch.setattr(native, "find_openssl", lambda: times.append(1))
    if missing == "extension":
        monkeypatch.setattr(native, "_tls", None)
    else:
        monkeypatch.setattr(native, "_tls", object())
    assert not native.native_tls()
    assert not native.native_tls()
    assert len(times) == (missing == "openssl")
    native.native_tls.cache_clear()


@pytest.mark.parametrize("what", ["reactor", "kind", "factory", "gone", "extension"])
def test_everything_else_stays_as_it_was(
    groups: Groups, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Another reactor, another kind of port, one with something before it, one that is closed."""
    factory = Factory()
    reactor: Any = Clock() if what == "reactor" else Reactor()
    port: Any = Port(factory, -1 if what == "gone" else 7)
    if what == "kind":
        port = object()
    if what == "extension":
        monkeypatch.setattr(native, "_group", None)
    assert accept(reactor, port, Factory() if what == "factory" else factory) is None
    assert getattr(port, "reading", True)
    assert groups.made == []


def test_a_door_stops_what_it_accepts_by(groups: Groups) -> None:
    """When it is told to, and when its last port is gone."""
    door = FrontDoor(Reactor(), {"/ws": RecordingMount()})
    for end in (door.stop_accepting, door.stopFactory):
        door.accept_on(Port(door))
        listener = groups.made[0].listeners[-1]
        assert listener.stopped == 0
        end()
        end()
        assert listener.stopped == 1


@pytest.mark.parametrize("value", ["group", "1"])
def test_no_extensions(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """``SENNIT_NO_EXTENSIONS`` turns the group off, and nothing else changes."""
    for name in ("_group", "_socket"):
        monkeypatch.setattr(native, name, None)
    assert native.native_group() is None
    assert not native.is_native(object())
    found = subprocess.run(
        [sys.executable, "-c", "from sennit.net.native import *; print(native_group())"],
        env={**os.environ, "SENNIT_NO_EXTENSIONS": value, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "None\n"


def test_the_extension_is_there() -> None:
    """Where everything has to be tested, it has to be built."""
    if os.environ.get("CI") == "true" and sys.platform == "linux":
        assert native.native_group() is not None
        assert native.native_tls()
