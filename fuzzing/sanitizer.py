"""The native modules under what watches memory: ``python -m fuzzing.sanitizer``; see README.md."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import which

from tools.debian import find_program

__all__: list[str] = []

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "sanitizer"
FLAGS = "-O1 -g -fno-omit-frame-pointer -fno-wrapv -fsanitize=address,undefined"
TESTS = (
    "tests/engine",
    "tests/net",
    *(f"tests/live/test_{name}.py" for name in ("group", "tls_group", "tls_server", "tls_trap")),
)
NEEDED = ("cython", "setuptools>=80", "hypothesis", "pytest", "wsproto")
"""What a Python that counts references needs to build the engine and to run its tests."""


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m fuzzing.sanitizer", description=__doc__)
    parser.add_argument("tests", nargs="*", default=TESTS, help="what to run on checked memory")
    parser.add_argument("--skip-counting", action="store_true", help="only run on checked memory")
    chosen = parser.parse_args(arguments)
    failed = [] if _check_memory(chosen.tests) else ["on checked memory"]
    if not chosen.skip_counting and not _count_references():
        failed.append("with counted references")
    for how in failed:
        sys.stdout.write(f"FOUND SOMETHING {how}\n")
    return 1 if failed else 0


def _check_memory(tests: Sequence[str]) -> bool:
    """Run tests on a build by AddressSanitizer and UndefinedBehaviorSanitizer."""
    folder = BUILD / "checked"
    compiler = which("gcc") or which("cc")
    if compiler is None:
        raise SystemExit("there is no C compiler here")
    _build(Path(sys.executable), folder, {"CFLAGS": FLAGS, "LDFLAGS": FLAGS})
    # The interpreter is not made for it: the runtime has to be there before anything else is.
    found = subprocess.run(
        [compiler, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    )
    return _test(
        Path(sys.executable),
        folder,
        tests,
        {
            # What Python itself leaves at its end would hide everything: leaks are counted below.
            "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
            "LD_PRELOAD": found.stdout.strip(),
            "PYTHONMALLOC": "malloc",
            "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
        },
    )


def _count_references() -> bool:
    """Run the engine's tests on a Python that counts references, and checks itself."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}-dbg"
    program = find_program(name)
    if program is None:
        sys.stdout.write(
            f"{name} is not here (apt-get install {name}): references are not counted\n"
        )
        return True
    folder = BUILD / "counted"
    python = folder / "venv" / "bin" / "python"
    if not python.exists():
        _run([program, "-m", "venv", str(folder / "venv")])
    _run([str(python), "-m", "pip", "install", "--quiet", *NEEDED])
    _build(python, folder, {"CFLAGS": "-g"})
    return _test(python, folder, ["tests/engine"], {})


def _build(python: Path, folder: Path, environment: Mapping[str, str]) -> None:
    """Build the package with its native modules into a folder of its own."""
    sys.stdout.write(f"Building in {folder.relative_to(ROOT)}...\n")
    sys.stdout.flush()
    place = ["--build-lib", str(folder / "lib")]
    command = [str(python), "setup.py", "--quiet", "build_py", *place, "build_ext", *place]
    _run(
        [*command, "--build-temp", str(folder / "temp")],
        {**environment, "CI": "true", "SENNIT_NO_EXTENSIONS": "0"},
    )


def _test(python: Path, folder: Path, tests: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Run tests on what was built, and return whether they pass."""
    path = os.pathsep.join([str(folder / "lib"), str(ROOT)])
    # What a sanitizer writes is not to be captured: the process ends with it.
    options = ["-q", "--capture=sys", "-p", "no:cacheprovider", "-o", "pythonpath="]
    done = subprocess.run(
        [str(python), "-m", "pytest", *options, *tests],
        cwd=ROOT,
        env={**os.environ, **environment, "CI": "true", "PYTHONPATH": path},
        check=False,
    )
    return done.returncode == 0


def _run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    subprocess.run(command, cwd=ROOT, env={**os.environ, **(environment or {})}, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
