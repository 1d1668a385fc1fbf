"""The log of a command, for a person to read."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.protocol import Factory
from twisted.logger import LogBeginner, Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure
from twisted.python.log import LogPublisher as LegacyLogPublisher

from sennit.cli import log as log_module
from sennit.cli.log import begin_log, format_entry
from sennit.hub.app import App
from sennit.server.configuration import LogLevelName
from sennit.server.server import serve
from tests.double import LogKeeper, outcome
from tests.server.double import FakeReactor

WHEN = datetime(2026, 11, 25, 18, 0, 1, 500_000, tzinfo=UTC)


class Record:
    """A log of its own, from before it begins.

    Attributes:
        publisher: where it is logged to.
        warnings: what takes Python's warnings.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.publisher = LogPublisher()
        self.warnings = SimpleNamespace(showwarning=None)
        self._early = io.StringIO()
        self._stream = io.StringIO()
        beginner = LogBeginner(self.publisher, self._early, SimpleNamespace(), self.warnings)
        monkeypatch.setattr(log_module, "globalLogBeginner", beginner)

    def begin(self, level: LogLevelName) -> Record:
        """Begin, and return this."""
        begin_log(level, self._stream)
        return self

    def logger(self, namespace: str = "notes") -> Logger:
        return Logger(namespace=namespace, observer=self.publisher)

    def legacy(self) -> Any:
        """Return what ``twisted.python.log`` logs by."""
        return LegacyLogPublisher(self.publisher, self.publisher)

    def lines(self) -> list[str]:
        """Return what was written since the last call, without the time."""
        text = self._stream.getvalue()
        self._stream.seek(0)
        self._stream.truncate()
        return [re.sub(r"^[-\d]{10} [:\d]{8} ", "", line) for line in text.splitlines()]


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Record:
    """Return a log that has not begun."""
    return Record(monkeypatch)


def failure(words: str = "no luck") -> Failure:
    """Return a failure with a traceback."""
    try:
        int(words)
    except ValueError:
        return Failure()
    raise AssertionError(words)


def entry(**event: Any) -> str:
    """Return an entry as it is written."""
    text = format_entry({"log_time": WHEN.timestamp(), **event})
    assert text is not None
    return text


# -- an entry ------------------------------------------------------------------------------------


def test_time_level_and_words() -> None:
    """In this order, the time as on the clock on the wall."""
    wall = WHEN.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    text = entry(log_level=LogLevel.warn, log_format="{who} is slow", who="Ann")
    assert text == f"{wall} WARN     Ann is slow\n"


@pytest.mark.parametrize("level", list(LogLevel.iterconstants()))
def test_levels_stand_in_a_column(level: Any) -> None:
    """So that the words do, too."""
    text = entry(log_level=level, log_format="words")
    assert text[20:28].strip() == level.name.upper()
    assert text[28:] == " words\n"


def test_an_entry_without_a_level() -> None:
    """It is information."""
    assert entry(log_format="words")[20:] == "INFO     words\n"


def test_a_traceback() -> None:
    """It stands whole below the words, and is indented as all further lines are."""
    text = entry(log_level=LogLevel.critical, log_format="it failed", log_failure=failure())
    first, second, *others, last = text.splitlines()
    assert first.endswith(" CRITICAL it failed")
    assert second == "  Traceback (most recent call last):"
    assert any("int(words)" in line for line in others)
    assert last.endswith("builtins.ValueError: invalid literal for int() with base 10: 'no luck'")
    assert all(line.startswith("  ") for line in [second, *others, last])


def test_a_traceback_without_words() -> None:
    """It is reason enough for an entry."""
    text = entry(log_level=LogLevel.critical, log_format="", log_failure=failure())
    assert text.splitlines()[0].endswith(" CRITICAL")
    assert "'no luck'" in text


def test_nothing_to_say() -> None:
    """It is no entry."""
    assert format_entry({"log_time": 0.0}) is None


def test_words_cannot_pass_for_another_entry(record: Record) -> None:
    """They may be a client's: no line of theirs begins where an entry does, and none is a command
    to the terminal.
    """
    record.begin("info")
    forged = "hello\n2026-11-25 18:00:01 INFO     all is well\r\x1b[2J\x9b2J\x7f\tend"
    record.logger().info("{words}", words=forged)
    assert record.lines() == [
        "INFO     hello",
        "  2026-11-25 18:00:01 INFO     all is well\\x0d\\x1b[2J\\x9b2J\\x7f\tend",
    ]
    record.logger().failure("failed", Failure(ValueError(forged)))
    assert not any("\x1b" in line or line.startswith("INFO") for line in record.lines())


# -- what is shown -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"]),
        ("info", ["INFO", "WARN", "ERROR", "CRITICAL"]),
        ("warn", ["WARN", "ERROR", "CRITICAL"]),
        ("error", ["ERROR", "CRITICAL"]),
        ("critical", ["CRITICAL"]),
    ],
)
def test_levels(record: Record, level: LogLevelName, shown: list[str]) -> None:
    """What is as important as was asked for, or more."""
    logger = record.begin(level).logger()
    for name in ("debug", "info", "warn", "error", "critical"):
        getattr(logger, name)("words")
    assert [line.split()[0] for line in record.lines()] == shown


def test_what_was_logged_before(record: Record) -> None:
    """It is not lost: an app's module may have had something to say while it was loaded."""
    record.logger().info("early")
    record.logger().debug("too much")
    record.begin("info")
    assert record.lines() == ["INFO     early"]


def test_warnings_of_python(record: Record) -> None:
    """They are entries."""
    record.begin("info")
    show: Callable[..., None] = record.warnings.showwarning
    show(DeprecationWarning("that is old"), DeprecationWarning, "notes.py", 7)
    assert record.lines() == ["WARN     notes.py:7: builtins.DeprecationWarning: that is old"]


def test_older_ways_to_log(record: Record) -> None:
    """They are as good as the new ones; a failure's traceback is there once."""
    legacy = record.begin("info").legacy()
    legacy.msg("hello", "you")
    assert record.lines() == ["INFO     hello you"]
    legacy.msg(why="it failed", failure=failure(), isError=1)
    lines = record.lines()
    assert lines[0] == "CRITICAL it failed"
    assert [line.strip() for line in lines].count("Traceback (most recent call last):") == 1
    assert lines[-1].endswith("'no luck'")


# -- noise ---------------------------------------------------------------------------------------


def say_legacy(words: str) -> Callable[[Record], None]:
    def say(record: Record) -> None:
        record.legacy().msg(words)

    return say


def start_port(record: Record) -> None:
    record.legacy().msg(
        eventSource=object(), eventType="start", protocol="Factory", format="%(protocol)s starting"
    )


def say_as_twisted(record: Record) -> None:
    record.logger("twisted.internet.base").info("Main loop terminated.")


def time_out(record: Record) -> None:
    record.logger("sennit.net.http.BoundedChannel").info("Timing out client: {peer}", peer="Ann")


def start_factory(record: Record) -> None:
    Logger(namespace=f"{Factory.__module__}.Factory", observer=record.publisher).info(
        "Starting factory {factory!r}", factory=None
    )


@pytest.mark.parametrize(
    "say",
    [
        say_legacy("FrontDoor starting on 8000"),
        say_legacy("(TCP Port 8000 Closed)"),
        say_legacy("(UNIX Port '/run/sennit.sock' Closed)"),
        say_legacy("Main loop terminated."),
        start_port,
        start_factory,
        say_as_twisted,
        time_out,
    ],
)
def test_twisted_speaking_to_itself(
    say: Callable[[Record], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is shown to those alone who want to see everything."""
    quiet = Record(monkeypatch).begin("info")
    say(quiet)
    assert quiet.lines() == []
    curious = Record(monkeypatch).begin("debug")
    say(curious)
    assert len(curious.lines()) == 1


def test_a_browser_that_comes_and_says_nothing_more(record: Record) -> None:
    """A minute later its connection is closed; neither is worth a line."""
    record.begin("info")
    reactor = FakeReactor()
    with LogKeeper() as log:
        server = outcome(serve(App(), reactor))
        socket = reactor.port.ask(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        reactor.advance(61)
        assert socket.disconnecting or socket.disconnected
        socket.protocol.connectionLost(None)
        outcome(server.stop())
    assert any(event["log_format"].startswith("Timing out") for event in log.events)
    for event in log.events:
        record.publisher(event)
    assert record.lines() == []


def test_what_is_no_noise(record: Record) -> None:
    """Warnings and errors of Twisted's, and what others say in words like its own."""
    record.begin("info")
    record.logger("twisted.internet.base").warn("careful")
    record.logger("twisted.internet.defer").failure("unhandled", failure())
    record.logger("notes").info("Ann starting on 8000")
    record.logger("twistedly").info("hello")
    record.legacy().msg("the (TCP Port 8000 Closed) sign")
    record.legacy().msg(why="Ann starting on 8000", failure=failure(), isError=1)
    firsts = [line for line in record.lines() if not line.startswith("  ")]
    assert firsts == [
        "WARN     careful",
        "CRITICAL unhandled",
        "INFO     Ann starting on 8000",
        "INFO     hello",
        "INFO     the (TCP Port 8000 Closed) sign",
        "CRITICAL Ann starting on 8000",
    ]
