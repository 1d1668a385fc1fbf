"""Handshakes that a native listener reads itself: nothing is lost, counted wrongly, or kept."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from sennit import websocket
from sennit.engine.build import CLIENT, COMPILED, Connection, Message
from sennit.errors import HandshakeError
from sennit.net.native import native_group
from sennit.websocket import Accept, ConnectionRequest, WebSocket
from tests.double import LogKeeper
from tests.live.loop import Loop
from tests.net.double import upgrade_request

pytestmark = pytest.mark.skipif(
    native_group() is None or not COMPILED, reason="there is no native listener"
)

REQUEST = upgrade_request()


class Echo:
    """Echoes; keeps every connection that there was."""

    all: list[Echo]

    def __init__(self, ws: WebSocket) -> None:
        self.ws = ws
        self.lost = 0
        self.all.append(self)

    def message_received(self, data: bytes, is_text: bool) -> None:
        assert self.ws.send_nowait(data, text=is_text)

    def connection_lost(self, _closed: object) -> None:
        self.lost += 1


class Client:
    """A plain socket, which never blocks."""

    def __init__(self, port: int) -> None:
        self.line = socket.create_connection(("127.0.0.1", port))
        self.line.setblocking(False)
        self.got = b""
        self.ended = False

    def send(self, data: bytes) -> None:
        self.line.sendall(data)

    def heard(self) -> bytes:
        """Return everything that has come so far."""
        try:
            while piece := self.line.recv(65536):
                self.got += piece
            self.ended = True
        except BlockingIOError:
            pass
        except ConnectionResetError:
            self.ended = True
        return self.got

    def status(self) -> int:
        """Return the status that has come; 0 while there is none."""
        self.heard()
        return int(self.got[9:12] or 0)

    def is_over(self) -> bool:
        self.heard()
        return self.ended

    def messages(self) -> list[bytes]:
        """Return the messages behind the answer's head."""
        _, end, rest = self.heard().partition(b"\r\n\r\n")
        events = Connection(CLIENT).receive(rest) if end else []
        return [event.data for event in events if isinstance(event, Message)]


def frames(*texts: bytes) -> bytes:
    connection = Connection(CLIENT)
    return b"".join(connection.send(text, binary=False) for text in texts)


class House:
    """A server, and clients of it."""

    def __init__(self, loop: Loop, *, handler: Any = Echo, **options: Any) -> None:
        self.loop = loop
        Echo.all = []
        where = "tcp:0:interface=127.0.0.1:backlog=1024"
        self.port = loop.run(websocket.listen(loop.reactor, where, handler, **options))
        self.clients: list[Client] = []
        self.failures: list[type[BaseException]] = []
        """What is expected in the log."""

    def client(self) -> Client:
        self.clients.append(Client(self.port.getHost().port))  # type: ignore[attr-defined]
        return self.clients[-1]

    def wait(self, condition: Callable[[], object]) -> None:
        self.loop.wait_until(condition)

    def waiting(self) -> int:
        return self.port.limits.handshakes

    def close(self) -> None:
        for client in self.clients:
            client.line.close()
        self.wait(lambda: self.port.limits.connections == 0)
        self.loop.run(self.port.close())
        assert (self.port.limits.handshakes, len(self.port.connections)) == (0, 0)
        assert [echo.lost for echo in Echo.all] == [1] * len(Echo.all)


@pytest.fixture(name="open_house")
def _open_house(loop: Loop) -> Iterator[Callable[..., House]]:
    """Return what makes a server; in the end nothing is left of it."""
    houses: list[House] = []

    def make(**options: Any) -> House:
        houses.append(House(loop, **options))
        return houses[-1]

    with LogKeeper() as log:
        yield make
        for house in houses:
            house.close()
    expected = [failure for house in houses for failure in house.failures]
    assert [failure.type for failure in log.failures()] == expected


# -- however it comes ----------------------------------------------------------------------------


def test_at_once(open_house: Callable[..., House]) -> None:
    """The head and messages in one piece; the connection is open, and answers them."""
    house = open_house()
    clients = [house.client() for _ in range(5)]
    for client in clients:
        client.send(REQUEST + frames(b"one", b"two"))
    house.wait(lambda: all(client.messages() == [b"one", b"two"] for client in clients))
    assert [client.status() for client in clients] == [101] * 5
    names = [client.line.getsockname() for client in clients]
    addresses = {f"{host}:{port}" for host, port in names}
    assert {ws.request.address for ws in house.port.connections} == addresses
    assert (house.port.limits.accepted, house.waiting()) == (5, 0)


def test_half_of_a_message_behind_it(open_house: Callable[..., House]) -> None:
    """It is kept until the rest is there."""
    house, message = open_house(), frames(b"x" * 3000)
    client = house.client()
    client.send(REQUEST + message[:1000])
    house.wait(lambda: client.status() == 101)
    client.send(message[1000:])
    house.wait(lambda: client.messages() == [b"x" * 3000])


def test_byte_by_byte(open_house: Callable[..., House]) -> None:
    """A head in many pieces is read all the same."""
    house = open_house()
    client = house.client()
    for byte in REQUEST:
        client.send(bytes([byte]))
        house.loop.pause(0.0005)
    house.wait(lambda: client.status() == 101)
    client.send(frames(b"hi"))
    house.wait(lambda: client.messages() == [b"hi"])


def test_an_unusual_head(open_house: Callable[..., House]) -> None:
    """What is not plain is read by the other reader, with what follows it."""
    house = open_house()
    client = house.client()
    client.send(REQUEST.replace(b"GET /ws ", b"GET /%61?b=%20 ") + frames(b"hi"))
    house.wait(lambda: client.messages() == [b"hi"])
    (ws,) = house.port.connections
    assert (ws.request.path, ws.request.query) == ("/a", {"b": (" ",)})


def test_its_request(open_house: Callable[..., House]) -> None:
    """It is there whenever somebody asks, also when the connection is gone."""
    house = open_house(subprotocols=["b"])
    client = house.client()
    client.send(upgrade_request(Cookie="a=1", Sec_WebSocket_Protocol="a, b"))
    house.wait(lambda: client.status() == 101)
    (echo,) = Echo.all
    client.line.close()
    house.wait(lambda: echo.lost)
    request = echo.ws.request
    assert (request.path, request.cookies, request.subprotocols) == ("/ws", {"a": "1"}, ("a", "b"))
    assert request.headers["sec-websocket-version"] == "13"
    assert (request.query, request.secure, echo.ws.subprotocol) == ({}, False, "b")
    assert not hasattr(request, "body")


# -- those who say nothing -----------------------------------------------------------------------


def test_silence(open_house: Callable[..., House]) -> None:
    """Each has its own time, then 408; whoever speaks before is served."""
    house = open_house(head_timeout=0.5)
    first = house.client()
    house.wait(lambda: house.waiting() == 1)
    house.loop.pause(0.3)
    second, third = house.client(), house.client()
    house.wait(lambda: house.waiting() == 3)
    third.send(REQUEST)
    house.wait(lambda: third.status() == 101)
    house.wait(first.is_over)
    assert not second.is_over()
    house.wait(second.is_over)
    assert [client.status() for client in (first, second)] == [408, 408]


def test_a_slow_head(open_house: Callable[..., House]) -> None:
    """The time is that of the whole head: its first byte gives no new one."""
    house = open_house(head_timeout=0.6)
    client = house.client()
    began = time.monotonic()
    house.wait(lambda: house.waiting() == 1)
    house.loop.pause(0.4)
    client.send(b"GET")
    house.wait(client.is_over)
    assert client.status() == 408
    assert time.monotonic() - began < 0.95


def test_who_leaves(open_house: Callable[..., House]) -> None:
    """Without a word, by a reset, or within the head: its place is free again."""
    house = open_house(max_handshakes=3)
    silent, reset, partial = (house.client() for _ in range(3))
    partial.send(REQUEST[:20])
    house.wait(lambda: house.waiting() == 3)
    too_many = house.client()
    house.wait(lambda: too_many.status() == 503)
    silent.line.close()
    reset.line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    reset.line.close()
    partial.line.close()
    house.wait(lambda: house.waiting() == 0)
    assert house.port.limits.refused["max_handshakes"] == 1


def test_as_many_as_may_wait(open_house: Callable[..., House]) -> None:
    """All of them are served when they speak."""
    house = open_house(max_handshakes=4)
    clients = [house.client() for _ in range(4)]
    house.wait(lambda: house.waiting() == 4)
    for client in clients:
        client.send(REQUEST)
    house.wait(lambda: all(client.status() == 101 for client in clients))
    assert house.port.limits.refused["max_handshakes"] == 0


def test_the_end_of_the_server(open_house: Callable[..., House]) -> None:
    """Who has said nothing gets 503, who is connected a close frame, at the same time."""
    house = open_house()
    silent, connected = house.client(), house.client()
    connected.send(REQUEST)
    house.wait(lambda: connected.status() == 101 and house.waiting() == 1)
    closed = house.port.close()
    house.wait(lambda: silent.is_over() or b"503" in silent.got)
    assert silent.status() == 503
    silent.line.close()
    connected.line.close()
    house.loop.run(closed)


def test_the_end_of_its_port(open_house: Callable[..., House]) -> None:
    """Listening no more, those who came before are still served."""
    house = open_house()
    client = house.client()
    house.wait(lambda: house.waiting() == 1)
    house.loop.run(house.port.stopListening())
    client.send(REQUEST + frames(b"late"))
    house.wait(lambda: client.messages() == [b"late"])


# -- who decides ---------------------------------------------------------------------------------


def test_a_refusal(open_house: Callable[..., House]) -> None:
    """Decided about once; the answer arrives, whatever the client sends behind its head."""
    asked: list[str] = []

    def check(request: ConnectionRequest) -> None:
        asked.append(request.path)
        raise HandshakeError(403, "not you")

    house = open_house(on_handshake=check)
    client = house.client()
    client.send(REQUEST + frames(b"x" * 10_000))
    house.wait(lambda: client.heard().endswith(b"not you\n"))
    assert (client.status(), asked) == (403, ["/ws"])
    client.line.close()
    house.wait(lambda: house.waiting() == 0)


def test_a_decision_that_takes_its_time(open_house: Callable[..., House]) -> None:
    """What is sent meanwhile is kept, and a client that goes away calls it off."""
    decisions: list[Deferred[Accept | None]] = []
    called_off: list[object] = []

    def check(_request: ConnectionRequest) -> Deferred[Accept | None]:
        decisions.append(Deferred(called_off.append))
        return decisions[-1]

    house = open_house(on_handshake=check)
    stays, leaves = house.client(), house.client()
    stays.send(REQUEST + frames(b"early"))
    house.wait(lambda: len(decisions) == 1)
    leaves.send(REQUEST)
    house.wait(lambda: len(decisions) == 2)
    assert house.waiting() == 2
    leaves.line.close()
    house.wait(lambda: called_off == decisions[1:])
    stays.send(frames(b"later"))
    house.loop.pause(0.02)
    decisions[0].callback(Accept(state="ada"))
    house.wait(lambda: stays.messages() == [b"early", b"later"])
    assert [ws.state for ws in house.port.connections] == ["ada"]
    assert house.waiting() == 0


def test_too_many_decisions(open_house: Callable[..., House]) -> None:
    """One more than may be undecided gets 503, and is asked about nobody."""
    decisions: list[Deferred[Accept | None]] = []

    def check(_request: ConnectionRequest) -> Deferred[Accept | None]:
        decisions.append(Deferred())
        return decisions[-1]

    house = open_house(on_handshake=check, max_handshakes=1)
    first, second = house.client(), house.client()
    first.send(REQUEST)
    house.wait(lambda: decisions)
    second.send(REQUEST)
    house.wait(lambda: second.status() == 503)
    decisions[0].callback(None)
    house.wait(lambda: first.status() == 101)
    assert len(decisions) == 1


# -- what a handler does at once -----------------------------------------------------------------


@pytest.mark.parametrize("how", ["close", "pause", "raise"])
def test_a_handler_that_acts_at_once(open_house: Callable[..., House], how: str) -> None:
    """With messages right behind the head: none comes after the close, or before the resume."""
    heard: list[bytes] = []

    class Handler:
        def __init__(self, ws: WebSocket) -> None:
            self.ws = ws
            if how == "close":
                ws.close(4001, "no")
            elif how == "pause":
                ws.pause_reading()
            else:
                raise ValueError(how)

        def message_received(self, data: bytes, is_text: bool) -> None:
            heard.append(data)

    house = open_house(handler=Handler)
    client = house.client()
    client.send(REQUEST + frames(b"one", b"two"))
    house.wait(lambda: client.status() == 101)
    house.loop.pause(0.02)
    assert heard == []
    if how == "pause":
        (ws,) = house.port.connections
        ws.resume_reading()
        house.wait(lambda: heard == [b"one", b"two"])
        return
    house.failures += [ValueError] * (how == "raise")
    code = {"close": 4001, "raise": 1011}[how]
    house.wait(lambda: code.to_bytes(2, "big") in client.heard())
    client.line.close()
    house.wait(lambda: house.port.limits.connections == 0)
    assert heard == []
