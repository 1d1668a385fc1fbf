"""The command line that the peers' programs share."""

from __future__ import annotations

import argparse
import asyncio
import ssl
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["BACKLOG", "HOST", "Options", "parse", "run"]

HOST = "127.0.0.1"
BACKLOG = 1024
"""Connections that may wait to be accepted: the same for all."""


@dataclass(frozen=True)
class Options:
    """What a program was told.

    Attributes:
        is_broadcast: whether every connection gets every message, rather than its own back.
        port: where to listen on 127.0.0.1.
        compression: whether to agree on permessage-deflate.
        certificate: for TLS, a certificate in PEM.
        key: and its key.
    """

    is_broadcast: bool
    port: int
    compression: bool
    certificate: Path | None
    key: Path | None

    @property
    def context(self) -> ssl.SSLContext | None:
        """What TLS needs, or ``None`` for plain TCP."""
        if self.certificate is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def parse() -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("echo", "broadcast"))
    parser.add_argument("port", type=int)
    parser.add_argument("--compression", action="store_true")
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    chosen = parser.parse_args()
    return Options(
        chosen.role == "broadcast",
        chosen.port,
        chosen.compression,
        chosen.certificate,
        chosen.key,
    )


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a program on uvloop, until it is ended."""
    import uvloop  # noqa: PLC0415 - those on Twisted do without

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
