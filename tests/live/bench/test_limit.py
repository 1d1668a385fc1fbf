"""The limit beside our own client: it has no features, and what it does is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet import ssl

from bench.certificate import Certificate
from bench.native import Native
from sennit.websocket import connect
from tests.live.process import Process

Run = Callable[..., Any]
StartLimit = Callable[..., tuple[int, Process]]
LARGEST = 8 << 20


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_echo(
    native: Native,
    certificate: Certificate,
    start_limit: StartLimit,
    reactor: Any,
    run: Run,
    tls: bool,
) -> None:
    """Messages of every length class, text and bytes, many at once; pings; and the close."""
    if tls and not native.tls:
        pytest.skip("there are no headers of OpenSSL here")
    port, process = start_limit("echo", tls=tls)
    root = ssl.Certificate.loadPEM(certificate.certificate.read_bytes())
    messages: list[str | bytes] = ["", b"", "κόσμε", bytes(125), b"a" * 126, "b" * 65_535]
    messages += [bytes(range(256)) * 256, bytes(range(256)) * 20_000]

    async def scenario() -> None:
        url = f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/"
        options: dict[str, Any] = {"tls": root} if tls else {}
        ws = await connect(reactor, url, max_message=LARGEST, **options)
        # Who sends without reading is not read for ever.
        sending = [ws.send(message) for message in messages]
        pong = ws.ping()
        for message in messages:
            assert await ws.recv() == message
        assert await pong > 0
        for one in sending:
            await one
        await ws.close(4000, "bye")
        assert (ws.close_code, ws.close_reason) == (4000, "bye")

    run(scenario(), timeout=20)
    assert process.running()


def test_broadcast(start_limit: StartLimit, reactor: Any, run: Run) -> None:
    """Everybody who is there gets everything, in order, and nobody who has left."""
    port, process = start_limit("broadcast")

    async def scenario() -> None:
        url = f"ws://127.0.0.1:{port}/"
        members = [await connect(reactor, url) for _ in range(5)]
        for number in range(3):
            await members[number].send(f"message {number}")
            assert [await ws.recv() for ws in members] == [f"message {number}"] * 5
        await members.pop(1).close()
        await members[0].send(b"x" * 40_000)
        assert [await ws.recv() for ws in members] == [b"x" * 40_000] * 4
        for ws in members:
            await ws.close()

    run(scenario(), timeout=20)
    assert process.running()


def test_who_does_not_read(start_limit: StartLimit, reactor: Any, run: Run) -> None:
    """Their echoes wait, and come when they read again, all of them."""
    port, process = start_limit("echo")

    async def scenario() -> None:
        ws = await connect(reactor, f"ws://127.0.0.1:{port}/", read_high=1024, read_low=512)
        sent = [bytes([number]) * 60_000 for number in range(200)]
        sending = [ws.send(message) for message in sent]
        for message in sent:
            assert await ws.recv() == message
        for one in sending:
            await one
        await ws.close()

    run(scenario(), timeout=20)
    assert process.running()
