"""Decisions about handshakes, the same at every way in: at once or in time, within bounds."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock

from sennit.engine.build import CLIENT, Connection
from sennit.engine.handshake import parse_request
from sennit.errors import HandshakeError
from sennit.net.reception import Reception
from sennit.net.setting import WebSocketSettings
from tests.double import LogKeeper, outcome
from tests.net.double import (
    PLENTY,
    FakeSocket,
    RecordingMount,
    body_of,
    header_of,
    refusal,
    status_of,
    upgrade_request,
)
from tests.net.way import GET, WAYS, Way


def frame(text: str) -> bytes:
    return Connection(CLIENT, max_message=PLENTY).send(text.encode(), binary=False)


class Patient(Way):
    """A way in to a mount that takes its time."""

    def __init__(self, kind: str, **settings: Any) -> None:
        super().__init__(kind, **settings)
        self.called_off = 0
        self.mount.waiting = []

    @property
    def waiting(self) -> Deferred[Any]:
        """What the mount has returned last."""
        waiting: Deferred[Any] = self.mount.waiting[-1]
        return waiting

    def accept(self, number: int = -1) -> None:
        self.mount.waiting[number].callback(self.mount.accepted())


@pytest.fixture(params=WAYS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each way in."""
    name: str = request.param
    return name


# -- a mount that takes its time -----------------------------------------------------------------


def test_nothing_is_answered_until_it_is_decided(kind: str) -> None:
    """Then the connection is open, with whatever was sent meanwhile."""
    way = Patient(kind)
    socket = way.ask(upgrade_request() + frame("one"))
    socket.deliver(frame("two"))
    socket.drain()
    assert socket.taken == b""
    assert way.mount.handlers == []
    assert len(way.house.connections) == 0
    way.accept()
    socket.drain()
    assert status_of(socket.taken) == 101
    (handler,) = way.mount.handlers
    assert [data for data, _ in handler.messages] == [b"one", b"two"]
    assert len(way.house.connections) == 1
    socket.deliver(frame("three"))
    assert handler.messages[-1] == (b"three", True)
    handler.transport.send(b"\x81\x02hi")
    socket.drain()
    assert socket.taken.endswith(b"\x81\x02hi")
    assert way.clock.getDelayedCalls() == []
    way.lose(socket)
    assert (way.limits.connections, way.limits.handshakes) == (0, 0)


def test_a_decision_that_is_there_at_once_is_one_at_once(kind: str) -> None:
    """A Deferred that has fired costs no turn of the loop, and no timer."""
    way = Way(kind, _Returning(lambda mount: succeed(mount.accepted())))
    socket = way.ask(upgrade_request())
    assert status_of(socket.taken) == 101
    assert way.limits.handshakes == 0
    refusing = Way(kind, _Returning(lambda _: fail(refusal(403))))
    assert status_of(refusing.ask(upgrade_request()).taken) == 403


class _Returning(RecordingMount):
    def __init__(self, make: Any) -> None:
        super().__init__()
        self.make = make

    def open(self, request: Any) -> Any:
        return self.make(self)


def test_what_is_sent_meanwhile_is_kept_within_a_bound(kind: str) -> None:
    """Then the socket is not read, until it is decided; nothing is lost."""
    way = Patient(kind)
    socket = way.ask(upgrade_request())
    sent = []
    while socket.reading:
        sent.append(frame("x" * 1000))
        socket.deliver(sent[-1])
        assert len(sent) < 20
    assert len(sent) > 15
    way.accept()
    assert socket.reading
    (handler,) = way.mount.handlers
    assert len(handler.messages) == len(sent)


def test_a_handler_that_does_not_read_is_left_alone(kind: str) -> None:
    """What was kept is delivered when it reads."""
    way = Patient(kind)
    socket = way.ask(upgrade_request())
    while socket.reading:
        socket.deliver(frame("x" * 1000))
    accepted = way.mount.accepted()
    (handler,) = way.mount.handlers
    handler.on_message = lambda _: handler.transport.pause_reading()
    way.waiting.callback(accepted)
    assert not socket.reading
    assert len(handler.messages) == 1
    handler.on_message = lambda _: None
    handler.transport.resume_reading()
    assert len(handler.messages) > 15
    assert socket.reading


def test_a_client_that_goes_away_calls_it_off(kind: str) -> None:
    """The mount's Deferred is cancelled; no handler ever hears of the connection."""
    way = Patient(kind)
    cancelled: list[Any] = []
    socket = way.ask(upgrade_request())
    way.waiting._canceller = cancelled.append
    with LogKeeper() as log:
        way.lose(socket)
    assert cancelled == [way.waiting]
    assert log.failures() == []
    assert (way.limits.connections, way.limits.handshakes) == (0, 0)
    assert way.clock.getDelayedCalls() == []


def test_a_client_that_has_sent_too_much_is_noticed_at_the_deadline(kind: str) -> None:
    """Its socket is not read, so that its going away cannot be seen."""
    way = Patient(kind, handshake_timeout=10)
    socket = way.ask(upgrade_request() + b"x" * 20000)
    assert not socket.reading
    way.clock.advance(10)
    socket.drain()
    assert status_of(socket.taken) == 503
    way.lose(socket)
    assert way.limits.connections == 0


def test_a_deadline_ends_it_with_503(kind: str) -> None:
    """The mount's Deferred is cancelled; one line in the log says so."""
    way = Patient(kind, handshake_timeout=10)
    socket = way.ask(upgrade_request())
    way.clock.advance(9.9)
    assert socket.taken == b""
    with LogKeeper() as log:
        way.clock.advance(0.1)
    socket.drain()
    assert status_of(socket.taken) == 503
    assert header_of(socket.taken, "Retry-After") == "5"
    assert "too long" in body_of(socket.taken)
    assert [event["log_level"].name for event in log.events] == ["warn"]
    outcome(way.waiting.addErrback(lambda failure: failure.trap(CancelledError)))
    assert way.limits.refused["handshake_timeout"] == 1
    way.lose(socket)
    assert (way.limits.connections, way.limits.handshakes) == (0, 0)
    assert len(way.house.connections) == 0


@pytest.mark.parametrize("outcome_of_it", ["accepts", "refuses", "fails"])
def test_what_comes_too_late_is_forgotten(kind: str, outcome_of_it: str) -> None:
    """A mount that ignores its cancellation changes nothing; a real failure is still logged."""
    late: Deferred[Any] = Deferred()

    async def stubborn(mount: RecordingMount) -> Any:
        try:
            await Deferred()
        except CancelledError:
            await late
        return mount.accepted()

    mount = _Returning(lambda mount: Deferred.fromCoroutine(stubborn(mount)))
    way = Way(kind, mount, handshake_timeout=1)
    socket = way.ask(upgrade_request())
    way.clock.advance(1)
    socket.drain()
    answer = bytes(socket.taken)
    assert status_of(answer) == 503
    with LogKeeper() as log:
        if outcome_of_it == "accepts":
            late.callback(None)
        else:
            late.errback(refusal(401) if outcome_of_it == "refuses" else ZeroDivisionError("a bug"))
        gc.collect()
    socket.drain()
    assert socket.taken == answer
    assert (way.limits.connections, len(way.house.connections)) == (0, 0)
    assert all(handler.transport is None for handler in mount.handlers)
    expected = [ZeroDivisionError] if outcome_of_it == "fails" else []
    assert [failure.type for failure in log.failures()] == expected


def test_a_refusal_has_its_status_body_and_headers(kind: str) -> None:
    """At once or in time."""
    at_once, in_time = Way(kind), Patient(kind)
    at_once.mount.error = refusal(401)
    sockets = [way.ask(upgrade_request()) for way in (at_once, in_time)]
    in_time.waiting.errback(refusal(401))
    for way, socket in zip((at_once, in_time), sockets, strict=True):
        socket.drain()
        assert (status_of(socket.taken), body_of(socket.taken)) == (401, "not you\n")
        assert header_of(socket.taken, "X-Why") == '"because"'
        assert header_of(socket.taken, "Content-Length") == "8"
        way.lose(socket)
        assert (way.limits.connections, way.limits.handshakes) == (0, 0)


def test_a_refusal_may_have_a_body_of_another_kind(kind: str) -> None:
    """And headers several times; what frames the answer is not for the mount to say."""
    way = Way(kind)
    way.mount.error = HandshakeError(
        401,
        '{"error": "log in"}',
        (
            ("Content-Type", "application/json"),
            ("WWW-Authenticate", "Basic"),
            ("WWW-Authenticate", "Bearer"),
            ("Content-Length", "1"),
            ("Transfer-Encoding", "chunked"),
        ),
    )
    response = bytes(way.ask(upgrade_request()).taken)
    head = response.partition(b"\r\n\r\n")[0].lower()
    assert head.count(b"content-type: application/json") == head.count(b"content-type:") == 1
    assert b"www-authenticate: basic\r\nwww-authenticate: bearer" in head
    assert head.count(b"content-length: 20") == head.count(b"content-length:") == 1
    assert b"transfer-encoding" not in head
    assert body_of(response) == '{"error": "log in"}\n'


def test_a_refusal_may_lead_elsewhere(kind: str) -> None:
    """Clients that follow redirects find the address."""
    way = Way(kind)
    way.mount.error = HandshakeError(307, "over there", (("Location", "wss://there.example/"),))
    response = way.ask(upgrade_request()).taken
    assert (status_of(response), header_of(response, "Location")) == (307, "wss://there.example/")


def _break(mount: RecordingMount, fault: str) -> Any:
    if fault == "raises":
        return ZeroDivisionError("a secret")
    if fault == "subprotocol":
        mount.subprotocol = "chat"
    elif fault == "split":
        mount.headers = (("X-Split", "a\r\nb"),)
    elif fault in ("Upgrade", "Connection", "content-length", "Sec-WebSocket-Accept"):
        mount.headers = ((fault, "x"),)
    elif fault == "no answer":
        return None
    elif fault == "status":
        return HandshakeError(200, "a secret")
    else:
        return HandshakeError(401, "a secret", (("X-Split", "a\r\nb"),))
    return mount.accepted()


@pytest.mark.parametrize(
    "fault",
    [
        "raises",
        "subprotocol",
        "split",
        "Upgrade",
        "Connection",
        "content-length",
        "Sec-WebSocket-Accept",
        "no answer",
        "status",
        "refusal",
    ],
)
@pytest.mark.parametrize("in_time", [False, True])
def test_a_failing_mount_is_500_and_one_entry_in_the_log(
    kind: str, fault: str, in_time: bool
) -> None:
    """Whatever it raised, or an answer that cannot be sent; the client hears nothing of it."""
    mount = RecordingMount()
    answer = _break(mount, fault)
    way: Any = Patient(kind) if in_time else Way(kind, _Answering(answer))
    with LogKeeper() as log:
        socket = way.ask(upgrade_request())
        if in_time and isinstance(answer, Exception):
            way.waiting.errback(answer)
        elif in_time:
            way.waiting.callback(answer)
        socket.drain()
    assert status_of(socket.taken) == 500
    assert body_of(socket.taken) == "internal server error\n"
    (failure,) = log.failures()
    if fault in ("Upgrade", "Sec-WebSocket-Accept"):
        assert f"the header {fault} is for the handshake itself" in failure.getErrorMessage()
    way.lose(socket)
    assert (way.limits.connections, way.limits.handshakes) == (0, 0)
    assert len(way.house.connections) == 0


class _Answering:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def open(self, request: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


# -- bounds --------------------------------------------------------------------------------------


def test_one_connection_too_many_gets_503(kind: str) -> None:
    """Those about which is being decided count; who is gone does not."""
    way = Patient(kind, max_connections=2)
    first, second = way.ask(upgrade_request()), way.ask(upgrade_request())
    way.accept(0)
    with LogKeeper() as log:
        third = way.ask(upgrade_request())
    assert (status_of(third.taken), header_of(third.taken, "Retry-After")) == (503, "5")
    assert log.events == []
    assert len(way.mount.requests) == 2
    assert way.limits.refused["max_connections"] == 1
    way.lose(second)
    fourth = way.ask(upgrade_request())
    assert fourth.taken == b""
    way.lose(first)
    way.ask(upgrade_request())
    assert len(way.mount.requests) == 4
    assert (way.limits.connections, way.limits.accepted) == (2, 1)


def test_one_connection_too_many_of_an_address_gets_429(kind: str) -> None:
    """Which is not asked of the mount, and leaves pages alone."""
    way = Way(kind, max_per_address=1)
    first = way.ask(upgrade_request())
    assert status_of(first.taken) == 101
    with LogKeeper() as log:
        second = way.ask(upgrade_request())
    assert (status_of(second.taken), header_of(second.taken, "Retry-After")) == (429, "5")
    assert log.events == []
    assert status_of(way.ask(GET).taken) == 200
    way.lose(first)
    assert status_of(way.ask(upgrade_request()).taken) == 101
    assert way.limits.refused["max_per_address"] == 1


def test_wrong_requests_hear_what_is_wrong_even_if_it_is_full(kind: str) -> None:
    """And count as nothing that was refused for want of room."""
    way = Way(kind, max_connections=1)
    way.ask(upgrade_request())
    assert status_of(way.ask(upgrade_request(Sec_WebSocket_Key="bad")).taken) == 400
    assert way.limits.refused["max_connections"] == 0


def test_too_many_decisions_at_a_time_get_503(kind: str) -> None:
    """A mount that hangs does not fill the memory."""
    way = Patient(kind, max_handshakes=2)
    third = way.connect() if kind == "later" else None
    for _ in range(2):
        way.ask(upgrade_request())
    third = third or way.connect()
    third.deliver(upgrade_request())
    third.drain()
    assert (status_of(third.taken), header_of(third.taken, "Retry-After")) == (503, "5")
    assert (way.limits.handshakes, way.limits.refused["max_handshakes"]) == (2, 1)
    way.accept(0)
    way.ask(upgrade_request())
    assert len(way.mount.requests) == 3


# -- trusted proxies -----------------------------------------------------------------------------

FORWARDED = {
    "X_Forwarded_For": "203.0.113.7",
    "X_Forwarded_Proto": "https",
    "X_Forwarded_Host": "app.example",
    "Origin": "https://app.example",
}


def test_a_trusted_proxy_says_who_is_behind_it(kind: str) -> None:
    """The address, TLS, and the host that a page's origin is compared with."""
    way = Way(kind, trusted_proxies=("192.0.2.0/24",))
    assert status_of(way.ask(upgrade_request(**FORWARDED)).taken) == 101
    (request,) = way.mount.requests
    assert (request.address, request.secure) == ("203.0.113.7", True)
    assert request.headers["host"] == "example.com"
    wrong = upgrade_request(**{**FORWARDED, "Origin": "https://example.com"})
    assert status_of(way.ask(wrong).taken) == 403


@pytest.mark.parametrize("trusted", [(), ("192.0.2.2", "unix")])
def test_nobody_else_does(kind: str, trusted: tuple[str, ...]) -> None:
    """What others say of themselves is not believed."""
    way = Way(kind, trusted_proxies=trusted)
    assert status_of(way.ask(upgrade_request(**FORWARDED)).taken) == 403
    same_host = upgrade_request(**{**FORWARDED, "Origin": "http://example.com"})
    assert status_of(way.ask(same_host).taken) == 101
    (request,) = way.mount.requests
    assert (request.address, request.secure) == ("192.0.2.1:54321", False)


class FakeUnixSocket(FakeSocket):
    """A connection over a Unix socket, as far as it can be seen."""

    def getPeer(self) -> Any:  # noqa: N802 - Twisted calls it
        return UNIXAddress(None)


def test_a_proxy_may_come_by_a_unix_socket(kind: str) -> None:
    """As nginx does with ``proxy_pass http://unix:…``."""
    way = Way(kind, trusted_proxies=("unix",), max_per_address=1)
    way.ask(upgrade_request(**FORWARDED), FakeUnixSocket())
    assert way.mount.requests[0].address == "203.0.113.7"
    second = way.ask(upgrade_request(**FORWARDED), FakeUnixSocket())
    assert status_of(second.taken) == 429
    bare = [way.ask(upgrade_request(), FakeUnixSocket()) for _ in range(3)]
    assert [status_of(socket.taken) for socket in bare] == [101] * 3
    assert way.mount.requests[-1].address == "unix"


def test_behind_a_proxy_addresses_count_and_the_proxys_does_not(kind: str) -> None:
    """Else the first few clients would be all."""
    way = Way(kind, trusted_proxies=("192.0.2.1",), max_per_address=1)
    statuses = [
        status_of(way.ask(upgrade_request(X_Forwarded_For=f"1.1.1.1, 203.0.113.{n}")).taken)
        for n in (7, 8, 7, 9)
    ]
    assert statuses == [101, 101, 429, 101]
    assert status_of(way.ask(GET).taken) == 200


# -- the end -------------------------------------------------------------------------------------


def test_closing_refuses_those_who_wait(kind: str) -> None:
    """With 503, while the open ones are closed; who comes later gets 503 as well."""
    way = Patient(kind, close_timeout=5)
    opened = way.ask(upgrade_request())
    way.accept()
    waiting = way.ask(upgrade_request())
    gone = way.house.close_all(1001, "restart")
    opened.drain()
    waiting.drain()
    assert opened.taken.endswith(b"\x88\x09\x03\xe9restart")
    assert (status_of(waiting.taken), header_of(waiting.taken, "Retry-After")) == (503, "5")
    outcome(way.waiting.addErrback(lambda failure: failure.trap(CancelledError)))
    way.lose(opened)
    way.lose(waiting)
    assert outcome(gone) is None
    if kind != "later":
        late = way.ask(upgrade_request())
        assert status_of(late.taken) == 503
    assert len(way.mount.requests) == 2


def test_calling_off_twice_is_calling_off_once() -> None:
    """A canceller may come back to where it came from."""
    calls: list[int] = []

    def cancel(_: object) -> None:
        calls.append(1)
        opened.cancel()

    mount = _Returning(lambda _: Deferred(cancel))
    reception = Reception(Clock(), WebSocketSettings())
    peer = IPv4Address("TCP", "192.0.2.1", 1)
    request = parse_request(upgrade_request())
    opened: Any = reception.open(mount, request, address=peer, secure=False)
    opened.cancel()
    with pytest.raises(CancelledError):
        outcome(opened)
    assert calls == [1]
    assert reception.limits.connections == 0


def test_a_peer_of_no_known_kind(kind: str) -> None:
    """An address is not needed."""
    way = Way(kind, max_per_address=1)
    socket = FakeSocket()
    socket.getPeer = lambda: IPv4Address("TCP", "somewhere", 1)  # type: ignore[method-assign]
    assert status_of(way.ask(upgrade_request(), socket).taken) == 101
    assert way.mount.requests[0].address == "somewhere:1"
