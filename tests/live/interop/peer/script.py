"""What two ends say to each other in the tests, whatever library speaks for them.

One converses and checks what it hears; the other attends: it echoes, and does what it is asked to.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

__all__ = [
    "Closing",
    "Options",
    "Over",
    "Peer",
    "announce",
    "attend",
    "converse",
    "parse",
    "report",
]

TEXT = "κόσμε €😀"
BINARY = bytes(range(256))
PIECES = ("frag", "ments €", "", "😀 of one message")
LARGE_TEXT = "sixteen bytes, €" * ((1 << 20) // 18) + "x" * ((1 << 20) % 18)
SHARED = ("here's one, " * 30, "there's another, here's one, " * 30)
"""Messages that a compressor would have refer to each other."""
LARGE_BINARY = bytes(range(256)) * 4096
BY_ASKER = (4001, "ich gehe, tschüß")
BY_ASKED = (4002, "geh du, tschüß")
LARGEST = 2 << 20
"""Bytes in a message that every end takes."""


class Closing(NamedTuple):
    """How a connection was closed, as one end has seen it.

    Attributes:
        code: the code that it has received.
        reason: the reason that it has received.
    """

    code: int
    reason: str


class Over(Exception):
    """The connection was closed."""


class Peer(Protocol):
    """One end of a connection, as a library's adapter has it.

    Attributes:
        fragments: whether the library can send a message in fragments.
        compressed: whether compression was agreed on.
    """

    fragments: bool
    compressed: bool

    async def send(self, data: str | bytes) -> None:
        """Send a message."""

    async def send_fragments(self, pieces: Sequence[str]) -> None:
        """Send a text in fragments."""

    async def broadcast(self, data: str) -> None:
        """Send a text as one sends it to many."""

    async def receive(self) -> str | bytes:
        """Return the next message; raise :class:`Over` if there is none any more."""

    async def ping(self) -> None:
        """Send a ping and wait for its pong."""

    async def close(self, code: int, reason: str) -> Closing:
        """Close, and return what the other end has answered."""

    async def closing(self) -> Closing:
        """Return what the other end has closed with, which it has already."""


async def converse(peer: Peer, *, asker_closes: bool) -> dict[str, object]:
    """Say everything, and return what of it came back wrong, and how the connection ended.

    Args:
        peer: this end.
        asker_closes: whether this end closes, or the other one, being asked to.
    """
    wrong = []
    for name, data in (
        ("text", TEXT),
        ("binary", BINARY),
        ("empty text", ""),
        ("empty binary", b""),
        ("1 MiB of text", LARGE_TEXT),
        ("1 MiB of bytes", LARGE_BINARY),
    ):
        await peer.send(data)
        wrong += [name] if await peer.receive() != data else []
    if peer.fragments:
        await peer.send_fragments(PIECES)
        wrong += ["fragments"] if await peer.receive() != "".join(PIECES) else []
    await peer.send("fragments!")
    wrong += ["fragments of theirs"] if await peer.receive() != "".join(PIECES) else []
    await peer.send("broadcast!")
    for number in (0, 1, 0, 1, 0):
        wrong += ["broadcast"] if await peer.receive() != SHARED[number] else []
    await peer.ping()
    await peer.send("ping!")
    wrong += ["ping of theirs"] if await peer.receive() != "ponged" else []
    if asker_closes:
        closing = await peer.close(*BY_ASKER)
    else:
        await peer.send("close!")
        try:
            wrong.append(f"heard after the close: {await peer.receive()!r}")
        except Over:
            closing = await peer.closing()
    return {"wrong": wrong, "closing": list(closing), "compressed": peer.compressed}


async def attend(peer: Peer) -> Closing:
    """Echo, and do what is asked, until the connection is closed; return how it was."""
    while True:
        try:
            message = await peer.receive()
        except Over:
            return await peer.closing()
        if message == "fragments!":
            if peer.fragments:
                await peer.send_fragments(PIECES)
            else:
                await peer.send("".join(PIECES))
        elif message == "broadcast!":
            # What goes to all stands between what goes to this one, and refers to nothing else.
            await peer.send(SHARED[0])
            await peer.broadcast(SHARED[1])
            await peer.send(SHARED[0])
            await peer.broadcast(SHARED[1])
            await peer.send(SHARED[0])
        elif message == "ping!":
            await peer.ping()
            await peer.send("ponged")
        elif message == "close!":
            return await peer.close(*BY_ASKED)
        else:
            await peer.send(message)


# -- as a program --------------------------------------------------------------------------------


class Options(NamedTuple):
    """A program's command line.

    Attributes:
        url: where to connect, of a client.
        port: where to listen, of a server.
        certificate: a file with the server's certificate, whom a client trusts; for TLS.
        key: a file with its key.
        compression: whether to compress.
    """

    url: str
    port: int
    certificate: Path | None
    key: Path | None
    compression: bool


def parse() -> Options:
    """Return the command line: ``URL`` or ``PORT``, and options."""
    parser = argparse.ArgumentParser()
    parser.add_argument("where")
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--compression", choices=("on", "off"), required=True)
    given = parser.parse_args()
    is_port = given.where.isdecimal()
    return Options(
        url="" if is_port else given.where,
        port=int(given.where) if is_port else 0,
        certificate=given.certificate,
        key=given.key,
        compression=given.compression == "on",
    )


async def report(connect: Callable[[], Awaitable[Peer]]) -> None:
    """Converse twice, closed by either end, and write what came of it, a line each."""
    for asker_closes in (True, False):
        told = await converse(await connect(), asker_closes=asker_closes)
        print("report", json.dumps(told), flush=True)  # noqa: T201 - the test reads it


def announce(closing: Closing) -> None:
    """Write how a connection ended that was attended."""
    print("closed", json.dumps(list(closing)), flush=True)  # noqa: T201 - likewise
