"""``sennit serve``: an app on a port, until it is stopped."""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
import typing
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRestartable, ReactorNotRunning

from sennit.cli.complaint import Complaint, Misuse
from sennit.cli.loader import CHAT, load_app
from sennit.cli.log import begin_log
from sennit.cli.reactor import install_reactor
from sennit.errors import ConfigurationError
from sennit.server.configuration import (
    Configuration,
    LogLevelName,
    ReactorName,
    load_configuration,
)
from sennit.server.listening import ListenError
from sennit.server.server import Server

__all__ = ["serve"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@click.command()
@click.argument("app", metavar="[MODULE:APP]", default=CHAT)
@click.option("--host", metavar="HOST", help="Address to listen on.  [127.0.0.1]")
@click.option("--port", type=int, metavar="PORT", help="Port to listen on.  [8000]")
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
@click.option(
    "--log-level",
    type=click.Choice(typing.get_args(LogLevelName)),
    help="The least important entries that are shown.  [info]",
)
def serve(app: str, config: Path | None, **flags: Any) -> None:
    """Serve an app, by default the chat.

    MODULE is looked for in the current directory first; where APP is left out, it is "app".

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
        self._server: Server | None = None
        self._complaint: Complaint | None = None
        self._signals = 0

    def run(self) -> int:
        """Run the reactor until a signal stops it, and return the exit status.

        Raises:
            Complaint: the server could not start.
        """
        begin_log(self._configuration.log_level, sys.stderr)
        # What was loaded stays to the end: looking through it again and again for garbage would
        # stop the loop for tens of milliseconds each time.
        gc.collect()
        gc.freeze()
        self._reactor.callWhenRunning(self._begin)
        try:
            self._reactor.run()
        except ReactorNotRestartable as error:
            raise Misuse("the app's module runs the reactor; leave it to the server") from error
        if self._complaint is not None:
            raise self._complaint
        return 0

    def _begin(self) -> None:
        # In place of the reactor's own handlers: the second signal means something else.
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)
        try:
            server = Server(self._app, self._reactor, None, self._configuration)
        except Exception as error:
            self._complain(error)
            return
        self._server = server
        server.stop_with_reactor()
        Deferred.fromCoroutine(server.start()).addCallbacks(
            lambda _: self._announce(server.addresses),
            lambda failure: self._complain(failure.value),
        )

    def _announce(self, addresses: Sequence[str]) -> None:
        first, *others = addresses or ("its endpoint",)
        click.echo(f"Sennit serves {first} - press Ctrl-C to stop.")
        for address in others:
            click.echo(f"From other machines: {address}")

    def _complain(self, error: BaseException) -> None:
        if self._signals:
            return  # It was told to stop before it had started.
        if isinstance(error, ListenError):
            flag = "--endpoint" if self._configuration.endpoint else "--port"
            hint = f"; choose another with {flag}" if error.in_use else ""
            self._complaint = Complaint(f"{error}{hint}")
        elif isinstance(error, ConfigurationError):
            self._complaint = Misuse(str(error))
        else:
            traceback.print_exception(error)
            self._complaint = Complaint(f"the server could not start: {error!r}")
        self._stop_reactor()

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._signals += 1
        if self._signals > 1:
            # Whatever may hold it up even then, a third one ends the process.
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
        # A handler runs anywhere between two lines; the reactor is told to go on from its own.
        self._reactor.callFromThread(self._stop if self._signals == 1 else self._cut)

    def _stop(self) -> None:
        click.echo("Stopping; once more to stop at once.", err=True)
        self._stop_reactor()

    def _stop_reactor(self) -> None:
        with suppress(ReactorNotRunning):  # The app may have stopped it already.
            self._reactor.stop()

    def _cut(self) -> None:
        if self._server is not None:
            self._server.cut()
            # If it does not wait for connections yet, it will in a moment.
            self._reactor.callLater(0.1, self._cut)
