"""What a command says when it cannot do what it was asked to."""

from __future__ import annotations

from typing import IO, Any

import click

__all__ = ["Complaint", "Misuse"]


class Complaint(click.ClickException):
    """One line on standard error, and exit status 1.

    Args:
        message: the line, without the command's name.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the line."""
        click.echo(f"sennit: {self.format_message()}", file=file, err=file is None)


class Misuse(Complaint):
    """The command line or the configuration is wrong: exit status 2."""

    exit_code = 2
