"""Tests on real sockets: they share one reactor, have a deadline each, and end what they start.

Fixtures:
    loop: the :class:`tests.live.loop.Loop` of the session.
    run: ``run(deferred_or_coroutine, timeout=10)`` runs the reactor until it is done.
    reactor: the reactor itself.
    free_port, new_port: a TCP port of 127.0.0.1 that nobody uses; a function that returns more.
    start_process: ``start_process(arguments, line=…, port=…)`` starts a program and waits for it.
    page_files: the folder of the chat's page, built.
    chat: the chat, served in a process of its own, for a module.
    bystanders: people who talk in it during a test, and still do afterwards.

A test that needs more than a minute says ``@pytest.mark.deadline(seconds)``. With ``--reactor``
tests and servers are on that one; tests about the choice of a reactor choose as ever.
"""

from __future__ import annotations

import select
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from bench.process import free_port as find_free_port
from sennit.cli.reactor import install_reactor
from tests.live.bystander import Bystanders
from tests.live.loop import Loop
from tests.live.process import ROOT, Process, wait_for_port
from tests.live.requirement import require_node
from tests.live.server import Server
from tools.page import PAGES, build_pages, pages_are_current

REACTORS = ("epoll", "sennit", "poll", "select", "asyncio", "uvloop")
DEADLINE = 60.0
"""Seconds for a test, with its fixtures."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reactor", choices=REACTORS, help="the reactor of the tests and of servers")


def pytest_configure(config: pytest.Config) -> None:
    Server.reactor = config.getoption("--reactor", None)
    config.addinivalue_line("markers", "deadline(seconds): how long a live test may take")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Let no test go on for ever, not even one that blocks the reactor."""
    marker = item.get_closest_marker("deadline")
    seconds = marker.args[0] if marker else DEADLINE

    def too_late(_number: int, _frame: object) -> NoReturn:
        raise TimeoutError(f"the test's deadline of {seconds} seconds is over")

    before = signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def loop(request: pytest.FixtureRequest) -> Iterator[Loop]:
    """The reactor of the session, running whenever a test waits: epoll's, unless one is said."""
    name = request.config.getoption("--reactor", None)
    if name is not None:
        install_reactor(name)  # An error, if a module of the tests has chosen another.
    elif "twisted.internet.reactor" not in sys.modules and hasattr(select, "epoll"):
        install_reactor("epoll")
    made = Loop()
    yield made
    made.close()


@pytest.fixture
def run(loop: Loop) -> Callable[..., Any]:
    """Return ``run(deferred_or_coroutine, timeout=10)``."""
    return loop.run


@pytest.fixture
def reactor(loop: Loop) -> Any:
    """Return the reactor."""
    return loop.reactor


@pytest.fixture(scope="session")
def new_port() -> Callable[[], int]:
    """Return a function that finds a free port, never the same one twice.

    Other tests may run at the same time: it is drawn where no client's port comes from.
    """
    given: set[int] = set()

    def find() -> int:
        while (port := find_free_port()) in given:
            pass
        given.add(port)
        return port

    return find


@pytest.fixture
def free_port(new_port: Callable[[], int]) -> int:
    """Return a port of 127.0.0.1 that is free."""
    return new_port()


@pytest.fixture
def start_process() -> Iterator[Callable[..., Process]]:
    """Return ``start_process(arguments, *, line=None, port=None, timeout=15, …)``.

    It returns once the process has written a line with the text ``line``, and listens on ``port``.
    Every process is ended with the test, by its id.
    """
    started: list[Process] = []

    def start(
        arguments: Sequence[str | Path],
        *,
        line: str | None = None,
        port: int | None = None,
        timeout: float = 15.0,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> Process:
        process = Process(arguments, environment, folder)
        started.append(process)
        try:
            if line is not None:
                process.wait_for_line(line, timeout)
            if port is not None:
                wait_for_port(port, timeout)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; its output:\n{process.output}") from error
        return process

    yield start
    for process in started:
        process.stop()


@pytest.fixture(scope="session")
def page_files() -> Path:
    """Return the folder of the chat's built page, built anew if its sources are newer."""
    if not pages_are_current():
        require_node(ROOT / "apps" / "chat")
        build_pages()
    return PAGES["chat"]


@pytest.fixture(scope="module")
def chat(new_port: Callable[[], int]) -> Iterator[Server]:
    """Serve the chat as ``sennit serve`` does; whatever clients do, it logs no failure."""
    with Server(new_port()) as server:
        yield server
        server.check()


@pytest.fixture
def bystanders(chat: Server) -> Iterator[Bystanders]:
    """Let two people talk while the test does what it does; they must not notice."""
    talking = Bystanders(chat.port)
    yield talking
    talking.check()
