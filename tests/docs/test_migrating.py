"""The page for those who come from elsewhere: names of others are theirs, and programs agree."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from autobahn import twisted as autobahn
from autobahn.twisted import resource, testing
from autobahn.twisted import websocket as autobahn_websocket
from autobahn.websocket import types as autobahn_types
from websockets import exceptions
from websockets.asyncio import client, server
from websockets.http11 import Request

from sennit import websocket
from sennit.websocket import Accept, Backoff, Closed, ConnectionRequest, HandshakeError
from tests.docs.page import ROOT, Block, Page

PAGE = Page(ROOT / "docs" / "guide" / "migrating.md")
TABLES = PAGE.tables()

WORDS = {"async", "await", "for", "as", "with", "in", "True", "False", "None", "message", "pieces"}
"""What is no name of a library's."""
NAMED_BY_US = {
    *("factory", "prepared", "handler", "Handler", "url", "ws", "error", "finally"),
    *("user", "password", "ssl"),
}
"""Names that the page gives to things, and what is passed on to asyncio."""


def names_in(*things: Any) -> set[str]:
    """Return the attributes of modules, classes and functions, and what can be passed to them."""
    found: set[str] = set()
    for thing in things:
        found |= set(dir(thing)) | set(getattr(thing, "__annotations__", {}))
        for kind in thing.__mro__[:-1] if inspect.isclass(thing) else ():
            if kind.__module__.startswith(("autobahn", "websockets", "sennit")):
                found |= set(re.findall(r"\bself\.(\w+)", inspect.getsource(kind)))
        members = [] if inspect.ismodule(thing) else inspect.getmembers(thing, callable)
        for _, member in [("", thing), *members]:
            try:
                found |= set(inspect.signature(member).parameters)
            except (TypeError, ValueError):
                continue
    return found


AUTOBAHN = names_in(
    autobahn,
    resource,
    testing,
    autobahn_websocket,
    autobahn_websocket.connectWS,
    autobahn_websocket.WebSocketServerProtocol,
    autobahn_websocket.WebSocketServerFactory,
    autobahn_websocket.WebSocketClientFactory,
    autobahn_types,
    autobahn_types.ConnectionDeny,
    autobahn_types.ConnectionRequest,
)
WEBSOCKETS = names_in(
    client,
    client.connect,
    client.ClientConnection,
    server,
    server.serve,
    server.basic_auth,
    server.Server,
    server.ServerConnection,
    exceptions,
    exceptions.ConnectionClosed,
    Request,
)
OURS = names_in(
    websocket,
    websocket.listen,
    websocket.WebSocket,
    websocket.WebSocketPort,
    websocket.Reconnecting,
    websocket.MessageConsumer,
    websocket.MessageReceiver,
    websocket.WebSocketOptions,
    websocket.ConnectOptions,
    websocket.ConnectionClosed,
    Accept,
    Backoff,
    Closed,
    ConnectionRequest,
    HandshakeError,
    HandshakeError(400, ""),
    Closed(1000),
    ConnectionRequest("/"),
) | {"fragment_received", "connection_lost", "testing", "sennit"}
"""With what a receiver object may have besides, and what errors say by attributes."""


def words_of(cell: str) -> Iterator[str]:
    """Yield the names in the pieces of code of a cell."""
    for code in re.findall(r"`([^`]+)`", cell):
        for word in re.findall(r"[^\W\d]\w+", re.sub(r'".*?"', "", code)):
            if word not in WORDS | NAMED_BY_US:
                yield word


ROWS = [(heading, row) for heading in TABLES for row in TABLES[heading]]


@pytest.mark.parametrize(("heading", "row"), ROWS, ids=lambda value: str(value)[:60])
def test_names(heading: str, row: dict[str, str]) -> None:
    """On the left they are those of the other library, on the right ours."""
    theirs = AUTOBAHN if "Autobahn" in heading else WEBSOCKETS
    cells = list(row.values())
    assert set(words_of(cells[0])) - theirs - {"ReconnectingClientFactory", "rcvd", "sent"} == set()
    assert set(words_of(cells[len(cells) // 2])) - OURS == set()


def test_wrong_names_are_found() -> None:
    """The check above can fail."""
    assert set(words_of("`sendMessage(payload)`, `sendMesage(isBinray=…)`")) - AUTOBAHN == {
        "sendMesage",
        "isBinray",
    }


def programs() -> Iterator[tuple[Block, Block]]:
    """Yield each program of another library's, and what it prints, as ours below it does."""
    blocks = PAGE.blocks
    for index, block in enumerate(blocks):
        if not block.language:
            said = next(later for later in blocks[index:] if later.language == "text")
            yield block, said


@pytest.mark.parametrize(("program", "said"), list(programs()), ids=["autobahn", "websockets"])
def test_both_programs_say_the_same(program: Block, said: Block, tmp_path: Path) -> None:
    """Theirs is run here, ours with the page."""
    path = tmp_path / "theirs.py"
    path.write_text(program.source)
    done = subprocess.run(  # noqa: S603 - what the page says
        [sys.executable, path], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == (said.source, "", 0)


@pytest.mark.parametrize(
    ("package", "version"), [("autobahn", "26.10"), ("websockets", "17.4")], ids=str
)
def test_the_versions_are_those_that_are_here(package: str, version: str) -> None:
    """As the page says."""
    module: ModuleType = __import__(package)
    assert str(module.__version__).startswith(version)
    assert version in PAGE.prose
