"""Fuzzing guided by coverage, with atheris: ``python -m fuzzing.guided TARGET SECONDS``."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from fuzzing.target import BUILD, load, seeds

__all__: list[str] = []

LONGEST = 4096
"""Bytes in an input."""
PATIENCE = 20
"""Seconds for an input: one that takes longer hangs."""
MEMORY = 1024
"""Megabytes for all of it."""


def main(name: str, seconds: str) -> None:
    """Fuzz a target; the process ends with status 0 if nothing was found."""
    atheris: Any = import_module("atheris")
    with atheris.instrument_imports(include=["sennit.engine", "fuzzing"]):
        check = load(name)
    folder = BUILD / name
    corpus, given = folder / "corpus", folder / "seeds"
    for made in (corpus, given):
        made.mkdir(parents=True, exist_ok=True)
    for seed, data in seeds(name):
        (given / seed).write_bytes(data)
    options = {
        "max_total_time": seconds,
        "max_len": LONGEST,
        "timeout": PATIENCE,
        "rss_limit_mb": MEMORY,
        "artifact_prefix": f"{folder}/finding-",
        "print_final_stats": 1,
    }
    arguments = [f"-{option}={value}" for option, value in options.items()]
    atheris.Setup([name, *arguments, str(corpus), str(given)], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
