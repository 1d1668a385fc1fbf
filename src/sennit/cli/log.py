"""The log of a command, for a person to read."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, TextIO

from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    ILogFilterPredicate,
    LogEvent,
    LogLevel,
    PredicateResult,
    formatEvent,
    globalLogBeginner,
)
from zope.interface import implementer

from sennit.server.configuration import LogLevelName

__all__ = ["begin_log", "format_entry"]

_PORT_CLOSED = re.compile(r"\(\w+ Port .* Closed\)")


def begin_log(level: LogLevelName, stream: TextIO) -> None:
    """Write entries of at least this level to a stream from now on; others are dropped."""
    observer = FilteringLogObserver(FileLogObserver(stream, format_entry), [_Sieve(level)])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)


@implementer(ILogFilterPredicate)
class _Sieve:
    """Lets through what is important enough, and no noise.

    Args:
        level: the least important level.
    """

    def __init__(self, level: LogLevelName) -> None:
        self._least = LogLevel.levelWithName(level)

    def __call__(self, event: LogEvent) -> Any:
        """Return Twisted's ``PredicateResult``."""
        level = event.get("log_level") or LogLevel.info
        noise = self._least > LogLevel.debug and _is_noise(event)
        return PredicateResult.no if level < self._least or noise else PredicateResult.yes


def format_entry(event: LogEvent) -> str | None:
    """Return an entry as text: time, level, words; a traceback whole, below them."""
    words = formatEvent(event)
    failure = event.get("log_failure")
    if not words and failure is None:
        return None
    when = datetime.fromtimestamp(event.get("log_time", 0)).astimezone()
    level = event.get("log_level") or LogLevel.info
    text = f"{when:%Y-%m-%d %H:%M:%S} {level.name.upper():<8} {words}".rstrip()
    if failure is not None:
        trace = failure.getTraceback().rstrip()
        if trace not in text:
            text = f"{text}\n{trace}"
    return text + "\n"


def _is_noise(event: LogEvent) -> bool:
    """Return whether it is Twisted speaking of its factories and ports."""
    if event.get("log_namespace") != "log_legacy" or event.get("isError"):
        return False
    words = formatEvent(event)
    return (
        event.get("eventType") == "start"
        or " starting on " in words
        or _PORT_CLOSED.fullmatch(words) is not None
        or words in ("Main loop terminated.", "Server Shut Down.")
        or words.startswith("Received SIG")
    )
