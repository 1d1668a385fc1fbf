"""A server for the SDK tests, in a process of its own, and a wire to it that can be cut."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import pytest
from tests.live.process import Process, wait_for_port
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
    program = which("node")
    npm = which("npm")
    if program is None or npm is None:
        pytest.skip("there is no node with npm: the npm SDK was not tried")
    installed = JS / "node_modules" / "centrifuge" / "package.json"
    wanted = json.loads((JS / "package.json").read_text())["dependencies"]["centrifuge"]
    if not installed.exists() or json.loads(installed.read_text())["version"] != wanted:
        subprocess.run(  # noqa: S603 - npm itself
            [npm, "ci", "--ignore-scripts"], cwd=JS, check=True, timeout=300
        )
    return program
