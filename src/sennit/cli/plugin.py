"""``twist sennit`` and ``twistd sennit``: the same server, run by Twisted's own commands."""

# ruff: noqa: N802, N815, PLC0415 - Twisted's names; the reactor is chosen before it is imported
from __future__ import annotations

import os
from typing import Any, ClassVar

from twisted.application.service import IService
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from sennit.cli.complaint import Complaint
from sennit.cli.loader import CHAT, load_app
from sennit.errors import ConfigurationError
from sennit.server.configuration import Configuration, load_configuration

__all__ = ["Options", "makeService"]


class Options(UsageOptions):
    """The options of ``sennit serve``, but for the reactor and the log, which are ``twist``'s.

    Attributes:
        configuration: what they say, with the file and the environment.
    """

    synopsis = "[options] [module:app]"
    longdesc = "Serve a Sennit app, by default the chat."
    optParameters: ClassVar[list[list[Any]]] = [
        ["host", None, None, "Address to listen on.  [default: 127.0.0.1]"],
        ["port", None, None, "Port to listen on.  [default: 8000]", int],
        ["endpoint", None, None, "A Twisted endpoint, instead of the two."],
        ["config", None, None, "A configuration in TOML."],
        ["page", None, None, 'What is at /: "chat", "none", or a folder.'],
    ]
    configuration: Configuration

    def parseArgs(self, app: str = CHAT) -> None:
        """Take the app's address."""
        self["app"] = app

    def postOptions(self) -> None:
        """Read the configuration.

        Raises:
            UsageError: a setting cannot be honoured.
        """
        flags = {key: self[key] for key in ("host", "port", "endpoint", "page")}
        try:
            self.configuration = load_configuration(self["config"], os.environ, flags)
        except ConfigurationError as error:
            raise UsageError(str(error)) from error


def makeService(options: Options) -> IService:
    """Return the service that the options describe.

    Raises:
        SystemExit: there is no such app. Twisted's commands would answer any other exception
            with a traceback of theirs.
    """
    from twisted.internet import reactor

    from sennit.server.service import service

    try:
        app = load_app(options["app"])
    except Complaint as error:
        raise SystemExit(f"sennit: {error}") from error
    return service(app, reactor, None, options.configuration)
