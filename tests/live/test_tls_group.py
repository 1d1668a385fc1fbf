"""TLS on the poll group, a socket at a time: records however they come, and every way to end."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from OpenSSL import SSL
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    INegotiated,
    IOpenSSLServerConnectionCreator,
    ISSLTransport,
    ISystemHandle,
)
from twisted.internet.ssl import Certificate, CertificateOptions
from twisted.python.failure import Failure
from zope.interface import implementer

from sennit.net.native import is_native, native_tls
from tests.certificate import make_certificate, make_pem
from tests.live.loop import Loop
from tests.live.secure import HOST, SecureHouse, SecurePeer, client_context
from tests.live.test_group import HalfRecorder, drained

pytestmark = pytest.mark.skipif(not native_tls(), reason="there is no TLS in the group")

VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])


@pytest.fixture(name="house")
def _house(loop: Loop) -> Iterator[SecureHouse]:
    """Return a house; all is closed in the end, and nothing is left in the reactor."""
    with SecureHouse(loop).open() as house:
        yield house


# -- a transport ---------------------------------------------------------------------------------


@VERSIONS
def test_reading_and_writing(house: SecureHouse, version: str) -> None:
    """What comes is told; what is written is there at once, without a turn of the loop."""
    recorder, peer = house.secure(version)
    peer.say(b"hello")
    house.wait(lambda: recorder.data == b"hello")
    transport = recorder.transport
    transport.write(b"hi")
    transport.writeSequence([b" the", b"re"])
    assert peer.hear() == b"hi there"
    assert is_native(transport)
    for interface in (ISSLTransport, INegotiated, ISystemHandle):
        assert interface.providedBy(transport)
    assert transport.getPeerCertificate() is None
    assert transport.negotiatedProtocol is None
    assert transport.wrappedProtocol is recorder
    assert transport.transport is transport
    assert transport.getHandle().get_protocol_version_name() == f"TLSv{version}"


@VERSIONS
def test_one_byte_at_a_time(house: SecureHouse, version: str) -> None:
    """The handshake and records, cut everywhere."""
    recorder, peer = house.silent(version)

    def shake() -> bool:
        peer.take()
        with contextlib.suppress(ssl.SSLWantReadError):
            peer.tls.do_handshake()
            peer.secured = True
        crumble(peer.records())
        return peer.secured

    def crumble(data: bytes) -> None:
        for index in range(len(data)):
            peer.send(data[index : index + 1])
            house.group.doRead()

    house.wait(shake)
    peer.tls.write(b"hello")
    peer.tls.write(b" there")
    crumble(peer.records())
    house.wait(lambda: recorder.data == b"hello there")
    recorder.transport.write(b"hi")
    assert peer.hear() == b"hi"


@VERSIONS
def test_many_records_at_once(house: SecureHouse, version: str) -> None:
    """None stays behind in OpenSSL, of which the kernel would say nothing more."""
    recorder, peer = house.secure(version)
    words = [b"%d " % number for number in range(100)]
    for word in words:
        peer.tls.write(word)
    reads = recorder.reads
    peer.send(peer.records())
    house.wait(lambda: recorder.reads > reads)
    assert recorder.data == b"".join(words)


@VERSIONS
def test_a_lot_both_ways(house: SecureHouse, version: str) -> None:
    """In order, whole, past a peer that reads slowly; then small again."""
    recorder, peer = house.secure(version, room=4096)
    there = bytes(range(256)) * 4000
    recorder.transport.write(there)
    recorder.transport.write(there[::-1])
    assert recorder.transport.buffered > len(there)
    house.wait(lambda: len(peer.hear()) == 2 * len(there))
    assert peer.heard == there + there[::-1]
    assert recorder.transport.buffered == 0
    sent, back = 0, bytes(range(255)) * 2000

    def push() -> bool:
        nonlocal sent
        with contextlib.suppress(BlockingIOError):
            while sent < len(records):
                sent += peer.line.send(records[sent:])
        return len(recorder.data) == len(back)

    peer.tls.write(back)
    records = peer.records()
    house.wait(push)
    assert recorder.data == back
    peer.say(b" and more")
    house.wait(lambda: recorder.data == back + b" and more")


def test_writing_before_tls_is_there(house: SecureHouse) -> None:
    """It waits, and is the first that comes."""
    recorder, peer = house.silent()
    recorder.transport.write(b"first ")
    assert recorder.transport.buffered == 6
    house.wait(peer.shake)
    house.wait(lambda: peer.hear() == b"first ")
    assert recorder.transport.buffered == 0
    recorder.transport.write(b"second")
    assert peer.hear() == b"first second"


def test_pausing(house: SecureHouse) -> None:
    """Nothing is read; resuming reads what waits."""
    recorder, peer = house.secure()
    recorder.transport.pauseProducing()
    peer.say(b"waits")
    house.turn()
    assert recorder.data == b""
    recorder.transport.resumeProducing()
    house.wait(lambda: recorder.data == b"waits")


def test_an_error_that_another_has_left(house: SecureHouse) -> None:
    """It is in the thread's queue, and nobody else's business."""
    recorder, peer = house.secure()
    library: Any = SSL
    context = SSL.Context(SSL.TLS_METHOD)
    for turn in (b"one ", b"two "):
        left = library._lib.SSL_CTX_use_certificate_file(context._context, b"/nowhere", 1)
        assert left == 0
        peer.say(turn)
        house.wait(lambda turn=turn: recorder.data.endswith(turn))  # type: ignore[misc]
        library._lib.SSL_CTX_use_certificate_file(context._context, b"/nowhere", 1)
        recorder.transport.write(turn)
    assert peer.hear() == b"one two "


# -- who is there --------------------------------------------------------------------------------


def test_a_certificate_of_the_client(house: SecureHouse, tmp_path: Path) -> None:
    """It can be asked for, and whoever has none is turned away, and told so."""
    ours, theirs = make_certificate(HOST), make_certificate("client")
    options = CertificateOptions(
        privateKey=ours.privateKey.original, certificate=ours.original, trustRoot=theirs
    )
    context = client_context("1.2")
    pem = tmp_path / "client.pem"
    pem.write_bytes(make_pem("client"))
    context.load_cert_chain(pem)
    recorder, _ = house.secure("1.2", options=options, context=context)
    assert Certificate.peerFromTransport(recorder.transport) == Certificate(theirs.original)
    recorder, peer = house.silent("1.2", options=options)
    told: list[str] = []

    def turned_away() -> bool:
        try:
            peer.shake()
        except ssl.SSLError as error:
            told.append(error.reason)
        return bool(recorder.lost and told)

    house.wait(turned_away)
    assert recorder.lost == [SSL.Error]
    assert told[0] == "SSLV3_ALERT_HANDSHAKE_FAILURE"


def test_a_context_for_each_name(house: SecureHouse) -> None:
    """As those have it that choose a certificate by the name that the client asks for."""
    names = {name: make_certificate(name).options().getContext() for name in ("a.test", "b.test")}

    class Names:
        def getContext(self) -> SSL.Context:
            context = SSL.Context(SSL.TLS_METHOD)
            context.set_tlsext_servername_callback(
                lambda connection: connection.set_context(
                    names[(connection.get_servername() or b"").decode()]
                )
            )
            return context

    for name in names:
        with pytest.warns(Warning, match="does not explicitly provide"):
            _, peer = house.secure(options=Names(), name=name)
        shown = peer.tls.getpeercert(binary_form=True)
        assert Certificate.load(shown or b"") == Certificate(make_certificate(name).original)


def test_who_makes_connections_fails(house: SecureHouse) -> None:
    """It is logged, and the connection is closed."""

    @implementer(IOpenSSLServerConnectionCreator)
    class Broken:
        def serverConnectionForTLS(self, _transport: object) -> Any:
            raise ValueError("no")

    recorder, peer = house.silent(options=Broken())
    house.wait(lambda: _shaken(peer) or recorder.lost)
    assert recorder.lost == [ConnectionLost]
    house.failures.append(ValueError)


def _shaken(peer: SecurePeer) -> bool:
    with contextlib.suppress(ssl.SSLError, OSError):
        return peer.shake()
    return False


# -- the end -------------------------------------------------------------------------------------


@VERSIONS
def test_closing(house: SecureHouse, version: str) -> None:
    """What is queued, and a farewell, come before the end, which is when the peer has its own."""
    recorder, peer = house.secure(version, room=4096)
    recorder.transport.write(b"x" * 200_000)
    recorder.transport.loseConnection()
    recorder.transport.write(b"too late")
    assert recorder.transport.disconnecting
    peer.say(b"nobody listens")
    house.wait(lambda: peer.hear() and peer.ended)
    assert peer.heard == b"x" * 200_000
    assert peer.farewell
    assert recorder.lost == []
    peer.leave()
    house.wait(lambda: recorder.lost)
    assert recorder.lost == [ConnectionDone]
    assert recorder.data == b""
    assert recorder.transport.getHandle() is None
    assert recorder.transport.getPeerCertificate() is None


@pytest.mark.parametrize("how", ["close", "reset"])
def test_closing_and_a_peer_that_just_goes(house: SecureHouse, how: str) -> None:
    """It is done all the same."""
    recorder, peer = house.secure()
    recorder.transport.loseWriteConnection()
    house.turn()
    assert recorder.lost == []
    if how == "close":
        peer.line.close()
        house.wait(lambda: recorder.lost)
        assert recorder.lost == [ConnectionDone]
    else:
        recorder.transport.abortConnection()
        house.wait(lambda: recorder.lost)
        assert recorder.lost == [ConnectionAborted]


def test_closing_before_tls_is_there(house: SecureHouse) -> None:
    """At once, if there is nothing to say; else that is said first."""
    recorder, _ = house.silent()
    recorder.transport.loseConnection()
    house.wait(lambda: recorder.lost)
    assert recorder.lost == [ConnectionDone]
    recorder, peer = house.silent()
    recorder.transport.write(b"go away")
    recorder.transport.loseConnection()
    house.wait(peer.shake)
    house.wait(lambda: peer.hear() and peer.ended)
    assert (peer.heard, peer.farewell) == (b"go away", True)
    peer.line.close()
    house.wait(lambda: recorder.lost)


def test_a_peer_that_says_farewell(house: SecureHouse) -> None:
    """It is answered, and that is the end; behind the last words, even in one packet with them."""
    recorder, peer = house.secure()
    peer.tls.write(b"last words")
    with contextlib.suppress(ssl.SSLWantReadError):
        peer.tls.unwrap()
    peer.send(peer.records())
    house.wait(lambda: recorder.lost)
    assert recorder.data == b"last words"
    assert recorder.lost == [ConnectionDone]
    with contextlib.suppress(ssl.SSLWantReadError):
        peer.take()
        peer.tls.unwrap()


def test_a_farewell_to_who_knows_halves(house: SecureHouse) -> None:
    """It may say something more, and closes."""
    recorder, peer = house.secure(kind=HalfRecorder)
    peer.leave()
    house.wait(lambda: recorder.halves == ["read"])
    recorder.transport.write(b"and you")
    recorder.transport.loseConnection()
    house.wait(lambda: recorder.lost)
    assert recorder.lost == [ConnectionDone]
    while peer.take():
        pass
    assert len(drained(peer.line)) == 0
    assert peer.ended


def test_a_farewell_while_closing(house: SecureHouse) -> None:
    """From a callback for what came before it, all in one packet."""
    recorder, peer = house.secure()
    recorder.on_data = lambda _data: recorder.transport.loseConnection()
    peer.tls.write(b"x")
    with contextlib.suppress(ssl.SSLWantReadError):
        peer.tls.unwrap()
    peer.send(peer.records())
    house.wait(lambda: recorder.lost)
    assert recorder.lost == [ConnectionDone]


def test_an_end_without_a_farewell(house: SecureHouse) -> None:
    """Somebody may have cut it off: it is no clean one."""
    recorder, peer = house.secure()
    peer.say(b"last wo")
    peer.line.shutdown(socket.SHUT_WR)
    house.wait(lambda: recorder.lost)
    assert recorder.data == b"last wo"
    assert recorder.lost == [ConnectionLost]


def test_cutting_off(house: SecureHouse) -> None:
    """At once, without what is queued; the protocol is told in a turn of its own."""
    recorder, peer = house.secure(room=4096)
    recorder.transport.write(b"x" * 200_000)
    recorder.transport.failVerification(Failure(ValueError()))
    assert recorder.lost == []
    house.wait(lambda: recorder.lost)
    assert recorder.lost == [ConnectionAborted]
    peer.hear()
    assert peer.ended


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 100, bytes(64)]
)
def test_what_is_no_tls(house: SecureHouse, data: bytes) -> None:
    """It ends the connection; nobody else is harmed."""
    recorder, peer = house.silent()
    other, friend = house.secure()
    peer.send(data)
    house.wait(lambda: recorder.lost)
    assert recorder.lost == [SSL.Error]
    assert recorder.data == b""
    friend.say(b"hello")
    house.wait(lambda: other.data == b"hello")


def test_a_record_that_is_broken(house: SecureHouse) -> None:
    """The peer is told, and what came before it counts."""
    recorder, peer = house.secure()
    peer.tls.write(b"fine")
    good = peer.records()
    peer.tls.write(b"spoiled")
    bad = bytearray(peer.records())
    bad[-1] ^= 1
    peer.send(good + bytes(bad))
    house.wait(lambda: recorder.lost)
    assert recorder.data == b"fine"
    assert recorder.lost == [SSL.Error]
    with pytest.raises(ssl.SSLError, match="bad record mac"):
        peer.hear()


@VERSIONS
def test_a_client_that_goes_in_the_handshake(house: SecureHouse, version: str) -> None:
    """Wherever that is; what it has sent so far makes no difference."""
    _, whole = house.silent(version)
    with contextlib.suppress(ssl.SSLWantReadError):
        whole.tls.do_handshake()
    hello = whole.records()
    for size in (0, 1, 5, 50, len(hello) - 1, len(hello)):
        recorder, peer = house.silent(version)
        peer.send(hello[:size])
        house.turn()
        peer.line.close()
        house.wait(lambda recorder=recorder: recorder.lost)  # type: ignore[misc]
        assert recorder.lost == [ConnectionLost]


def test_a_peer_that_does_not_take_any_more(house: SecureHouse) -> None:
    """The write fails; the connection is lost, in a turn of its own."""
    recorder, peer = house.secure()
    recorder.transport.pauseProducing()
    peer.line.close()
    recorder.transport.write(b"x")
    recorder.transport.write(b"y" * 100_000)
    assert recorder.lost == []
    house.wait(lambda: recorder.lost)
    assert recorder.lost == [ConnectionLost]
