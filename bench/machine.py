"""What machine it is, in words."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.install import CENTRIFUGO
from bench.native import Native
from bench.place import NODE, PROGRAMS, PYTHON

__all__ = ["BUSY", "describe_machine", "describe_versions", "parse_cpu"]

BUSY = 0.5
"""The load average before a run from which on others are at work on the machine too."""


def parse_cpu(cpuinfo: str) -> str:
    """Return the processor's name as ``/proc/cpuinfo`` has it."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return value.strip()
    return platform.machine()


def describe_machine(native: Native) -> dict[str, str]:
    """Return what is worth knowing about the machine, by its name."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    virtual = " (virtual)" if "hypervisor" in cpuinfo else ""
    return {
        "processor": f"{parse_cpu(cpuinfo)}{virtual}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": f"CPython {platform.python_version()}",
        "compiler": native.compiler,
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def describe_versions() -> dict[str, str]:
    """Return the versions of what is measured, where it is installed."""
    found = {}
    script = (
        "import importlib.metadata as m\n"
        "for n in ('aiohttp', 'autobahn', 'picows', 'starlette', 'twisted', 'uvicorn', 'uvloop',"
        " 'websockets', 'wsproto'):\n"
        "    try: print(n, m.version(n))\n"
        "    except m.PackageNotFoundError: pass\n"
    )
    for line in _ask([str(PYTHON / "bin" / "python"), "-c", script]).splitlines():
        name, _, version = line.partition(" ")
        found[name] = version
    ours = "from sennit.server.version import version; print(version())"
    found["sennit"] = _ask([sys.executable, "-c", ours])
    node = _ask(["node", "--version"]).removeprefix("v")
    if node and (NODE / "node_modules").exists():
        found["node"] = node
        script = "console.log(require('ws/package.json').version)"
        found["ws"] = _ask(["node", "-e", script], NODE)
    if (PROGRAMS / "centrifugo").exists():
        # What Go builds from its modules does not know its own version.
        found["centrifugo"] = CENTRIFUGO.rpartition("@v")[2]
    return {name: version for name, version in sorted(found.items()) if version}


def _ask(command: Sequence[str], folder: Path | None = None) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
