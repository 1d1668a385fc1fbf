"""``sennit openapi``: the description of the HTTP API."""

from __future__ import annotations

import click

from sennit.server.version import version
from sennit.web.open_api import describe_api

__all__ = ["openapi"]


@click.command()
def openapi() -> None:
    """Write the OpenAPI description of the HTTP API."""
    click.echo(describe_api(version()).decode())
