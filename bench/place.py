"""Where things are: sources here, everything that is built or installed in ``build/bench``."""

from __future__ import annotations

from pathlib import Path

__all__ = ["BENCH", "BUILD", "NODE", "PROGRAMS", "PYTHON", "ROOT"]

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
BUILD = ROOT / "build" / "bench"
PROGRAMS = BUILD / "bin"
"""Native programs: ours, and Centrifugo."""
PYTHON = BUILD / "python"
"""The peers' virtual environment."""
NODE = BUILD / "node"
"""Where npm has installed ws."""
