"""Ports, addresses and names in memory, through Twisted's endpoints."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet import tcp
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    clientFromString,
    serverFromString,
)
from twisted.internet.error import CannotListenError, DNSLookupError
from twisted.internet.error import ConnectionRefusedError as RefusedError
from twisted.internet.interfaces import (
    IListeningPort,
    IReactorCore,
    IReactorFDSet,
    IReactorFromThreads,
    IReactorPluggableNameResolver,
    IReactorSSL,
    IReactorTCP,
    IReactorTime,
    IReactorUNIX,
)
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from zope.interface import Interface
from zope.interface.verify import verifyObject

from sennit.testing import Network
from sennit.testing.address import describe
from sennit.testing.machine import Machine
from sennit.testing.socket import Backlog
from tests.testing.double import Recorder


class Visitors(Factory[Any]):
    """Keeps the protocols that it builds, and for whom."""

    noisy = False

    def __init__(self) -> None:
        self.peers: list[Any] = []
        self.built: list[Recorder] = []
        self.stopped = False

    def buildProtocol(self, addr: Any) -> Recorder:  # noqa: N802 - Twisted's name
        self.peers.append(addr)
        self.built.append(Recorder())
        return self.built[-1]

    def stopFactory(self) -> None:  # noqa: N802 - Twisted's name
        self.stopped = True


def client() -> Factory[Any]:
    return Factory.forProtocol(Recorder)


def listen(network: Network, description: str) -> tuple[Visitors, IListeningPort]:
    visitors = Visitors()
    listening: Deferred[IListeningPort] = serverFromString(network, description).listen(visitors)
    return visitors, network.result(listening)


def connect(network: Network, description: str) -> Any:
    connecting: Deferred[Any] = clientFromString(network, description).connect(client())
    return network.result(connecting, within=1)


@pytest.mark.parametrize(
    "interface",
    [
        IReactorCore,
        IReactorFDSet,
        IReactorFromThreads,
        IReactorPluggableNameResolver,
        IReactorSSL,
        IReactorTCP,
        IReactorTime,
        IReactorUNIX,
    ],
)
def test_it_is_a_reactor(interface: type[Interface]) -> None:
    """With all that these promise."""
    assert verifyObject(interface, Network())


def test_a_port_of_every_address() -> None:
    """Of IPv4, whichever name they are reached by."""
    network = Network()
    network.names["chat.example"] = "192.0.2.1"
    visitors, port = listen(network, "tcp:8000")
    assert port.getHost() == IPv4Address("TCP", "0.0.0.0", 8000)  # noqa: S104
    connect(network, "tcp:localhost:8000")
    connect(network, "tcp:Chat.Example.:8000")
    assert [peer.host for peer in visitors.peers] == ["127.0.0.1", "192.0.2.100"]
    assert visitors.built[1].transport.getHost() == IPv4Address("TCP", "192.0.2.1", 8000)
    with pytest.raises(RefusedError):
        connect(network, "tcp:localhost:8001")
    endpoint = TCP6ClientEndpoint(network, "::1", 8000)
    with pytest.raises(RefusedError):
        network.result(endpoint.connect(client()))


def test_a_port_of_one_address() -> None:
    """Is not reached at another; two servers can have one number."""
    network = Network()
    network.names |= {"a.example": "192.0.2.1", "b.example": ["192.0.2.2"]}
    first, _ = listen(network, "tcp:80:interface=192.0.2.1")
    second, _ = listen(network, "tcp:80:interface=b.example")
    connect(network, "tcp:b.example:80")
    assert (len(first.peers), len(second.peers)) == (0, 1)
    with pytest.raises(RefusedError):
        connect(network, "tcp:localhost:80")


def test_ipv6() -> None:
    """A port of all its addresses gets those of IPv4 as well, as on Linux."""
    network = Network()
    visitors, port = listen(network, "tcp6:8000")
    assert port.getHost() == IPv6Address("TCP", "::", 8000)
    for endpoint in (
        TCP6ClientEndpoint(network, "0:0::1", 8000),
        TCP6ClientEndpoint(network, "2001:db8::1", 8000),
        TCP4ClientEndpoint(network, "127.0.0.1", 8000),
    ):
        network.result(endpoint.connect(client()))
    assert [peer.host for peer in visitors.peers] == ["::1", "2001:db8::100", "::ffff:127.0.0.1"]
    assert visitors.built[2].transport.getHost().host == "::ffff:127.0.0.1"
    assert str(network.links[0]) == f"[::1]:{visitors.peers[0].port} to [::1]:8000"
    assert network.link(str(network.links[2]).partition(" ")[0]) is network.links[2]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("tcp:80", "tcp:80"),
        ("tcp:80", "tcp:80:interface=127.0.0.1"),
        ("tcp:80:interface=127.0.0.1", "tcp:80"),
        ("tcp6:80", "tcp:80"),
        ("tcp:80", "tcp6:80"),
        ("tcp:80:interface=127.0.0.1", "tcp:80:interface=localhost"),
        ("unix:/run/a", "unix:/run/a"),
    ],
)
def test_a_port_in_use(first: str, second: str) -> None:
    """Until it is closed."""
    network = Network()
    _, port = listen(network, first)
    with pytest.raises(CannotListenError, match="in use"):
        listen(network, second)
    assert network.result(port.stopListening()) is None
    listen(network, second)


def test_any_port() -> None:
    """The next that nobody has; a network gives out the same ones in each run."""
    network = Network()
    ports: list[Any] = [listen(network, "tcp:0")[1].getHost() for _ in range(3)]
    assert [port.port for port in ports] == [49152, 49153, 49154]
    assert Network().result(serverFromString(Network(), "tcp:0").listen(client())) is not None


@pytest.mark.skipif(not hasattr(tcp, "makeBinding"), reason="this Twisted has no bindings")
def test_bindings() -> None:
    """Twisted's newer way to say where to listen, and where to come from."""
    network = Network()
    visitors = Visitors()
    port: Any = network.listenTCP(tcp.makeBinding("192.0.2.1", 80), visitors)
    assert port.getHost() == IPv4Address("TCP", "192.0.2.1", 80)
    for where in (tcp.makeBinding("192.0.2.7"), tcp.makeBinding(port=1234), ("192.0.2.8", 5)):
        network.connectTCP("192.0.2.1", 80, ClientFactory.forProtocol(Recorder), bindAddress=where)
    network.pump()
    assert [(peer.host, peer.port) for peer in visitors.peers] == [
        ("192.0.2.7", 49152),
        ("192.0.2.100", 1234),
        ("192.0.2.8", 5),
    ]


def test_ports_begin_again_at_the_end() -> None:
    """There are 16,384 of them, less those that somebody listens on."""
    machine = Machine({})
    first = machine.bind("127.0.0.1", 0, Backlog())
    for _ in range(16_383):
        machine.client_address(first, None)
    second = machine.bind("127.0.0.1", 0, Backlog())
    assert [describe(first), describe(second)] == ["127.0.0.1:49152", "127.0.0.1:49153"]


def test_stopping_to_listen() -> None:
    """Connections go on; who was not accepted yet is reset."""
    network = Network()
    visitors, port = listen(network, "tcp:8000")
    there = connect(network, "tcp:localhost:8000")
    port.stopReading()  # type: ignore[attr-defined]  # as every port of Twisted's can
    waiting = connect(network, "tcp:localhost:8000")
    stopped = port.stopListening()
    assert not visitors.stopped
    network.result(stopped)
    assert visitors.stopped
    assert (there.lost, waiting.lost, len(visitors.built)) == ("", "ConnectionLost", 1)
    with pytest.raises(RefusedError):
        connect(network, "tcp:localhost:8000")
    assert network.result(port.stopListening()) is None
    with pytest.raises(OSError, match="does not listen"):
        port.getHost()
    port.startListening()
    connect(network, "tcp:localhost:8000")
    assert len(visitors.built) == 2


def test_a_port_that_stops_while_it_accepts() -> None:
    """Accepts no more."""
    network = Network()

    class Last(Visitors):
        def buildProtocol(self, addr: Any) -> Recorder:  # noqa: N802 - Twisted's name
            port.stopListening()
            return super().buildProtocol(addr)

    visitors = Last()
    port = network.listenTCP(80, visitors)
    attempts = [TCP4ClientEndpoint(network, "127.0.0.1", 80).connect(client()) for _ in range(3)]
    clients: list[Any] = [network.result(attempt) for attempt in attempts]
    assert [client.lost for client in clients] == ["", "ConnectionLost", "ConnectionLost"]
    assert len(visitors.built) == 1


def test_a_factory_that_fails() -> None:
    """Fails its own connection's test, and no other connection."""
    network = Network()

    class Failing(Factory[Any]):
        noisy = False

        def buildProtocol(self, addr: Any) -> None:  # noqa: N802 - Twisted's name
            raise ValueError("not today")

    network.listenTCP(80, Failing())
    attempt = TCP4ClientEndpoint(network, "127.0.0.1", 80).connect(client())
    with pytest.raises(ValueError, match="not today"):
        network.result(attempt)
    visitors, _ = listen(network, "tcp:81")
    connect(network, "tcp:localhost:81")
    assert len(visitors.built) == 1


def test_names() -> None:
    """There are those that a test has given, and localhost; each may have several addresses."""
    network = Network()
    network.names["both.example"] = ["2001:db8::1", "192.0.2.1"]
    visitors, _ = listen(network, "tcp:80:interface=192.0.2.1")
    endpoint = HostnameEndpoint(network, "both.example", 80)
    network.result(endpoint.connect(client()), within=1)
    assert len(visitors.peers) == 1
    assert network.seconds() == pytest.approx(0.3)
    assert network.result(network.resolve("both.example")) == "192.0.2.1"
    assert network.result(network.resolve("127.0.0.1")) == "127.0.0.1"
    with pytest.raises(DNSLookupError, match="nowhere"):
        network.result(network.resolve("nowhere"))
    with pytest.raises(DNSLookupError):
        connect(network, "tcp:nowhere:80")


def test_another_resolver() -> None:
    """Can be installed, and is asked from then on."""
    network = Network()
    listen(network, "tcp:80")
    asked: list[str] = []

    class Resolver:
        def resolveHostName(self, receiver: Any, name: str, *rest: Any) -> Any:  # noqa: N802
            asked.append(name)
            return before.resolveHostName(receiver, "localhost", *rest)

    before = network.installNameResolver(Resolver())  # type: ignore[arg-type]
    connect(network, "tcp:anywhere:80")
    assert asked == ["anywhere"]


def test_only_addresses_of_a_kind() -> None:
    """Where a resolver's client wants no others."""
    network = Network()
    network.names["both.example"] = ["2001:db8::1", "192.0.2.1"]
    found: list[Any] = []

    class Receiver:
        def resolutionBegan(self, resolution: Any) -> None:  # noqa: N802 - Twisted's name
            found.append(resolution.name)
            with pytest.raises(NotImplementedError):
                resolution.cancel()

        def addressResolved(self, address: Any) -> None:  # noqa: N802 - Twisted's name
            found.append(address.host)

        def resolutionComplete(self) -> None:  # noqa: N802 - Twisted's name
            found.append("complete")

    receiver: Any = Receiver()
    network.nameResolver.resolveHostName(receiver, "both.example", 80, [IPv4Address])
    network.pump()
    assert found == ["both.example", "192.0.2.1", "complete"]


def test_a_client_that_builds_no_protocol() -> None:
    """Is connected and gone, as on every reactor."""
    network = Network()
    visitors, _ = listen(network, "tcp:80")

    class Nothing(Factory[Any]):
        noisy = False

        def buildProtocol(self, addr: object) -> None:  # noqa: N802 - Twisted's name
            return None

    attempt = TCP4ClientEndpoint(network, "127.0.0.1", 80).connect(Nothing())
    attempt.addErrback(lambda _: None)
    network.result(attempt)
    assert visitors.built[0].lost == "ConnectionDone"


def test_what_a_port_says_of_itself() -> None:
    """For who looks at it in a debugger."""
    network = Network()
    _, port = listen(network, "tcp:80")
    assert "127" not in repr(port)
    assert "port=80" in repr(port)
    network.result(port.stopListening())
    assert repr(port).endswith("on nothing>")


def test_a_plain_protocol() -> None:
    """Needs nothing of ours: any protocol of Twisted's can be tested so."""

    class Echo(Protocol):
        def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
            assert self.transport is not None
            self.transport.write(data)

    network = Network()
    network.listenTCP(7, Factory.forProtocol(Echo))
    recorder = connect(network, "tcp:localhost:7")
    recorder.transport.write(b"echo")
    network.pump()
    assert recorder.data == b"echo"
