"""Programs of Debian's packages: found where they are, installed where the user may."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools import debian
from tools.debian import find_program, main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder in which programs are found; the user is root."""
    monkeypatch.setattr(debian, "SEARCH_PATH", str(tmp_path))
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), "/usr/bin", "/bin"]))
    monkeypatch.setattr(debian, "which", lambda name, path=str(tmp_path): _which(name, path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path


def _which(name: str, path: str) -> str | None:
    found = Path(path) / name
    return str(found) if found.exists() else None


def program(folder: Path, name: str, script: str) -> None:
    made = folder / name
    made.write_text(f"#!/bin/sh\n{script}\n")
    made.chmod(0o755)


def test_what_is_there_is_left_alone(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is run, and nothing said."""
    program(folder, "server", "true")
    assert find_program("server") == str(folder / "server")
    assert main(["server"]) == 0
    assert capfd.readouterr() == ("", "")


def test_what_is_missing_is_installed(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """After an update of the lists, where the first try fails; the others are not touched."""
    program(folder, "there", "true")
    program(
        folder,
        "apt-get",
        f'echo "$*" >> {folder}/calls\ncase "$*" in\n'
        f"*update) touch {folder}/lists;;\n"
        f"*) test -e {folder}/lists && touch {folder}/server;; esac",
    )
    assert main(["server", "there"]) == 0
    assert capfd.readouterr().err == ""
    calls = (folder / "calls").read_text().splitlines()
    assert [call.split()[-1] for call in calls] == ["server", "update", "server"]


@pytest.mark.parametrize("rights", ["none", "sudo"])
def test_without_rights(
    folder: Path, rights: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is said loudly, with what to do; the tests go on without."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    program(folder, "apt-get", f"touch {folder}/server")
    if rights == "sudo":
        program(folder, "sudo", "exit 1")  # It asks for a password.
    assert main(["server"]) == 0
    words = capfd.readouterr().err
    assert "*** server is missing" in words
    assert "sudo without a password" in words
    assert "apt-get install server" in words
    assert find_program("server") is None


def test_with_sudo(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it asks for no password, apt-get is run by it."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    program(folder, "sudo", 'test "$1" = -n && shift && exec "$@"')
    program(folder, "apt-get", f"touch {folder}/server")
    assert main(["server"]) == 0
    assert find_program("server") is not None


def test_where_it_is_not_debian(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """There is nothing to try."""
    assert list(folder.iterdir()) == []
    assert main(["server"]) == 0
    assert "there is no apt-get" in capfd.readouterr().err
