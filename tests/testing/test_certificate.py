"""TLS in memory: certificates made on the spot, and what is the same over them."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.endpoints import (
    HostnameEndpoint,
    SSL4ClientEndpoint,
    SSL4ServerEndpoint,
    TCP4ServerEndpoint,
    wrapClientTLS,
    wrapServerTLS,
)
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import Factory
from twisted.internet.ssl import optionsForClientTLS

from sennit.testing import Network, certificate
from tests.testing.double import Recorder

OURS = certificate("localhost", "127.0.0.1", "::1")


def talk(network: Network, server: Any, client: Any) -> tuple[Recorder, Recorder]:
    """Return both ends of a connection on which each has said something."""
    accepted: list[Recorder] = []

    class Accepting(Factory[Recorder]):
        noisy = False

        def buildProtocol(self, addr: object) -> Recorder:  # noqa: N802 - Twisted's name
            accepted.append(Recorder())
            return accepted[-1]

    network.result(server.listen(Accepting()))
    near: Any = network.result(client.connect(Factory.forProtocol(Recorder)), within=5)
    near.transport.write(b"from the client")
    network.result(accepted[0].until_data(15), within=5)
    accepted[0].transport.write(b"from the server")
    network.result(near.until_data(15), within=5)
    return near, accepted[0]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("conditions", [{}, {"delay": 0.1, "jitter": 0.1, "chunk": "random"}])
def test_endpoints_of_twisteds(host: str, conditions: dict[str, Any]) -> None:
    """Encrypt over a network in memory, too; a client checks whom it talks to."""
    network = Network(**conditions)
    near, far = talk(
        network,
        SSL4ServerEndpoint(network, 443, OURS.options()),
        SSL4ClientEndpoint(network, host, 443, optionsForClientTLS(host, trustRoot=OURS)),
    )
    assert ISSLTransport.providedBy(near.transport)
    assert ISSLTransport.providedBy(far.transport)
    near.transport.loseConnection()
    network.result(far.until_lost(), within=5)
    network.result(near.until_lost(), within=5)
    assert (near.lost, far.lost) == ("ConnectionDone", "ConnectionDone")
    assert network.links == ()


def test_wrapped_endpoints() -> None:
    """Need to be told the clock, which is the network."""
    network = Network()
    creator = optionsForClientTLS("localhost", trustRoot=OURS)
    near, _ = talk(
        network,
        wrapServerTLS(OURS.options(), TCP4ServerEndpoint(network, 443), clock=network),
        wrapClientTLS(creator, HostnameEndpoint(network, "localhost", 443), clock=network),
    )
    network.link().cut(after=3)
    near.transport.write(b"a record that is cut")
    network.pump()
    assert near.lost == "ConnectionLost"


def test_a_certificate_that_is_not_trusted() -> None:
    """Or not for this host: the connection ends."""
    for ours, name in ((certificate(), "localhost"), (OURS, "elsewhere")):
        network = Network()
        network.names["elsewhere"] = "192.0.2.1"
        network.result(
            SSL4ServerEndpoint(network, 443, OURS.options()).listen(Factory.forProtocol(Recorder))
        )
        creator = optionsForClientTLS(name, trustRoot=ours)
        endpoint = SSL4ClientEndpoint(network, name, 443, creator)
        client: Any = network.result(endpoint.connect(Factory.forProtocol(Recorder)))
        assert client.lost in ("Error", "VerificationError")


def test_a_certificate_is_for_localhost() -> None:
    """Unless another name is said."""
    for made, name in ((certificate(), "localhost"), (certificate("a.example"), "a.example")):
        subject = made.original.to_cryptography().subject
        assert subject.rfc4514_string() == f"CN={name}"
