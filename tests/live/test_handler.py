"""Handlers over the wire: values, coroutines and Deferreds, each failing in each way.

A handler that fails is an error to the one who asked and one entry in the log, with its traceback;
never a lost connection, and never silence. So it is on every reactor.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.live.client import Caller, wait_for
from tests.live.server import Server

REACTORS = {
    "epoll": ["EPollReactor", ""],
    "sennit": ["GroupReactor", ""],
    "poll": ["PollReactor", ""],
    "select": ["SelectReactor", ""],
    "asyncio": ["AsyncioSelectorReactor", "asyncio.unix_events"],
    "uvloop": ["UvloopReactor", "uvloop"],
}
KINDS = ("value", "coroutine", "waiting coroutine", "Deferred", "late Deferred")
ASYNCIO_KINDS = ("mixed coroutine", "task")
PLACES = pytest.mark.parametrize("place", ["connect", "rpc", "subscribe", "publish"])
FAILURES = {
    "crash": "RuntimeError: {mark}",
    "cancel": "CancelledError: {mark}",
    "give up": "CancelledError: {mark}",
    "nonsense": "TypeError: ",
}
"""How a handler can fail, and what the last line of the traceback says then."""
WAYS = pytest.mark.parametrize("way", FAILURES)


class House:
    """The application, served on one of the reactors from a folder of its own.

    Args:
        port: where.
        reactor: on which.
        folder: from where.

    Attributes:
        port: where.
        reactor: on which.
        server: the server.
    """

    def __init__(self, port: int, reactor: str, folder: Path) -> None:
        shutil.copy(Path(__file__).with_name("wish.py"), folder / "granted.py")
        self.port = port
        self.reactor = reactor
        self.server = Server(port, "granted:app", "--reactor", reactor, folder=folder)
        self._asked = 0
        self._read = len(self.server.process.lines)

    @property
    def on_asyncio(self) -> bool:
        """Whether the reactor stands on a loop of asyncio's."""
        return self.reactor in ("asyncio", "uvloop")

    def wishes(self, way: str) -> Iterator[dict[str, str]]:
        """Return a wish for each kind of handler, each with a mark of its own."""
        for kind in KINDS + ASYNCIO_KINDS * self.on_asyncio:
            self._asked += 1
            yield {"kind": kind, "way": way, "mark": f"mark {self._asked}."}

    def ann(self) -> Caller:
        """Return somebody who is connected."""
        return Caller(self.port, "Ann", kind="value")

    def log(self) -> list[str]:
        """Return what was logged since the last call: nothing, unless it ends with a failure."""
        new = self.server.process.lines[self._read :]
        self._read += len(new)
        return [line.strip() for line in new]

    def logged(self, last: str) -> bool:
        """Wait for an entry whose last line says this; return whether it is the only one, whole."""
        lines = self.server.process.lines
        wait_for(lambda: len(lines) > self._read and last in lines[-1])
        log = self.log()
        traces = [line for line in log if line == "Traceback (most recent call last):"]
        return len(traces) == 1 and log[0].endswith("failed") and log[1] == traces[0]


@pytest.fixture(scope="module", params=REACTORS)
def house(
    request: pytest.FixtureRequest,
    new_port: Callable[[], int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[House]:
    """Serve the application on each reactor; in the end nothing more was logged than was read."""
    made = House(new_port(), request.param, tmp_path_factory.mktemp("app"))
    with made.server as server:
        yield made
        assert server.process.running(), server.process.output
        assert made.log() == []


def person(house: House, place: str) -> Caller:
    """Return somebody from whom a handler of this place can be asked something."""
    return Caller(house.port, None) if place == "connect" else house.ann()


def ask(caller: Caller, place: str, wish: dict[str, str]) -> int:
    """Ask a handler for something, and return the command's number."""
    bodies: dict[str, dict[str, Any]] = {
        "connect": {"data": wish},
        "rpc": {"method": "wish", "data": wish},
        "subscribe": {"channel": f"wished:{wish['mark']}", "data": wish},
        "publish": {"channel": "wished:all", "data": wish},
    }
    return caller.ask(place, **bodies[place])


def goes_on(caller: Caller, place: str) -> bool:
    """Return whether a connection serves its client still."""
    if place == "connect":  # Who was refused may not say much more.
        caller.send(caller.engine.ping(b"?"))
        return getattr(caller.hear(), "data", b"") == b"?"
    answer: str = caller.rpc("wish", {"kind": "value", "mark": "still here"})
    return answer == "still here"


def test_reactor(house: House) -> None:
    """The reactor is the one that was asked for."""
    with house.ann() as ann:
        assert ann.rpc("reactor") == REACTORS[house.reactor]


@PLACES
def test_answer(house: House, place: str) -> None:
    """Whatever a handler is made of, its value is what comes of it."""
    for wish in house.wishes("answer"):
        mark = wish["mark"]
        with person(house, place) as ann:
            if place == "publish":
                ann.call("subscribe", channel="wished:all", data={"kind": "value"})
            reply = ann.answer(ask(ann, place, wish))
            if place == "publish":
                assert reply["publish"] == {}, wish
                assert ann.publication() == {"mark": mark}, wish
            else:
                data = reply[place]["data"]
                assert data == ({"mark": mark} if place == "subscribe" else mark), wish
    assert house.log() == []


@PLACES
def test_refusal(house: House, place: str) -> None:
    """A ``ReplyError`` is the answer, and nothing for the log."""
    for wish in house.wishes("refuse"):
        with person(house, place) as ann:
            reply = ann.answer(ask(ann, place, wish))
            assert reply["error"] == {"code": 1400, "message": wish["mark"]}, wish
            assert goes_on(ann, place), wish
    assert house.log() == []


@PLACES
def test_disconnect(house: House, place: str) -> None:
    """A ``Disconnect`` ends the connection with its code and its reason."""
    for wish in house.wishes("disconnect"):
        with person(house, place) as ann:
            ask(ann, place, wish)
            assert ann.closed() == (4400, wish["mark"]), wish
    assert house.log() == []


@PLACES
@WAYS
def test_failure(house: House, place: str, way: str) -> None:
    """Anything else is error 100 to who asked, and one entry in the log with its traceback."""
    for wish in house.wishes(way):
        with person(house, place) as ann:
            reply = ann.answer(ask(ann, place, wish))
            expected = {"code": 100, "message": "internal server error", "temporary": True}
            assert reply["error"] == expected, wish
            assert house.logged(FAILURES[way].format(mark=wish["mark"])), wish
            assert goes_on(ann, place), wish


@pytest.mark.parametrize("way", ["crash", "cancel", "give up"])
def test_failure_without_an_answer(house: House, way: str) -> None:
    """Where nobody waits for an answer there is the entry in the log alone."""
    for wish in house.wishes(way):
        last = FAILURES[way].format(mark=wish["mark"])
        with house.ann() as ann:
            ann.say(json.dumps({"send": {"data": wish}}))
            assert house.logged(last), wish
            channel = "plain:{kind}/{way}/{mark}".format(**wish)
            ann.call("subscribe", channel=channel)
            ann.call("unsubscribe", channel=channel)
            assert house.logged(last), wish
            assert goes_on(ann, "send"), wish


def test_who_leaves_cancels(house: House) -> None:
    """A handler whose client has gone is cancelled, and that is nothing for the log."""
    kinds = ["Deferred", "coroutine", *["mixed coroutine"] * house.on_asyncio]
    with house.ann() as ann:
        for kind in kinds:
            waiting = partial(ann.rpc, "waiting", kind)
            with house.ann() as eve:
                eve.ask("rpc", method="wait", data=kind)
                wait_for(waiting)
            wait_for(lambda: not waiting())  # noqa: B023 - called here and now
    assert house.log() == []


def test_what_is_asyncios(house: House) -> None:
    """A coroutine may await it on a loop of asyncio's; elsewhere that is a failure like any."""
    with house.ann() as ann:
        reply = ann.answer(ask(ann, "rpc", {"kind": "mixed coroutine", "mark": "done"}))
        if house.on_asyncio:
            assert reply["rpc"]["data"] == "done"
        else:
            assert reply["error"]["code"] == 100
            assert house.logged("RuntimeError: no running event loop")
        assert goes_on(ann, "rpc")
