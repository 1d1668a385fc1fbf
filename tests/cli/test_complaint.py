"""What a command says when it cannot do what it was asked to."""

from __future__ import annotations

import io

import click
import pytest
from click.testing import CliRunner

from sennit.cli.complaint import Complaint, Misuse


@pytest.mark.parametrize(("kind", "status"), [(Complaint, 1), (Misuse, 2)])
def test_a_command_that_complains(kind: type[Complaint], status: int) -> None:
    """It says so in one line on standard error, and with its exit status."""

    @click.command()
    def command() -> None:
        raise kind("port 80 is in use")

    result = CliRunner().invoke(command)
    assert (result.exit_code, result.stdout) == (status, "")
    assert result.stderr == "sennit: port 80 is in use\n"


def test_it_is_one_line_whatever_it_is_about() -> None:
    """Other people's messages may have several."""
    complaint = Complaint("cannot be loaded:\n  line 1\n\tline 2\n")
    assert str(complaint) == complaint.format_message() == "cannot be loaded: line 1 line 2"


def test_it_can_be_written_elsewhere() -> None:
    """As click may want it."""
    file = io.StringIO()
    Complaint("no").show(file)
    assert file.getvalue() == "sennit: no\n"
