"""The poll group on real sockets: its transports, its outlets, and the traps of its loop."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

import gc
import http.client
import os
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface import implementer

from sennit import App, Configuration, serve, websocket
from sennit.engine.build import encode_frame
from sennit.engine.handshake import Request
from sennit.net.front_door import FrontDoor
from sennit.net.limit import Limits
from sennit.net.native import native_group, send_to_all
from sennit.net.setting import WebSocketSettings
from tests.double import LogKeeper
from tests.live.loop import Loop

if native_group() is not None:
    from sennit.net._port import listen
    from sennit.net._socket import adopt

pytestmark = pytest.mark.skipif(native_group() is None, reason="there is no poll group")


class Recorder:
    """A protocol that notes what it is told, and does what a test tells it."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self.data = b""
        self.reads = 0
        self.lost: list[type[BaseException]] = []
        self.on_data: Callable[[bytes], object] = lambda _data: None
        transport.protocol = self

    def dataReceived(self, data: bytes) -> None:
        assert not self.lost
        self.data += data
        self.reads += 1
        self.on_data(data)

    def connectionLost(self, reason: Failure) -> None:
        self.lost.append(type(reason.value))  # type: ignore[arg-type]  # it has one


@implementer(IHalfCloseableProtocol)
class HalfRecorder(Recorder):
    """The same, for which half a connection is one."""

    def __init__(self, transport: Any) -> None:
        super().__init__(transport)
        self.halves: list[str] = []

    def readConnectionLost(self) -> None:
        self.halves.append("read")

    def writeConnectionLost(self) -> None:
        self.halves.append("write")


class House:
    """A group of the running reactor, and pairs of connected sockets."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.group: Any = native_group()(loop.reactor)  # type: ignore[misc]  # there is one
        self.peers: list[socket.socket] = []
        self.recorders: list[Recorder] = []
        self.failures: list[type[BaseException]] = []
        """What is expected in the log."""

    def pair(self, kind: type[Recorder] = Recorder, room: int | None = None) -> tuple[Any, Any]:
        """Return a protocol on a socket of the group, and its peer, a plain socket."""
        ours, peer = socket.socketpair()
        for end in (ours, peer):
            end.setblocking(False)
            if room is not None:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self.peers.append(peer)
        self.recorders.append(kind(adopt(self.group, ours.detach())))
        return self.recorders[-1], peer

    def wait(self, condition: Callable[[], object]) -> None:
        self.loop.wait_until(condition)

    def turn(self) -> None:
        """Let the loop turn a few times."""
        self.loop.pause(0.02)


@pytest.fixture(name="house")
def _house(loop: Loop) -> Iterator[House]:
    """Return a house; all is closed in the end, and nothing is left in the reactor."""
    house = House(loop)
    with LogKeeper() as log:
        yield house
        for peer in house.peers:
            peer.close()
        for recorder in house.recorders:
            recorder.transport.abortConnection()
        house.wait(lambda: len(house.group) == 0)
    assert [failure.type for failure in log.failures()] == house.failures
    assert house.group not in loop.reactor.getReaders()


def drained(peer: socket.socket) -> bytes:
    """Return what a peer has got so far."""
    data = b""
    try:
        while piece := peer.recv(1 << 16):
            data += piece
    except BlockingIOError:
        pass
    return data


# -- a transport ---------------------------------------------------------------------------------


def test_reading_and_writing(house: House) -> None:
    """What comes is told; what is written is there at once, without a turn of the loop."""
    recorder, peer = house.pair()
    peer.send(b"hello")
    house.wait(lambda: recorder.data == b"hello")
    recorder.transport.write(b"hi")
    recorder.transport.writeSequence([b" the", b"re"])
    assert drained(peer) == b"hi there"
    assert recorder.transport.connected
    assert isinstance(recorder.transport.getPeer(), UNIXAddress)
    assert house.group.logPrefix() == "sennit"


def test_a_peer_that_goes(house: House) -> None:
    """It is told once, after what had come."""
    recorder, peer = house.pair()
    peer.send(b"last words")
    peer.close()
    house.wait(lambda: recorder.lost)
    assert recorder.data == b"last words"
    assert recorder.lost == [ConnectionDone]
    assert not recorder.transport.connected
    assert recorder.transport.fileno() == -1
    recorder.transport.write(b"nowhere")
    recorder.transport.loseConnection()
    recorder.transport.abortConnection()
    recorder.transport.pauseProducing()
    recorder.transport.resumeProducing()
    house.turn()
    assert recorder.lost == [ConnectionDone]


def test_closing(house: House) -> None:
    """What is queued is sent before; what is written later is not."""
    recorder, peer = house.pair(room=4096)
    recorder.transport.write(b"x" * 200_000)
    assert recorder.transport.buffered > 0
    recorder.transport.loseConnection()
    recorder.transport.write(b"too late")
    got = b""

    def all_there() -> bool:
        nonlocal got
        got += drained(peer)
        return bool(recorder.lost)

    house.wait(all_there)
    assert got + drained(peer) == b"x" * 200_000
    assert recorder.data == b""
    assert recorder.lost == [ConnectionDone]


def test_cutting_off(house: House) -> None:
    """At once, without what is queued; the protocol is told in a turn of its own."""
    recorder, _ = house.pair(room=4096)
    recorder.transport.write(b"x" * 200_000)
    recorder.transport.abortConnection()
    assert recorder.lost == []
    house.wait(lambda: recorder.lost)
    assert recorder.lost == [ConnectionAborted]


def test_halves(house: House) -> None:
    """Either may be closed alone, for a protocol that knows of it."""
    recorder, peer = house.pair(HalfRecorder)
    recorder.transport.loseWriteConnection()
    assert recorder.halves == ["write"]
    house.wait(lambda: _ended(peer))
    peer.send(b"still there")
    house.wait(lambda: recorder.data == b"still there")
    peer.shutdown(socket.SHUT_WR)
    house.wait(lambda: recorder.halves == ["write", "read"])
    assert recorder.lost == []
    recorder.transport.loseConnection()
    house.wait(lambda: recorder.lost)


def _ended(peer: socket.socket) -> bool:
    try:
        return not peer.recv(1)
    except BlockingIOError:
        return False


def test_half_closing_waits_for_what_is_queued(house: House) -> None:
    """It is behind it."""
    recorder, peer = house.pair(HalfRecorder, room=4096)
    recorder.transport.write(b"x" * 100_000)
    recorder.transport.loseWriteConnection()
    assert recorder.halves == []
    got = b""

    def shut() -> bool:
        nonlocal got
        got += drained(peer)
        return bool(recorder.halves == ["write"])

    house.wait(shut)
    assert got + drained(peer) == b"x" * 100_000


def test_pausing(house: House) -> None:
    """Nothing is read, and a peer that is gone is not noticed; resuming reads what waits."""
    recorder, peer = house.pair()
    recorder.transport.pauseProducing()
    peer.send(b"waits")
    peer.shutdown(socket.SHUT_WR)
    house.turn()
    assert recorder.data == b""
    recorder.transport.resumeProducing()
    house.wait(lambda: recorder.lost)
    assert recorder.data == b"waits"


def test_a_peer_that_does_not_take_any_more(house: House) -> None:
    """The write fails; the connection is lost, in a turn of its own."""
    recorder, peer = house.pair()
    recorder.transport.pauseProducing()
    peer.close()
    recorder.transport.write(b"x")
    recorder.transport.write(b"y")
    assert recorder.lost == []
    house.wait(lambda: recorder.lost)
    assert recorder.lost == [ConnectionLost]


# -- an outlet -----------------------------------------------------------------------------------


class Drained:
    """Counts how often there was room again."""

    def __init__(self) -> None:
        self.times = 0

    def drained(self) -> None:
        self.times += 1


def test_marks(house: House) -> None:
    """Full from the upper one on, until it has come down to the lower; all in order."""
    recorder, peer = house.pair(room=4096)
    told = Drained()
    outlet = recorder.transport.outlet(told, 50_000, 10_000)
    sent = b""
    for number in range(200):
        if outlet.full:
            break
        piece = bytes([number]) * 1000
        outlet.write(piece)
        sent += piece
    assert outlet.full
    assert outlet.buffered >= 50_000
    before = outlet.progress
    got = b""

    def take() -> bool:
        nonlocal got
        if outlet.full:
            assert told.times == 0
        got += drained(peer)
        return got == sent

    house.wait(take)
    assert (outlet.full, outlet.buffered) == (False, 0)
    assert told.times in (1, 2)
    assert outlet.progress != before


def test_corking(house: House) -> None:
    """What is gathered leaves in one; more than the bound leaves early."""
    recorder, peer = house.pair()
    outlet = recorder.transport.outlet(None, 10, 0)
    outlet.cork()
    outlet.write(b"abc")
    outlet.write(b"def")
    assert drained(peer) == b""
    assert outlet.buffered == 6
    outlet.uncork()
    assert drained(peer) == b"abcdef"
    outlet.cork()
    outlet.write(b"x" * 10)
    assert drained(peer) == b"x" * 10
    outlet.uncork()
    outlet.finish(linger=False)
    outlet.write(b"nothing")
    house.wait(lambda: recorder.lost)
    assert drained(peer) == b""


@pytest.mark.parametrize("linger", [True, False])
def test_finishing_sends_what_is_corked(house: House, linger: bool) -> None:
    """And then closes, one half or both."""
    recorder, peer = house.pair(HalfRecorder)
    outlet = recorder.transport.outlet(None, 1000, 0)
    outlet.cork()
    outlet.write(b"the end")
    outlet.finish(linger)
    outlet.uncork()
    house.wait(lambda: recorder.halves == ["write"] if linger else recorder.lost)
    assert drained(peer) == b"the end"
    outlet.close()
    house.wait(lambda: recorder.lost)


# -- broadcasts ----------------------------------------------------------------------------------


def test_a_broadcast(house: House) -> None:
    """Everybody gets it in one call; the full refuse it, the muted and the gone pass it over."""
    pairs = [house.pair(room=4096) for _ in range(6)]
    recorders = [recorder for recorder, _ in pairs]
    outlets = [recorder.transport.outlet(None, 5000, 0) for recorder in recorders]
    outlets[1].write(b"x" * 100_000)
    assert outlets[1].full
    outlets[2].muted = True
    recorders[3].transport.abortConnection()
    house.wait(lambda: recorders[3].lost)
    outlets[4].cork()
    outlets[4].write(b"before ")
    assert send_to_all(outlets, b"to all") == [1]
    outlets[4].uncork()
    assert [drained(peer) for recorder, peer in pairs if recorder is not recorders[1]] == [
        b"to all",
        b"",
        b"",
        b"before to all",
        b"to all",
    ]


def test_a_broadcast_that_is_taken_in_part(house: House) -> None:
    """The rest is queued, and comes in order."""
    recorder, peer = house.pair(room=4096)
    outlet = recorder.transport.outlet(None, 1 << 20, 0)
    frames = [bytes([number]) * 30_000 for number in range(5)]
    for frame in frames:
        assert send_to_all([outlet], frame) == []
    got = b""

    def take() -> bool:
        nonlocal got
        got += drained(peer)
        return got == b"".join(frames)

    house.wait(take)


def test_a_broadcast_meets_a_peer_that_is_gone(house: House) -> None:
    """The others get it; the one is lost in a turn of its own."""
    (gone, peer), (here, other) = house.pair(), house.pair()
    outlets = [recorder.transport.outlet(None, 1000, 0) for recorder in (gone, here)]
    gone.transport.pauseProducing()
    peer.close()
    assert send_to_all(outlets, b"hello") == []
    assert drained(other) == b"hello"
    assert gone.lost == []
    house.wait(lambda: gone.lost)


def test_a_long_broadcast_leaves_the_reactor_its_turn(house: House) -> None:
    """What is left is sent in the next turns, and before whatever else is written meanwhile."""
    house.group.turn = 0.0
    pairs = [house.pair(room=4096) for _ in range(200)]
    outlets = [recorder.transport.outlet(None, 50_000, 0) for recorder, _ in pairs]
    assert send_to_all(outlets, b"one ") == []
    got = [drained(peer) for _, peer in pairs]
    assert got[:64] == [b"one "] * 64
    assert got[64:] == [b""] * 136
    outlets[100].write(b"own ")
    outlets[101].finish(linger=False)
    outlets[102].abort()
    outlets[103].cork()
    outlets[103].write(b"corked ")
    assert send_to_all(outlets, b"two ") == []
    outlets[103].uncork()

    def all_there() -> bool:
        for index, (_, peer) in enumerate(pairs):
            if index != 102:
                got[index] += drained(peer)
        return got[-1] == b"one two "

    house.wait(all_there)
    house.turn()
    all_there()
    assert got[100] == b"one own two "
    assert got[101] == b"one "
    assert got[103] == b"one corked two "
    assert {bytes(data) for data in (*got[:100], *got[104:])} == {b"one two "}


def test_what_follows_a_long_broadcast_waits_behind_it(house: House) -> None:
    """Many broadcasts at a time cost the reactor one turn, and each socket gets all in order."""
    house.group.turn = 0.0
    pairs = [house.pair() for _ in range(200)]
    outlets = [recorder.transport.outlet(None, 50_000, 0) for recorder, _ in pairs]
    texts = [b"%d " % number for number in range(5)]
    assert send_to_all(outlets, texts[0]) == []
    first = [drained(peer) for _, peer in pairs]
    assert first == [texts[0]] * 64 + [b""] * 136
    for text in texts[1:]:
        assert send_to_all(outlets, text) == []
    assert [drained(peer) for _, peer in pairs] == [b""] * 200
    outlets[7].write(b"own ")
    assert drained(pairs[7][1]) == b"1 2 3 4 own "
    assert send_to_all(outlets[:3], b"few ") == []
    assert drained(pairs[0][1]) == b"1 2 3 4 few "
    got = dict.fromkeys(range(8, 200), b"")

    def all_there() -> bool:
        for index in got:
            got[index] += drained(pairs[index][1])
        return all(len(data) >= 8 for data in got.values())

    house.wait(all_there)
    assert {first[index] + data for index, data in got.items()} == {b"".join(texts)}


def test_what_waits_behind_a_broadcast_has_a_bound(house: House) -> None:
    """What the outlet may hold is all that waits; then the kernel is asked, and it may refuse."""
    house.group.turn = 0.0
    pairs = [house.pair(room=4096) for _ in range(70)]
    outlets = [recorder.transport.outlet(None, 5000, 0) for recorder, _ in pairs]
    frame = b"x" * 3000
    refused = [send_to_all(outlets, frame) for _ in range(40)]
    assert refused[0] == refused[1] == []
    assert refused[-1] == list(range(70))
    assert all(outlet.buffered < 5000 + len(frame) for outlet in outlets)
    assert len({len(drained(peer)) for _, peer in pairs}) <= 2


def test_a_long_broadcast_and_a_full_socket(house: House) -> None:
    """It refuses in its turn too."""
    house.group.turn = 0.0
    pairs = [house.pair(room=4096) for _ in range(70)]
    outlets = [recorder.transport.outlet(None, 5000, 0) for recorder, _ in pairs]
    outlets[69].write(b"x" * 100_000)
    outlets[68].muted = True
    assert send_to_all(outlets, b"hello") == [69]
    house.wait(lambda: drained(pairs[67][1]) == b"hello")
    assert drained(pairs[68][1]) == b""


# -- traps ---------------------------------------------------------------------------------------


def test_a_callback_closes_one_that_is_ready_too(house: House) -> None:
    """Whoever is served first closes the other, of whom an event is at hand: it is dropped."""
    (one, peer_one), (two, peer_two) = house.pair(), house.pair()
    for recorder, other in ((one, two), (two, one)):
        recorder.on_data = lambda _data, other=other: other.transport.abortConnection()
    peer_one.send(b"x")
    peer_two.send(b"x")
    house.wait(lambda: one.lost or two.lost)
    house.turn()
    assert sorted([one.data, two.data]) == [b"", b"x"]
    assert len([r for r in (one, two) if r.lost]) == 1


def test_a_descriptor_that_is_used_again_at_once(house: House) -> None:
    """An event of the old connection is none of the new one that has its number."""
    (one, peer_one), (two, peer_two) = house.pair(), house.pair()
    new: list[Recorder] = []

    def swap(other: Recorder) -> None:
        if new:
            return
        number = other.transport.fileno()
        other.transport.detach()
        os.close(number)
        recorder, _ = house.pair()
        new.append(recorder)
        assert recorder.transport.fileno() == number

    one.on_data = lambda _data: swap(two)
    two.on_data = lambda _data: swap(one)
    peer_one.send(b"x")
    peer_two.send(b"x")
    house.wait(lambda: new)
    house.turn()
    assert new[0].reads == 0
    assert new[0].lost == []


def test_what_a_callback_raises(house: House) -> None:
    """It ends its own connection, is logged, and harms nobody else."""
    (one, peer_one), (two, peer_two) = house.pair(), house.pair()

    def fail(_data: bytes) -> None:
        raise ValueError("no")

    one.on_data = fail
    peer_one.send(b"x")
    peer_two.send(b"y")
    house.wait(lambda: one.lost and two.data)
    house.failures.append(ValueError)
    assert one.lost == [ConnectionLost]
    assert two.lost == []


def test_what_the_end_raises(house: House) -> None:
    """It is logged."""
    recorder, peer = house.pair()

    def fail(_reason: Failure) -> None:
        raise ValueError("no")

    recorder.connectionLost = fail
    peer.close()
    house.wait(lambda: not recorder.transport.connected)
    house.failures.append(ValueError)


def test_closing_itself_within_a_callback(house: House) -> None:
    """Nothing more is read of it."""
    recorder, peer = house.pair()
    recorder.on_data = lambda _data: recorder.transport.loseConnection()
    peer.send(b"x")
    house.wait(lambda: recorder.lost)
    assert recorder.reads == 1


def test_a_flood_leaves_the_reactor_its_turns(house: House) -> None:
    """Two hundred sockets that are always ready: timers come, and each socket gets its share."""
    pairs = [house.pair() for _ in range(200)]
    for recorder, peer in pairs:
        recorder.on_data = lambda _data, peer=peer: peer.send(b"x")
        peer.send(b"x")
    house.loop.pause(0.5)
    for recorder, _ in pairs:
        recorder.on_data = lambda _data: None
    reads = [recorder.reads for recorder, _ in pairs]
    assert min(reads) > 0
    assert max(reads) < 20 * min(reads)


def test_the_reactor_lets_go(house: House) -> None:
    """As when it shuts down: every connection is lost."""
    pairs = [house.pair() for _ in range(3)]
    house.loop.reactor.removeReader(house.group)
    house.group.connectionLost(Failure(ConnectionDone()))
    assert [recorder.lost for recorder, _ in pairs] == [[ConnectionDone]] * 3
    assert len(house.group) == 0


def test_no_descriptor_and_no_memory_is_left(house: House) -> None:
    """After a thousand connections, closed in every way."""

    def open_descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    def round_of(count: int) -> None:
        for number in range(count):
            recorder, peer = house.pair()
            recorder.transport.write(b"x" * 1000)
            if number % 3 == 0:
                recorder.transport.abortConnection()
            elif number % 3 == 1:
                recorder.transport.loseConnection()
            peer.close()
            house.peers.pop()
            house.recorders.pop()
        house.wait(lambda: len(house.group) == 0)
        gc.collect()

    round_of(30)
    before = open_descriptors()
    round_of(1000)
    assert open_descriptors() <= before


# -- accepting -----------------------------------------------------------------------------------


class Door:
    """Takes every connection as it comes.

    Args:
        begin: called with each.
    """

    def __init__(self, begin: Callable[[Any], object]) -> None:
        self.settings = WebSocketSettings()
        self.limits = Limits(self.settings)
        self.begin = begin

    def is_open(self) -> bool:
        return False

    def open_plainly(self, made: Any, request: Request) -> bool:
        raise AssertionError(f"{request} on {made} was not to be waited for")

    def newcomer(self, made: Any, data: bytes, left: float) -> None:
        assert (data, left) == (b"", self.settings.head_timeout)
        self.begin(made)


@pytest.mark.parametrize("interface", ["127.0.0.1", "::1"])
def test_accepting(house: House, loop: Loop, interface: str) -> None:
    """A port's connections come to the group, each with its addresses, until it is stopped."""
    port: Any = loop.reactor.listenTCP(0, Factory(), interface=interface)
    port.stopReading()
    accepted: list[Recorder] = []
    listener = listen(house.group, port, Door(lambda made: accepted.append(Recorder(made))))
    clients = [socket.create_connection((interface, port.getHost().port)) for _ in range(3)]
    house.wait(lambda: len(accepted) == 3)
    kind = IPv6Address if ":" in interface else IPv4Address
    for recorder, client in zip(accepted, clients, strict=True):
        peer = recorder.transport.getPeer()
        assert isinstance(peer, kind)
        assert (peer.host, peer.port) == client.getsockname()[:2]
        assert recorder.transport.getHost() == port.getHost()
        client.close()
    listener.stop()
    listener.stop()
    assert listener.fileno() == -1
    loop.run(port.stopListening())
    house.wait(lambda: all(recorder.lost for recorder in accepted))


def test_a_connection_that_cannot_be_begun(house: House, loop: Loop) -> None:
    """It is logged and closed; the next one is accepted."""
    port: Any = loop.reactor.listenTCP(0, Factory(), interface="127.0.0.1")
    port.stopReading()
    accepted: list[Recorder] = []

    def begin(made: Any) -> None:
        accepted.append(Recorder(made))
        if len(accepted) == 1:
            raise ValueError("no")

    listener = listen(house.group, port, Door(begin))
    clients = [socket.create_connection(("127.0.0.1", port.getHost().port)) for _ in range(2)]
    house.wait(lambda: len(accepted) == 2)
    assert accepted[0].lost == [ConnectionLost]
    assert accepted[1].lost == []
    assert clients[0].recv(1) == b""
    house.failures.append(ValueError)
    for client in clients:
        client.close()
    listener.stop()
    loop.run(port.stopListening())
    house.wait(lambda: accepted[1].lost)


def test_a_callback_that_runs_the_reactor(house: House) -> None:
    """The group is not entered twice: what was read is still in its buffer."""
    (one, peer_one), (two, peer_two) = house.pair(), house.pair()
    seen: list[bytes] = []

    def iterate(_data: bytes) -> None:
        peer_two.send(b"meanwhile")
        house.group.doRead()
        seen.append(two.data)

    one.on_data = iterate
    peer_one.send(b"x")
    house.wait(lambda: two.data == b"meanwhile")
    assert seen == [b""]


# -- servers on it -------------------------------------------------------------------------------


def _number(port: Any) -> int:
    number: int = port.getHost().port
    return number


async def _echo(ws: websocket.WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


class _Told:
    """Echoes, in the style that is notified."""

    def __init__(self, ws: websocket.WebSocket) -> None:
        self.ws = ws

    def message_received(self, data: bytes, is_text: bool) -> None:
        assert self.ws.send_nowait(data, text=is_text)


@pytest.mark.parametrize("handler", [_echo, _Told])
@pytest.mark.parametrize("options", [{}, {"compression": True}, {"streaming": True}])
def test_a_server(loop: Loop, handler: Any, options: dict[str, Any]) -> None:
    """Its plain connections are the group's; messages of every size come and go."""
    if options == {"streaming": True} and handler is _Told:
        options = {}
    where = "tcp:0:interface=127.0.0.1"

    async def scenario() -> None:
        port = await websocket.listen(
            loop.reactor, where, handler, max_message=1 << 20, max_fragments=100, **options
        )
        url = f"ws://127.0.0.1:{_number(port)}/"
        compression = options.get("compression", False)
        ws = await websocket.connect(
            loop.reactor, url, max_message=1 << 20, compression=compression
        )
        (ours,) = port.connections
        assert ours._transport.socket is not None
        assert (ours._transport.connection.deflate is not None) == compression
        for size in (0, 1, 125, 126, 65535, 65536, 300_000):
            for message in ("x" * size, b"y" * size):
                await ws.send(message)
                assert await ws.recv() == message
        for number in range(500):
            await ws.send(str(number))
        assert [await ws.recv() for _ in range(500)] == [str(number) for number in range(500)]
        await ws.send_streaming(["a", "é", "c"])
        assert await ws.recv() == "aéc"
        assert await ws.ping() >= 0
        assert websocket.broadcast(port.connections, "to all") == []
        assert await ws.recv() == "to all"
        await ws.close(4000, "done")
        assert (ws.close_code, ours.close_code, ours.close_reason) == (4000, 4000, "done")
        await port.close()

    loop.run(scenario())


def test_a_violation_on_it(loop: Loop) -> None:
    """The close code of whatever is wrong, as on every transport; what came before counts."""
    told: list[Any] = []

    class Receiver:
        def __init__(self, ws: websocket.WebSocket) -> None:
            self.ws = ws

        def message_received(self, data: bytes, _is_text: bool) -> None:
            told.append(data)

        def connection_lost(self, closed: websocket.Closed) -> None:
            told.append((closed.code, closed.sent_code))

    async def scenario() -> None:
        port = await websocket.listen(loop.reactor, "tcp:0:interface=127.0.0.1", Receiver)
        ws = await websocket.connect(loop.reactor, f"ws://127.0.0.1:{_number(port)}/")
        await ws.send("fine")
        transport = ws._transport
        transport._outlet.write(encode_frame(0x1, b"\xff", mask=b"abcd") + b"and more")
        await ws.wait_closed()
        assert ws.close_code == 1007
        await port.close()

    loop.run(scenario())
    assert told == [b"fine", (1006, 1007)]


def test_pausing_on_it(loop: Loop) -> None:
    """A receiver that pauses in the middle of what was read gets the rest when it resumes."""
    told: list[bytes] = []
    sockets: list[websocket.WebSocket] = []

    class Receiver:
        def __init__(self, ws: websocket.WebSocket) -> None:
            sockets.append(ws)

        def message_received(self, data: bytes, _is_text: bool) -> None:
            told.append(data)
            if data == b"1":
                sockets[0].pause_reading()
            if data == b"3":
                sockets[0].pause_reading()
                sockets[0].resume_reading()

    async def scenario() -> None:
        port = await websocket.listen(loop.reactor, "tcp:0:interface=127.0.0.1", Receiver)
        ws = await websocket.connect(loop.reactor, f"ws://127.0.0.1:{_number(port)}/")
        ws._transport._outlet.cork()
        for number in range(5):
            await ws.send(str(number))
        ws._transport._outlet.uncork()
        await until(lambda: len(told) == 2)
        await deferLater(loop.reactor, 0.05)
        assert told == [b"0", b"1"]
        sockets[0].resume_reading()
        await until(lambda: len(told) == 5)
        assert told == [b"0", b"1", b"2", b"3", b"4"]
        await ws.close()
        await port.close()

    async def until(condition: Callable[[], bool]) -> None:
        while not condition():
            await deferLater(loop.reactor, 0.001)

    loop.run(scenario())


def test_a_handler_that_fails_on_it(loop: Loop) -> None:
    """It ends its connection with 1011, once, and is logged."""

    class Receiver:
        def __init__(self, _ws: websocket.WebSocket) -> None:
            """Nothing to keep."""

        def message_received(self, _data: bytes, _is_text: bool) -> None:
            raise ValueError("no")

    async def scenario() -> None:
        port = await websocket.listen(loop.reactor, "tcp:0:interface=127.0.0.1", Receiver)
        ws = await websocket.connect(loop.reactor, f"ws://127.0.0.1:{_number(port)}/")
        await ws.send("x")
        await ws.wait_closed()
        assert ws.close_code == 1011
        await port.close()

    with LogKeeper() as log:
        loop.run(scenario())
    assert [failure.type for failure in log.failures()] == [ValueError]


def test_pages_beside_it(loop: Loop, tmp_path: Path) -> None:
    """A request that is no upgrade goes on over a transport of Twisted's, kept alive and all."""
    (tmp_path / "index.html").write_text("<p>hello")
    app = App()
    app.raw("/plain")
    app.namespace("room", allow_subscribe={"anonymous"})
    configuration = Configuration(port=0, page=str(tmp_path))

    async def scenario() -> None:
        server = await serve(app, loop.reactor, None, configuration)
        ws = await websocket.connect(loop.reactor, f"ws://127.0.0.1:{server.port}/plain")
        (stream,) = server._door.connections
        assert stream.socket is not None

        def ask() -> list[int]:
            connection = http.client.HTTPConnection("127.0.0.1", server.port or 0, timeout=5)
            statuses = []
            for path in ("/", "/health", "/nothing"):
                connection.request("GET", path)
                response = connection.getresponse()
                response.read()
                statuses.append(response.status)
            connection.close()
            return statuses

        assert await deferToThread(ask) == [200, 200, 404]
        await ws.close()
        await server.stop()

    loop.run(scenario())


def test_a_client_that_is_gone_before_its_page(loop: Loop) -> None:
    """It has asked and was reset: nobody waits for it, and it takes no place any more."""
    door = FrontDoor(loop.reactor, {}, Site(Resource()))
    port: Any = loop.reactor.listenTCP(0, door, interface="127.0.0.1")
    door.accept_on(port)
    for _ in range(20):
        client = socket.create_connection(("127.0.0.1", _number(port)))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.close()
    loop.wait_until(lambda: door.limits.handshakes == 0)
    loop.pause(0.05)
    assert door.limits.handshakes == 0
    door.stop_accepting()
    loop.run(port.stopListening())
    loop.run(door.close_all(1001, "going away"), timeout=2)
