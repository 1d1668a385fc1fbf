"""The outlet: tried at once, bounded, corked, and closed without losing the last word."""

# ruff: noqa: N802, ARG005 - Twisted calls these methods
from __future__ import annotations

from typing import Any

from twisted.protocols.policies import ProtocolWrapper

from sennit.net.outlet import Outlet, abort
from tests.net.double import FakeSecureTransport, FakeSocket, FakeTransport


class Drained:
    """Counts how often there was room again."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


class RecordingEnd:
    """A protocol that notes the end of its connection."""

    lost = False

    def connectionLost(self, _reason: object) -> None:
        self.lost = True


def socket_outlet(bound: int = 100, fresh: bool = True) -> tuple[FakeSocket, Outlet, Drained]:
    drained = Drained()
    socket = FakeSocket()
    return socket, Outlet(socket, bound, drained, fresh=fresh), drained


def test_with_nothing_queued_the_socket_is_tried_at_once() -> None:
    """No turn of the loop, and nobody watches for writability."""
    socket, outlet, drained = socket_outlet()
    outlet.write(b"hello")
    assert socket.taken == b"hello"
    assert socket.selector.writers == set()
    assert (outlet.buffered, outlet.full, drained.times) == (0, False, 0)


def test_what_the_socket_does_not_take_is_queued_in_order() -> None:
    """The rest waits, later writes wait behind it, and the end is told once."""
    socket, outlet, drained = socket_outlet()
    socket.room = 3
    outlet.write(b"hello")
    outlet.write(b" world")
    assert socket.taken == b"hel"
    assert outlet.buffered == 8
    socket.drain(4)
    assert (bytes(socket.taken), drained.times) == (b"hello w", 0)
    socket.drain()
    assert (bytes(socket.taken), drained.times) == (b"hello world", 1)
    assert (outlet.buffered, outlet.full) == (0, False)
    outlet.write(b"!")
    assert socket.taken == b"hello world!"
    assert drained.times == 1


def test_it_is_full_from_the_bound_on() -> None:
    """Up to the bound, and the write that passes it."""
    socket, outlet, _ = socket_outlet(bound=10)
    socket.room = 0
    outlet.write(b"x" * 9)
    assert not outlet.full
    outlet.write(b"x" * 50)
    assert outlet.full
    socket.drain(58)
    assert outlet.full
    socket.drain(1)
    assert not outlet.full


def test_a_transport_written_to_before_is_not_tried_at_once() -> None:
    """What was queued before us stays before us; after it the socket is tried."""
    socket = FakeSocket()
    socket.write(b"before ")
    outlet = Outlet(socket, 100, lambda: None, fresh=False)
    outlet.write(b"after ")
    assert socket.taken == b""
    socket.drain()
    outlet.write(b"now")
    assert socket.taken == b"before after now"


def test_progress_changes_when_something_is_taken() -> None:
    """And stays when nothing is."""
    socket, outlet, _ = socket_outlet()
    socket.room = 0
    outlet.write(b"x" * 50)
    before = outlet.progress
    socket.drain(0)
    start = outlet.progress
    assert outlet.progress == start
    socket.drain(5)
    assert outlet.progress not in (before, start)
    transport = FakeTransport()
    assert Outlet(transport, 100, lambda: None).progress is False


def test_a_broken_socket_is_left_to_its_transport() -> None:
    """The error comes up where Twisted looks for it."""
    socket, outlet, _ = socket_outlet()
    socket.protocol = RecordingEnd()
    socket.broken = True
    outlet.write(b"x")
    assert not socket.protocol.lost
    socket.drain()
    assert socket.protocol.lost


def test_corked_writes_leave_in_one() -> None:
    """One write for all that was gathered; nothing for nothing; one alone is not copied."""
    socket, outlet, _ = socket_outlet()
    outlet.cork()
    for part in (b"a", b"b", b"c"):
        outlet.write(part)
    assert (socket.sends, outlet.buffered) == (0, 3)
    outlet.uncork()
    assert (socket.sends, bytes(socket.taken)) == (1, b"abc")
    outlet.cork()
    outlet.uncork()
    outlet.cork()
    outlet.write(b"d")
    outlet.uncork()
    assert (socket.sends, bytes(socket.taken)) == (2, b"abcd")


def test_a_cork_holds_no_more_than_the_bound() -> None:
    """What passes it leaves early."""
    socket, outlet, _ = socket_outlet(bound=10)
    outlet.cork()
    outlet.write(b"x" * 9)
    assert socket.sends == 0
    outlet.write(b"x")
    assert (socket.sends, outlet.buffered) == (1, 0)


def test_another_transport_is_full_when_it_says_so() -> None:
    """It pauses its producer at a mark of its own."""
    drained = Drained()
    transport = FakeTransport()
    outlet = Outlet(transport, 100, drained)
    producer: Any = transport.producer
    outlet.write(b"x" * 500)
    assert not outlet.full
    producer.pauseProducing()
    assert outlet.full
    outlet.write(b"y")
    producer.resumeProducing()
    assert (outlet.full, drained.times) == (False, 1)
    assert transport.take() == b"x" * 500 + b"y"
    producer.stopProducing()


def test_the_socket_below_a_wrapper_is_not_written_to() -> None:
    """A wrapper, as TLS is one, gets everything; progress is its socket's."""

    class Wrapper(ProtocolWrapper):
        def __init__(self, transport: Any) -> None:
            self.transport = transport
            self.written = b""

        def registerProducer(self, producer: object, streaming: bool) -> None:
            assert streaming

        def write(self, data: bytes) -> None:
            self.written += data

    socket = FakeSocket()
    wrapper = Wrapper(socket)
    outlet = Outlet(wrapper, 100, lambda: None)
    outlet.write(b"secret")
    assert (wrapper.written, bytes(socket.taken)) == (b"secret", b"")
    assert outlet.progress == (False, 0, 0)


def test_finishing_sends_what_is_there_and_closes() -> None:
    """Corked and queued bytes first; nothing is taken afterwards."""
    socket, outlet, drained = socket_outlet()
    socket.protocol = type("P", (), {"connectionLost": lambda self, reason: None})()
    socket.room = 2
    outlet.cork()
    outlet.write(b"last word")
    outlet.finish(linger=False)
    outlet.uncork()
    outlet.write(b"too late")
    outlet.finish(linger=True)
    assert (socket.disconnecting, socket.half_closed) == (1, False)
    socket.drain()
    assert socket.taken == b"last word"
    assert not socket.connected
    assert drained.times == 0


def test_lingering_closes_our_half_only() -> None:
    """So that the peer can read why; ``close`` ends the other half."""
    socket, outlet, _ = socket_outlet()
    socket.protocol = type("P", (), {"connectionLost": lambda self, reason: None})()
    outlet.write(b"why")
    outlet.finish(linger=True)
    socket.drain()
    assert socket.half_closed
    assert socket.connected
    outlet.close()
    assert not socket.connected


def test_transports_without_halves_are_closed() -> None:
    """TLS has halves of its own, which are not TCP's."""
    for transport in (FakeTransport(), FakeSecureTransport()):
        outlet = Outlet(transport, 100, lambda: None)
        outlet.finish(linger=True)
        assert transport.disconnecting
        assert transport.producer is None
    assert not transport.half_closed  # type: ignore[attr-defined]  # the last one


def test_closing_without_finishing_finishes() -> None:
    """``close`` alone sends what is there too."""
    socket, outlet, _ = socket_outlet()
    outlet.cork()
    outlet.write(b"x")
    outlet.close()
    assert socket.taken == b"x"
    assert socket.disconnecting


def test_aborting_drops_what_waits() -> None:
    """Nothing more is written."""
    socket, outlet, _ = socket_outlet()
    outlet.cork()
    outlet.write(b"x")
    outlet.abort()
    outlet.uncork()
    assert (socket.aborted, bytes(socket.taken)) == (True, b"")


def test_abort_closes_what_cannot_be_aborted() -> None:
    """Some transports only close."""

    class Plain:
        closed = False

        def loseConnection(self) -> None:
            self.closed = True

    plain = Plain()
    abort(plain)
    assert plain.closed


def test_a_lost_outlet_holds_nothing() -> None:
    """And takes nothing."""
    socket, outlet, _ = socket_outlet()
    socket.room = 0
    outlet.write(b"x")
    outlet.lost()
    outlet.write(b"y")
    assert outlet.buffered == 0


# -- the lower mark ------------------------------------------------------------------------------


def low_outlet() -> tuple[FakeSocket, Outlet, Drained]:
    """Return an outlet that is full from 100 bytes on, until it has come down to 30."""
    drained = Drained()
    socket = FakeSocket(room=0)
    return socket, Outlet(socket, 100, drained, low=30, fresh=True), drained


def test_a_full_one_has_room_again_at_the_lower_mark() -> None:
    """Not before, and before all is gone, so that the next frames come in time."""
    socket, outlet, drained = low_outlet()
    for letter in (b"a", b"b", b"c", b"d"):
        outlet.write(letter * 25)
    assert (outlet.full, outlet.buffered) == (True, 100)
    socket.drain(25)
    assert (outlet.full, outlet.buffered, drained.times) == (True, 75, 0)
    socket.drain(50)
    assert (outlet.full, outlet.buffered, drained.times) == (False, 25, 1)
    outlet.write(b"e" * 10)
    socket.drain()
    assert bytes(socket.taken) == b"a" * 25 + b"b" * 25 + b"c" * 25 + b"d" * 25 + b"e" * 10
    assert (outlet.full, outlet.buffered) == (False, 0)


def test_what_is_held_back_is_sent_before_the_end() -> None:
    """Closing waits for all of it; cutting off, for nothing."""
    socket, outlet, _ = low_outlet()
    socket.protocol = RecordingEnd()
    outlet.write(b"a" * 10)
    outlet.write(b"b" * 10)
    outlet.finish(linger=False)
    socket.drain()
    assert socket.protocol.lost
    assert bytes(socket.taken) == b"a" * 10 + b"b" * 10
    socket, outlet, _ = low_outlet()
    outlet.write(b"a" * 10)
    outlet.write(b"b" * 10)
    outlet.abort()
    assert outlet.buffered == 0


def test_a_lower_mark_above_the_bound() -> None:
    """It is taken for just below the bound."""
    socket = FakeSocket(room=0)
    outlet = Outlet(socket, 10, lambda: None, low=50, fresh=True)
    outlet.write(b"x" * 5)
    outlet.write(b"y" * 5)
    assert outlet.full
    socket.drain(5)
    assert not outlet.full
