"""Run Autobahn|Testsuite against Sennit: ``python -m conformance``; see README.md."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from conformance import table
from conformance.case import ALL, QUICK, UnknownCaseError, choose
from conformance.report import Report
from conformance.suite import install
from conformance.trial import Trial, run

REACTORS = ("epoll", "asyncio", "uvloop")


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    parser.add_argument("--cases", default="", help="as in '1.*,9.1.3'; all, if not said")
    parser.add_argument("--quick", action="store_true", help="a choice that takes a minute")
    parser.add_argument("--role", choices=("server", "client", "both"), default="both")
    parser.add_argument("--reactor", choices=(*REACTORS, "all"), default="all")
    parser.add_argument("--compression", choices=("on", "off"), default="on")
    parser.add_argument("--python2", help="a Python 2.7 for the suite; 'none' to port it")
    chosen = parser.parse_args(arguments)
    try:
        patterns = chosen.cases or (QUICK if chosen.quick else "")
        cases = choose(patterns) if patterns else list(ALL)
    except UnknownCaseError as error:
        parser.error(str(error))
    if chosen.compression == "off":
        # Nothing is tested in these without it.
        cases = [case for case in cases if not case.startswith(("12.", "13."))]
    suite = install(chosen.python2)
    reports: dict[str, Report] = {}
    for trial in _trials(chosen.role, chosen.reactor, chosen.compression):
        _say(f"\n{trial.name}: {len(cases)} cases, the suite {suite.name}")
        began = time.monotonic()
        report, trouble = run(suite, trial, cases)
        reports[trial.name] = report
        _say("\n".join(report.lines()))
        _say(f"{time.monotonic() - began:.0f} seconds{'; ' * bool(trouble)}{trouble}")
    if len(cases) == len(ALL) and chosen.role == "both":
        _say(f"Written: {table.write(reports, suite)}")
    return 0 if all(report.passed for report in reports.values()) else 1


def _trials(role: str, reactor: str, compression: str) -> list[Trial]:
    reactors = REACTORS if reactor == "all" else (reactor,)
    trials = [Trial("server", name, compression) for name in reactors]
    # A client's reactor makes no difference to what it reads; one is enough.
    trials.append(Trial("client", reactors[0], compression))
    return [trial for trial in trials if role in ("both", trial.role)]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
