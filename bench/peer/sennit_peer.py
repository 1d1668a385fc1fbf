"""Sennit itself where the examples have no option for it: TLS and coroutines.

The handlers are those of ``examples``.
"""

# ruff: noqa: PLC0415 - imports choose a reactor
from __future__ import annotations

import argparse
from typing import Any

from sennit.cli.reactor import install_reactor

__all__: list[str] = []

LARGEST = 64 * 1024


async def echo(ws: Any) -> None:
    """Send every message back."""
    async for message in ws:
        await ws.send(message)


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=("echo", "broadcast", "coroutine"))
    parser.add_argument("port", type=int)
    parser.add_argument("--reactor", choices=("asyncio", "uvloop", "epoll", "sennit"))
    parser.add_argument("--compression", action="store_true")
    parser.add_argument("--certificate", default="")
    parser.add_argument("--key", default="")
    chosen = parser.parse_args()
    reactor = install_reactor(chosen.reactor or "epoll")

    from broadcast import Member
    from echo import Echo

    from sennit.websocket import listen

    handlers: dict[str, Any] = {"echo": Echo, "broadcast": Member, "coroutine": echo}
    where = f"{chosen.port}:interface=127.0.0.1:backlog=1024"
    listen(
        reactor,
        f"ssl:{where}:privateKey={chosen.key}:certKey={chosen.certificate}"
        if chosen.certificate
        else f"tcp:{where}",
        handlers[chosen.role],
        max_message=LARGEST,
        compression=chosen.compression,
        ping_interval=None,
    )
    reactor.run()


if __name__ == "__main__":
    main()
