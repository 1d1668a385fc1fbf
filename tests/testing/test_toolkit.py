"""WebSockets and whole servers in memory: over every link the same, or a clear end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import clientFromString
from twisted.web.resource import Resource
from twisted.web.server import Site

import sennit
from sennit import websocket
from sennit.errors import ConnectionClosed, HandshakeError
from sennit.testing import Link, Network, certificate


async def echo(ws: Any) -> None:
    async for message in ws:
        await ws.send(message)


async def converse(ws: Any, messages: list[str | bytes]) -> list[str | bytes]:
    """Say each message, and return what came back."""
    heard = []
    for message in messages:
        await ws.send(message)
        heard.append(await ws.recv())
    await ws.close()
    return heard


MESSAGES: list[str | bytes] = ["hello", b"\x00\xff", "", "é" * 3_000, bytes(300), "bye"]


@pytest.mark.parametrize("delay", [0, 0.05])
@pytest.mark.parametrize("chunk", [None, 1, 7, 1448, "random"])
@pytest.mark.parametrize("buffers", [500, 64 * 1024])
def test_an_echo(delay: float, chunk: Any, buffers: int) -> None:
    """Whatever the delay, the pieces and the buffers."""
    network = Network(delay=delay, chunk=chunk, send_buffer=buffers, receive_buffer=buffers)
    network.result(websocket.listen(network, "tcp:8000", echo, ping_interval=None))
    connecting = websocket.connect(network, "ws://localhost:8000/", ping_interval=None)
    ws = network.result(connecting, within=5)
    assert network.result(converse(ws, MESSAGES), within=600) == MESSAGES
    assert (ws.close_code, network.links) == (1000, ())
    assert network.getDelayedCalls() == []


@pytest.mark.parametrize("chunk", [None, 1448, "random"])
@pytest.mark.parametrize("buffers", [500, 64 * 1024])
def test_a_big_message(chunk: Any, buffers: int) -> None:
    """Larger than all the buffers on its way."""
    network = Network(chunk=chunk, send_buffer=buffers, receive_buffer=buffers)
    options: Any = {"max_message": 400_000}
    network.result(websocket.listen(network, "tcp:8000", echo, **options))
    ws = network.result(websocket.connect(network, "ws://localhost:8000/", **options))
    assert network.result(converse(ws, ["é" * 200_000])) == ["é" * 200_000]


def test_many_clients() -> None:
    """A hundred of them, and a thousand messages to each."""
    network = Network()
    rooms: list[Any] = []

    async def join(ws: Any) -> None:
        rooms.append(ws)
        await ws.wait_closed()

    port = network.result(websocket.listen(network, "tcp:8000", join))
    clients = [
        network.result(websocket.connect(network, "ws://localhost:8000/")) for _ in range(100)
    ]
    assert len(network.links) == len(port.connections) == 100

    async def count(ws: Any) -> int:
        return len([message async for message in ws])

    counting = gatherResults([Deferred.fromCoroutine(count(ws)) for ws in clients])
    for number in range(1000):
        assert websocket.broadcast(rooms, f"message {number}") == []
        if number % 10 == 9:
            network.pump()
    network.result(port.close())
    assert network.result(counting) == [1000] * 100
    assert network.links == ()


def test_a_slow_peer_is_waited_for() -> None:
    """Two kernels' buffers full, and ours; then the sender waits, and loses nothing."""
    network = Network(send_buffer=10_000, receive_buffer=10_000)
    got: list[str | bytes] = []
    reading: Deferred[None] = Deferred()

    async def reader(ws: Any) -> None:
        await reading
        got.extend([message async for message in ws])

    network.result(websocket.listen(network, "tcp:8000", reader))
    ws = network.result(websocket.connect(network, "ws://localhost:8000/"))
    sent = 0
    while ws.send_nowait(bytes(1000)):
        sent += 1
        network.pump()
    assert 64 < sent < 250
    waiting = ws.send("the last one")
    reading.callback(None)
    network.result(waiting)
    network.result(ws.close())
    assert [len(message) for message in got] == [1000] * sent + [12]


def test_a_link_that_dies_silently() -> None:
    """Is found by the keepalive, at both ends, in the time that it promises."""
    network = Network()
    handlers: list[Any] = []

    async def listening(ws: Any) -> None:
        handlers.append(ws)
        await ws.wait_closed()

    options: Any = {"ping_interval": 10, "ping_timeout": 5}
    network.result(websocket.listen(network, "tcp:8000", listening, **options))
    ws = network.result(websocket.connect(network, "ws://localhost:8000/", **options))
    network.advance(60)
    assert not ws.closed
    network.link().drop()
    network.advance(16)
    for end in (ws, handlers[0]):
        assert (end.close_code, end.close_reason) == (1006, "nothing was heard after a ping")
    assert network.links == ()


def test_a_cut_in_the_middle_of_a_frame() -> None:
    """Brings no half of a message, and is called a reset."""
    network = Network()
    network.result(websocket.listen(network, "tcp:8000", echo))
    ws = network.result(websocket.connect(network, "ws://localhost:8000/"))
    network.link(8000).to_client.cut(after=6)
    ws.send("abc")
    ws.send("def")
    assert network.result(ws.recv()) == "abc"
    with pytest.raises(ConnectionClosed) as caught:
        network.result(ws.recv())
    assert (caught.value.code, caught.value.reason) == (1006, "the connection was reset")


def test_a_handshake_that_is_cut() -> None:
    """Is an error with a reason."""
    network = Network()
    network.result(websocket.listen(network, "tcp:8000", echo))
    network.on_link = lambda link: link.to_client.cut(after=20)
    with pytest.raises(HandshakeError, match="before the server's answer"):
        network.result(websocket.connect(network, "ws://localhost:8000/"))


def test_a_client_that_comes_back() -> None:
    """Through a server's absence, with waits that a test sees pass."""
    network = Network()
    times: list[float] = []

    async def stay() -> None:
        options: Any = {"random": lambda: 1.0, "backoff": websocket.Backoff(first=2.0)}
        async for ws in websocket.reconnect(network, "ws://127.0.0.1:8000/", **options):
            times.append(network.seconds())
            await ws.wait_closed()

    staying = Deferred.fromCoroutine(stay())
    network.advance(5)
    port = network.result(websocket.listen(network, "tcp:8000", echo))
    network.advance(5)
    network.link().reset()
    network.advance(20)
    network.result(port.close())
    network.advance(10)
    # Refused, which takes Twisted 0.3 seconds, it waits for 2 and then 4; after the reset for 8.
    assert times == pytest.approx([6.6, 18])
    assert not staying.called
    staying.cancel()
    staying.addErrback(lambda _: None)
    network.pump()
    assert network.getDelayedCalls() == []


@pytest.mark.parametrize("conditions", [{}, {"delay": 0.1, "chunk": "random"}])
def test_tls(conditions: Any) -> None:
    """With ``wss://``."""
    ours = certificate("chat.example")
    network = Network(**conditions)
    network.names["chat.example"] = "192.0.2.1"

    class Endpoint:
        def listen(self, factory: Any) -> Any:
            async def listening() -> Any:
                return network.listenSSL(443, factory, ours.options())

            return Deferred.fromCoroutine(listening())

    endpoint: Any = Endpoint()
    network.result(websocket.listen(network, endpoint, echo))
    connecting = websocket.connect(network, "wss://chat.example/", tls=ours)
    ws = network.result(connecting, within=5)
    assert network.result(converse(ws, MESSAGES[:3]), within=5) == MESSAGES[:3]


def test_a_unix_socket() -> None:
    """By its endpoint's description."""
    network = Network()
    network.result(websocket.listen(network, "unix:/run/chat", echo))
    endpoint = clientFromString(network, "unix:/run/chat")
    ws = network.result(websocket.connect(network, "ws://chat/", endpoint=endpoint))
    assert str(network.link("/run/chat")) == "unix to /run/chat"
    assert network.result(converse(ws, ["hello"])) == ["hello"]


# -- whole servers ---------------------------------------------------------------------------------


async def greet(ws: Any) -> Any:
    """Connect as an SDK does, and return the answer."""
    await ws.send('{"id": 1, "connect": {}}')
    return json.loads(await ws.recv())


def test_an_app() -> None:
    """Served as it is served in life, stopped as a process stops."""
    app = sennit.App()
    network = Network()
    server = network.result(sennit.serve(app, network, "tcp:8000:interface=127.0.0.1"))
    assert server.addresses == ("http://127.0.0.1:8000/",)
    connecting = websocket.connect(network, "ws://localhost:8000/connection/websocket")
    ws = network.result(connecting)
    assert "connect" in network.result(greet(ws))
    assert server.connections == 1
    network.stop()
    network.result(ws.wait_closed())
    assert (ws.close_code, ws.close_reason) == (3001, "shutdown")
    network.pump()
    assert not network.running


def test_a_service() -> None:
    """Starts and stops with its parent."""
    network = Network()
    service = sennit.service(sennit.App(), network, "tcp:8000")
    service.startService()
    network.pump()
    ws = network.result(websocket.connect(network, "ws://localhost:8000/connection/websocket"))
    assert "connect" in network.result(greet(ws))
    network.result(service.stopService())
    assert ws.close_code == 3001


def test_a_resource() -> None:
    """In a tree of pages."""
    network = Network()
    app = sennit.App()
    made = sennit.resource(app, network)
    root = Resource()
    root.putChild(b"live", made)
    network.listenTCP(80, Site(root, reactor=network))
    network.pump()
    ws = network.result(websocket.connect(network, "ws://localhost/live/connection/websocket"))
    assert "connect" in network.result(greet(ws))


# -- whatever happens ------------------------------------------------------------------------------

LINKS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**16),
        "jitter": st.sampled_from([0.0, 0.1]),
        "chunk": st.sampled_from([None, 5, 100, "random"]),
    }
)
BUFFERS = st.sampled_from([(0.0, 5), (0.0, 65536), (0.01, 100), (0.5, 2000), (0.5, 65536)])
"""A delay, and buffers with which a link still carries enough for a handshake in time."""
FATES = st.one_of(
    st.just(("nothing", 0)),
    st.tuples(
        st.sampled_from(["drop", "reset", "hold", "cut", "cut to_server", "cut to_client"]),
        st.integers(0, 1000),
    ),
)
OPTIONS: Any = {"ping_interval": 20, "ping_timeout": 10, "open_timeout": 30}


def strike(network: Network, link: Link, fate: str, number: int) -> None:
    """Have something happen to a link: after so many bytes, or so many hundredths of a second."""
    if fate == "cut":
        link.cut(after=number)
    elif fate.startswith("cut"):
        getattr(link, fate.split()[1]).cut(after=number)
    elif fate != "nothing":
        network.callLater(number / 100, getattr(link, fate))
        if fate == "hold":
            network.callLater(number / 100 + 8, link.release)


class Receiver:
    """A server's handler that keeps what it gets, message by message.

    Attributes:
        whole: whether it was told that there are no more.
    """

    def __init__(self) -> None:
        self.got: list[str | bytes] = []
        self.ws: Any = None
        self.whole = False

    async def __call__(self, ws: Any) -> None:
        self.ws = ws
        async for message in ws:
            self.got.append(message)
        self.whole = True


async def say(network: Network, messages: list[str | bytes]) -> Any:
    """Send messages and close; return the connection, or what it failed with."""
    try:
        ws = await websocket.connect(network, "ws://localhost:8000/", **OPTIONS)
        for number, message in enumerate(messages):
            await ws.send(message)
            if number % 3 == 2:
                await ws.ping()
        await ws.close()
    except Exception as error:
        return error
    return ws


@settings(max_examples=50, deadline=None)
@given(
    conditions=LINKS,
    buffers=BUFFERS,
    fate=FATES,
    messages=st.lists(st.one_of(st.text(max_size=99), st.binary(max_size=99)), max_size=6),
)
def test_messages_arrive_or_the_connection_ends(
    conditions: Any, buffers: tuple[float, int], fate: tuple[str, int], messages: Any
) -> None:
    """Those that arrive are complete and in order, and none is missing silently.

    Where one is, the connection has ended with 1006 and a reason. It always ends, at both ends,
    and leaves nothing behind.
    """
    delay, size = buffers
    network = Network(delay=delay, send_buffer=size, receive_buffer=size, **conditions)
    network.on_link = lambda link: strike(network, link, *fate)
    server = Receiver()
    port = network.result(websocket.listen(network, "tcp:8000", server, **OPTIONS))
    said = network.result(say(network, messages), within=300)
    network.advance(100)
    network.result(port.stopListening())
    assert network.links == ()
    assert network.getDelayedCalls() == []
    assert server.got == messages[: len(server.got)]
    if isinstance(said, ConnectionClosed):
        assert (said.code, bool(said.reason)) == (1006, True)
    elif isinstance(said, Exception):
        assert server.got == []
    if not server.whole and server.ws is not None:
        assert (server.ws.close_code, bool(server.ws.close_reason)) == (1006, True)
    if server.whole or fate[0] in ("nothing", "hold"):
        assert server.got == messages
