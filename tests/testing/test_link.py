"""What a test can do to a link, and what its ends see of it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionRefusedError as RefusedError
from twisted.internet.error import TimeoutError as ConnectTimeoutError
from twisted.internet.protocol import Factory

from sennit.testing import Link, Network
from tests.testing.double import HalfRecorder, Pair, Recorder, pair


def connected(**conditions: Any) -> tuple[Network, Pair, Link]:
    network = Network(**conditions)
    ends = network.result(pair(network), within=60)
    return network, ends, network.link()


def attempt(network: Network, seconds: float = 5) -> Deferred[Any]:
    """Return an attempt to connect to a port that listens."""
    network.listenTCP(8000, Factory.forProtocol(Recorder))
    endpoint = TCP4ClientEndpoint(network, "127.0.0.1", 8000, timeout=seconds)
    connecting: Deferred[Any] = endpoint.connect(Factory.forProtocol(Recorder))
    network.pump()
    return connecting


def test_a_delay() -> None:
    """Bytes take so long, each way; to connect takes there and back."""
    network, ends, link = connected(delay=0.25)
    assert network.seconds() == 0.5
    ends.client.transport.write(b"ping")
    network.advance(0.2)
    ends.client.transport.write(b"pong")
    network.advance(0.04)
    assert (ends.server.data, link.to_server.waiting) == (b"", 8)
    network.advance(0.01)
    assert (ends.server.data, link.to_server.waiting) == (b"ping", 4)
    network.advance(0.2)
    assert ends.server.pieces == [b"ping", b"pong"]


def test_a_delay_of_ones_own() -> None:
    """Each link, and each direction, has its own; a shorter one overtakes nothing."""
    network, ends, link = connected()
    link.delay = 2
    link.jitter = 0
    assert (link.to_server.delay, link.to_client.delay, link.jitter) == (2, 2, 0)
    ends.client.transport.write(b"slow ")
    network.advance(1)
    link.to_server.delay = 0
    ends.client.transport.write(b"fast")
    network.pump()
    assert ends.server.data == b""
    network.advance(1)
    assert ends.server.data == b"slow fast"
    ends.client.transport.loseConnection()
    network.pump()
    assert ends.server.lost
    assert link.delay == 0


def test_jitter() -> None:
    """Is random, and changes no order."""
    network, ends, _ = connected(jitter=1)
    said = bytes(range(100))
    times: list[float] = []
    for byte in said:
        before = network.seconds()
        ends.client.transport.write(bytes([byte]))
        network.result(ends.server.until_data(byte + 1), within=2)
        times.append(network.seconds() - before)
    assert ends.server.data == said
    assert 0 <= min(times) < 0.2
    assert 0.8 < max(times) <= 1
    for byte in said:
        ends.client.transport.write(bytes([byte]))
        network.pump()
    network.advance(1)
    assert ends.server.data == said + said


def test_pieces() -> None:
    """Of a size that a test sets; or of any, with the same bytes in them."""
    network, ends, link = connected(chunk=3)
    ends.client.transport.write(b"abcdefgh")
    network.pump()
    assert ends.server.pieces == [b"abc", b"def", b"gh"]
    link.chunk = None
    assert link.chunk is None
    ends.client.transport.write(bytes(5000))
    network.pump()
    assert len(ends.server.pieces) == 4
    link.to_server.chunk = "random"
    ends.client.transport.write(bytes(50_000))
    network.pump()
    sizes = [len(piece) for piece in ends.server.pieces[4:]]
    assert sum(sizes) == 50_000
    assert min(sizes) < 20
    assert 2000 < max(sizes) <= 4096


def test_holding() -> None:
    """Nothing arrives, not even an end, until it is let through."""
    network, ends, link = connected()
    link.hold()
    assert link.held
    ends.client.transport.write(b"hello")
    ends.client.transport.loseConnection()
    network.advance(60)
    assert ends.client.lost == "ConnectionDone"
    assert (ends.server.data, ends.server.lost) == (b"", "")
    link.release()
    network.pump()
    assert (ends.server.data, ends.server.lost) == (b"hello", "ConnectionDone")
    assert not link.held


def test_holding_one_direction() -> None:
    """The other goes on. A delay passes meanwhile."""
    network, ends, link = connected(delay=1)
    link.to_client.hold()
    ends.client.transport.write(b"question")
    network.advance(1)
    assert ends.server.data == b"question"
    ends.server.transport.write(b"answer")
    network.advance(1)
    assert ends.client.data == b""
    link.to_client.release()
    network.pump()
    assert ends.client.data == b"answer"


def test_a_sender_into_a_held_link() -> None:
    """Fills its buffers, and is stopped."""
    network, ends, link = connected(send_buffer=100)
    link.hold()
    ends.client.transport.write(bytes(1000))
    network.pump()
    assert link.to_server.sent == 100
    link.release()
    network.pump()
    assert len(ends.server.data) == 1000


def test_dropping() -> None:
    """Nobody hears of it, and nothing arrives any more, ends and resets included."""
    network, ends, link = connected(delay=1)
    ends.client.transport.write(b"on its way")
    link.drop()
    assert link.dropped
    ends.client.transport.write(bytes(1_000_000))
    network.advance(3600)
    assert link.to_server.sent == 64 * 1024
    ends.server.transport.loseConnection()
    network.pump()
    assert (ends.server.data, ends.server.lost) == (b"", "ConnectionDone")
    assert ends.client.events == ["made"]
    assert list(network.links) == [link]
    ends.client.transport.abortConnection()
    network.pump()
    assert ends.client.lost == "ConnectionAborted"
    assert list(network.links) == []
    assert not link.open


def test_dropping_one_direction() -> None:
    """The other still carries."""
    network, ends, link = connected()
    link.to_client.drop()
    ends.client.transport.write(b"can you hear me?")
    ends.server.transport.write(b"yes")
    network.pump()
    assert (ends.server.data, ends.client.data) == (b"can you hear me?", b"")


def test_a_reset() -> None:
    """Is met at both ends at once; what was not read is lost."""
    network, ends, link = connected()
    ends.server.transport.pauseProducing()
    ends.client.transport.write(b"never read")
    network.pump()
    link.reset()
    network.pump()
    assert ends.client.lost == "ConnectionLost"
    assert ends.server.events == ["made"]
    ends.server.transport.resumeProducing()
    network.pump()
    assert (ends.server.data, ends.server.lost) == (b"", "ConnectionLost")
    assert network.links == ()


def test_a_reset_is_met_by_a_writer() -> None:
    """Even while it does not read."""
    network, ends, link = connected(send_buffer=10)
    ends.client.transport.pauseProducing()
    ends.server.transport.pauseProducing()
    ends.client.transport.write(bytes(200_000))
    network.pump()
    assert ends.client.lost == ""
    link.reset()
    network.pump()
    assert ends.client.lost == "ConnectionLost"


@pytest.mark.parametrize("chunk", [None, 1])
@pytest.mark.parametrize("delay", [0, 0.5])
def test_a_cut(delay: float, chunk: int | None) -> None:
    """Exactly so many bytes are read, then both ends are reset."""
    network, ends, link = connected(delay=delay, chunk=chunk)
    link.to_server.cut(after=7)
    ends.server.transport.write(b"hello")
    for piece in (b"01234", b"56789", b"abc"):
        ends.client.transport.write(piece)
    network.advance(2)
    assert ends.server.data == b"0123456"
    assert ends.client.data == b"hello"
    assert (ends.client.lost, ends.server.lost) == ("ConnectionLost", "ConnectionLost")


def test_a_cut_counts_from_now() -> None:
    """And comes as soon as the last byte is there, whether more would have come or not."""
    network, ends, link = connected()
    ends.client.transport.write(b"before")
    network.pump()
    link.to_server.cut(after=3)
    ends.client.transport.write(b"12")
    network.pump()
    assert ends.server.lost == ""
    ends.client.transport.write(b"3")
    network.pump()
    assert (ends.server.data, ends.server.lost) == (b"before123", "ConnectionLost")


def test_a_cut_of_the_link() -> None:
    """Comes with the first direction that has carried so much; at once for nothing."""
    network, ends, link = connected()
    link.cut(after=4)
    ends.client.transport.write(b"123")
    ends.server.transport.write(b"12345")
    network.pump()
    assert (ends.server.data, ends.client.data) == (b"123", b"1234")
    assert ends.client.lost == ends.server.lost == "ConnectionLost"
    network, ends, link = connected()
    link.cut()
    network.pump()
    assert ends.client.lost == ends.server.lost == "ConnectionLost"


def test_an_end_before_the_cut() -> None:
    """Is an end."""
    network, ends, link = connected()
    link.cut(after=10)
    ends.client.transport.write(b"bye")
    ends.client.transport.loseConnection()
    network.pump()
    assert (ends.server.data, ends.server.lost) == (b"bye", "ConnectionDone")


def test_a_half_closed_link_that_is_cut() -> None:
    """Is reset where something still comes from; who has seen the end knows the end."""
    network = Network()
    ends = network.result(pair(network, HalfRecorder, HalfRecorder))
    ends.client.transport.loseWriteConnection()
    network.pump()
    network.link().to_client.cut(after=2)
    ends.server.transport.write(b"123")
    network.pump()
    assert (ends.client.data, ends.client.lost) == (b"12", "ConnectionLost")
    ends.server.transport.write(b"4")
    network.pump()
    assert ends.server.lost == "ConnectionLost"


def test_a_host_that_does_not_answer() -> None:
    """A link that is dropped before anything has passed: the attempt runs out of time."""
    network = Network()
    network.on_link = Link.drop
    connecting = attempt(network, seconds=5)
    network.advance(4.9)
    assert not connecting.called
    with pytest.raises(ConnectTimeoutError):
        network.result(connecting, within=1)
    assert network.links == ()


def test_a_host_that_answers_late() -> None:
    """A link that is held before anything has passed."""
    network = Network()
    network.on_link = Link.hold
    connecting = attempt(network)
    network.advance(3)
    assert not connecting.called
    network.link().release()
    assert network.result(connecting).events == ["made"]


def test_a_host_that_refuses() -> None:
    """A link that is reset, or cut, before anything has passed."""
    for fate in (Link.reset, Link.cut):
        network = Network()
        network.on_link = fate
        with pytest.raises(RefusedError):
            network.result(attempt(network))
        assert network.links == ()


def test_an_attempt_that_is_given_up() -> None:
    """Leaves nothing, whether it was on its way, at the server's door, or on its way back."""
    for delay in (0.5, 1.0, 1.5):
        network = Network(delay=1)
        connecting = attempt(network)
        connecting.addErrback(lambda _: None)
        network.advance(delay)
        connecting.cancel()
        network.advance(5)
        assert network.links == ()
        assert network.getDelayedCalls() == []


def test_finding_a_link() -> None:
    """By what is known of its ends."""
    network = Network()
    first = network.result(pair(network))
    link = network.link()
    second = network.result(pair(network))
    assert network.links == (link, network.link(second.port.getHost().port))  # type: ignore[attr-defined]
    peer: IPv4Address = first.server.transport.getPeer()
    for where in (peer, peer.port, f"127.0.0.1:{peer.port}", link.server):
        assert network.link(where) is link
    assert link.client == peer
    assert str(link) == f"127.0.0.1:{peer.port} to 127.0.0.1:{first.port.getHost().port}"  # type: ignore[attr-defined]
    assert repr(link) == f"<Link {link}>"
    with pytest.raises(LookupError, match=r"there are 2 links, not one"):
        network.link()
    with pytest.raises(LookupError, match=r"there are 2 links at 127.0.0.1, not one; there are"):
        network.link("127.0.0.1")
    with pytest.raises(LookupError, match=r"there are 0 links at 99"):
        network.link(99)


def test_what_a_flow_says_of_itself() -> None:
    """For who looks at it in a debugger."""
    network, ends, link = connected()
    assert repr(link.to_server) == "<Flow open, 0 bytes on their way, 0 not read>"
    link.hold()
    ends.client.transport.write(b"123")
    network.pump()
    assert repr(link.to_server) == "<Flow held, 3 bytes on their way, 0 not read>"
    link.drop()
    assert repr(link.to_client).startswith("<Flow dropped")
