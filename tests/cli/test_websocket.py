"""``twist websocket``: its options, and the service that they make."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.application.service import IServiceMaker
from twisted.internet.testing import MemoryReactorClock
from twisted.plugin import getPlugins
from twisted.python.usage import UsageError

from sennit.cli.websocket import Options, service_for
from tests.net.double import FakeSocket, header_of, status_of, upgrade_request

MODULE = """
from sennit.websocket import Accept

async def handler(ws):
    await ws.recv()

def on_handshake(request):
    return Accept(headers={"X-Who": request.address})

nothing = 5
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module with a handler, in the current directory."""
    name = "handler_of_a_test"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield name
    sys.modules.pop(name, None)


def service_of(*arguments: str) -> Any:
    """Start the service of a command line, and return its reactor."""
    options: Any = Options()
    options.parseOptions(arguments)
    reactor: Any = MemoryReactorClock()
    reactor.service = service_for(options, reactor)
    reactor.service.startService()
    return reactor


def ask(door: Any, data: bytes) -> Any:
    socket = FakeSocket(door.buildProtocol(None))
    socket.protocol.makeConnection(socket)
    socket.deliver(data)
    socket.drain()
    return socket


def test_twisted_finds_it() -> None:
    """By its name, without loading it."""
    makers: Any = {maker.tapname: maker for maker in getPlugins(IServiceMaker)}
    assert makers["websocket"].module == "sennit.cli.websocket"
    assert issubclass(makers["websocket"].options, Options)


def test_a_handler_alone(module: str) -> None:
    """It is called ``handler``, and served to this machine alone."""
    reactor = service_of(module)
    ((port, door, _, interface),) = reactor.tcpServers
    assert (port, interface) == (8000, "127.0.0.1")
    assert status_of(ask(door, upgrade_request()).taken) == 101
    assert status_of(ask(door, upgrade_request(Origin="https://a.example")).taken) == 403


def test_every_option(module: str) -> None:
    """Those that may be given several times are."""
    reactor = service_of(
        "--listen=tcp:8001",
        "-l",
        "unix:/run/echo.sock",
        "--subprotocol=chat",
        "-s",
        "superchat",
        "--allow-origin=https://a.example",
        "--allow-origin=https://*.b.example",
        "--trust-proxy=unix",
        "--trust-proxy=192.0.2.0/24",
        f"--on-handshake={module}",
        f"{module}:handler",
    )
    assert reactor.tcpServers[0][0] == 8001
    door = reactor.unixServers[0][1]
    request = upgrade_request(
        Sec_WebSocket_Protocol="superchat, chat",
        Origin="https://x.b.example",
        X_Forwarded_For="203.0.113.7",
    )
    response = ask(door, request).taken
    assert status_of(response) == 101
    assert header_of(response, "Sec-WebSocket-Protocol") == "chat"
    assert header_of(response, "X-Who") == "203.0.113.7"
    assert status_of(ask(door, upgrade_request(Origin="http://example.com")).taken) == 403


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "say which handler to run"),
        (["no_such_module"], "there is no module 'no_such_module'"),
        (["{module}:missing"], "has no 'missing'"),
        (["{module}:nothing"], "is not a function or a class but a int"),
        (["--on-handshake={module}:nothing", "{module}"], "is not a function or a class"),
        (["--trust-proxy=nginx", "{module}"], "trusted_proxies: 'nginx' is neither"),
        (["handler.py"], "try handler:handler"),
    ],
)
def test_a_mistake_is_one_sentence(module: str, arguments: list[str], complaint: str) -> None:
    """For Twisted to print."""
    with pytest.raises(UsageError, match=complaint):
        service_of(*(argument.format(module=module) for argument in arguments))


def test_an_endpoint_that_is_none(module: str) -> None:
    """Found when the service is made; one sentence as well."""
    with pytest.raises(SystemExit, match="'nowhere:1' is not the description of a Twisted"):
        service_of("--listen=nowhere:1", module)
