"""Run Autobahn|Testsuite against Sennit: ``python -m conformance``; see README.md."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from conformance import table
from conformance.case import ALL, QUICK, Case, UnknownCaseError, choose
from conformance.report import Report
from conformance.suite import Suite, install
from conformance.trial import Trial, recall, run
from tools.build import BUILDS, BuildMissingError

REACTORS = ("epoll", "asyncio", "uvloop")
PAIRS = (
    ("native", "epoll"),
    ("native", "asyncio"),
    ("native", "uvloop"),
    ("stream", "epoll"),
    ("pure", "epoll"),
)
"""The builds and reactors of a whole run: every build, every reactor, and not every pair.

What a reactor could spoil is how bytes come and go. Natively that is the group, which each reactor
polls in a way of its own. Over Twisted's transports it is Twisted's own code, the same for both
builds that use it; and what the engine makes of the bytes does not know any reactor.
"""


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    parser.add_argument("--cases", default="", help="as in '1.*,9.1.3'; all, if not said")
    parser.add_argument("--quick", action="store_true", help="a choice that takes a minute")
    parser.add_argument("--role", choices=("server", "client", "both"), default="both")
    parser.add_argument("--build", choices=(*BUILDS, "all"), default="all")
    parser.add_argument("--reactor", choices=(*REACTORS, "all"), default="all")
    parser.add_argument("--compression", choices=("on", "off"), default="on")
    parser.add_argument("--python2", help="a Python 2.7 for the suite; 'none' to port it")
    parser.add_argument(
        "--resume", action="store_true", help="run only what has no whole result since a change"
    )
    chosen = parser.parse_args(arguments)
    try:
        patterns = chosen.cases or (QUICK if chosen.quick else "")
        cases = choose(patterns) if patterns else list(ALL)
    except UnknownCaseError as error:
        parser.error(str(error))
    if chosen.compression == "off":
        # Nothing is tested in these without it.
        cases = [case for case in cases if not case.startswith(("12.", "13."))]
    trials = trials_for(chosen.role, chosen.build, chosen.reactor, chosen.compression)
    suite = install(chosen.python2)
    reports: dict[str, Report] = {}
    for trial in trials:
        known = recall(trial, cases) if chosen.resume else None
        try:
            reports[trial.name] = known or _run(suite, trial, cases)
        except BuildMissingError as error:
            sys.exit(f"{parser.prog}: {error}")
        if known:
            _say(f"\n{trial.name}: has run already")
            _say("\n".join(known.lines()))
    if len(cases) == len(ALL) and trials == trials_for("both", "all", "all", "on"):
        _say(f"Written: {table.write(reports, suite)}")
    return 0 if all(report.passed for report in reports.values()) else 1


def _run(suite: Suite, trial: Trial, cases: Sequence[Case]) -> Report:
    _say(f"\n{trial.name}: {len(cases)} cases, the suite {suite.name}")
    began = time.monotonic()
    report, trouble = run(suite, trial, cases)
    _say("\n".join(report.lines()))
    _say(f"{time.monotonic() - began:.0f} seconds{'; ' * bool(trouble)}{trouble}")
    return report


def trials_for(role: str, build: str, reactor: str, compression: str) -> list[Trial]:
    """Return what is asked for; a pair of which both are named is run whatever it is."""
    pairs = [
        pair for pair in PAIRS if build in ("all", pair[0]) and reactor in ("all", pair[1])
    ] or [(build, reactor)]
    trials = [Trial("server", *pair, compression) for pair in pairs]
    # A client's reactor makes no difference to what it reads; one is enough.
    trials.append(Trial("client", *pairs[0], compression))
    return [trial for trial in trials if role in ("both", trial.role)]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
