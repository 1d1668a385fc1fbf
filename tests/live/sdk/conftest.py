"""A server for the SDK tests, in a process of its own, and a wire to it that can be cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.process import Process
from tests.live.requirement import require_go, require_node
from tests.live.sdk.wire import Wire
from tests.live.server import Server

JS = Path(__file__).with_name("js")
GO = Path(__file__).with_name("go")


@dataclass(frozen=True)
class Served:
    """The running server.

    Attributes:
        url: its WebSocket endpoint, by the wire.
        wire: what is between it and the client under test.
        direct: its WebSocket endpoint, without the wire.
        process: the server's process.
        protobuf: whether the client under test speaks Protobuf, else JSON.
    """

    url: str
    wire: Wire
    direct: str
    process: Process
    protobuf: bool


@pytest.fixture(scope="module")
def server(new_port: Callable[[], int]) -> Iterator[Server]:
    """Serve the tests' application."""
    with Server(new_port(), "tests.live.app:app") as made:
        yield made


@pytest.fixture(params=["json", "protobuf"])
def served(
    server: Server, new_port: Callable[[], int], request: pytest.FixtureRequest
) -> Iterator[Served]:
    """Return the server, behind a wire of the test's own, for clients of either format."""
    with Wire(new_port(), server.port) as wire:
        yield Served(
            url=f"ws://127.0.0.1:{wire.port}/connection/websocket",
            wire=wire,
            direct=f"ws://127.0.0.1:{server.port}/connection/websocket",
            process=server.process,
            protobuf=request.param == "protobuf",
        )


@pytest.fixture(scope="session")
def node() -> str:
    """Return the program ``node``, with the SDK installed for it as its lock file says."""
    return str(require_node(JS).program)


@pytest.fixture(scope="session")
def gopher(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a program of the Go SDK's; without Go, or what it needs, the test is skipped."""
    return str(require_go(GO, tmp_path_factory.mktemp("go") / "gopher"))
