"""The native programs: the load generator and the limit, compiled when their sources change."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.place import BENCH, PROGRAMS

__all__ = ["CompilerMissingError", "Native", "compile_native"]

SOURCES = BENCH / "native"
SHARED = ("wire", "stream")
PROGRAM_SOURCES = {
    "limit": ("limit", *SHARED),
    "load": (
        "load",
        "connection",
        "echo",
        "fanout",
        "handshake",
        "idle",
        "session",
        "publish",
        "storm",
        "histogram",
        *SHARED,
    ),
}
FLAGS = ("-std=gnu11", "-D_GNU_SOURCE", "-O3", "-march=native", "-Wall", "-Wextra", "-Werror")
TLS = ("-lssl", "-lcrypto")
ZLIB = ("-lz",)


class CompilerMissingError(Exception):
    """There is no C compiler, or it cannot compile these."""


@dataclass(frozen=True)
class Native:
    """The compiled programs, and what they can do here.

    Attributes:
        load: the load generator.
        limit: the server that spends no more than it must.
        tls: whether there were OpenSSL's headers to build with.
        zlib: whether there were zlib's.
        compiler: which compiler it was, with its version.
    """

    load: Path
    limit: Path
    tls: bool
    zlib: bool
    compiler: str


def compile_native(folder: Path = PROGRAMS) -> Native:
    """Compile what is not current.

    Args:
        folder: where the programs go.

    Raises:
        CompilerMissingError: there is no compiler that can.
    """
    compiler = shlex.split(os.environ.get("CC", "cc"))
    try:
        done = _run([*compiler, "--version"])
    except OSError as error:
        raise CompilerMissingError(f"there is no C compiler here: {error}") from error
    folder.mkdir(parents=True, exist_ok=True)
    tls = _compiles(compiler, "#include <openssl/ssl.h>\nint main(void) { return 0; }", TLS)
    zlib = _compiles(compiler, "#include <zlib.h>\nint main(void) { return 0; }", ZLIB)
    options = (*(TLS if tls else ()), *(ZLIB if zlib else ()))
    missing = (*(() if tls else ("-DWITHOUT_TLS",)), *(() if zlib else ("-DWITHOUT_ZLIB",)))
    newest = max(path.stat().st_mtime for path in (*SOURCES.iterdir(), Path(__file__)))
    for name, parts in PROGRAM_SOURCES.items():
        program = folder / name
        if program.exists() and program.stat().st_mtime >= newest:
            continue
        files = [str(SOURCES / f"{part}.c") for part in parts]
        command = [*compiler, *FLAGS, *missing, "-o", str(program), *files, *options]
        built = _run(command)
        if built.returncode != 0:
            raise CompilerMissingError(f"{shlex.join(command)}\n{built.stderr}")
    version = done.stdout.splitlines()[0] if done.stdout else compiler[0]
    return Native(folder / "load", folder / "limit", tls, zlib, version)


def _compiles(compiler: Sequence[str], source: str, options: Sequence[str]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "probe.c")
        path.write_text(source)
        command = [*compiler, str(path), "-o", str(path.with_suffix("")), *options]
        return _run(command).returncode == 0


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
