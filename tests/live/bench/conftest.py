"""The benchmark's native programs, compiled for these tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.threads import deferToThread

from bench.certificate import Certificate, make_certificate
from bench.native import CompilerMissingError, Native, compile_native
from bench.outcome import Outcome
from sennit import websocket
from tests.live.process import Process, wait_for_port

PATIENCE = 30.0

Load = Callable[..., Outcome]
Limit = Callable[..., Process]


@pytest.fixture(scope="session")
def native(tmp_path_factory: pytest.TempPathFactory) -> Native:
    """Return the programs."""
    try:
        return compile_native(tmp_path_factory.mktemp("native"))
    except CompilerMissingError as error:
        message = f"{error}: THE LOAD GENERATOR WAS NOT TESTED"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Return a certificate for 127.0.0.1."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def load(native: Native) -> Load:
    """Return ``load(kind, *options, port=…)``, which runs the load generator.

    It raises ``LoadError`` where that has found something wrong.
    """

    def run(*arguments: str, port: int, server: int = 0) -> Outcome:
        where = (f"--port={port}", f"--server={server}", "--warmup=0.05", "--seconds=0.2")
        done = subprocess.run(  # noqa: S603 - the tests' own command
            [str(native.load), *arguments, *where],
            input=b"\n",
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        lines = done.stdout.decode().splitlines()
        outcome = Outcome.parse(lines[-1] if lines else "")
        assert done.returncode == 0
        return outcome

    return run


@pytest.fixture
def load_against(load: Load, reactor: Any, run: Callable[..., Any]) -> Load:
    """Return ``load_against(handler, kind, *options)``: the load on a server of this test's own."""

    def measure(handler: Any, *arguments: str, **options: Any) -> Outcome:
        async def scenario() -> Outcome:
            where = "tcp:0:interface=127.0.0.1"
            port: Any = await websocket.listen(reactor, where, handler, **options)
            try:
                number = port.getHost().port
                outcome: Outcome = await deferToThread(load, *arguments, port=number)
                return outcome
            finally:
                await port.stopListening()

        outcome: Outcome = run(scenario(), timeout=PATIENCE)
        return outcome

    return measure


@pytest.fixture
def start_limit(
    native: Native, certificate: Certificate, free_port: int
) -> Iterator[Callable[..., tuple[int, Process]]]:
    """Return ``start_limit(role, tls=False)``, which returns the port and the process."""
    started = []

    def start(role: str, *, tls: bool = False) -> tuple[int, Process]:
        keys = (certificate.certificate, certificate.key) if tls else ()
        process = Process([str(native.limit), role, str(free_port), *map(str, keys)])
        started.append(process)
        wait_for_port(free_port)
        return free_port, process

    yield start
    for process in started:
        process.stop()
