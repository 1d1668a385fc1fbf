"""``sennit serve`` as a user starts it, in a process of its own."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Self

from tests.live.process import Process

__all__ = ["SENNIT", "Server", "serve_configured"]

SENNIT = Path(sys.executable).with_name("sennit")
"""The command that the installation has made."""


class Server:
    """A server, listening.

    Args:
        port: where on 127.0.0.1.
        arguments: further ones of ``sennit serve``.
        folder: where it is started; ``None`` for the root of the repository.

    Attributes:
        reactor: on which one all of them run, unless their arguments say; ``None`` for the one that
            the command chooses.
        port: where it listens.
        process: the process.
    """

    reactor: ClassVar[str | None] = None

    def __init__(self, port: int, *arguments: str | Path, folder: Path | None = None) -> None:
        self.port = port
        command = [SENNIT, "serve", *arguments, "--port", str(port)]
        if self.reactor is not None and "--reactor" not in arguments:
            command += ["--reactor", self.reactor]
        self.process = Process(command, folder=folder)
        try:
            self.process.wait_for_line("press Ctrl-C")
        except TimeoutError:
            self.process.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stop() != -signal.SIGKILL, "it did not stop when it was told to"

    def check(self) -> None:
        """Check that it still runs, and has logged no failure."""
        assert self.process.running(), self.process.output
        assert "Traceback" not in self.process.output, self.process.output


@contextmanager
def serve_configured(port: int, folder: Path, configuration: str) -> Iterator[Server]:
    """Serve the tests' application with what a TOML file says, which is put into a folder.

    Afterwards it still runs, and has logged no failure.
    """
    file = folder / "sennit.toml"
    file.write_text(configuration)
    with Server(port, "tests.live.app:app", "--config", file) as server:
        yield server
        server.check()
