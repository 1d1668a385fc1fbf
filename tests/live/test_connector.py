"""Connecting on real sockets: the poll group's connector and Twisted's, which tell the same."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import tcp
from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ConnectBindError,
    ConnectError,
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    DNSLookupError,
    NotConnectingError,
    UserError,
)
from twisted.internet.error import ConnectionRefusedError as RefusedError
from twisted.internet.error import TimeoutError as ConnectTimeoutError
from twisted.internet.interfaces import IConnector
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.python.failure import Failure

from sennit.net.connector import native_reactor
from sennit.net.native import is_native, native_group
from tests.double import LogKeeper
from tests.live.loop import Loop

WAYS = ["Twisted", *["native"] * (native_group() is not None)]
"""The test's whole file holds for both; with one of them alone where there is no poll group."""


class Listening:
    """A socket that listens, whose connections stay where they are until they are taken."""

    def __init__(self, *, family: int = socket.AF_INET, where: Any = ("127.0.0.1", 0)) -> None:
        self.socket = socket.socket(family)
        self.socket.bind(where)
        self.socket.listen(0)
        self.socket.settimeout(5)
        self.stack = ExitStack()
        self.stack.callback(self.socket.close)

    @property
    def address(self) -> Any:
        return self.socket.getsockname()

    @property
    def port(self) -> int:
        number: int = self.address[1]
        return number

    def take(self) -> socket.socket:
        """Return the next connection."""
        taken, _ = self.socket.accept()
        self.stack.callback(taken.close)
        return taken

    def fill(self) -> int:
        """Have as many waiting as there is place for, so that the next one hears nothing."""
        count = 0
        while True:
            one = socket.socket(self.socket.family)
            self.stack.callback(one.close)
            one.settimeout(0.2)
            try:
                one.connect(self.address)
            except (TimeoutError, BlockingIOError):
                one.close()
                return count
            count += 1

    def close(self) -> None:
        self.stack.close()


class Heard(Protocol):
    """A protocol that tells its factory what it hears."""

    transport: Any
    factory: Factory

    def connectionMade(self) -> None:
        self.factory.heard.append("made")
        self.factory.protocols.append(self)

    def dataReceived(self, data: bytes) -> None:
        self.factory.heard.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.heard.append(("lost", reason.type))


class Factory(ClientFactory):
    """A client's factory that notes what it hears, in order.

    Attributes:
        heard: what.
        protocols: those connected.
        build: makes a protocol, or none.
        again: how often to connect anew when a connection is lost.
    """

    noisy = False

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.protocols: list[Heard] = []
        self.connector: Any = None
        self.build: Callable[[], Protocol | None] = Heard
        self.again = 0
        self.errors: list[Any] = []

    def startFactory(self) -> None:
        self.heard.append("start")

    def stopFactory(self) -> None:
        self.heard.append("stop")

    def startedConnecting(self, connector: Any) -> None:
        assert IConnector.providedBy(connector)
        self.heard.append("connecting")
        self.connector = connector

    def buildProtocol(self, addr: Any) -> Protocol | None:
        self.heard.append(("build", addr))
        built = self.build()
        if built is not None:
            built.factory = self
        return built

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        assert connector is self.connector
        self.heard.append(("failed", reason.type))
        self.errors.append(reason.value)

    def clientConnectionLost(self, connector: Any, reason: Failure) -> None:
        assert connector is self.connector
        self.heard.append(("gone", reason.type))
        if self.again:
            self.again -= 1
            connector.connect()


class House:
    """One of the two ways to connect, and what a test has opened."""

    def __init__(self, loop: Loop, way: str) -> None:
        self.loop = loop
        self.native = way == "native"
        self.reactor = native_reactor(loop.reactor) if self.native else loop.reactor
        assert (self.reactor is loop.reactor) != self.native
        self.stack = ExitStack()

    def listening(self, **options: Any) -> Listening:
        made = Listening(**options)
        self.stack.callback(made.close)
        return made

    def to(self, listening: Listening, **options: Any) -> Factory:
        """Begin to connect to a listening socket."""
        factory = Factory()
        self.reactor.connectTCP(*listening.address[:2], factory, **options)
        return factory

    def made(self, factory: Factory) -> Any:
        """Wait until a factory's connection is there, and return its transport."""
        count = len(factory.protocols)
        self.wait(lambda: len(factory.protocols) > count)
        transport = factory.protocols[-1].transport
        assert is_native(transport) == self.native
        return transport

    def ended(self, factory: Factory, *heard: Any) -> None:
        """Wait until a factory stops, and compare all that it has heard."""
        self.wait(lambda: factory.heard[-1] == "stop")
        assert factory.heard == ["start", "connecting", *heard, "stop"]

    def read(self, peer: socket.socket) -> bytes:
        """Wait until a peer has got something, or its end, and return it."""
        peer.setblocking(False)
        got: list[bytes] = []

        def look() -> bool:
            try:
                got.append(peer.recv(1 << 16))
            except BlockingIOError:
                return False
            return True

        self.wait(look)
        return got[0]

    def wait(self, condition: Callable[[], object]) -> None:
        self.loop.wait_until(condition, 5)

    def turn(self) -> None:
        self.loop.pause(0.02)


@pytest.fixture(name="house", params=WAYS)
def _house(loop: Loop, request: pytest.FixtureRequest) -> Iterator[House]:
    """Return a house, and see that nothing of it stays in the reactor."""
    reactor = loop.reactor
    before = {*reactor.getReaders(), *reactor.getWriters(), *reactor.getDelayedCalls()}
    house = House(loop, request.param)
    with LogKeeper() as log:
        yield house
    house.stack.close()
    loop.pause(0)
    left = {*reactor.getReaders(), *reactor.getWriters(), *reactor.getDelayedCalls()} - before
    assert left == set()
    assert log.failures() == []


def test_a_connection_and_its_end(house: House) -> None:
    """The factory is started, asked and told of the end; the connector's state is the right one."""
    listening = house.listening()
    factory = house.to(listening)
    assert factory.heard == ["start", "connecting"]
    assert factory.connector.getDestination().port == listening.port
    transport = house.made(factory)
    peer = listening.take()
    assert transport.getPeer() == factory.connector.getDestination()
    assert transport.getHost().port == peer.getpeername()[1]
    transport.write(b"question")
    assert house.read(peer) == b"question"
    peer.sendall(b"answer")
    house.wait(lambda: b"answer" in factory.heard)
    with pytest.raises(RuntimeError):
        factory.connector.connect()
    with pytest.raises(NotConnectingError):
        factory.connector.stopConnecting()
    factory.connector.disconnect()
    there = ("build", factory.connector.getDestination())
    house.ended(
        factory, there, "made", b"answer", ("lost", ConnectionDone), ("gone", ConnectionDone)
    )
    assert house.read(peer) == b""
    assert factory.connector.state == "disconnected"


def test_again_and_again(house: House) -> None:
    """A factory may connect anew from within what it is told."""
    listening = house.listening()
    factory = house.to(listening)
    factory.again = 2
    for _ in range(3):
        house.made(factory)
        listening.take().close()
    house.wait(lambda: factory.heard[-1] == "stop")
    assert [one for one in factory.heard if isinstance(one, str)] == [
        "start",
        *["connecting", "made"] * 3,
        "stop",
    ]


def test_cutting_off(house: House) -> None:
    """The peer is reset, and the factory hears why."""
    listening = house.listening()
    factory = house.to(listening)
    transport = house.made(factory)
    peer = listening.take()
    transport.abortConnection()
    house.wait(lambda: factory.heard[-1] == "stop")
    assert factory.heard[-3:] == [("lost", ConnectionAborted), ("gone", ConnectionAborted), "stop"]
    with pytest.raises(ConnectionResetError):
        house.read(peer)


@pytest.mark.parametrize("what", ["refused", "path", "bound", "name", "port"])
def test_what_cannot_be_connected(house: House, tmp_path: Path, what: str) -> None:
    """Nobody listens, there is no path, the port to come from is taken, no such name or port."""
    listening = house.listening()
    factory = Factory()
    expected: Any = RefusedError
    if what == "path":
        house.reactor.connectUNIX(str(tmp_path / "nobody"), factory)
        expected = ConnectError
    elif what == "bound":
        house.reactor.connectTCP("127.0.0.1", 1, factory, bindAddress=listening.address)
        expected = ConnectBindError
    elif what == "name":
        house.reactor.connectTCP("nowhere.invalid", 1, factory)
        expected = DNSLookupError
    elif what == "port":
        house.reactor.connectTCP("127.0.0.1", 70_000, factory)
        expected = OverflowError
    else:
        port = listening.port
        listening.close()
        house.reactor.connectTCP("127.0.0.1", port, factory)
    assert factory.heard == ["start", "connecting"]
    house.ended(factory, ("failed", expected))
    number = {"path": errno.ENOENT, "refused": errno.ECONNREFUSED, "bound": errno.EADDRINUSE}
    if what in number:
        assert factory.errors[0].osError == number[what]


@pytest.mark.parametrize("how", ["stop", "disconnect", "late", "at once"])
def test_giving_up(house: House, how: str) -> None:
    """A server that does not answer costs no more than the time it is given; then all is let go."""
    listening = house.listening()
    listening.fill()
    factory = house.to(listening, timeout=0.1 if how == "late" else 30)
    if how != "at once":
        house.turn()
    assert factory.heard == ["start", "connecting"]
    if how in ("stop", "at once"):
        factory.connector.stopConnecting()
    elif how == "disconnect":
        factory.connector.disconnect()
    house.ended(factory, ("failed", ConnectTimeoutError if how == "late" else UserError))
    assert factory.connector.state == "disconnected"


def test_giving_up_on_a_name(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that comes when nobody waits for it is nobody's."""
    found: Deferred[str] = Deferred()
    monkeypatch.setattr(house.loop.reactor, "resolve", lambda _name: found)
    factory = Factory()
    house.reactor.connectTCP("slow.example", 1, factory)
    house.turn()
    factory.connector.stopConnecting()
    found.callback("127.0.0.1")
    house.turn()
    house.ended(factory, ("failed", UserError))


def test_names_and_where_to_come_from(house: House) -> None:
    """A name is looked up, and the address to come from is used."""
    listening = house.listening()
    factory = Factory()
    house.reactor.connectTCP("localhost", listening.port, factory, bindAddress=("127.0.0.2", 0))
    transport = house.made(factory)
    assert transport.getHost().host == "127.0.0.2"
    assert listening.take().getpeername()[0] == "127.0.0.2"
    assert factory.connector.getDestination().host == "localhost"
    transport.loseConnection()
    house.wait(lambda: factory.heard[-1] == "stop")


def test_a_unix_socket(house: House, tmp_path: Path) -> None:
    """By its path; whether somebody holds its lock is Twisted's to look at."""
    path = str(tmp_path / "socket")
    listening = house.listening(family=socket.AF_UNIX, where=path)
    factory = Factory()
    house.reactor.connectUNIX(path, factory)
    transport = house.made(factory)
    peer = listening.take()
    transport.write(b"question")
    assert house.read(peer) == b"question"
    assert transport.getPeer() == factory.connector.getDestination()
    transport.loseConnection()
    house.wait(lambda: factory.heard[-1] == "stop")
    locked = Factory()
    house.reactor.connectUNIX(path, locked, checkPID=True)
    house.wait(lambda: locked.errors)
    assert not isinstance(locked.errors[0], RefusedError)


def test_a_unix_socket_with_a_full_queue(house: House, tmp_path: Path) -> None:
    """Who connects natively waits for a place as long as it has time; Twisted's give up."""
    if not house.native:
        pytest.skip("Twisted's fail at once")
    path = str(tmp_path / "socket")
    listening = house.listening(family=socket.AF_UNIX, where=path)
    count = listening.fill()
    factory = Factory()
    house.reactor.connectUNIX(path, factory)
    house.turn()
    assert factory.heard == ["start", "connecting"]
    for _ in range(count):
        listening.take()
    transport = house.made(factory)
    listening.take()
    transport.loseConnection()
    house.wait(lambda: factory.heard[-1] == "stop")
    late = Factory()
    listening.fill()
    house.reactor.connectUNIX(path, late, timeout=0.1)
    house.ended(late, ("failed", ConnectTimeoutError))


def test_a_factory_that_gives_no_protocol(house: House) -> None:
    """The connection is closed, and the factory hears of it."""
    listening = house.listening()
    factory = house.to(listening)
    factory.build = lambda: None
    there = ("build", factory.connector.getDestination())
    house.ended(factory, there, ("gone", ConnectionDone))
    assert house.read(listening.take()) == b""


def test_ipv6(house: House) -> None:
    """Addresses with four parts."""
    try:
        listening = house.listening(family=socket.AF_INET6, where=("::1", 0))
    except OSError:
        pytest.skip("this machine has no ::1")
    factory = house.to(listening)
    transport = house.made(factory)
    assert transport.getPeer().host == "::1"
    transport.loseConnection()
    house.wait(lambda: factory.heard[-1] == "stop")


@pytest.mark.parametrize("connected", [False, True])
def test_the_reactor_lets_go(house: House, connected: bool) -> None:
    """Where it ends, or cannot do with the descriptor, the factory hears of it."""
    if house.native and hasattr(house.loop.reactor, "poll_group"):
        pytest.skip("the group is this reactor, and no descriptor of its")
    listening = house.listening()
    if not connected:
        listening.fill()
    factory = house.to(listening)
    if connected:
        house.made(factory)
    else:
        house.turn()
    reactor = house.loop.reactor
    kind: Any = native_group() if house.native else (tcp.Client,)
    (descriptor,) = [one for one in reactor.getReaders() if isinstance(one, kind)]
    reactor.removeReader(descriptor)
    reactor.removeWriter(descriptor)
    descriptor.connectionLost(Failure(ConnectionLost()))
    if connected:
        assert factory.heard[-3:] == [("lost", ConnectionLost), ("gone", ConnectionLost), "stop"]
    else:
        house.ended(factory, ("failed", ConnectError))


def test_many_at_once(house: House) -> None:
    """Attempts that fail and attempts that are stopped leave those in peace that succeed."""
    listening = house.listening()
    listening.socket.listen(50)
    nobody = house.listening()
    port = nobody.port
    nobody.close()
    good = [house.to(listening) for _ in range(20)]
    refused = [Factory() for _ in range(20)]
    stopped = [house.to(listening) for _ in range(10)]
    for factory in refused:
        house.reactor.connectTCP("127.0.0.1", port, factory)
    for factory in stopped:
        factory.connector.stopConnecting()
    house.wait(lambda: all(factory.protocols for factory in good))
    house.wait(lambda: all(factory.heard[-1] == "stop" for factory in refused + stopped))
    assert {factory.errors[0].__class__ for factory in refused} == {RefusedError}
    assert {factory.errors[0].__class__ for factory in stopped} == {UserError}
    for factory in good:
        factory.connector.disconnect()
    house.wait(lambda: all(factory.heard[-1] == "stop" for factory in good))
