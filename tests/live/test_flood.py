"""A message that is larger than the memory it may take, in both directions."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable

import pytest

from tests.live.process import ROOT, Process

GIB = 1 << 30
MIB = 1 << 20
FLOOD = ROOT / "tests" / "live" / "flood.py"


@pytest.mark.deadline(180)
def test_a_gibibyte_through_64_mebibytes(
    free_port: int, start_process: Callable[..., Process]
) -> None:
    """It is sent and received in pieces; neither end ever holds more than a little of it."""
    server = start_process([FLOOD, "serve", str(free_port)], port=free_port)
    idle = server.resident()
    client = start_process([FLOOD, "send", str(free_port), str(GIB)])
    assert client.wait(170) == 0
    expected = 0
    for _ in range(GIB // MIB):
        expected = zlib.crc32(bytes(range(256)) * 4096, expected)
    ends = json.loads(client.lines[-1])
    assert len(ends) == 2
    for end in ends:
        assert (end["size"], end["checksum"]) == (GIB, expected)
        assert end["peak"] - idle < 64 * MIB
