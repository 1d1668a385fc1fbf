"""Scenarios that a program plays with an SDK of another language, and what it asks for."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterable, Sequence

from centrifuge import Client

from tests.live.sdk.conftest import Served

__all__ = ["answer_by", "run_scenario"]


async def publish(url: str, channel: str, count: int) -> None:
    """Publish numbers to a channel, as the application."""
    client = Client(url, data={"user": "helper"})
    await client.connect()
    for number in range(count):
        await client.rpc("publish", {"channel": channel, "data": number})
    await client.disconnect()


async def quote(url: str, channel: str, numbers: Iterable[int]) -> None:
    """Publish books of prices to a channel, as the application."""
    client = Client(url, data={"user": "helper"})
    await client.connect()
    for number in numbers:
        await client.rpc("quote", {"channel": channel, "code": number})
    await client.disconnect()


def answer_by(served: Served) -> Callable[..., str | None]:
    """Return what answers a program: it cuts and mends the wire, and publishes."""

    def answer(*words: str) -> None:
        match words:
            case ("cut",):
                served.wire.cut()
            case ("mend",):
                served.wire.mend()
            case ("publish", channel, count):
                asyncio.run(publish(served.direct, channel, int(count)))
            case ("quote", channel, first, last):
                asyncio.run(quote(served.direct, channel, range(int(first), int(last) + 1)))

    return answer


def run_scenario(
    command: Sequence[str],
    scenario: str,
    url: str,
    protobuf: bool,
    answer: Callable[..., str | None],
    *further: str,
) -> None:
    """Play a scenario, and answer what the program asks for.

    Args:
        command: the program.
        scenario: its name for it.
        url: where it connects.
        protobuf: whether it speaks Protobuf.
        answer: called with the words of each question; a word for the program, or ``None``.
        further: arguments of its own.
    """
    with subprocess.Popen(  # noqa: S603 - our own programs
        [*command, scenario, url, "protobuf" if protobuf else "json", *further],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            for line in process.stdout:
                mark, *words = line.split()
                if mark == "?":
                    process.stdin.write(f"{answer(*words) or 'done'}\n")
                    process.stdin.flush()
            status = process.wait(10)
            assert status == 0, f"{scenario}\n{process.stderr.read()}"
        finally:
            if process.poll() is None:
                process.kill()
