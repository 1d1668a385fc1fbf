"""TLS of clients: whom they trust, and what they say of whom they do not."""

from __future__ import annotations

from typing import Any

import pytest
from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.python.failure import Failure

from sennit.errors import HandshakeError
from sennit.net.client import connect
from sennit.net.tls import creator_for, explain, is_tls_failure
from tests.certificate import make_certificate, make_pem
from tests.double import LogKeeper, outcome
from tests.net.network import FakeNetwork, SecureServer
from tests.net.test_client import error_of

HOST = "example.com"


class Policy:
    """What ``twisted.web.client.Agent`` asks."""

    def __init__(self, certificate: Any) -> None:
        self.certificate = certificate
        self.asked: list[tuple[bytes, int]] = []

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:  # noqa: N802 - Twisted's name
        self.asked.append((hostname, port))
        return optionsForClientTLS(hostname.decode(), trustRoot=self.certificate)


def reach(tls: Any, certificate: PrivateCertificate, host: str = HOST) -> tuple[Any, SecureServer]:
    """Connect to a server with a certificate, and return what came of it, and the server."""
    network = FakeNetwork()
    shown = f"[{host}]" if ":" in host else host
    result = connect(network, f"wss://{shown}/", tls=tls)
    server: SecureServer = network.connect(certificate)
    server.pump()
    if not result.called:
        server.accept()
    return result, server


MINE = make_certificate(HOST)
OTHERS = make_certificate("other.example")


@pytest.mark.parametrize(
    "tls",
    [
        Certificate.loadPEM(make_pem(HOST)),
        MINE,
        trustRootFromCertificates([OTHERS, MINE]),
        Policy(MINE),
        optionsForClientTLS(HOST, trustRoot=MINE),
        CertificateOptions(trustRoot=MINE),
        CertificateOptions(),
    ],
    ids=lambda tls: type(tls).__name__,
)
def test_whom_to_trust(tls: Any) -> None:
    """In any of the ways that Twisted has for it; the server hears which host is meant."""
    result, server = reach(tls, MINE)
    ws = outcome(result)
    assert not ws.closed
    assert server.name == HOST


def test_a_policy_hears_of_host_and_port() -> None:
    """As Twisted's own clients ask it."""
    policy = Policy(MINE)
    reach(policy, MINE)
    assert set(policy.asked) == {(b"example.com", 443)}


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
@pytest.mark.parametrize(
    "kind", [lambda mine: mine, lambda mine: CertificateOptions(trustRoot=mine)]
)
def test_addresses_in_certificates(address: str, kind: Any) -> None:
    """Are looked for as such, and no name is told."""
    certificate = make_certificate(address)
    result, server = reach(kind(certificate), certificate, address)
    assert not outcome(result).closed
    assert server.name is None
    wrong = make_certificate("192.0.2.99", "2001:db8::99")
    result, _ = reach(kind(wrong), wrong, address)
    assert is_tls_failure(error_of(result).__cause__)


@pytest.mark.parametrize(
    ("tls", "certificate", "why"),
    [
        (None, MINE, "is not trusted"),
        (OTHERS, MINE, "is not trusted"),
        (OTHERS, OTHERS, "is for another host"),
        (make_certificate(HOST, days=-1), make_certificate(HOST, days=-1), "is not trusted"),
        (CertificateOptions(trustRoot=OTHERS), MINE, "is not trusted"),
        (CertificateOptions(trustRoot=OTHERS), OTHERS, "is not trusted"),
        (optionsForClientTLS("other.example", trustRoot=MINE), MINE, "is for another host"),
    ],
)
def test_whom_not_to_trust(tls: Any, certificate: PrivateCertificate, why: str) -> None:
    """It is said why; nothing was sent, and nothing is left."""
    with LogKeeper() as log:
        network = FakeNetwork()
        result = connect(network, f"wss://{HOST}/", tls=tls)
        server = network.connect(certificate)
        assert server.take() == b""
        server.hang_up()
        error = error_of(result)
    assert isinstance(error, HandshakeError)
    assert error.status == 0
    assert error.reason.startswith(
        "the connection ended before the server's answer: its certificate"
    )
    assert why in error.reason
    assert is_tls_failure(error.__cause__)
    network.check_quiet()
    assert log.failures() == []


def test_a_server_without_tls() -> None:
    """Is recognized by its answer."""
    network = FakeNetwork()
    result = connect(network, "wss://example.com/")
    server = network.connect()
    server.take()
    server.send(b"HTTP/1.1 400 What?\r\nContent-Length: 0\r\n\r\n")
    server.take()
    error = error_of(result)
    assert "it does not speak TLS at this port" in str(error)
    assert is_tls_failure(error.__cause__)
    network.check_quiet()


def test_a_server_that_hangs_up_in_the_middle() -> None:
    """Is one that hung up: TLS is not to blame."""
    network = FakeNetwork()
    result = connect(network, "wss://example.com/")
    network.connect().hang_up(ConnectionLost())
    error = error_of(result)
    assert isinstance(error.__cause__, ConnectionLost)
    assert not is_tls_failure(error.__cause__)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            SSL.Error([("SSL routines", "", "tlsv1 alert unknown ca")]),
            "TLS failed: tlsv1 alert unknown ca",
        ),
        (SSL.Error([]), "TLS failed: []"),
        (SSL.Error(), "TLS failed: "),
        (SSL.SysCallError(104, "ECONNRESET"), "TLS failed: (104, 'ECONNRESET')"),
        (VerificationError(errors=[]), "its certificate is for another host"),
        (ConnectionLost(), str(ConnectionLost())),
    ],
)
def test_words(error: Exception, words: str) -> None:
    """For each reason to lose a connection."""
    assert explain(Failure(error)) == words


def test_a_certificate_without_names() -> None:
    """Is for nobody, even if it is trusted."""
    nameless = make_certificate()
    result, _ = reach(CertificateOptions(trustRoot=nameless), nameless)
    assert is_tls_failure(error_of(result).__cause__)


def test_a_creator_is_used_as_it_is() -> None:
    """Whoever makes connections is asked for nothing else."""
    creator = optionsForClientTLS(HOST)
    assert creator_for(creator, "other.example", 1) is creator
    assert IOpenSSLClientConnectionCreator.providedBy(creator_for(None, HOST, 443))
