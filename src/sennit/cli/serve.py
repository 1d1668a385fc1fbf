"""``sennit serve``: an app on a port, until it is stopped."""

from __future__ import annotations

import os
import signal
import sys
import traceback
import typing
from pathlib import Path
from typing import Any

import click

from sennit.cli.complaint import Complaint, Misuse
from sennit.cli.loader import load_app
from sennit.cli.reactor import install_reactor
from sennit.errors import ConfigurationError
from sennit.server.configuration import (
    Configuration,
    LogLevelName,
    ReactorName,
    load_configuration,
)

__all__ = ["serve"]

CHAT = "sennit.server.chat:app"


@click.command()
@click.argument("app", metavar="[MODULE:APP]", default=CHAT)
@click.option("--host", metavar="HOST", help="Address to listen on.  [127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on.  [8000]")
@click.option("--endpoint", metavar="ENDPOINT", help='A Twisted endpoint, like "unix:/run/s.sock".')
@click.option(
    "--config", metavar="FILE", type=click.Path(path_type=Path), help="A configuration in TOML."
)
@click.option(
    "--reactor",
    type=click.Choice(typing.get_args(ReactorName)),
    help="auto is asyncio's on uvloop, where that is installed.  [auto]",
)
@click.option("--page", metavar="PAGE", help='What is at /: "chat", "none", or a folder.')
@click.option("--log-level", type=click.Choice(typing.get_args(LogLevelName)), help="[info]")
def serve(app: str, config: Path | None, **flags: Any) -> None:
    """Serve an app, by default the chat.

    Every option can also be said in the FILE, or as SENNIT_PORT and so on in the environment.
    """
    try:
        configuration = load_configuration(config, os.environ, flags)
    except ConfigurationError as error:
        raise Misuse(str(error)) from error
    # Before the app's module: importing the reactor anywhere would install another one.
    reactor = install_reactor(configuration.reactor)
    loaded = load_app(app)
    if sys.modules.get("twisted.internet.reactor") is not reactor:
        raise Misuse(f"{app} replaces the server's reactor; choose one by --reactor")
    sys.exit(Run(reactor, loaded, configuration).run())


class Run:
    """One run of the server, from its start to its exit status.

    Args:
        reactor: the installed reactor.
        app: what to serve.
        configuration: how.
    """

    def __init__(self, reactor: Any, app: Any, configuration: Configuration) -> None:
        self._reactor = reactor
        self._app = app
        self._configuration = configuration
        self._server: Any = None
        self._complaint: Complaint | None = None
        self._signals = 0

    def run(self) -> int:
        """Run the reactor until a signal stops it, and return the exit status.

        Raises:
            Complaint: the server could not start.
        """
        from sennit.cli.log import begin_log  # noqa: PLC0415 - nothing of Twisted before its time

        begin_log(self._configuration.log_level, sys.stderr)
        self._reactor.callWhenRunning(self._begin)
        self._reactor.run()
        if self._complaint is not None:
            raise self._complaint
        return 0

    def _begin(self) -> None:
        from twisted.internet.defer import Deferred  # noqa: PLC0415

        from sennit.server.server import Server  # noqa: PLC0415

        # In place of the reactor's own handlers: the second signal means something else.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        try:
            self._server = Server(self._app, self._reactor, None, self._configuration)
        except Exception as error:
            self._complain(error)
            return
        self._server.stop_with_reactor()
        Deferred.fromCoroutine(self._server.start()).addCallbacks(
            lambda _: self._announce(), lambda failure: self._complain(failure.value)
        )

    def _announce(self) -> None:
        first, *others = self._server.addresses or ("its endpoint",)
        click.echo(f"Sennit serves {first} - press Ctrl-C to stop.")
        for address in others:
            click.echo(f"From other machines: {address}")

    def _complain(self, error: BaseException) -> None:
        from sennit.server.listening import ListenError  # noqa: PLC0415

        if self._signals:
            return  # It was told to stop before it had started.
        if isinstance(error, ListenError):
            hint = "; choose another with --port" if error.in_use else ""
            self._complaint = Complaint(f"{error}{hint}")
        elif isinstance(error, ConfigurationError):
            self._complaint = Misuse(str(error))
        else:
            traceback.print_exception(error)
            self._complaint = Complaint(f"the server could not start: {error!r}")
        self._reactor.stop()

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._signals += 1
        # A handler runs anywhere between two lines; the reactor is told to go on from its own.
        self._reactor.callFromThread(self._stop if self._signals == 1 else self._cut)

    def _stop(self) -> None:
        if self._reactor.running:
            click.echo("Stopping; once more to stop at once.", err=True)
            self._reactor.stop()

    def _cut(self) -> None:
        if self._server is not None:
            self._server.cut()
