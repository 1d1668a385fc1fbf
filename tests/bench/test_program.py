"""Who is measured, and how each is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import program as module
from bench.certificate import Certificate
from bench.native import Native
from bench.program import LIMIT, PROGRAMS_MEASURED, Program, Stage, UnknownProgramError, choose
from bench.workload import Role

PORT = 4321
BY_NAME = {program.name: program for program in PROGRAMS_MEASURED}


@pytest.fixture(autouse=True)
def _build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let configurations be written there."""
    monkeypatch.setattr(module, "BUILD", tmp_path)


def stage(folder: Path, role: Role, *, compression: bool = False, tls: bool = False) -> Stage:
    """Return what a program is started for."""
    native = Native(folder / "load", folder / "limit", tls=True, zlib=True, compiler="cc")
    return Stage(native, Certificate(folder), role, PORT, compression, tls)


def command(program: Program, stage: Stage) -> str:
    """Return a program's command as one line."""
    return " ".join(program.command(stage))


def test_a_choice() -> None:
    """The limit is always among them, since everything is compared with it."""
    assert [one.name for one in choose("ws, picows")] == [LIMIT, "picows", "ws"]
    assert choose("") == list(PROGRAMS_MEASURED)
    with pytest.raises(UnknownProgramError, match="nobody"):
        choose("ws,nobody")


def test_everybody_is_told_where_to_listen(tmp_path: Path) -> None:
    """On the command line, or in a configuration that it names."""
    for program in PROGRAMS_MEASURED:
        for role in program.roles:
            words = command(program, stage(tmp_path, role))
            files = "".join(path.read_text() for path in tmp_path.glob("*.*"))
            assert str(PORT) in words or str(PORT) in files, program.name


def test_options_arrive(tmp_path: Path) -> None:
    """Who can compress is told to, and who can do TLS gets the certificate."""
    for program in PROGRAMS_MEASURED:
        if "echo" not in program.roles:
            continue
        plain = command(program, stage(tmp_path, "echo"))
        if program.can_compress:
            assert command(program, stage(tmp_path, "echo", compression=True)) != plain
        if program.can_secure:
            secure = command(program, stage(tmp_path, "echo", tls=True))
            assert str(tmp_path / "certificate.pem") in secure
            assert str(tmp_path / "key.pem") in secure


def test_compression_through_the_protocol(tmp_path: Path) -> None:
    """Ours and Centrifugo get it by their configurations."""
    for name, file, words in (
        ("sennit", f"sennit-{PORT}.toml", "compression = true"),
        ("centrifugo", f"centrifugo-{PORT}.json", '"compression": true'),
    ):
        for compression in (False, True):
            BY_NAME[name].command(stage(tmp_path, "protocol", compression=compression))
            assert (words in (tmp_path / file).read_text()) == compression


def test_what_is_set_here_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a switch nor a setting of who runs the benchmark changes what is measured."""
    monkeypatch.setenv("SENNIT_NO_EXTENSIONS", "1")
    monkeypatch.setenv("SENNIT_PORT", "1")
    assert not any(name.startswith("SENNIT_") for name in BY_NAME["sennit"].whole_environment)
    for name, value in (("sennit-pure", "1"), ("sennit-stream", "group")):
        assert BY_NAME[name].whole_environment["SENNIT_NO_EXTENSIONS"] == value


def test_what_is_not_installed(tmp_path: Path) -> None:
    """It is known before it is started."""
    needs = tmp_path / "needed"
    program = Program("x", "X", lambda _: (), frozenset(), needs=needs)
    assert not program.is_installed
    needs.touch()
    assert program.is_installed
    assert BY_NAME[LIMIT].is_installed
