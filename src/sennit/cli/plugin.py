"""``twist sennit`` and ``twistd sennit``: the same server, run by Twisted's own commands."""

# ruff: noqa: N802, N815, PLC0415 - Twisted's names; the reactor is chosen before it is imported
from __future__ import annotations

import os
from typing import Any, ClassVar

from twisted.application.service import IService
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from sennit.cli.complaint import Complaint
from sennit.cli.loader import load_app
from sennit.errors import ConfigurationError
from sennit.server.configuration import load_configuration

__all__ = ["Options", "makeService"]

CHAT = "sennit.server.chat:app"


class Options(UsageOptions):
    """The options of ``sennit serve``, but for the reactor and the log, which are ``twist``'s."""

    synopsis = "[options] [module:app]"
    longdesc = "Serve a Sennit app, by default the chat."
    optParameters: ClassVar[list[list[Any]]] = [
        ["host", None, None, "Address to listen on.  [default: 127.0.0.1]"],
        ["port", None, None, "Port to listen on.  [default: 8000]", int],
        ["endpoint", None, None, "A Twisted endpoint, instead of the two."],
        ["config", None, None, "A configuration in TOML."],
        ["page", None, None, 'What is at /: "chat", "none", or a folder.'],
    ]

    def parseArgs(self, app: str = CHAT) -> None:
        """Take the app's address."""
        self["app"] = app


def makeService(options: Options) -> IService:
    """Return the service that the options describe.

    Raises:
        UsageError: there is no such app, or a setting cannot be honoured.
    """
    from twisted.internet import reactor

    from sennit.server.service import service

    flags = {key: options[key] for key in ("host", "port", "endpoint", "page")}
    try:
        configuration = load_configuration(options["config"], os.environ, flags)
        return service(load_app(options["app"]), reactor, None, configuration)
    except (Complaint, ConfigurationError) as error:
        raise UsageError(str(error)) from error
