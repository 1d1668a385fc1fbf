"""Ours with theirs: every library as client and as server, with TLS and compression or without."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.live.interop.conftest import (
    COMPRESSION,
    OURS,
    THEIRS,
    Stage,
    closed_before,
    closings,
)
from tests.live.interop.peer.script import BY_ASKED, BY_ASKER

ANSWERS: dict[str, Callable[[int, str], list[object]]] = {
    "sennit": lambda code, _reason: [code, ""],
    "aiohttp": lambda code, _reason: [code, ""],
    "websockets": lambda code, reason: [code, reason],
    "ws": lambda code, reason: [code, reason],
    "autobahn": lambda _code, _reason: [1000, ""],
}
"""With what a library answers a close frame (RFC 6455, 5.5.1: it echoes the code, typically)."""

PAIRS = [(OURS, name) for name in (OURS, *THEIRS)] + [(name, OURS) for name in THEIRS]


@pytest.mark.parametrize("compression", COMPRESSION)
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize(
    ("client", "server"), PAIRS, ids=[f"{client}-to-{server}" for client, server in PAIRS]
)
def test_conversation(stage: Stage, client: str, server: str, tls: bool, compression: str) -> None:
    """Messages of every kind, pings and broadcasts arrive, and so do close codes."""
    url, process = stage.server(server, tls, compression)
    before = closed_before(process)
    reports = stage.converse(client, url, compression)
    ends = closings(process, before, len(reports))
    assert [report["wrong"] for report in reports] == [[], []]
    assert [report["compressed"] for report in reports] == [compression == "on"] * 2
    assert [report["closing"] for report in reports] == [
        ANSWERS[server](*BY_ASKER),
        list(BY_ASKED),
    ]
    assert ends == [list(BY_ASKER), ANSWERS[client](*BY_ASKED)]
