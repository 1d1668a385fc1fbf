"""Turning the loop: until it rests, until something is done, or never."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import deferLater

from sennit.testing import Link, Network, Stalled
from tests.double import LogKeeper
from tests.testing.double import Recorder, pair


async def answer(network: Network, seconds: float) -> str:
    await deferLater(network, seconds)
    return "done"


def test_the_result_of_anything_awaitable() -> None:
    """A Deferred, a coroutine, or an object of one's own; or nothing to wait for."""
    network = Network()

    class Awaitable:
        def __await__(self) -> Any:
            return deferLater(network, 0, lambda: "object").__await__()

    assert network.result(succeed("Deferred")) == "Deferred"
    assert network.result(answer(network, 0)) == "done"
    assert network.result(Awaitable()) == "object"
    assert network.result(None) is None


def test_a_failure_is_raised() -> None:
    """And taken out of the Deferred, so that nobody logs it; a result stays in it."""
    network = Network()
    failed: Deferred[None] = fail(KeyError("gone"))
    with pytest.raises(KeyError, match="gone"):
        network.result(failed)
    assert network.result(failed) is None
    done = succeed("still here")
    assert network.result(done) == network.result(done) == "still here"


def test_what_follows_has_happened_too() -> None:
    """A result comes when everything has come to rest."""
    network = Network()
    ends = network.result(pair(network))
    ends.client.transport.write(b"hello")
    network.result(succeed(None))
    assert ends.server.data == b"hello"


def test_only_so_much_time_passes_as_it_takes() -> None:
    """Of what was allowed."""
    network = Network()
    assert network.result(answer(network, 3), within=10) == "done"
    assert network.seconds() == 3


def test_what_never_fires_is_told() -> None:
    """With what it could be waiting for; it may fire yet."""
    network = Network()
    waiting: Deferred[str] = Deferred()
    with pytest.raises(Stalled, match=r"nothing moves any more, and this is not done: <Def"):
        network.result(waiting)
    network.callLater(2, waiting.callback, "late")
    with pytest.raises(Stalled, match=r"next timed call is due in 2 seconds.*pass within="):
        network.result(waiting)
    with pytest.raises(Stalled, match=r"not done in 1 seconds"):
        network.result(waiting, within=1)
    assert network.seconds() == 0
    assert network.result(waiting, within=2) == "late"


def test_a_coroutine_that_is_never_done_is_cancelled() -> None:
    """It holds nothing up: what it waited for can be waited for once more."""
    network = Network()
    ended: list[str] = []

    async def wait() -> None:
        try:
            await Deferred()
        finally:
            ended.append("ended")

    with pytest.raises(Stalled, match=r"<coroutine object .*wait"):
        network.result(wait())
    assert ended == ["ended"]


def test_links_that_let_nothing_through_are_told() -> None:
    """They may be the reason."""
    network = Network()
    ends = network.result(pair(network))
    network.link().to_server.hold()
    ends.client.transport.write(b"12345")
    with pytest.raises(Stalled, match=r"\(held to the server, 5 bytes wait\)"):
        network.result(ends.server.until_data(5))
    network.link().drop()
    with pytest.raises(Stalled, match=r"\(dropped to the server, .*\(dropped to the client"):
        network.result(Deferred())
    network = Network(delay=2)
    with pytest.raises(Stalled, match="something arrives in 2 seconds"):
        network.result(pair(network))


def test_calls_on_the_global_reactor_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody has passed the network on, the usual reason is there."""
    call = SimpleNamespace(getDelayedCalls=lambda: ["<DelayedCall lost>"])
    monkeypatch.setitem(sys.modules, "twisted.internet.reactor", call)
    with pytest.raises(Stalled, match=r"global reactor.*1 timed calls.*<DelayedCall lost>"):
        Network().result(Deferred())


def test_what_moves_for_ever_is_told() -> None:
    """After more turns than any test needs."""
    network = Network()
    network.patience = 100

    def again() -> None:
        network.callLater(0, again)

    again()
    with pytest.raises(Stalled, match="after 100 turns at 0 seconds"):
        network.pump()
    assert network.result(succeed("here")) == "here"
    with pytest.raises(Stalled, match="for ever"):
        network.result(Deferred())


def test_what_raises_in_the_loop_fails_the_test() -> None:
    """It is logged as in a reactor, and raised when all the rest is done."""
    network = Network()
    calls: list[str] = []
    network.callLater(1, lambda: 1 / 0)
    network.callLater(1, calls.append, "the next one")
    network.callFromThread(calls.append)
    with LogKeeper() as log:
        with pytest.raises(TypeError):
            network.pump()
        with pytest.raises(ZeroDivisionError):
            network.advance(1)
    assert [failure.type for failure in log.failures()] == [TypeError, ZeroDivisionError]
    assert calls == ["the next one"]
    network.pump()


def test_several_that_raise() -> None:
    """The first is raised, and says how many there are."""
    network = Network()
    for _ in range(3):
        network.callLater(0, lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError) as caught:
        network.pump()
    assert caught.value.__notes__ == ["and 2 more, which the log has"]


def test_a_protocol_that_raises_loses_its_connection() -> None:
    """As on every reactor, with what it raised for the reason."""

    class Failing(Recorder):
        def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
            raise ValueError("I cannot read")

    network = Network()
    ends = network.result(pair(network, server=Failing))
    ends.client.transport.write(b"hello")
    with pytest.raises(ValueError, match="cannot read"):
        network.pump()
    assert ends.server.events == ["made", "ValueError"]
    assert ends.client.lost == "ConnectionDone"


def test_the_loop_is_not_turned_from_inside() -> None:
    """What it calls returns to it."""
    network = Network()
    network.callLater(0, network.pump)
    with pytest.raises(RuntimeError, match="turns already"):
        network.pump()


def test_foreign_descriptors_are_refused() -> None:
    """There are no sockets here."""
    network: Any = Network()
    with pytest.raises(TypeError, match="no descriptors"):
        network.addReader(SimpleNamespace(fileno=lambda: 0))


def test_two_networks_of_one_seed_do_the_same() -> None:
    """Pieces and times of a noisy link are the same in each run, and others with another seed."""

    def pieces(seed: int) -> list[tuple[float, int]]:
        network = Network(seed, delay=0.01, jitter=0.1, chunk="random")
        ends = network.result(pair(network), within=10)
        seen: list[tuple[float, int]] = []
        for _ in range(20):
            ends.client.transport.write(bytes(500))
            network.advance(0.02)
            seen.append((network.seconds(), len(ends.server.pieces)))
        network.advance(1)
        assert len(ends.server.data) == 10_000
        return seen + [(0, len(piece)) for piece in ends.server.pieces]

    assert pieces(1) == pieces(1) != pieces(2)


def test_iterating() -> None:
    """Lets time pass, as Twisted's reactors do."""
    network = Network()
    calls: list[str] = []
    network.callLater(1, calls.append, "called")
    network.iterate(1)
    assert calls == ["called"]


def test_a_hook_sees_each_link_first() -> None:
    """Before anything has passed it."""
    network = Network()
    seen: list[Link] = []
    network.on_link = seen.append
    network.result(pair(network))
    assert seen == [network.link()]
