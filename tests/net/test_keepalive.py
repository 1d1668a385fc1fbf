"""Keepalive: dead peers are noticed in bounded time, healthy ones are never blamed."""

from __future__ import annotations

from twisted.internet.task import Clock

from sennit.net.keepalive import Keepalive


class Peer:
    """Counts pings and the giving up."""

    def __init__(self, interval: float = 30, timeout: float = 20) -> None:
        self.clock = Clock()
        self.pings: list[float] = []
        self.payloads: list[bytes] = []
        self.given_up: list[float] = []
        self.progress = 0
        self.keepalive = Keepalive(
            self.clock,
            interval,
            timeout,
            self.pinged,
            lambda: self.given_up.append(self.clock.seconds()),
            lambda: self.progress,
        )

    def pinged(self, payload: bytes) -> None:
        self.pings.append(self.clock.seconds())
        self.payloads.append(payload)

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1)


def test_a_silent_peer_is_given_up_after_the_timeout() -> None:
    """A ping after the interval; without anything heard, the end after the timeout, once."""
    peer = Peer()
    peer.pass_time(49)
    assert (peer.pings, peer.given_up) == ([30], [])
    peer.pass_time(2)
    assert len(peer.given_up) == 1
    peer.pass_time(300)
    assert len(peer.given_up) == 1
    assert peer.clock.getDelayedCalls() == []


def test_a_peer_that_is_heard_is_pinged_every_interval() -> None:
    """Pings come every interval, however long the timeout is."""
    peer = Peer(interval=10, timeout=4)
    for _ in range(45):
        peer.clock.advance(1)
        peer.keepalive.heard()
    assert peer.pings == [10, 20, 30, 40]
    assert peer.given_up == []


def test_a_loop_that_was_blocked_kills_nobody() -> None:
    """A timer that comes late was no wait: the peer has its timeout when the loop turns again."""
    peer = Peer()
    peer.pass_time(31)
    peer.clock.advance(1000)
    assert peer.given_up == []
    peer.pass_time(4)
    peer.keepalive.heard()
    peer.pass_time(19)
    assert peer.given_up == []


def test_a_loop_that_is_blocked_again_and_again_kills_nobody() -> None:
    """Each blocked part is waited for anew."""
    peer = Peer()
    peer.pass_time(30)
    for _ in range(50):
        peer.clock.advance(60)
    assert peer.given_up == []


def test_a_dead_peer_is_noticed_after_a_blocked_loop_too() -> None:
    """Once the loop turns again, the wait is bounded."""
    peer = Peer()
    peer.pass_time(31)
    peer.clock.advance(1000)
    peer.pass_time(25)
    assert len(peer.given_up) == 1


def test_what_has_arrived_is_read_before_anybody_is_given_up() -> None:
    """The last timer leaves one turn of the loop to read in."""
    clock = Clock()
    given_up: list[bool] = []
    keepalive = Keepalive(clock, 10, 4, lambda _: None, lambda: given_up.append(True), lambda: None)
    clock.advance(10)
    for _ in range(4):
        clock.advance(1)
    keepalive.heard()  # by the sockets, which come after the timers
    clock.advance(1)
    assert given_up == []


def test_a_peer_that_takes_what_is_queued_lives() -> None:
    """A ping waits behind a long message; as long as that moves, the peer is there."""
    peer = Peer(interval=30, timeout=20)
    for _ in range(600):
        peer.clock.advance(1)
        peer.progress += 1
    assert peer.given_up == []
    peer.pass_time(60)
    assert len(peer.given_up) == 1


def test_silence_means_nothing_while_we_do_not_read() -> None:
    """Suspended, pings go on and nobody is judged; resumed, the peer has the whole timeout."""
    peer = Peer(interval=30, timeout=20)
    peer.keepalive.suspend()
    peer.pass_time(115)
    assert peer.pings == [30, 60, 90]
    assert peer.given_up == []
    peer.pass_time(6)
    peer.keepalive.resume()
    peer.pass_time(19)
    assert peer.given_up == []
    peer.pass_time(10)
    assert len(peer.given_up) == 1


def test_stopped_it_does_nothing() -> None:
    """After ``stop`` no timer is left; a second ``stop`` is allowed."""
    peer = Peer()
    peer.keepalive.stop()
    peer.keepalive.stop()
    assert peer.clock.getDelayedCalls() == []


def test_giving_up_leaves_no_timer() -> None:
    """``stop`` within and after the giving up is safe."""
    peer = Peer()
    peer.pass_time(60)
    peer.keepalive.stop()
    assert peer.clock.getDelayedCalls() == []


def test_the_time_of_an_answer() -> None:
    """A pong with the last ping's payload says how long it took; any other says nothing."""
    peer = Peer(interval=10, timeout=4)
    assert peer.keepalive.ponged(b"") is None
    assert peer.keepalive.ponged(bytes(8)) is None
    peer.pass_time(10)
    peer.clock.advance(0.25)
    (first,) = peer.payloads
    assert peer.keepalive.ponged(first) == 0.25
    peer.keepalive.heard()
    peer.pass_time(10)
    assert peer.keepalive.ponged(first) is None
    peer.clock.advance(0.5)
    assert peer.keepalive.ponged(peer.payloads[1]) == 0.5
