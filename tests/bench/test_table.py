"""Tables, as people see them."""

from __future__ import annotations

from bench.outcome import Latency, Outcome
from bench.table import Table, cost_table, latency_table, memory_table, rate_table, ratio_table
from tests.bench.double import make_result, measured, spent

RESULT = make_result(
    *(measured(number, "echo1", "limit", 10) for number in (1, 2, 3)),
    measured(1, "echo1", "sennit", 10),
    measured(2, "echo1", "sennit", 12.5),
    measured(3, "echo1", "sennit", 20),
    measured(1, "echo1", "ws", 250),
    measured(1, "pipe64", "limit", 1),
    measured(1, "pipe64", "sennit", 2),
    measured(1, "pipe64", "ws", None),
    measured(1, "idle5000", "sennit", Outcome(5000, 1, 0.1, 0.1, pss=1300, uss=1234.5)),
    measured(1, "latency64", "sennit", spent(1, latency=Latency(10.4, 20, 30, 4000, 5000))),
)


def test_ratios() -> None:
    """Medians and spreads; what failed, what was not measured, and what is aimed at, say so."""
    table = ratio_table(RESULT, "cpu", titles=False)
    assert table.head == ["", "echo1", "pipe64"]
    assert table.rows == [
        ["sennit", "0.80 ±0.25", "0.50"],
        ["ws", "0.040", "failed"],
        ["*what Sennit aims at*", "0.65", "0.60"],
    ]


def test_titles() -> None:
    """For people, programs and workloads have names of their own; ours stands out."""
    table = ratio_table(RESULT, "cpu")
    assert table.head[1] == "echo, 1 connection, 64 B"
    assert [row[0] for row in table.rows[:2]] == ["**Sennit, epoll reactor**", "ws on Node"]


def test_numbers_of_the_machine() -> None:
    """The limit is among them."""
    assert rate_table(RESULT, "cpu", titles=False).rows[0] == ["limit", "1,000", "1,000"]
    assert cost_table(RESULT, "cpu", titles=False).rows[1] == ["sennit", "12", "2.00"]
    assert memory_table(RESULT, titles=False).rows == [["sennit", "1,234"]]
    assert latency_table(RESULT, "latency64").rows == [
        ["**Sennit, epoll reactor**", "10", "20", "30", "4,000"]
    ]


def test_nothing() -> None:
    """A group that was not measured has no rows."""
    assert ratio_table(RESULT, "more").rows == []
    assert latency_table(make_result(), "latency64").rows == []


def test_forms() -> None:
    """In Markdown, and in columns for a terminal."""
    table = Table(["", "one"], [["**a**", "1.0"], ["bcd", "10.0"]])
    assert table.markdown() == "|  | one |\n| --- | --- |\n| **a** | 1.0 |\n| bcd | 10.0 |"
    assert table.plain() == "      one\na     1.0\nbcd  10.0"
