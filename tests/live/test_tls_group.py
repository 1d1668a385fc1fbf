"""TLS on the poll group, a socket at a time: records however they come, and every way to end."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import gc
import socket
import ssl
from collections.abc import Callable, Iterator
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
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate, CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from sennit.net.native import is_native, move, native_tls, send_to_all
from tests.certificate import make_certificate, make_pem
from tests.double import LogKeeper
from tests.live.loop import Loop
from tests.live.secure import HOST, SecureHouse, SecurePeer, client_context
from tests.live.test_group import HalfRecorder, drained

pytestmark = pytest.mark.skipif(not native_tls(), reason="there is no TLS in the group")

VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])


@pytest.fixture(name="house")
def _house(loop: Loop) -> Iterator[SecureHouse]:
    """Return a house; all is closed in the end, and nothing is left in the reactor."""
    house = SecureHouse(loop)
    with LogKeeper() as log:
        yield house
        for peer in house.peers:
            peer.close()
        for recorder in house.recorders:
            recorder.transport.abortConnection()
        house.wait(lambda: len(house.group) == 0)
    assert [failure.type for failure in log.failures()] == house.failures
    assert house.group not in loop.reactor.getReaders()


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


# -- what TLS says by itself ---------------------------------------------------------------------


def test_a_renegotiation(house: SecureHouse) -> None:
    """Where it is allowed: what is written in its middle waits, and closing waits for that."""
    options = make_certificate(HOST).options()
    context = options.getContext()
    context.set_options(0x100)  # SSL_OP_ALLOW_CLIENT_RENEGOTIATION
    recorder, _ = house.silent(options=options)
    client = SSL.Connection(_versioned(SSL.TLS1_2_VERSION), None)
    client.set_connect_state()
    line = house.peers[-1]
    house.wait(lambda: _step(client, line))
    client.send(b"before")
    _step(client, line)
    house.wait(lambda: recorder.data == b"before")
    told: list[bytes] = []
    outlet = recorder.transport.outlet(1000, lambda: told.append(b"room"), 0)
    assert client.renegotiate()
    with contextlib.suppress(SSL.WantReadError):
        client.do_handshake()
    line.send(client.bio_read(1 << 16))
    house.turn()
    outlet.write(b"x" * 999)
    assert not outlet.full
    outlet.write(b"y")
    assert (outlet.full, outlet.buffered, told) == (True, 1000, [])
    assert send_to_all([outlet], b"refused") == [0]
    recorder.transport.loseConnection()
    heard = b""

    def hear() -> bool:
        nonlocal heard
        _step(client, line)
        with contextlib.suppress(SSL.WantReadError, SSL.ZeroReturnError):
            heard += client.recv(1 << 16)
        return len(heard) == 1000

    house.wait(hear)
    assert heard == b"x" * 999 + b"y"
    line.close()
    house.wait(lambda: recorder.lost)


def _versioned(version: int) -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_max_proto_version(version)
    return context


def _step(client: SSL.Connection, line: socket.socket) -> bool:
    """Go on with what a client of pyOpenSSL does in memory, and return whether it is secured."""
    done = True
    with contextlib.suppress(BlockingIOError):
        client.bio_write(line.recv(1 << 16))
    try:
        client.do_handshake()
    except SSL.WantReadError:
        done = False
    with contextlib.suppress(SSL.WantReadError):
        line.send(client.bio_read(1 << 16))
    return done


class Keys:
    """A client by OpenSSL itself, which can change its keys and ask for others."""

    def __init__(self, line: socket.socket) -> None:
        name = ctypes.util.find_library("ssl")
        if name is None:
            pytest.skip("there is no OpenSSL besides")
        self._call = ctypes.CDLL(name)
        for function in ("TLS_client_method", "SSL_CTX_new", "SSL_new"):
            getattr(self._call, function).restype = ctypes.c_void_p
        if not hasattr(self._call, "SSL_key_update"):
            pytest.skip("it knows no TLS 1.3")
        self._context = ctypes.c_void_p(
            self._call.SSL_CTX_new(ctypes.c_void_p(self._call.TLS_client_method()))
        )
        self._tls = ctypes.c_void_p(self._call.SSL_new(self._context))
        self._call.SSL_set_fd(self._tls, line.fileno())
        self._call.SSL_set_connect_state(self._tls)

    def shake(self) -> bool:
        done: int = self._call.SSL_do_handshake(self._tls)
        return done == 1

    def change(self) -> bool:
        """Change the keys, and ask for the same; ``False`` if the line is full."""
        assert self._call.SSL_key_update(self._tls, 1) == 1
        return self.shake()

    def say(self, data: bytes) -> bool:
        done: int = self._call.SSL_write(self._tls, data, len(data))
        return done == len(data)

    def hear(self) -> bytes:
        buffer = ctypes.create_string_buffer(1 << 16)
        size = self._call.SSL_read(self._tls, buffer, len(buffer))
        return buffer.raw[: max(size, 0)]

    def close(self) -> None:
        self._call.SSL_free(self._tls)
        self._call.SSL_CTX_free(self._context)


def test_keys_that_change(house: SecureHouse) -> None:
    """In the middle of everything, and asked for from the other side."""
    recorder, peer = house.silent()
    client = Keys(peer.line)
    house.wait(client.shake)
    for number in range(20):
        assert client.change()
        assert client.say(b"%d " % number)
        house.wait(lambda number=number: recorder.data.endswith(b"%d " % number))  # type: ignore[misc]
        recorder.transport.write(b"%d " % number)
        heard = b""
        while not heard:
            heard = client.hear()
        assert heard == b"%d " % number
    client.close()


def test_keys_that_change_without_end(house: SecureHouse) -> None:
    """Who makes TLS speak and does not listen is cut off before that takes much memory."""
    recorder, peer = house.silent(room=4096)
    client = Keys(peer.line)
    house.wait(client.shake)

    def annoy() -> bool:
        if client.change():
            client.say(b"x")
        return bool(recorder.lost)

    house.wait(annoy)
    assert recorder.lost == [ConnectionLost]
    client.close()


# -- going on with Twisted ------------------------------------------------------------------------


class Heir(Protocol):
    """Has a connection from some time on."""

    data = b""
    lost = False

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        self.line.write(b"heard ")

    def connectionLost(self, reason: object = None) -> None:
        self.lost = True

    @property
    def line(self) -> Any:
        return self.transport


@VERSIONS
@pytest.mark.parametrize("size", [0, 200_000])
def test_giving_it_away(house: SecureHouse, version: str, size: int) -> None:
    """To a transport of Twisted's: behind what is queued, and with half a record read already."""
    recorder, peer = house.secure(version, room=4096)
    heir = Heir()
    recorder.transport.write(b"x" * size)
    peer.tls.write(b"divided")
    record = peer.records()
    peer.send(record[:10])
    house.turn()
    move(house.loop.reactor, recorder.transport, Factory.forProtocol(lambda: heir))
    assert isinstance(heir.transport, TLSMemoryBIOProtocol)
    assert recorder.transport.fileno() == -1
    assert recorder.transport.buffered == 0
    heir.line.write(b"mine ")
    peer.send(record[10:])
    house.wait(lambda: peer.hear() == b"x" * size + b"mine heard ")
    assert heir.data == b"divided"
    peer.leave()
    house.wait(lambda: heir.lost)
    assert (recorder.data, recorder.lost) == (b"", [])


# -- an outlet, and broadcasts -------------------------------------------------------------------


def test_marks(house: SecureHouse) -> None:
    """Full from the upper one on, until it has come down to the lower; all in order."""
    recorder, peer = house.secure(room=4096)
    told: list[int] = []
    outlet: Any = recorder.transport.outlet(50_000, lambda: told.append(outlet.buffered), 10_000)
    sent = b""
    for number in range(200):
        if outlet.full:
            break
        outlet.write(bytes([number]) * 1000)
        sent += bytes([number]) * 1000
    assert outlet.full
    assert outlet.buffered >= 50_000
    before = outlet.progress
    house.wait(lambda: peer.hear() == sent)
    assert (outlet.full, outlet.buffered) == (False, 0)
    assert told
    assert told[0] <= 10_000
    assert outlet.progress != before


@pytest.mark.parametrize("size", [1, 16_384, 50_000, 300_000])
def test_a_broadcast(house: SecureHouse, size: int) -> None:
    """Everybody gets it in one call, over whatever it goes; in parts where the kernel says so."""
    secure = [house.secure(version, room=4096) for version in ("1.2", "1.3") * 3]
    plain, line = house.pair(room=4096)
    early, late = house.silent(room=4096)
    recorders = [*(recorder for recorder, _ in secure), plain, early]
    outlets = [recorder.transport.outlet(10_000_000, lambda: None, 0) for recorder in recorders]
    outlets[0].muted = True
    recorders[1].transport.abortConnection()
    house.wait(lambda: recorders[1].lost)
    outlets[2].cork()
    outlets[2].write(b"before ")
    frames = [bytes([65 + number]) * size for number in range(4)]
    for frame in frames:
        assert send_to_all(outlets, frame) == []
    outlets[2].uncork()
    whole, got = b"".join(frames), b""
    house.wait(late.shake)

    def there() -> bool:
        nonlocal got
        got += drained(line)
        heard = [peer.hear() for _, peer in (*secure[3:], (early, late))]
        return heard == [whole] * 4 and got == whole and secure[2][1].hear() == b"before " + whole

    house.wait(there)
    assert secure[0][1].hear() == b""


def test_a_broadcast_refused(house: SecureHouse) -> None:
    """By the full ones, until they have room; and by nobody else."""
    (slow, peer), (quick, other) = house.secure(room=4096), house.secure()
    outlets = [one.transport.outlet(5000, lambda: None, 0) for one in (slow, quick)]
    refused: list[list[int]] = []
    for number in range(1, 51):
        refused.append(send_to_all(outlets, b"x" * 3000))
        assert len(other.hear()) == number * 3000
    assert refused[0] == []
    assert refused[-1] == [0]
    taken = refused.count([]) * 3000
    house.wait(lambda: len(peer.hear()) == taken)
    assert send_to_all(outlets, b"again") == []
    house.wait(lambda: peer.hear().endswith(b"again"))


def test_a_long_broadcast_leaves_the_reactor_its_turn(house: SecureHouse) -> None:
    """What is left is sent in the next turns, and before whatever else is written meanwhile."""
    house.group.turn = 0.0
    pairs = [house.secure() for _ in range(70)]
    outlets = [recorder.transport.outlet(50_000, lambda: None, 0) for recorder, _ in pairs]
    assert send_to_all(outlets, b"one ") == []
    assert [peer.hear() for _, peer in pairs] == [b"one "] * 64 + [b""] * 6
    outlets[65].write(b"own ")
    house.wait(lambda: pairs[69][1].hear() == b"one ")
    assert pairs[65][1].hear() == b"one own "


def test_a_broadcast_meets_a_peer_that_is_gone(house: SecureHouse) -> None:
    """The others get it; the one is lost in a turn of its own."""
    (gone, peer), (here, other) = house.secure(), house.secure()
    outlets = [recorder.transport.outlet(1000, lambda: None, 0) for recorder in (gone, here)]
    gone.transport.pauseProducing()
    peer.line.close()
    assert send_to_all(outlets, b"hello") == []
    assert other.hear() == b"hello"
    assert gone.lost == []
    house.wait(lambda: gone.lost)


# -- traps ---------------------------------------------------------------------------------------


def test_a_callback_closes_one_that_is_ready_too(house: SecureHouse) -> None:
    """Whoever is served first closes the other, of whom an event is at hand: it is dropped."""
    (one, peer_one), (two, peer_two) = house.secure(), house.secure()
    for recorder, other in ((one, two), (two, one)):
        recorder.on_data = lambda _data, other=other: other.transport.abortConnection()
    peer_one.say(b"x")
    peer_two.say(b"x")
    house.wait(lambda: one.lost or two.lost)
    house.turn()
    assert sorted([one.data, two.data]) == [b"", b"x"]


def test_what_a_callback_raises(house: SecureHouse) -> None:
    """It ends its own connection, is logged, and harms nobody else."""
    (one, peer_one), (two, peer_two) = house.secure(), house.secure()

    def fail(_data: bytes) -> None:
        raise ValueError("no")

    one.on_data = fail
    peer_one.say(b"x")
    peer_two.say(b"y")
    house.wait(lambda: one.lost and two.data)
    house.failures.append(ValueError)
    assert one.lost == [ConnectionLost]
    assert two.lost == []


def test_a_flood_leaves_the_reactor_its_turns(house: SecureHouse) -> None:
    """Sockets that are always ready: timers come, and each socket gets its share."""
    pairs = [house.secure() for _ in range(50)]
    for recorder, peer in pairs:
        recorder.on_data = lambda _data, peer=peer: peer.say(b"x")
        peer.say(b"x")
    house.loop.pause(0.5)
    for recorder, _ in pairs:
        recorder.on_data = lambda _data: None
    reads = [recorder.reads for recorder, _ in pairs]
    assert min(reads) > 0
    assert max(reads) < 20 * min(reads)


def test_nothing_is_left(house: SecureHouse) -> None:
    """No descriptor and no connection of OpenSSL's, after many, closed in every way."""

    def open_descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    def connections() -> int:
        gc.collect()
        return sum(isinstance(one, SSL.Connection) for one in gc.get_objects())

    def round_of(count: int) -> None:
        ways: list[Callable[[Any, SecurePeer], object]] = [
            lambda recorder, _: recorder.transport.abortConnection(),
            lambda recorder, _: recorder.transport.loseConnection(),
            lambda _, peer: peer.leave(),
            lambda _, peer: peer.send(b"garbage" * 10),
        ]
        for number in range(count):
            recorder, peer = house.secure() if number % 5 else house.silent()
            recorder.transport.write(b"x" * 10_000)
            if peer.secured:
                ways[number % 4](recorder, peer)
            peer.line.close()
            house.peers.pop()
            house.recorders.pop()
        house.wait(lambda: len(house.group) == 0)

    round_of(20)
    before, held = open_descriptors(), connections()
    round_of(200)
    assert open_descriptors() <= before
    assert connections() <= held
