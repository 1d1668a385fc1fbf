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
_IDLE = ("Timing out client: {peer}", "Forcibly timing out client: {peer}")
"""What ``twisted.web`` says in the name of whatever is derived from its connection."""
_CONTROLS = {
    number: f"\\x{number:02x}"
    for number in (*range(32), *range(127, 160))
    if chr(number) not in "\t\n"
}
"""Characters that a terminal may obey; an entry may have words of a client's in it."""


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
        noise = self._least > LogLevel.debug and _is_noise(event)
        shown = _level(event) >= self._least and not noise
        return PredicateResult.yes if shown else PredicateResult.no


def format_entry(event: LogEvent) -> str | None:
    """Return an entry as text: time, level, words; a traceback whole, below them.

    Lines after the first are indented, so that none can pass for an entry of its own.
    """
    words = formatEvent(event)
    failure = event.get("log_failure")
    if not words and failure is None:
        return None
    when = datetime.fromtimestamp(event.get("log_time", 0)).astimezone()
    text = f"{when:%Y-%m-%d %H:%M:%S} {_level(event).name.upper():<8} {words}".rstrip()
    if failure is not None:
        text = f"{text}\n{failure.getTraceback().rstrip()}"
    return text.translate(_CONTROLS).replace("\n", "\n  ") + "\n"


def _level(event: LogEvent) -> Any:
    return event.get("log_level") or LogLevel.info


def _is_noise(event: LogEvent) -> bool:
    """Return whether it is Twisted speaking of its factories, ports and connections."""
    namespace = event.get("log_namespace") or ""
    if namespace.startswith("twisted.") or event.get("log_format") in _IDLE:
        return bool(_level(event) < LogLevel.warn)
    if namespace != "log_legacy" or event.get("isError"):
        return False
    # Its older ways to log do not say whose words they are.
    words = formatEvent(event)
    return (
        event.get("eventType") == "start"
        or " starting on " in words
        or _PORT_CLOSED.fullmatch(words) is not None
        or words == "Main loop terminated."
    )
