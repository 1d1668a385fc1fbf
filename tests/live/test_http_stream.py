"""HTTP streaming and SSE on real sockets: ends that are noticed, order, bounds, and TLS."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.certificate import make_pem
from tests.live.client import Caller, Line, is_gone, wait_for
from tests.live.process import Process
from tests.live.server import SENNIT, Server, serve_configured
from tests.live.speaker import Memory, Speaker
from tests.live.streamer import Streamer

CONFIGURATION = "limits = { close_timeout = 2, body_timeout = 1 }\n"


@pytest.fixture(scope="module")
def server(
    new_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Serve the tests' application."""
    with serve_configured(new_port(), tmp_path_factory.mktemp("stream"), CONFIGURATION) as made:
        yield made


def present(watcher: Caller, channel: str) -> set[str]:
    """Return the users in a channel."""
    found = watcher.call("presence", channel=channel)["presence"]
    return {info["user"] for info in found.values()}


@pytest.mark.parametrize("how", ["close", "reset", "half"])
def test_a_client_that_goes_away_is_noticed_at_once(server: Server, how: str) -> None:
    """It leaves presence long before its next ping, however it went."""
    channel = f"room:gone-{how}"
    with Caller(server.port, "Ann") as ann, Streamer(server.port, "Eve") as eve:
        ann.call("subscribe", channel=channel)
        eve.call("subscribe", channel=channel)
        assert present(ann, channel) == {"ann", "Eve"}
        if how == "reset":
            linger = struct.pack("ii", 1, 0)
            eve.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        if how == "half":
            eve.socket.shutdown(socket.SHUT_WR)
        else:
            eve.abort()
        began = time.monotonic()
        wait_for(lambda: present(ann, channel) == {"ann"}, 5)
        assert time.monotonic() - began < 3


def test_uplinks_are_taken_in_the_order_in_which_they_are_there(server: Server) -> None:
    """One that began earlier and is complete later comes later."""
    with Streamer(server.port, "Eve") as eve, Line(server.port) as early, Line(server.port) as late:
        bodies = [
            eve.uplink(f'{{"id":{number},"rpc":{{"method":"echo","data":{number}}}}}')
            for number in (8, 9)
        ]
        head = "POST /emulation HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n"
        early.send(head.format(len(bodies[0])).encode() + bodies[0][:20])
        late.send(head.format(len(bodies[1])).encode() + bodies[1])
        assert late.response("POST").status == 204
        early.send(bodies[0][20:])
        assert early.response("POST").status == 204
        assert [eve.line() for _ in range(2)] == [
            {"id": 9, "rpc": {"data": 9}},
            {"id": 8, "rpc": {"data": 8}},
        ]


def test_uplinks_that_race(server: Server) -> None:
    """Two connections at once: each is taken once, and those of each one in its order."""
    with Streamer(server.port, "Eve") as eve:

        def speak(numbers: range) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            for number in numbers:
                frame = f'{{"id":{number},"rpc":{{"method":"echo","data":{number}}}}}'
                connection.request("POST", "/emulation", eve.uplink(frame))
                answer = connection.getresponse()
                statuses.append(answer.status)
                answer.read()
            connection.close()

        statuses: list[int] = []
        parts = [range(100, 150), range(200, 250)]
        threads = [threading.Thread(target=speak, args=(part,)) for part in parts]
        for thread in threads:
            thread.start()
        heard = [eve.line()["id"] for _ in range(100)]
        for thread in threads:
            thread.join(10)
        assert statuses == [204] * 100
        for part in parts:
            assert [number for number in heard if number in part] == list(part)


def test_a_client_that_never_reads(server: Server) -> None:
    """What waits for it is bounded, it is disconnected, and cut off in the end."""
    channel = "room:slow"
    with Speaker(server, channel) as ann, Streamer(server.port, "Eve", room=4096) as eve:
        eve.say(json.dumps({"id": 2, "subscribe": {"channel": channel}}))
        ann.speak(64)
        memory = Memory(server.process)
        ann.fill(memory)
        assert "Eve" in ann.left
        memory.check()
        wait_for(lambda: is_gone(eve.socket), 5)


def test_events(server: Server) -> None:
    """They are what a browser's EventSource reads."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    first = quote('{"id":1,"connect":{"data":{"user":"Eve"}}}')
    connection.request("GET", f"/connection/sse?cf_connect={first}")
    response = connection.getresponse()
    assert response.getheader("content-type") == "text/event-stream"
    assert response.readline() == b"\n"
    assert json.loads(response.readline().removeprefix(b"data: "))["connect"]["session"]
    assert response.readline() == b"\n"
    connection.close()


def test_old_http(server: Server) -> None:
    """Without chunks, up to the end of the connection."""
    with Line(server.port) as line:
        body = b'{"id":1,"connect":{}}\n{"id":2,"nothing":{}}'
        line.send(
            b"POST /connection/http_stream HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body)
            + body
        )
        head = line.head()
        assert b"chunked" not in head
        lines = line.read().splitlines()
    assert "connect" in json.loads(lines[0])
    assert json.loads(lines[-1])["push"]["disconnect"]["code"] == 3501


def test_a_body_that_takes_too_long(server: Server) -> None:
    """It is given up, however steadily it drips."""
    with Line(server.port) as line:
        line.send(b"POST /emulation HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        line.drip(b"x" * 1000, 0.1)
        assert line.response("POST").status == 408


def test_tls(new_port: Callable[[], int], tmp_path: Path) -> None:
    """Streams and uplinks are the same over TLS, and so is an end that comes without a word."""
    file = tmp_path / "server.pem"
    file.write_bytes(make_pem("localhost"))
    port = new_port()
    endpoint = f"ssl:{port}:interface=127.0.0.1:privateKey={file}:certKey={file}"
    process = Process([SENNIT, "serve", "tests.live.app:app", "--endpoint", endpoint])
    try:
        process.wait_for_line("press Ctrl-C")
        context = ssl.create_default_context(cafile=file)
        with (
            Streamer(port, "ann", context=context) as ann,
            Streamer(port, "Eve", context=context) as eve,
        ):
            for one in (ann, eve):
                one.call("subscribe", channel="room:tls")
            assert len(ann.call("presence", channel="room:tls")["presence"]) == 2
            data = "x" * 60_000
            eve.call("publish", channel="room:tls", data=data)
            while "pub" not in (push := ann.line()["push"]):
                pass
            assert push["pub"]["data"] == data
            eve.abort()
            wait_for(lambda: len(ann.call("presence", channel="room:tls")["presence"]) == 1, 5)
        assert "Traceback" not in process.output
    finally:
        process.stop()


def test_the_server_stops(new_port: Callable[[], int]) -> None:
    """Clients are told by a push, on which SDKs come back, and then the response ends."""
    with Server(new_port(), "tests.live.app:app") as server, Streamer(server.port, "Eve") as eve:
        server.process.signal(signal.SIGINT)
        assert eve.line() == {"push": {"disconnect": {"code": 3001, "reason": "shutdown"}}}
        assert eve.line() is None
        wait_for(lambda: not server.process.running(), 5)
