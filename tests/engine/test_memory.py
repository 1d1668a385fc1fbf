"""Nothing is left behind, neither by what goes right nor by what goes wrong."""

from __future__ import annotations

import gc
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest

from sennit.engine.build import CLIENT, SERVER
from sennit.engine.deflate import Agreement, Deflate
from sennit.errors import LocalProtocolError
from tests.engine.conftest import BUILDS
from tests.engine.wire import KEY, frame

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
EURO = "€".encode()
SLACK = 30
"""What the interpreter itself may keep: a few objects, not one for each run."""


def held() -> int:
    """Return how much is alive: references, where Python counts them, else blocks of memory."""
    gc.collect()
    count: Callable[[], int] = getattr(sys, "gettotalrefcount", sys.getallocatedblocks)
    return count()


def packed(data: bytes) -> bytes:
    """Return the payload of a compressed message."""
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
    return (deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


WIRES = {
    "messages": frame(TEXT, b"a" * 64) + frame(BINARY, b"b" * 1000) + frame(TEXT, EURO * 30000),
    "fragments": frame(TEXT, EURO[:2], fin=False) + frame(PING, b"p") + frame(0, EURO[2:]),
    "control frames": frame(PING, b"p" * 125) + frame(PONG) + frame(CLOSE, b"\x03\xe8bye"),
    "compressed": frame(TEXT, packed(b"c" * 70000), rsv=4),
    "begun": frame(TEXT, b"d" * 500, fin=False) + frame(0, b"e" * 500, size=9000, form=3),
    "begun, compressed": frame(TEXT, packed(b"f" * 900)[:-3], fin=False, rsv=4),
    "half a head": frame(TEXT, b"g" * 700)[:3],
    "reserved bit": frame(TEXT, b"a", rsv=1),
    "reserved opcode": frame(TEXT, b"a") + frame(3),
    "no mask": frame(TEXT, b"a", masked=False),
    "fragmented ping": frame(TEXT, b"a", fin=False) + frame(PING, fin=False),
    "long ping": frame(PING, b"x" * 126),
    "length": frame(BINARY, form=9, size=65535),
    "length of 64 bits": frame(BINARY, form=9, size=1 << 63),
    "nothing to continue": frame(0, b"a"),
    "not UTF-8": frame(TEXT, b"a\xff"),
    "not UTF-8, in the end": frame(TEXT, b"a" * 300, fin=False) + frame(0, EURO[:1]),
    "not UTF-8, early": frame(TEXT, b"a" * 300 + b"\xff", size=9000, form=3),
    "too big": frame(BINARY, b"a" * 900, fin=False) + frame(0, size=1 << 20, form=9),
    "too many fragments": frame(BINARY, fin=False) + frame(0, fin=False) * 20,
    "not compressed": frame(TEXT, b"\xff" * 40, rsv=4),
    "a bomb": frame(BINARY, packed(bytes(1 << 20)), rsv=4),
    "close code": frame(CLOSE, b"\x03\xed"),
}


def connection(build: ModuleType, **options: Any) -> Any:
    """Return a server's, with narrow bounds."""
    agreement = Agreement(Deflate(), 15, 15, True, True, is_server=True)
    return build.Connection(
        build.SERVER, max_message=100_000, max_fragments=10, deflate=agreement, **options
    )


def talk(build: ModuleType, wire: bytes) -> None:
    """Have two connections read the wire, one whole, the other in pieces of both kinds."""
    connection(build).receive(wire)
    other = connection(build, streaming=True)
    for start in range(0, min(len(wire), 4000), 97):
        other.receive(wire[start : start + 97])


def say(build: ModuleType, role: int) -> None:
    """Have a connection say all that it can, and be asked for what it cannot."""
    one = build.Connection(role)
    one.send(b"a" * 70_000, binary=True)
    one.send(b"b", binary=False, fin=False)
    one.send_more(b"c", fin=True)
    one.ping(b"p")
    refused: list[tuple[Callable[..., object], tuple[object, ...], dict[str, object]]] = [
        (one.send_more, (b"",), {"fin": True}),
        (one.feed, (None,), {}),
        (one.ping, (b"x" * 126,), {}),
        (one.close, (1005,), {}),
        (build.apply_mask, (None, KEY), {}),
        (build.is_utf8, (None,), {}),
        (build.Reader, (role,), {}),
    ]
    for call, arguments, options in refused:
        with pytest.raises((AttributeError, LocalProtocolError, TypeError)):
            call(*arguments, **options)
    one.close()
    with pytest.raises(LocalProtocolError):
        one.send(b"late", binary=True)


def assert_nothing_stays(run: Callable[[], None]) -> None:
    """Check that many runs leave no more alive than a few."""
    for _ in range(20):
        run()
    before = held()
    for _ in range(200):
        run()
    assert held() - before < SLACK


@pytest.mark.parametrize("name", WIRES)
def test_what_is_read(build: ModuleType, name: str) -> None:
    """Messages, violations, and connections that end in the middle of something."""
    assert_nothing_stays(lambda: talk(build, WIRES[name]))


@pytest.mark.parametrize("role", [CLIENT, SERVER])
def test_what_is_said(build: ModuleType, role: int) -> None:
    """Frames, and calls that are refused."""
    assert_nothing_stays(lambda: say(build, role))


@pytest.mark.skipif("compiled" not in BUILDS, reason="nothing compiled the engine here")
@pytest.mark.skipif(
    hasattr(sys, "gettotalrefcount"), reason="this Python stops at errors of its own"
)
@pytest.mark.parametrize("name", ["messages", "fragments", "compressed", "not UTF-8, in the end"])
def test_memory_that_is_refused(name: str) -> None:
    """Wherever it runs out in machine code, that is an error, and nothing stays."""
    interpreter: Any = pytest.importorskip("_testcapi", reason="only a whole Python has it")

    def run() -> None:
        for after in range(1, 60):
            made = connection(BUILDS["compiled"])
            with suppress(Exception):
                # As a rule a MemoryError, or what Python makes of one within an error.
                try:
                    interpreter.set_nomemory(after, after + 1)
                    made.receive(WIRES[name])
                finally:
                    interpreter.remove_mem_hooks()

    assert_nothing_stays(run)
