"""TLS on the poll group: what it says by itself, broadcasts, going on with Twisted, and traps."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import gc
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from OpenSSL import SSL
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOProtocol

from sennit.net.native import move, native_tls, send_to_all
from tests.certificate import make_certificate
from tests.live.loop import Loop
from tests.live.secure import HOST, SecureHouse, SecurePeer
from tests.live.test_group import drained

pytestmark = pytest.mark.skipif(not native_tls(), reason="there is no TLS in the group")

VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])


@pytest.fixture(name="house")
def _house(loop: Loop) -> Iterator[SecureHouse]:
    """Return a house; all is closed in the end, and nothing is left in the reactor."""
    with SecureHouse(loop).open() as house:
        yield house


# -- what TLS says by itself ---------------------------------------------------------------------


class Owner:
    """Whom an outlet tells that what is queued has come down.

    Args:
        drained: called then.
    """

    def __init__(self, drained: Callable[[], object]) -> None:
        self.drained = drained


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
    outlet = recorder.transport.outlet(Owner(lambda: told.append(b"room")), 1000, 0)
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
    owner = Owner(lambda: told.append(outlet.buffered))
    outlet: Any = recorder.transport.outlet(owner, 50_000, 10_000)
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
    outlets = [recorder.transport.outlet(None, 10_000_000, 0) for recorder in recorders]
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
    outlets = [one.transport.outlet(None, 5000, 0) for one in (slow, quick)]
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
    outlets = [recorder.transport.outlet(None, 50_000, 0) for recorder, _ in pairs]
    assert send_to_all(outlets, b"one ") == []
    assert [peer.hear() for _, peer in pairs] == [b"one "] * 64 + [b""] * 6
    outlets[65].write(b"own ")
    house.wait(lambda: pairs[69][1].hear() == b"one ")
    assert pairs[65][1].hear() == b"one own "


def test_a_broadcast_meets_a_peer_that_is_gone(house: SecureHouse) -> None:
    """The others get it; the one is lost in a turn of its own."""
    (gone, peer), (here, other) = house.secure(), house.secure()
    outlets = [recorder.transport.outlet(None, 1000, 0) for recorder in (gone, here)]
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
