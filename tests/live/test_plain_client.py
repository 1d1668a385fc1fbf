"""Clients of plain connections: on the poll group where there is one, else on Twisted's."""

# ruff: noqa: N802, N803 - Twisted's names
from __future__ import annotations

import gc
import os
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint, UNIXClientEndpoint
from twisted.internet.error import ConnectionRefusedError as RefusedError
from twisted.internet.error import TimeoutError as ConnectTimeoutError
from twisted.internet.interfaces import IHostnameResolver
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from sennit import websocket
from sennit.engine.build import CLIENT, SERVER, Close, Connection, Message, encode_frame
from sennit.engine.handshake import accept_response, check_upgrade, parse_request
from sennit.net import native
from sennit.net.native import native_group
from sennit.net.setting import WebSocketSettings
from sennit.net.stream_transport import StreamTransport
from tests.double import LogKeeper
from tests.live.loop import Loop
from tests.live.process import Process
from tests.live.proxy import ConnectProxy
from tests.live.test_connector import Listening

if native_group() is not None:
    from sennit.net._socket import adopt

HERE = "tcp:0:interface=127.0.0.1"
LARGE = 4 << 20
SIZES = (0, 1, 125, 126, 127, 16_383, 16_384, 65_535, 65_536, 300_000, LARGE)
NATIVE = native_group() is not None


def is_native(ws: websocket.WebSocket) -> bool:
    return ws._transport.socket is not None


def transport_of(ws: websocket.WebSocket) -> Any:
    return ws._transport.transport


async def echo(ws: websocket.WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


class Wire(Protocol):
    """A server's end of which a test says every byte.

    Attributes:
        connection: reads what the client sends, which has to be masked.
        told: what it has sent.
        raw: the same as bytes.
        lost: why the connection is gone.
        answers: whether it answers a close frame.
        ends: whether it ends the connection then.
        on_data: has what comes in, instead of all this.
    """

    transport: Any

    def __init__(self, place: Place) -> None:
        self.place = place
        self.connection = Connection(SERVER, max_message=1 << 30)
        self.told: list[Any] = []
        self.raw = b""
        self.lost: Failure | None = None
        self.on_data: Callable[[bytes], object] | None = None
        self.open = False
        self.head = b""
        self.answers = True
        self.ends = True

    def connectionMade(self) -> None:
        self.place.wires.append(self)
        if self.place.on_wire is not None:
            self.place.on_wire(self)

    def dataReceived(self, data: bytes) -> None:
        if self.on_data is not None:
            self.on_data(data)
        elif self.open:
            self.take(data)
        else:
            self.answer(data)

    def answer(self, data: bytes) -> None:
        self.head += data
        if b"\r\n\r\n" in self.head:
            self.open = True
            upgrade = check_upgrade(parse_request(self.head))
            self.transport.write(accept_response(upgrade, None) + self.place.greeting)

    def take(self, data: bytes) -> None:
        self.raw += data
        for event in self.connection.receive(data):
            self.told.append(event)
            if isinstance(event, Close) and self.answers:
                self.transport.write(event.reply)
                if self.ends:
                    self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason

    def say(self, *messages: str) -> None:
        """Send messages in one write."""
        frames = [encode_frame(0x1, message.encode()) for message in messages]
        self.transport.write(b"".join(frames))

    @property
    def messages(self) -> list[bytes]:
        return [event.data for event in self.told if isinstance(event, Message)]

    def reset(self) -> None:
        """Break the connection off."""
        sock = self.transport.getHandle()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abortConnection()


class Place:
    """Servers on free ports, and the clients of a test."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.reactor = loop.reactor
        self.run = loop.run
        self.wires: list[Wire] = []
        self.on_wire: Callable[[Wire], object] | None = None
        self.greeting = b""
        """What the server sends with its answer to the handshake."""
        self.failures: list[type[BaseException]] = []
        """What is expected in the log."""
        self._ports: list[Any] = []

    def serve(self, endpoint: Any = HERE, **options: Any) -> Any:
        """Serve WebSockets that echo, and return the port."""
        options = {"max_message": LARGE, **options}
        self._ports.append(self.run(websocket.listen(self.reactor, endpoint, echo, **options)))
        return self._ports[-1]

    def url(self, host: str = "127.0.0.1", **options: Any) -> str:
        """The same, and return its URL."""
        return f"ws://{host}:{self.serve(**options).getHost().port}/"

    def listen(self, factory: Any) -> int:
        """Let any factory listen, and return the port's number."""
        endpoint = TCP4ServerEndpoint(self.reactor, 0, interface="127.0.0.1")
        self._ports.append(self.run(endpoint.listen(factory)))
        number: int = self._ports[-1].getHost().port
        return number

    def wire(self, **options: Any) -> tuple[websocket.WebSocket, Wire]:
        """Connect to a server of which the test says every byte."""
        ws = self.run(self.connect(self.wire_url(), **options))
        return ws, self.wires[-1]

    def wire_url(self) -> str:
        factory = Factory[Any].forProtocol(lambda: Wire(self))
        factory.noisy = False
        return f"ws://127.0.0.1:{self.listen(factory)}/"

    def connect(self, url: str, **options: Any) -> Deferred[websocket.WebSocket]:
        options = {"max_message": LARGE, "ping_interval": None, **options}
        return websocket.connect(self.reactor, url, **options)

    def wait(self, condition: Callable[[], object]) -> None:
        self.loop.wait_until(condition, 10)

    async def turn(self, seconds: float = 0.02) -> None:
        await deferLater(self.reactor, seconds)

    async def end(self) -> None:
        for port in self._ports:
            await (port.close() if hasattr(port, "close") else port.stopListening())
        for wire in self.wires:
            wire.transport.abortConnection()


@pytest.fixture
def place(loop: Loop) -> Iterator[Place]:
    """Return a place, and see that nothing of it stays in the reactor, nor in the poll group."""
    reactor = loop.reactor
    before = {*reactor.getReaders(), *reactor.getWriters(), *reactor.getDelayedCalls()}

    def left() -> set[Any]:
        now = {*reactor.getReaders(), *reactor.getWriters(), *reactor.getDelayedCalls()}
        return now - before

    with LogKeeper() as log:
        made = Place(loop)
        yield made
        loop.run(made.end())
        loop.wait_until(lambda: not left(), 3)
        gc.collect()
    assert left() == set()
    assert [failure.type for failure in log.failures()] == made.failures


async def converse(ws: websocket.WebSocket) -> None:
    """See that the other end echoes, and close."""
    for size in SIZES:
        for message in ("x" * size, bytes(range(251)) * (size // 251 + 1)):
            await ws.send(message[:size])
            assert await ws.recv() == message[:size]
    await ws.send_streaming(["a", "é", "c"])
    assert await ws.recv() == "aéc"
    assert await ws.ping() >= 0
    await ws.close(4000, "done")
    assert ws.close_code == 4000


# -- ways ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["localhost", "127.0.0.1", "::1", "tcp", "unix", "proxy"])
@pytest.mark.parametrize("options", [{}, {"compression": True}, {"streaming": True}])
def test_plain_connections(place: Place, tmp_path: Path, way: str, options: dict[str, Any]) -> None:
    """By name, by address, by an endpoint in words, through a proxy: they are the group's."""
    where: dict[str, str] = {}
    served = {name: value for name, value in options.items() if name == "compression"}
    if way == "::1":
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no ::1")
        url = place.url("[::1]", endpoint=r"tcp:0:interface=\:\:1", **served)
    elif way == "unix":
        path = tmp_path / "socket"
        place.serve(f"unix:{path}", **served)
        url, where = "ws://chat.example/", {"endpoint": f"unix:{path}"}
    else:
        url = place.url("localhost" if way == "localhost" else "127.0.0.1", **served)
        if way == "tcp":
            port = url.rpartition(":")[2].rstrip("/")
            where = {"endpoint": f"tcp:localhost:{port}:bindAddress=127.0.0.3"}
        elif way == "proxy":
            where = {"proxy": f"http://127.0.0.1:{place.listen(ConnectProxy(place.reactor))}"}

    async def scenario() -> None:
        ws = await place.connect(url, max_fragments=1 << 20, **options, **where)
        assert is_native(ws) == NATIVE
        assert (ws._transport.quick is not None) == NATIVE
        if way == "tcp":
            assert transport_of(ws).getHost().host == "127.0.0.3"
        await converse(ws)

    place.run(scenario(), 30)


def test_what_stays_on_twisteds_transports(place: Place, tmp_path: Path) -> None:
    """An endpoint as an object makes its connections itself."""
    path = str(tmp_path / "socket")
    place.serve(f"unix:{path}")

    async def scenario() -> None:
        endpoint = UNIXClientEndpoint(place.reactor, path)
        ws = await place.connect("ws://chat.example/", endpoint=endpoint)
        assert not is_native(ws)
        await converse(ws)

    place.run(scenario(), 30)


# -- getting there -------------------------------------------------------------------------------


@implementer(IHostnameResolver)
class Resolver:
    """Knows one list of addresses, for every name."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = hosts

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> Any:
        resolutionReceiver.resolutionBegan(self)
        for host in self.hosts:
            address = IPv4Address("TCP", host, portNumber)  # its only semantics are TCP's
            assert transportSemantics == "TCP"
            resolutionReceiver.addressResolved(address)
        resolutionReceiver.resolutionComplete()
        return self


@pytest.fixture
def resolve(loop: Loop) -> Iterator[Callable[..., None]]:
    """Return a function that says what addresses names have."""
    before = loop.reactor.nameResolver
    yield lambda *hosts: loop.reactor.installNameResolver(Resolver(*hosts))
    loop.reactor.installNameResolver(before)


def test_the_first_address_refuses(place: Place, resolve: Callable[..., None]) -> None:
    """The next one is tried; if all refuse, that is what is heard."""
    url = place.url("chat.example")
    resolve("127.0.0.2", "127.0.0.3", "127.0.0.1")
    place.run(_one(place, url))
    resolve("127.0.0.2", "127.0.0.3")
    with pytest.raises(RefusedError):
        place.run(place.connect(url))


def test_the_first_address_is_mute(place: Place, resolve: Callable[..., None]) -> None:
    """The second one wins, and the first attempt is let go of."""
    url = place.url("chat.example")
    port = int(url.rpartition(":")[2].rstrip("/"))
    mute = Listening(where=("127.0.0.2", port))
    mute.fill()
    resolve("127.0.0.2", "127.0.0.1")
    try:
        place.run(_one(place, url))
    finally:
        mute.close()


async def _one(place: Place, url: str) -> None:
    ws = await place.connect(url)
    await ws.send("hello")
    assert await ws.recv() == "hello"
    await ws.close()


@pytest.mark.parametrize("how", ["cancelled", "cancelled at once", "too late"])
def test_giving_up_while_connecting(place: Place, how: str) -> None:
    """Whoever does not answer at all keeps nobody waiting, and nothing stays behind."""
    mute = Listening()
    mute.fill()
    patience = 0.2 if how == "too late" else 10
    result = place.connect(f"ws://127.0.0.1:{mute.port}/", open_timeout=patience)
    if how == "cancelled":
        place.run(place.turn())
    if how != "too late":
        result.cancel()
    with pytest.raises(ConnectTimeoutError if how == "too late" else CancelledError):
        place.run(result)
    mute.close()


@pytest.mark.parametrize("when", ["at once", "with the handshake", "within its answer"])
@pytest.mark.parametrize("how", ["reset", "end"])
def test_an_end_while_connecting(place: Place, when: str, how: str) -> None:
    """It is said that the connection ended, and with what; another try may be worth it."""

    def end(wire: Wire) -> None:
        if how == "reset":
            wire.reset()
        else:
            wire.transport.loseConnection()

    def on_wire(wire: Wire) -> None:
        def received(_data: bytes) -> None:
            if when == "within its answer":
                wire.transport.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgr")
                place.reactor.callLater(0.02, end, wire)
            else:
                end(wire)

        wire.on_data = received
        if when == "at once":
            end(wire)

    place.on_wire = on_wire
    with pytest.raises(websocket.HandshakeError) as caught:
        place.run(place.connect(place.wire_url()))
    assert caught.value.status == 0
    assert websocket.worth_retrying(caught.value)


def test_messages_that_come_with_the_answer(place: Place) -> None:
    """What follows the handshake in the same segment is read, a frame in parts too."""
    frame = encode_frame(0x1, b"halves")
    place.greeting = encode_frame(0x1, b"whole") + frame[:4]
    url = place.wire_url()

    async def scenario() -> None:
        ws = await place.connect(url)
        assert await ws.recv() == "whole"
        place.wires[-1].transport.write(frame[4:])
        assert await ws.recv() == "halves"
        await ws.close()

    place.run(scenario())


# -- what is sent --------------------------------------------------------------------------------


class Answering:
    """Answers each message within what it is told."""

    def __init__(self, ws: websocket.WebSocket) -> None:
        self.ws = ws

    def message_received(self, data: bytes, is_text: bool) -> None:
        self.ws.send(data, text=is_text)
        if data == b"large":
            self.ws.send(b"y" * 300_000)
        elif data == b"medium":
            self.ws.send(b"z" * 10_000)


def test_masks(place: Place) -> None:
    """Each frame has a key of its own, whatever way it takes; the server sees what was meant."""
    ws, wire = place.wire(handler=Answering, write_high=1 << 20)
    assert is_native(ws) == NATIVE
    expected = []
    for number in range(1000):
        assert ws.send_nowait(f"{number}")
        expected.append(b"%d" % number)
        place.wait(lambda: len(wire.messages) == len(expected))
    texts = [f"answer {number}" for number in range(2000)]
    wire.say(*texts)
    expected += [text.encode() for text in texts]
    place.wait(lambda: len(wire.messages) == len(expected))
    # More than leaves in one send, all of it said within what was read at once.
    wire.say(*["medium"] * 30)
    expected += [b"medium", b"z" * 10_000] * 30
    wire.say("before", "large", "after")
    expected += [b"before", b"large", b"y" * 300_000, b"after"]
    place.wait(lambda: len(wire.messages) == len(expected))
    assert wire.messages == expected
    keys = list(_keys(wire.raw))
    assert len(keys) == len(expected)
    assert len(set(keys)) > len(keys) - 3
    place.run(ws.close())


def _keys(raw: bytes) -> Iterator[bytes]:
    """Yield the masking keys of frames."""
    place = 0
    while place < len(raw):
        assert raw[place + 1] & 0x80, "a frame that is not masked"
        size, place = raw[place + 1] & 0x7F, place + 2
        if size > 125:
            width = 2 if size == 126 else 8
            size, place = int.from_bytes(raw[place : place + width]), place + width
        yield raw[place : place + 4]
        place += 4 + size


@pytest.mark.skipif(not NATIVE, reason="there is no poll group")
@pytest.mark.parametrize("role", [CLIENT, SERVER])
@pytest.mark.parametrize("client", [True, False])
def test_a_socket_of_the_other_role(place: Place, role: int, client: bool) -> None:
    """A socket frames messages by itself only for an end whose frames are like its own."""
    group: Any = native_group()
    ours, peer = socket.socketpair()
    ours.setblocking(False)
    made = group(place.reactor)
    fd = ours.detach()
    transport = (
        native.adopt_connection(made, fd, None, lambda _: None) if client else adopt(made, fd)
    )
    stream: Any = StreamTransport(
        place.reactor, Connection(role), Mute(), WebSocketSettings(), binary=True
    )
    transport.protocol = stream
    stream.makeConnection(transport)
    assert stream.socket is transport
    assert (stream.quick is not None) == (client == (role == CLIENT))
    transport.abortConnection()
    peer.close()


class Mute:
    """A handler that does nothing."""

    def connection_made(self, transport: Any) -> None: ...

    def message_received(self, data: bytes, is_text: bool) -> None: ...

    def writable(self) -> None: ...

    def connection_lost(self, closed: websocket.Closed) -> None: ...


FORK = """
import os, socket
from sennit.net.native import adopt_connection, native_group

class Reactor:
    def addReader(self, reader): ...
    removeReader = addReader

ours, peer = socket.socketpair()
ours.setblocking(False)
made = adopt_connection(native_group()(Reactor()), ours.detach(), None, lambda reason: None)
assert made.send_message("", None)
keys = [peer.recv(6)[2:]]
if os.fork() == 0:
    made.send_message("", None)
    os._exit(0)
os.wait()
made.send_message("", None)
keys += [peer.recv(6)[2:], peer.recv(6)[2:]]
assert len(set(keys)) == 3, keys
"""


@pytest.mark.skipif(not NATIVE, reason="there is no poll group")
def test_masks_after_a_fork(start_process: Callable[..., Process]) -> None:
    """Keys that were drawn in advance are not used by two processes."""
    process = start_process(["-c", FORK])
    assert process.wait(30) == 0, process.output


def test_a_flood_from_the_client(place: Place) -> None:
    """Twenty thousand messages in a row come back in order, with each end waiting for the other."""
    url = place.url()
    count = 20_000

    async def scenario() -> None:
        ws = await place.connect(url)

        async def send() -> None:
            for number in range(count):
                await ws.send(f"{number:064}")

        sending = Deferred.fromCoroutine(send())
        for number in range(count):
            assert await ws.recv() == f"{number:064}"
        await sending
        await ws.close()
        assert ws.close_code == 1000

    place.run(scenario(), 50)


@pytest.mark.parametrize("size", [64, 60_000])
@pytest.mark.parametrize("compression", [False, True])
def test_a_server_that_does_not_read(place: Place, size: int, compression: bool) -> None:
    """``send_nowait`` says no, little is kept, ``writable`` comes, and nothing is lost."""
    told: list[str] = []
    reading: list[Deferred[None]] = [Deferred()]

    class Sender:
        def __init__(self, ws: websocket.WebSocket) -> None:
            self.ws = ws

        def message_received(self, data: bytes, is_text: bool) -> None: ...

        def writable(self) -> None:
            told.append("writable")

    async def scenario() -> None:
        received: list[bytes] = []

        async def slow(ws: websocket.WebSocket) -> None:
            await reading[0]
            async for message in ws:
                assert isinstance(message, bytes)
                received.append(message)

        port: Any = await websocket.listen(
            place.reactor, HERE, slow, compression=compression, ping_interval=None
        )
        url = f"ws://127.0.0.1:{port.getHost().port}/"
        ws = await place.connect(url, handler=Sender, compression=compression, write_high=100_000)
        sent: list[bytes] = []
        while ws.send_nowait(data := os.urandom(size)):
            sent.append(data)
            if len(sent) % 100 == 0:
                await place.turn(0)
        assert 100_000 <= ws.buffered < 100_000 + size + 20
        assert told == []
        assert not ws.send_nowait(b"another")
        waiting = ws.send(b"this one waits")
        assert isinstance(waiting, Deferred)
        reading[0].callback(None)
        await waiting
        sent.append(b"this one waits")
        while told == []:
            await place.turn(0)
        assert ws.send_nowait(b"the last")
        await ws.close()
        assert received == [*sent, b"the last"]
        await port.close()

    place.run(scenario(), 30)


def test_a_broadcast_of_clients(place: Place) -> None:
    """Each client's frame is masked for itself, beside a server's, which share theirs."""
    url = place.url()

    async def scenario() -> None:
        clients = [await place.connect(url, compression=False) for _ in range(3)]
        servers = list(place._ports[0].connections)
        assert websocket.broadcast([*clients, *servers], "to all") == []
        for client in clients:
            assert [await client.recv(), await client.recv()] == ["to all", "to all"]
            await client.close()

    place.run(scenario())


# -- the end -------------------------------------------------------------------------------------


def test_closing_waits_for_the_servers_end(place: Place) -> None:
    """The server lets the socket go first (RFC 6455, 7.1.1)."""
    place.on_wire = lambda wire: setattr(wire, "ends", False)
    ws, wire = place.wire()
    closed = ws.close(4001, "bye")
    place.wait(lambda: wire.told)
    place.run(place.turn(0.1))
    assert isinstance(wire.told[0], Close)
    assert not closed.called
    assert wire.lost is None
    assert not ws.send_nowait("goes nowhere")
    wire.transport.loseConnection()
    place.run(closed)
    assert ws.close_code == 4001
    assert len(list(_keys(wire.raw))) == 1


@pytest.mark.parametrize("answers", [True, False])
def test_a_server_that_never_ends_it(place: Place, answers: bool) -> None:
    """It is cut off in time, whether it has answered or not."""

    def on_wire(wire: Wire) -> None:
        wire.answers, wire.ends = answers, False

    place.on_wire = on_wire
    ws, wire = place.wire(close_timeout=0.2)
    place.run(ws.close())
    place.wait(lambda: wire.lost)
    assert ws.close_code == (1000 if answers else 1006)


def test_closing_by_the_server(place: Place) -> None:
    """Its code is answered, and its end awaited; what it says after it is not heard."""
    told: list[bytes] = []

    class Receiver:
        def __init__(self, ws: websocket.WebSocket) -> None: ...

        def message_received(self, data: bytes, is_text: bool) -> None:
            told.append(data)

    place.on_wire = lambda wire: setattr(wire, "ends", False)
    ws, wire = place.wire(handler=Receiver)
    close = encode_frame(0x8, struct.pack("!H", 4002) + b"away")
    late = encode_frame(0x1, b"late")
    wire.transport.write(encode_frame(0x1, b"last") + close + late)
    place.wait(lambda: wire.told)
    place.run(place.turn(0.05))
    assert [type(event) for event in wire.told] == [Close]
    assert wire.lost is None
    assert not ws.closed
    wire.transport.loseConnection()
    place.run(ws.wait_closed())
    assert (ws.close_code, ws.close_reason, told) == (4002, "away", [b"last"])


@pytest.mark.parametrize("how", ["half", "end", "reset", "violation"])
def test_an_end_without_a_close_frame(place: Place, how: str) -> None:
    """1006, after all that came before it."""
    ws, wire = place.wire()
    wire.say("before")
    if how == "violation":
        wire.transport.write(encode_frame(0x1, b"\xff") + b"and more")
    elif how == "half":
        wire.transport.loseWriteConnection()
    elif how == "end":
        wire.transport.loseConnection()
    else:
        place.wait(lambda: ws._queue)
        wire.reset()

    async def scenario() -> None:
        assert await ws.recv() == "before"
        with pytest.raises(websocket.ConnectionClosedError) as caught:
            await ws.recv()
        assert (caught.value.code, caught.value.sent_code) == (
            1006,
            1007 if how == "violation" else None,
        )
        with pytest.raises(websocket.ConnectionClosed):
            await ws.send("too late")
        assert not ws.send_nowait("too late")

    place.run(scenario())


def test_sending_to_who_is_gone(place: Place) -> None:
    """A send that the system refuses ends the connection, in a turn of its own."""
    ws, wire = place.wire()
    ws.pause_reading()
    wire.reset()
    place.wait(lambda: wire.lost)

    def send() -> bool:
        ws.send_nowait(b"z" * 100)
        return ws.closed

    place.wait(send)
    assert ws.close_code == 1006


def test_a_handler_that_fails(place: Place) -> None:
    """Its connection is closed with 1011, and another one goes on."""
    url = place.url()
    gone: list[int] = []

    class Failing:
        def __init__(self, ws: websocket.WebSocket) -> None: ...

        def message_received(self, data: bytes, is_text: bool) -> None:
            raise RuntimeError("as the test wants it")

        def connection_lost(self, closed: websocket.Closed) -> None:
            gone.append(closed.code)

    async def scenario() -> None:
        other = await place.connect(url)
        ws = await place.connect(url, handler=Failing)
        await ws.send("hello")
        await ws.wait_closed()
        await other.send("still here")
        assert await other.recv() == "still here"
        await other.close()

    place.run(scenario())
    place.failures = [RuntimeError]
    # The echo of its close frame, which says 1011.
    assert gone == [1011]


def test_closing_within_what_is_told(place: Place) -> None:
    """A client that closes while it is handed messages is handed no more."""
    told: list[bytes] = []

    class Receiver:
        def __init__(self, ws: websocket.WebSocket) -> None:
            self.ws = ws

        def message_received(self, data: bytes, is_text: bool) -> None:
            told.append(data)
            self.ws.close()

    ws, wire = place.wire(handler=Receiver)
    wire.say("1", "2", "3")
    place.run(ws.wait_closed())
    assert told == [b"1"]
    assert ws.close_code == 1000


@pytest.mark.skipif(not NATIVE, reason="there is no poll group")
def test_the_group_is_left_and_used_again(place: Place) -> None:
    """It is no reader of the reactor's while there is no connection, and is one for the next."""
    group_type: Any = native_group()
    wire_url = place.wire_url()

    def groups() -> list[Any]:
        return [one for one in place.reactor.getReaders() if isinstance(one, group_type)]

    assert groups() == []
    seen = []
    for _ in range(3):
        ws = place.run(place.connect(wire_url))
        (group,) = groups()
        seen.append(group)
        assert len(group) == 1
        place.run(ws.close())
        assert groups() == []
    assert len(set(map(id, seen))) == 1


REACTOR = """
import sys
from twisted.internet import {module}
{install}
from twisted.internet import reactor
from twisted.internet.task import react
from sennit import websocket
from sennit.net.native import native_group

async def echo(ws):
    async for message in ws:
        await ws.send(message)

async def main(reactor):
    port = await websocket.listen(reactor, "tcp:0:interface=127.0.0.1", echo)
    url = "ws://localhost:%d/" % port.getHost().port
    ws = await websocket.connect(reactor, url)
    assert (ws._transport.socket is not None) == (native_group() is not None)
    for number in range(300):
        await ws.send("x" * number * 10)
        assert await ws.recv() == "x" * number * 10
    await ws.close()
    assert ws.close_code == 1000
    await port.close()
    try:
        await websocket.connect(reactor, url)
    except Exception as error:
        print(type(error).__name__)

react(main)
"""
REACTORS = {
    "poll": ("pollreactor", "pollreactor.install()"),
    "select": ("selectreactor", "selectreactor.install()"),
    "asyncio": (
        "asyncioreactor",
        "import asyncio; asyncioreactor.install(asyncio.new_event_loop())",
    ),
    "uvloop": ("asyncioreactor", "import uvloop; asyncioreactor.install(uvloop.new_event_loop())"),
}


@pytest.mark.parametrize("name", REACTORS)
def test_other_reactors(start_process: Callable[..., Process], name: str) -> None:
    """Every reactor that takes descriptors."""
    module, install = REACTORS[name]
    process = start_process(["-c", REACTOR.format(module=module, install=install)])
    assert process.wait(30) == 0, process.output
    assert process.lines == ["ConnectionRefusedError"]
