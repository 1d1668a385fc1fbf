"""The command ``sennit``."""

from __future__ import annotations

import click

from sennit.cli.openapi import openapi
from sennit.cli.publish import publish
from sennit.cli.serve import serve
from sennit.cli.token import token
from sennit.engine.build import COMPILED
from sennit.server.version import version

__all__ = ["main"]

_VERSION = "%(prog)s, version %(version)s" + ("" if COMPILED else ", without native code")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version(), prog_name="sennit", message=_VERSION)
def main() -> None:
    """Sennit, a real-time messaging server on Twisted."""


for command in (serve, publish, token, openapi):
    main.add_command(command)
