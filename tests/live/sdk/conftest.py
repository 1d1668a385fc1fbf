"""A server for the SDK tests, in a process of its own, and a wire to it that can be cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.process import Process, wait_for_port
from tests.live.requirement import require_node
from tests.live.sdk.wire import Wire

JS = Path(__file__).with_name("js")


@dataclass(frozen=True)
class Served:
    """The running server.

    Attributes:
        url: its WebSocket endpoint, by the wire.
        wire: what is between it and the client under test.
        direct: its WebSocket endpoint, without the wire.
        process: the server's process.
    """

    url: str
    wire: Wire
    direct: str
    process: Process


@pytest.fixture(scope="module")
def server(new_port: Callable[[], int]) -> Iterator[tuple[int, Process]]:
    """Serve ``tests.live.sdk.served:app`` as ``sennit serve`` does."""
    port = new_port()
    process = Process(["-m", "sennit", "serve", "tests.live.sdk.served:app", "--port", str(port)])
    try:
        wait_for_port(port)
        yield port, process
    finally:
        process.stop()


@pytest.fixture
def served(server: tuple[int, Process], new_port: Callable[[], int]) -> Iterator[Served]:
    """Return the server, behind a wire of the test's own."""
    port, process = server
    with Wire(new_port(), port) as wire:
        yield Served(
            url=f"ws://127.0.0.1:{wire.port}/connection/websocket",
            wire=wire,
            direct=f"ws://127.0.0.1:{port}/connection/websocket",
            process=process,
        )


@pytest.fixture(scope="session")
def node() -> str:
    """Return the program ``node``, with the SDK installed for it as its lock file says."""
    return str(require_node(JS).program)
