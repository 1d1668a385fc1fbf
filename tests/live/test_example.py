"""The examples on the WebSocket API: what they are measured by, on each reactor."""

from __future__ import annotations

import random
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sennit import websocket
from sennit.engine.build import Message
from tests.live.client import Peer
from tests.live.process import Process

MIB = 1 << 20
LARGEST = 64 * MIB
FRAGMENTS = 65_536
DEFAULT_LIMIT = 64 * 1024
REACTORS = ("epoll", "asyncio", "uvloop")
EXAMPLES = pytest.mark.parametrize("name", ["echo", "broadcast"])
Start = Callable[..., Process]


class Example:
    """A running example, which takes messages of 64 MiB.

    Args:
        name: its name.
        port: where it listens.
        reactor: on which one it runs.
    """

    def __init__(self, name: str, port: int, reactor: str) -> None:
        self.port = port
        self.process = Process(
            [
                f"examples/{name}.py",
                *("--port", str(port), "--reactor", reactor, "--max-message", str(LARGEST)),
            ]
        )
        try:
            self.process.wait_for_line(f"listening on ws://127.0.0.1:{port}/")
        except TimeoutError:
            self.process.stop()
            raise


@pytest.fixture(scope="module", params=REACTORS)
def echo(request: pytest.FixtureRequest, new_port: Callable[[], int]) -> Iterator[Example]:
    """Run the echo on each reactor."""
    example = Example("echo", new_port(), request.param)
    yield example
    example.process.stop()
    assert len(example.process.lines) == 1, example.process.output


@pytest.fixture(scope="module", params=REACTORS)
def broadcast(request: pytest.FixtureRequest, new_port: Callable[[], int]) -> Iterator[Example]:
    """Run the broadcast on each reactor."""
    example = Example("broadcast", new_port(), request.param)
    yield example
    example.process.stop()
    assert len(example.process.lines) == 1, example.process.output


def noise(size: int) -> bytes:
    """Return bytes in which none that went astray would go unseen."""
    return random.Random(size).randbytes(size)  # noqa: S311 - replayable on purpose


@pytest.mark.parametrize("path", ["/", "/any/path?of=them", "//", "/%2F", "/connection/websocket"])
def test_echo(echo: Example, path: str) -> None:
    """Every message comes back as it was, in order, whatever the path."""
    messages = [Message(b"", True), Message("käse ☃".encode(), True), Message(noise(70_000), False)]
    messages += [Message(str(number).encode(), bool(number % 2)) for number in range(500)]
    with Peer(echo.port, path) as peer:
        for message in messages:
            peer.send(peer.engine.send(message.data, binary=not message.text))
        assert [peer.message() for _ in messages] == messages
        assert peer.close() == (1000, "")


def test_echo_of_many_fragments(echo: Example) -> None:
    """A message in 65,536 fragments is one message, with a ping answered in its middle."""
    data = noise(FRAGMENTS)
    with Peer(echo.port) as peer:
        engine = peer.engine
        frames = [engine.send(data[:1], binary=True, fin=False)]
        frames += [engine.send_more(data[n : n + 1], fin=False) for n in range(1, FRAGMENTS - 1)]
        frames.insert(FRAGMENTS // 2, engine.ping(b"still there?"))
        frames.append(engine.send_more(data[-1:], fin=True))
        peer.send(b"".join(frames))
        assert getattr(peer.hear(), "data", b"") == b"still there?"
        assert peer.message() == Message(data, False)


def test_echo_of_a_peer_that_does_not_read(echo: Example) -> None:
    """It is read no further while it does not read itself, and nothing is lost."""
    before = echo.process.resident()
    message = noise(10_000)
    with Peer(echo.port, room=4096) as peer:
        peer.socket.settimeout(0.3)
        frame = peer.engine.send(message, binary=True)
        pending = b""
        sent = 0
        try:
            while sent < 64 * MIB:
                pending = pending or frame
                taken = peer.socket.send(pending)
                pending = pending[taken:]
                sent += taken
        except TimeoutError:
            pass  # It is the peer's turn to read.
        assert sent < 16 * MIB
        assert echo.process.resident() - before < 8 * MIB
        peer.socket.settimeout(10)
        for _ in range(sent // len(frame)):
            assert peer.message().data == message


def test_echo_of_a_large_message(echo: Example) -> None:
    """64 MiB come back; one byte more is 1009."""
    data = noise(MIB) * (LARGEST // MIB)
    with Peer(echo.port) as peer:
        peer.send(peer.engine.send(data, binary=True))
        assert peer.message().data == data
        peer.send(b"\x82\xff" + (LARGEST + 1).to_bytes(8, "big") + b"mask")
        assert peer.closed()[0] == 1009


def test_broadcast(broadcast: Example) -> None:
    """Every message reaches every connection, its sender's too, in one order."""
    peers = [Peer(broadcast.port, f"/{number}") for number in range(4)]
    for peer in peers:
        # Answered once it is one of them.
        peer.send(peer.engine.ping())
        peer.hear()
    for number in range(100):
        for name, peer in enumerate(peers):
            peer.say(f"{name} {number}")
    heard = [[peer.text() for _ in range(400)] for peer in peers]
    assert heard.count(heard[0]) == len(peers)
    for name in range(len(peers)):
        own = [text for text in heard[0] if text.startswith(f"{name} ")]
        assert own == [f"{name} {number}" for number in range(100)]
    for peer in peers:
        assert peer.close() == (1000, "")
        peer.socket.close()


def test_broadcast_of_a_large_message(broadcast: Example) -> None:
    """In 65,536 fragments, 64 MiB in all; one byte more is 1009, for its sender alone."""
    data = noise(MIB) * (LARGEST // MIB)
    size = LARGEST // FRAGMENTS
    with Peer(broadcast.port) as ann, Peer(broadcast.port) as ben:
        ann.send(ann.engine.ping())
        ann.hear()
        ben.send(ben.engine.send(data[:size], binary=True, fin=False))
        for place in range(size, LARGEST, size):
            ben.send(ben.engine.send_more(data[place : place + size], fin=place + size == LARGEST))
        for peer in (ann, ben):
            assert peer.message() == Message(data, False)
        ben.send(b"\x82\xff" + (LARGEST + 1).to_bytes(8, "big") + b"mask")
        assert ben.closed()[0] == 1009
        ann.say("still here")
        assert ann.text() == "still here"


def test_broadcast_to_a_peer_that_does_not_read(broadcast: Example) -> None:
    """It is closed with 1008 once a megabyte waits for it; the others get everything."""
    data = noise(60_000)
    with Peer(broadcast.port) as ann, Peer(broadcast.port, room=4096) as eve:
        for peer in (ann, eve):
            peer.send(peer.engine.ping())
            peer.hear()
        for _ in range(400):
            ann.send(ann.engine.send(data, binary=True))
            assert ann.message().data == data
        close = eve.closing()
        assert (close.code, close.reason) == (1008, "too slow")


@EXAMPLES
def test_limit_unless_said_otherwise(start_process: Start, free_port: int, name: str) -> None:
    """Without --max-message 64 KiB are taken, and no byte more."""
    start_process([f"examples/{name}.py", "--port", str(free_port)], line="listening on")
    with Peer(free_port) as peer:
        peer.send(peer.engine.send(bytes(DEFAULT_LIMIT), binary=True))
        assert peer.message().data == bytes(DEFAULT_LIMIT)
        peer.send(peer.engine.send(bytes(DEFAULT_LIMIT + 1), binary=True))
        assert peer.closed()[0] == 1009


@EXAMPLES
def test_host(start_process: Start, free_port: int, name: str) -> None:
    """--host says which address is listened on."""
    arguments = [f"examples/{name}.py", "--host", "127.0.0.2", "--port", str(free_port)]
    start_process(arguments, line=f"listening on ws://127.0.0.2:{free_port}/")
    socket.create_connection(("127.0.0.2", free_port), timeout=5).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", free_port), timeout=5)


@EXAMPLES
def test_port_in_use(start_process: Start, name: str) -> None:
    """Where somebody else listens it says so in one line, and ends with status 1."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = start_process([f"examples/{name}.py", "--port", str(port)])
        assert process.wait() == 1
        (line,) = process.lines
        assert line.startswith(f"{name}.py: ")
        assert "in use" in line
        assert str(port) in line


@EXAMPLES
@pytest.mark.parametrize("compression", ["on", "off"])
def test_compression(
    run: Callable[..., Any],
    reactor: Any,
    start_process: Start,
    free_port: int,
    name: str,
    compression: str,
) -> None:
    """``--compression on`` agrees on it with a client that offers it, ``off`` does not."""
    arguments = [f"examples/{name}.py", "--port", str(free_port), "--compression", compression]
    start_process(arguments, line="listening on")

    async def talk() -> bool:
        url = f"ws://127.0.0.1:{free_port}/"
        ws = await websocket.connect(reactor, url, compression=True)
        await ws.send("hello " * 1000)
        assert await ws.recv() == "hello " * 1000
        agreed = ws._transport.connection.deflate is not None
        await ws.close()
        return agreed

    assert run(talk()) == (compression == "on")


@EXAMPLES
@pytest.mark.parametrize("reactor", REACTORS)
def test_signal(start_process: Start, free_port: int, name: str, reactor: str) -> None:
    """Ctrl-C and SIGTERM end it, with a connection open, without noise."""
    number = signal.SIGTERM if name == "echo" else signal.SIGINT
    process = start_process(
        [f"examples/{name}.py", "--port", str(free_port), "--reactor", reactor],
        line="listening on",
    )
    with Peer(free_port) as peer:
        peer.say("hello")
        assert peer.text() == "hello"
        process.signal(number)
        assert process.wait() == 0
    assert len(process.lines) == 1, process.output
