"""Connections in memory are as connections are."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import ITCPTransport

from sennit.testing import Network
from tests.testing.double import HalfRecorder, pair
from tests.testing.scenario import SCENARIOS

NAMES = [scenario.__name__ for scenario, _ in SCENARIOS]


@pytest.mark.parametrize(("scenario", "expected"), SCENARIOS, ids=NAMES)
def test_scenarios(scenario: Any, expected: object) -> None:
    """Each ends as over real sockets, and leaves nothing behind."""
    network = Network()
    assert network.result(scenario(network), within=5) == expected
    assert network.links == ()
    assert network.getDelayedCalls() == []
    assert network.getReaders() == network.getWriters() == []


@pytest.mark.parametrize("scenario", [scenario for scenario, _ in SCENARIOS], ids=NAMES)
def test_scenarios_over_a_bad_line(scenario: Any) -> None:
    """Slow, in pieces, with small buffers: the outcome is the same."""
    expected = next(outcome for other, outcome in SCENARIOS if other is scenario)
    network = Network(
        delay=0.001, jitter=0.002, chunk=30_000, send_buffer=50_000, receive_buffer=70_000
    )
    assert network.result(scenario(network), within=500) == expected


def test_the_transport_is_twisteds() -> None:
    """So that what looks for a plain socket finds one; but there is no descriptor to take."""
    network = Network()
    transport: Any = network.result(pair(network)).client.transport
    assert transport.fileno() == transport.getHandle().fileno() == -1
    assert ITCPTransport.providedBy(transport)
    assert isinstance(transport, FileDescriptor)


def test_what_is_taken_at_once_is_bounded() -> None:
    """By the buffers of the two kernels, of which the test knows the size."""
    network = Network(send_buffer=1000, receive_buffer=300)
    ends = network.result(pair(network))
    ends.server.transport.pauseProducing()
    transport = ends.client.transport
    assert transport.writeSomeData(bytes(5000)) == 1000
    assert transport.writeSomeData(bytes(5000)) == 300
    assert transport.writeSomeData(bytes(5000)) == 0
    flow = network.link().to_server
    assert (flow.sent, flow.arrived, flow.waiting) == (1300, 300, 1300)
    ends.server.transport.resumeProducing()
    network.pump()
    assert len(ends.server.data) == 1300
    assert transport.writeSomeData(b"there is room again") == 19


def test_a_transport_waits_for_room() -> None:
    """What it could not write it writes when it can, in order."""
    network = Network(send_buffer=10, receive_buffer=10)
    ends = network.result(pair(network))
    ends.server.transport.pauseProducing()
    said = bytes(range(100))
    ends.client.transport.write(said)
    network.pump()
    assert network.link().to_server.sent == 20
    ends.server.transport.resumeProducing()
    network.pump()
    assert ends.server.data == said


def test_an_answer_that_a_reset_destroys() -> None:
    """It is there, but nobody has read it when the reset comes."""
    network = Network()
    ends = network.result(pair(network))
    ends.client.transport.pauseProducing()
    ends.client.transport.write(b"a long request")
    ends.server.transport.pauseProducing()
    network.pump()
    ends.server.transport.write(b"no")
    ends.server.transport.loseConnection()
    network.pump()
    ends.client.transport.resumeProducing()
    network.pump()
    assert (ends.client.data, ends.client.lost) == (b"", "ConnectionDone")


def test_writing_after_ones_own_end() -> None:
    """Goes nowhere."""
    network = Network()
    ends = network.result(pair(network, HalfRecorder, HalfRecorder))
    ends.client.transport.loseWriteConnection()
    network.pump()
    ends.client.transport.write(b"too late")
    network.pump()
    assert ends.server.data == b""
    assert ends.server.events == ["made", "read lost"]
    assert ends.client.events == ["made", "write lost"]


def test_there_is_no_change_to_tls() -> None:
    """On the way: Twisted would use the global reactor's clock."""
    network = Network()
    transport = network.result(pair(network)).client.transport
    with pytest.raises(NotImplementedError, match="clock=network"):
        transport.startTLS(None)
