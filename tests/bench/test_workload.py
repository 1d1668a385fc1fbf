"""What is measured, and choices among it."""

from __future__ import annotations

import pytest

from bench.workload import WORKLOADS, UnknownWorkloadError, Workload, choose_workloads

BY_NAME = {workload.name: workload for workload in WORKLOADS}


def option(workload: Workload, name: str) -> int:
    """Return the number that a load is told."""
    (value,) = [one.partition("=")[2] for one in workload.load if one.startswith(f"--{name}=")]
    return int(value)


def test_names_are_unique() -> None:
    """A result knows a workload by its name alone."""
    assert len(BY_NAME) == len(WORKLOADS)


def test_a_choice() -> None:
    """In the order of the table, each once, whatever the order of the names; all for none."""
    chosen = choose_workloads("handshake, echo1,echo1")
    assert [workload.name for workload in chosen] == ["echo1", "handshake"]
    assert choose_workloads("") == list(WORKLOADS)


@pytest.mark.parametrize("names", ["echo", "echo1,", "echo1,fanout"])
def test_a_choice_of_nothing(names: str) -> None:
    """It is an error: a misspelt workload must not pass for a measured one."""
    with pytest.raises(UnknownWorkloadError):
        choose_workloads(names)


def test_what_the_limit_does_instead() -> None:
    """It knows no protocol and no compression: it is told to send as much without."""
    for workload in WORKLOADS:
        if workload.role == "protocol" or workload.compression:
            assert workload.limit_load is not None
            assert "--compression" not in workload.limit_load
            assert not any(option.startswith("--channel") for option in workload.limit_load)
        else:
            assert workload.limit_load is None
            assert workload.limit_role == workload.role
    assert BY_NAME["publish1000"].limit_role == "broadcast"
    assert BY_NAME["storm5000"].limit_role == "echo"


@pytest.mark.parametrize(
    ("name", "connections"),
    [("echo1", 1), ("fanout5000", 5000), ("idle10000", 10000), ("publish5000", 5000)],
)
def test_as_many_as_the_name_says(name: str, connections: int) -> None:
    """The number in a name is the number of connections."""
    assert option(BY_NAME[name], "connections") == connections


def test_what_is_special() -> None:
    """Held connections are measured by their memory, a rate by its latency."""
    assert [one.name for one in WORKLOADS if one.is_held] == [
        "idle5000",
        "idle10000",
        "session5000",
    ]
    assert [one.name for one in WORKLOADS if one.is_paced] == ["latency64"]
