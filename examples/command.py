"""The command line that the WebSocket examples share: a port, a reactor, and bounds."""

# ruff: noqa: PLC0415, T201 - imports choose a reactor; a command prints
from __future__ import annotations

import argparse
import sys
from typing import Any

from sennit.websocket import Handler, listen

REACTORS = ("epoll", "asyncio", "uvloop", "sennit")


def serve(description: str, handler: Handler) -> None:
    """Serve a handler as the command line says, until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, required=True, help="port to listen on")
    parser.add_argument("--reactor", choices=REACTORS, default="epoll")
    parser.add_argument(
        "--max-message", type=int, default=64 * 1024, metavar="BYTES", help="largest message taken"
    )
    parser.add_argument("--compression", choices=("on", "off"), default="off")
    options = parser.parse_args()
    reactor = install(options.reactor)

    # Imported only now: most of Twisted's modules would choose a reactor.
    from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint

    endpoint = TCP6ServerEndpoint if ":" in options.host else TCP4ServerEndpoint
    listening = listen(
        reactor,
        endpoint(reactor, options.port, backlog=1024, interface=options.host),
        handler,
        max_message=options.max_message,
        max_fragments=128 * 1024,
        compression=options.compression == "on",
        ping_interval=None,
    )
    failed = []

    def started(port: Any) -> None:
        host = f"[{options.host}]" if ":" in options.host else options.host
        print(f"listening on ws://{host}:{port.getHost().port}/", flush=True)

    def refused(failure: Any) -> None:
        failed.append(failure.getErrorMessage())
        reactor.callWhenRunning(reactor.stop)

    listening.addCallbacks(started, refused)
    reactor.run()
    if failed:
        sys.exit(f"{parser.prog}: {failed[0]}")


def install(name: str) -> Any:
    """Install a reactor by its name and return it."""
    if name == "epoll":
        from twisted.internet import epollreactor

        epollreactor.install()
    elif name == "sennit":
        from sennit.net import reactor as reactor_of_ours

        reactor_of_ours.install()
    else:
        import asyncio

        from twisted.internet import asyncioreactor

        if name == "uvloop":
            import uvloop

            asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        asyncioreactor.install(loop)
    from twisted.internet import reactor

    return reactor
