"""Measure Sennit beside its peers and bare C: ``python -m bench``; see README.md."""

from __future__ import annotations

import argparse
import datetime as dt
import resource
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from bench import report
from bench.campaign import Campaign
from bench.certificate import make_certificate
from bench.install import install_peers
from bench.machine import BUSY, describe_machine, describe_versions
from bench.native import CompilerMissingError, Native, compile_native
from bench.place import BENCH, BUILD
from bench.program import Program, UnknownProgramError, choose
from bench.result import Measurement, Result, ResultError
from bench.table import Table, cost_table, latency_table, memory_table, ratio_table
from bench.trial import Laboratory, pick_cores
from bench.workload import UnknownWorkloadError, Workload, choose_workloads

RESULTS = BENCH / "results"
DESCRIPTORS = 12_000
"""What 10,000 connections take, on either side."""


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two short rounds")
    parser.add_argument("--only", default="", metavar="WORKLOADS", help="as in echo1,fanout1000")
    parser.add_argument("--program", default="", metavar="NAMES", help="as in sennit,picows")
    parser.add_argument("--rounds", type=int, help="five, if not said; two if quick")
    parser.add_argument("--seconds", type=float, help="measured for each figure")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the result there")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the page of a result")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.report:
            return _report(Result.load(chosen.report))
        programs, workloads = choose(chosen.program), choose_workloads(chosen.only)
    except (UnknownProgramError, UnknownWorkloadError, ResultError) as error:
        parser.error(str(error))
    try:
        native = compile_native()
    except CompilerMissingError as error:
        _say(f"The load generator is in C: {error}")
        return 1
    result = _measure(native, *_what_can_be(native, programs, workloads), chosen)
    _show(result)
    is_whole = not (chosen.only or chosen.program or chosen.quick)
    target = chosen.save or (RESULTS / "full.json" if is_whole else None)
    if target is not None:
        result.save(target)
        _say(f"Written: {target}")
    if is_whole:
        _report(result)
    return 0 if all(measurement.outcome for measurement in result.measurements) else 1


def _what_can_be(
    native: Native, programs: Sequence[Program], workloads: Sequence[Workload]
) -> tuple[list[Program], list[Workload]]:
    """Return what can be measured here, and say what cannot."""
    for name, problem in install_peers().items():
        _say(f"Not installed: {name}: {problem}")
    missing = [program.title for program in programs if not program.is_installed]
    if missing:
        _say(f"Not measured, since not installed: {', '.join(missing)}")
    if not native.tls:
        _say("Not measured, since there are no headers of OpenSSL: what is over TLS")
    if not native.zlib:
        _say("Not measured, since there are no headers of zlib: what is compressed")
    return (
        [program for program in programs if program.is_installed],
        [
            workload
            for workload in workloads
            if (native.tls or not workload.tls) and (native.zlib or not workload.compression)
        ],
    )


def _measure(
    native: Native,
    programs: Sequence[Program],
    workloads: Sequence[Workload],
    chosen: argparse.Namespace,
) -> Result:
    _raise_limit()
    seconds = chosen.seconds or (0.7 if chosen.quick else 2.0)
    rounds = chosen.rounds or (2 if chosen.quick else 5)
    result = Result(
        describe_machine(native),
        describe_versions(),
        {"date": dt.datetime.now(dt.UTC).date().isoformat(), "seconds": seconds, "rounds": rounds},
    )
    if float(result.machine["load"]) > BUSY:
        _say(f"The machine is busy: its load average is {result.machine['load']}")
    certificate = make_certificate(BUILD)
    laboratory = Laboratory(native, certificate, pick_cores(), seconds, min(0.5, seconds / 3))
    began = time.monotonic()
    for measurement in Campaign(programs, workloads, rounds, laboratory.measure).run():
        result.measurements.append(measurement)
        _say(_line(measurement, time.monotonic() - began))
        # A run that is stopped leaves what it has.
        result.save(BUILD / "result.json")
    return result


def _raise_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _report(result: Result) -> int:
    for path in report.write(result):
        _say(f"Written: {path}")
    return 0


def _line(measurement: Measurement, elapsed: float) -> str:
    where = (
        f"{elapsed:6.0f} s  {measurement.round}  {measurement.workload:20} {measurement.program:18}"
    )
    outcome = measurement.outcome
    if outcome is None:
        return f"{where} {measurement.error}"
    if outcome.uss is not None and outcome.pss is not None:
        return f"{where} {outcome.uss:10.0f} bytes of its own, {outcome.pss:.0f} in all"
    tail = "" if outcome.latency is None else f", p99 {outcome.latency.p99 / 1000:.2f} ms"
    return (
        f"{where} {outcome.cost * 1e6:8.2f} µs of processor time, {outcome.rate:10.0f} a second"
        f"{tail}"
    )


def _show(result: Result) -> None:
    tables: list[tuple[str, Table]] = [
        (
            "Processor time, bare C's divided by the server's own",
            ratio_table(result, "cpu", titles=False),
        ),
        ("The same", ratio_table(result, "more", titles=False)),
        ("Processor time, µs for an operation", cost_table(result, "cpu", titles=False)),
        ("The same", cost_table(result, "more", titles=False)),
        ("Bytes of an idle connection", memory_table(result, titles=False)),
        ("Latency at a given rate, µs", latency_table(result, "latency64")),
    ]
    for title, table in tables:
        if table.rows:
            _say(f"\n{title}\n{table.plain()}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _end(number: int, _frame: object) -> NoReturn:
    # What was started is ended on the way out.
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    sys.exit(main(sys.argv[1:]))
