"""What is measured: each workload, and what of the limit it is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.app import CHANNEL

__all__ = ["WORKLOADS", "Role", "UnknownWorkloadError", "Workload", "choose_workloads"]

Role = Literal["echo", "broadcast", "protocol"]
"""What a server does: send back, send to all, or speak the Centrifuge protocol."""

KIB = 1024


class UnknownWorkloadError(ValueError):
    """A name is of no workload."""


@dataclass(frozen=True)
class Workload:
    """One kind of load on one kind of server.

    Attributes:
        name: for the command line and the results.
        title: for the heads of tables.
        role: what the server does.
        load: the load generator's kind and its options.
        limit_load: what the limit gets instead, where it does not do the same: it knows no
            protocol and no compression. ``None`` for the same.
        compression: whether permessage-deflate is offered.
        tls: whether it is over TLS.
        group: the table that it belongs to.
        seconds: how long it is measured, as a multiple of what the command line says.
        goal: the ratio to the limit that Sennit aims at, on the default reactor.
    """

    name: str
    title: str
    role: Role
    load: tuple[str, ...]
    limit_load: tuple[str, ...] | None = None
    compression: bool = False
    tls: bool = False
    group: Literal["cpu", "more", "memory", "latency"] = "cpu"
    seconds: float = 1.0
    goal: float | None = None

    @property
    def is_held(self) -> bool:
        """Whether connections are held, and the server's memory is what is measured."""
        return self.load[0] == "idle"

    @property
    def is_paced(self) -> bool:
        """Whether so many messages are sent each second, rather than as many as are answered."""
        return any(option.startswith("--rate=") for option in self.load)

    @property
    def limit_role(self) -> Role:
        """What the limit does."""
        if self.limit_load is not None:
            return "broadcast" if self.limit_load[0] == "fanout" else "echo"
        return self.role


def _load(kind: str, connections: int, *, in_flight: int = 1, size: int = 64) -> tuple[str, ...]:
    options = {"connections": connections, "in-flight": in_flight, "size": size}
    return (kind, *(f"--{name}={value}" for name, value in options.items()))


_PROTOCOL = ("--path=/connection/websocket", f"--channel={CHANNEL}")
_TEXT = ("--text",)
_PUSH = 150
"""Bytes of a push with 64 bytes of data in it: what the limit sends for one."""


def _publish(subscribers: int) -> tuple[str, ...]:
    return (*_load("publish", subscribers), *_PROTOCOL)


def _push(subscribers: int) -> tuple[str, ...]:
    return (*_load("fanout", subscribers, size=_PUSH), *_TEXT)


WORKLOADS = (
    Workload("echo1", "echo, 1 connection, 64 B", "echo", _load("echo", 1), goal=0.65),
    Workload("echo64", "echo, 64 connections", "echo", _load("echo", 64), goal=0.9),
    Workload(
        "pipe64",
        "echo, 64 connections, 16 in flight",
        "echo",
        _load("echo", 64, in_flight=16),
        goal=0.6,
    ),
    Workload(
        "large16",
        "echo, 16 connections, 64 KiB",
        "echo",
        _load("echo", 16, size=64 * KIB),
        goal=0.95,
    ),
    Workload("fanout1000", "fan-out to 1,000", "broadcast", _load("fanout", 1000), goal=1.0),
    Workload(
        "fanout5000", "fan-out to 5,000", "broadcast", _load("fanout", 5000), seconds=1.5, goal=1.0
    ),
    Workload("handshake", "handshakes", "echo", _load("handshake", 64), goal=0.85),
    Workload(
        "deflate500",
        "fan-out of 1 KiB to 500, compressed",
        "broadcast",
        (*_load("fanout", 500, size=KIB), *_TEXT, "--compression"),
        limit_load=(*_load("fanout", 500, size=KIB), *_TEXT),
        compression=True,
        group="more",
        goal=0.9,
    ),
    Workload(
        "tls-echo64",
        "echo over TLS, 64 connections",
        "echo",
        _load("echo", 64),
        tls=True,
        group="more",
    ),
    Workload(
        "tls-fanout1000",
        "fan-out over TLS to 1,000",
        "broadcast",
        _load("fanout", 1000),
        tls=True,
        group="more",
        goal=0.6,
    ),
    Workload(
        "publish1000",
        "publish to 1,000",
        "protocol",
        _publish(1000),
        limit_load=_push(1000),
        group="more",
        goal=0.85,
    ),
    Workload(
        "publish5000",
        "publish to 5,000",
        "protocol",
        _publish(5000),
        limit_load=_push(5000),
        group="more",
        seconds=1.5,
    ),
    Workload(
        "publish1000-deflate",
        "publish to 1,000, compressed",
        "protocol",
        (*_publish(1000), "--compression"),
        limit_load=_push(1000),
        compression=True,
        group="more",
    ),
    Workload(
        "publish5000-deflate",
        "publish to 5,000, compressed",
        "protocol",
        (*_publish(5000), "--compression"),
        limit_load=_push(5000),
        compression=True,
        group="more",
        seconds=1.5,
    ),
    Workload(
        "storm5000",
        "reconnect storm of 5,000 sessions",
        "protocol",
        (*_load("storm", 5000), *_PROTOCOL),
        limit_load=_load("handshake", 64),
        group="more",
    ),
    Workload("idle5000", "5,000 idle connections", "echo", _load("idle", 5000), group="memory"),
    Workload("idle10000", "10,000 idle connections", "echo", _load("idle", 10000), group="memory"),
    Workload(
        "session5000",
        "5,000 idle sessions with a subscription",
        "protocol",
        (*_load("idle", 5000), *_PROTOCOL),
        limit_load=_load("idle", 5000),
        group="memory",
    ),
    Workload(
        "latency64",
        "64 connections, 2,000 messages a second",
        "echo",
        (*_load("echo", 64, in_flight=16), "--rate=2000"),
        group="latency",
    ),
)
"""All of them, in the order in which they are run and shown."""


def choose_workloads(names: str) -> list[Workload]:
    """Return the workloads of these names, with commas between them; all for an empty string.

    Raises:
        UnknownWorkloadError: a name is of none.
    """
    if not names:
        return list(WORKLOADS)
    wanted = [name.strip() for name in names.split(",")]
    known = {workload.name for workload in WORKLOADS}
    for name in wanted:
        if name not in known:
            raise UnknownWorkloadError(f"{name!r} is no workload; there are {', '.join(known)}")
    return [workload for workload in WORKLOADS if workload.name in wanted]
