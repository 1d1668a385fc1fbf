"""Clients that never read: what waits for them is bounded, and so is the server's memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sennit.engine.build import Close, Message, Pong
from tests.live.bystander import Bystanders
from tests.live.client import Caller, Line, Peer, is_gone, wait_for
from tests.live.server import Server, serve_configured
from tests.live.speaker import MESSAGES, MIB, PAD, Memory, Speaker

CLOSE_TIMEOUT = 2
CONFIGURATION = f"limits = {{ close_timeout = {CLOSE_TIMEOUT} }}\n"
WARM = 64
"""Messages after which a server has all the memory that it needs."""
QUEUE = 1 * MIB
KERNEL = 8 * MIB
"""More than two kernels hold of a connection."""
ROOM = 4096


def say(text: str) -> tuple[str, dict[str, Any]]:
    return "publish", {"channel": "room:bystanders", "data": {"text": text}}


@pytest.fixture(scope="module")
def server(
    new_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Serve the tests' application."""
    with serve_configured(new_port(), tmp_path_factory.mktemp("slow"), CONFIGURATION) as made:
        yield made


@pytest.fixture(autouse=True)
def bystanders(server: Server) -> Iterator[None]:
    """Let two people talk all the while."""
    talking = Bystanders(server.port, say)
    yield
    talking.check()


def stuck(server: Server, channel: str) -> Peer:
    """Return somebody subscribed to a channel, who reads no more from now on."""
    eve = Caller(server.port, "Eve", room=ROOM)
    eve.call("subscribe", channel=channel)
    return eve


def numbers(message: Message) -> list[int]:
    """Return the numbers of the publications in a message, of either protocol."""
    lines = [json.loads(line) for line in message.data.splitlines()]
    found = [line.get("push", {}).get("pub", {}).get("data", line) for line in lines]
    return [data["n"] for data in found if "n" in data]


def rest(peer: Peer) -> tuple[list[int], Close]:
    """Read everything up to the close frame; return the numbers read, and the close."""
    read: list[int] = []
    while not isinstance(event := peer.hear(), Close):
        assert isinstance(event, Message)
        read += numbers(event)
    return read, event


@pytest.mark.parametrize("way", ["sdk", "plain"])
def test_client_that_never_reads(server: Server, way: str) -> None:
    """It is disconnected with 3008 once its queue is full; who reads gets every message in order.

    What it reads in the end is all that was sent to it before, and why that was all.
    """
    channel = f"loud:{way}"
    with Speaker(server, channel) as ann:
        ann.speak(WARM)
        memory = Memory(server.process)
        if way == "sdk":
            eve = stuck(server, channel)
        else:
            eve = Peer(server.port, f"/loud?room={way}", room=ROOM)
        with eve:
            first = ann.said
            ann.speak(MESSAGES, until=lambda: ann.left)
            assert ann.left
            assert (ann.said - first) * len(PAD) < QUEUE + KERNEL
            read, close = rest(eve)
            assert (close.code, close.reason) == (3008, "slow")
            # What waited in its queue was dropped: it would have come too late anyway.
            assert read == list(range(first, first + len(read)))
        ann.fill(memory)
        memory.check()


def test_client_that_never_reads_again(server: Server) -> None:
    """One that does not even read that it is over is cut off, and costs nothing any more."""
    with Speaker(server, "loud:cut") as ann:
        ann.speak(WARM)
        memory = Memory(server.process)
        with stuck(server, "loud:cut") as eve:
            ann.speak(MESSAGES, until=lambda: ann.left)
            assert ann.left == ["eve"]
            assert not is_gone(eve.socket)
            wait_for(lambda: is_gone(eve.socket), CLOSE_TIMEOUT + 3)
        memory.check()


def test_many_that_never_read(server: Server) -> None:
    """Each has a queue of its own, with the same messages in it: a dozen of them cost little."""
    with Speaker(server, "lossy:many") as ann:
        ann.speak(WARM)
        memory = Memory(server.process)
        crowd = [stuck(server, "lossy:many") for _ in range(12)]
        ann.fill(memory)
        memory.check()
        for eve in crowd:
            eve.socket.close()


def test_drop_oldest(server: Server) -> None:
    """Where messages may be lost it stays, and reads the newest in the end, after a bounded few."""
    with Speaker(server, "lossy:one") as ann:
        ann.speak(WARM)
        memory = Memory(server.process)
        with stuck(server, "lossy:one") as eve:
            first = ann.said
            ann.fill(memory)
            memory.check()
            read: list[int] = []
            while not read or read[-1] != ann.said - 1:
                read += numbers(eve.message())
            assert read == sorted(set(read))
            assert read[0] == first
            assert len(read) * len(PAD) < QUEUE + KERNEL
            ann.speak(1)
            assert numbers(eve.message()) == [ann.said - 1]


def test_recover(server: Server) -> None:
    """Where it can recover, its subscription ends with 2500 instead, and the connection stays."""
    with Speaker(server, "again:one") as ann:
        ann.speak(WARM)
        memory = Memory(server.process)
        with stuck(server, "again:one") as eve:
            first = ann.said
            ann.fill(memory)
            memory.check()
            read: list[int] = []
            while b'"unsubscribe"' not in (message := eve.message()).data:
                read += numbers(message)
            assert json.loads(message.data)["push"]["unsubscribe"]["code"] == 2500
            assert read == list(range(first, first + len(read)))
            eve.say('{"id": 3, "rpc": {"method": "echo", "data": "still here"}}')
            assert "still here" in eve.text()


def test_client_that_asks_and_never_reads(server: Server) -> None:
    """Answers wait in the same queue: who asks for more than it reads gets 3008 too."""
    memory = Memory(server.process)
    with Caller(server.port, "Eve", room=ROOM) as eve:
        asked = 0
        while asked * len(PAD) < QUEUE + KERNEL + 4 * MIB:
            eve.ask("rpc", method="echo", data=PAD)
            asked += 1
        memory.look()
        answers = 0
        while not isinstance(event := eve.hear(), Close):
            assert isinstance(event, Message)
            answers += 1
            assert json.loads(event.data)["id"] == answers + 1
        assert (event.code, event.reason) == (3008, "slow")
        assert 0 < answers < asked
    memory.check()


def test_client_that_pings_and_never_reads(server: Server) -> None:
    """Pongs are no way around the bound: the newest stands for those that could not be sent."""
    memory = Memory(server.process)
    with Caller(server.port, "Eve", room=ROOM) as eve:
        pings = b"".join(eve.engine.ping(number.to_bytes(125, "big")) for number in range(1000))
        for _ in range(200):
            eve.send(pings)
        memory.check()
        last = b""
        eve.send(eve.engine.ping(b"the last"))
        while last != b"the last":
            event = eve.hear()
            assert isinstance(event, Pong)
            last = event.data
        assert eve.rpc("echo", "still here") == "still here"


def test_http_client_that_never_reads(server: Server) -> None:
    """Over HTTP no more is read from a client that does not read its answers."""
    memory = Memory(server.process)
    pages = b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n" * 1000
    with Line(server.port, room=ROOM) as line:
        line.socket.settimeout(0.5)
        sent = 0
        try:
            while sent < 2 * KERNEL:
                sent += line.socket.send(pages)
        except TimeoutError:
            pass  # It is the peer's turn to read.
        assert sent < KERNEL
        memory.check()
