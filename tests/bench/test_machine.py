"""What machine it is."""

from __future__ import annotations

import platform

from bench.machine import describe_machine, parse_cpu
from bench.native import Native
from bench.place import PROGRAMS


def test_the_processor() -> None:
    """Its name is where the kernel of that architecture has it."""
    assert parse_cpu("processor\t: 0\nmodel name\t: Abacus 9000 @ 3 Hz\nflags\t: a b\n") == (
        "Abacus 9000 @ 3 Hz"
    )
    assert parse_cpu("processor\t: 0\nBogoMIPS\t: 108.00\n") == platform.machine()


def test_all_is_said() -> None:
    """Everything that the page shows is there."""
    native = Native(PROGRAMS / "load", PROGRAMS / "limit", tls=True, zlib=True, compiler="cc 1")
    machine = describe_machine(native)
    assert set(machine) == {"processor", "memory", "system", "python", "compiler", "load"}
    assert all(machine.values())
    assert float(machine["load"]) >= 0
