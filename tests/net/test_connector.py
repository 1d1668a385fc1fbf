"""Whose connections become the poll group's, and whose stay as they were."""

# ruff: noqa: N802, N815 - Twisted's names
from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    UNIXClientEndpoint,
    clientFromString,
)
from twisted.internet.interfaces import IReactorFDSet, IReactorPluggableNameResolver, IReactorTime
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from zope.interface import directlyProvides

from sennit.net import connector, native
from sennit.net.address import Address
from sennit.net.connector import NativeReactor, endpoint_of_words, native_reactor
from sennit.net.journey import Plan
from sennit.net.proxy import Proxy
from sennit.net.setting import WebSocketSettings


class Reactor(Clock):
    """A reactor that makes connections as Twisted's own do, as far as it says."""

    def __init__(self) -> None:
        super().__init__()
        directlyProvides(self, IReactorFDSet, IReactorTime, IReactorPluggableNameResolver)

    nameResolver: Any = None
    connectTCP: Any = PosixReactorBase.connectTCP
    connectUNIX: Any = PosixReactorBase.connectUNIX


class OtherWay(Reactor):
    """One that makes them otherwise, as a double does, or one that goes through a proxy."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Any] = []

    def connectTCP(self, *arguments: Any) -> str:
        self.asked.append(arguments)
        return "its own"

    def connectUNIX(self, *arguments: Any) -> str:
        self.asked.append(arguments)
        return "its own"


@pytest.fixture(autouse=True)
def _extension(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an extension, as far as can be seen."""

    class Extension:
        def Group(self, _reactor: object) -> object:
            return object()

    monkeypatch.setattr(native, "_client", Extension())
    monkeypatch.setattr(native, "_group", Extension())


def test_a_reactor_that_connects_as_twisteds_do() -> None:
    """It is the same reactor in everything else."""
    reactor = Reactor()
    made = native_reactor(reactor)
    assert isinstance(made, NativeReactor)
    assert IReactorPluggableNameResolver.providedBy(made)
    assert made.callLater == reactor.callLater
    assert made.nameResolver is reactor.nameResolver
    assert native.group_for_clients(reactor) is native.group_for_clients(reactor)


def _patched() -> Any:
    reactor = Reactor()
    reactor.connectTCP = lambda *_arguments: None
    return reactor


@pytest.mark.parametrize("make", [Clock, OtherWay, MemoryReactorClock, _patched])
def test_every_other_reactor(make: Callable[[], Any]) -> None:
    """One without descriptors, a double, one that somebody has changed."""
    reactor = make()
    assert native_reactor(reactor) is reactor


def test_without_the_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing changes."""
    monkeypatch.setattr(native, "_group", None)
    reactor = Reactor()
    assert native_reactor(reactor) is reactor


def test_what_the_group_cannot_do() -> None:
    """A port by its name, a binding with options, a lock: these are asked of the reactor."""
    reactor = OtherWay()
    made: Any = NativeReactor(reactor, None)  # type: ignore[arg-type]  # nobody asks it
    factory, binding = object(), object()
    assert made.connectTCP("127.0.0.1", "http", factory) == "its own"
    assert made.connectTCP("127.0.0.1", 80, factory, 5, binding) == "its own"
    assert made.connectUNIX("/run/chat", factory, checkPID=True) == "its own"
    assert reactor.asked == [
        ("127.0.0.1", "http", factory, 30, None),
        ("127.0.0.1", 80, factory, 5, binding),
        ("/run/chat", factory, 30, True),
    ]


class Endpoints:
    """The endpoints that were made, with the reactors that they were given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reactors: list[Any] = []

        def hostname(reactor: Any, *arguments: Any) -> HostnameEndpoint:
            self.reactors.append(reactor)
            return HostnameEndpoint(reactor, *arguments)

        def words(reactor: Any, text: str) -> Any:
            self.reactors.append(reactor)
            return clientFromString(reactor, text)

        for module in ("journey", "proxy"):
            monkeypatch.setattr(f"sennit.net.{module}.HostnameEndpoint", hostname)
        monkeypatch.setattr(connector, "clientFromString", words)


@pytest.mark.parametrize(
    ("url", "proxy", "expected"),
    [
        ("ws://host/", None, True),
        ("wss://host/", None, False),
        ("ws://host/", "http://proxy", True),
        ("wss://host/", "http://proxy", False),
        ("ws://host/", "https://proxy", False),
    ],
)
def test_what_is_plain(
    monkeypatch: pytest.MonkeyPatch, url: str, proxy: str | None, expected: bool
) -> None:
    """Plain connections are the group's, to a proxy too; whatever TLS goes over is not."""
    reactor, endpoints = Reactor(), Endpoints(monkeypatch)
    plan = Plan(
        address=Address.parse(url),
        settings=WebSocketSettings(),
        proxy=None if proxy is None else Proxy.parse(proxy),
    )
    plan.way(reactor, plan.address)
    assert [isinstance(one, NativeReactor) for one in endpoints.reactors] == [expected]


@pytest.mark.parametrize(
    ("words", "kind", "expected"),
    [
        ("tcp:host:80", TCP4ClientEndpoint, True),
        ("unix:/run/chat", UNIXClientEndpoint, True),
        ("tls:host:443", None, False),
        ("ssl:host:443", None, False),
    ],
)
def test_endpoints_in_words(
    monkeypatch: pytest.MonkeyPatch, words: str, kind: type | None, expected: bool
) -> None:
    """Those that are plain connect by the group; of the others nothing is known."""
    reactor, endpoints = Reactor(), Endpoints(monkeypatch)
    made = endpoint_of_words(reactor, words)
    assert kind is None or type(made) is kind
    assert isinstance(endpoints.reactors[-1], NativeReactor) == expected


def test_words_that_are_no_endpoint() -> None:
    """It is said as Twisted says it."""
    with pytest.raises(ValueError, match="Unknown endpoint type"):
        endpoint_of_words(Reactor(), "nonsense:1")


def test_zones() -> None:
    """That of a link-local address goes where the system looks for it."""
    assert connector._with_zone(("fe80::1%1", 80))[1:] == (80, 0, 1)
    assert connector._with_zone(("::1", 80)) == ("::1", 80, 0, 0)
    assert connector._with_zone(("127.0.0.1", 80)) == ("127.0.0.1", 80)
    assert connector._with_zone(b"/run/chat") == b"/run/chat"
    with pytest.raises(socket.gaierror):
        connector._with_zone(("fe80::1%nosuch", 80))
