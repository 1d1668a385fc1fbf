"""Who is measured: each server, and the command that starts it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.app import CHANNEL
from bench.certificate import Certificate
from bench.native import Native
from bench.place import BENCH, BUILD, NODE, PROGRAMS, PYTHON, ROOT
from bench.workload import Role, Workload
from tools.build import BUILDS

__all__ = ["LIMIT", "PROGRAMS_MEASURED", "Program", "Stage", "UnknownProgramError", "choose"]

LIMIT = "limit"
"""The name of the bare C server, which everything is compared with."""


class UnknownProgramError(ValueError):
    """A name is of no program."""


@dataclass(frozen=True)
class Stage:
    """What a program is started for.

    Attributes:
        native: the native programs.
        certificate: what TLS needs.
        role: what it has to do.
        port: where to listen.
        compression: whether to agree on compression.
        tls: whether to serve TLS.
    """

    native: Native
    certificate: Certificate
    role: Role
    port: int
    compression: bool
    tls: bool


@dataclass(frozen=True)
class Program:
    """A server that can be measured.

    Attributes:
        name: for the command line and the results.
        title: for people.
        command: what starts it.
        roles: what it can do.
        can_compress: whether it knows permessage-deflate.
        can_secure: whether it serves TLS.
        needs: a file without which it is not installed.
        environment: changes to the environment.
        is_ours: whether it is Sennit.
        only: the workloads that it is measured by; ``None`` for all that it can.
        is_drawn: whether it is in the drawings, where less is more, too.
    """

    name: str
    title: str
    command: Callable[[Stage], Sequence[str]]
    roles: frozenset[Role]
    can_compress: bool = True
    can_secure: bool = True
    needs: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    is_ours: bool = False
    only: frozenset[str] | None = None
    is_drawn: bool = True

    def can(self, workload: Workload) -> bool:
        """Whether it can do what a workload asks for."""
        if self.name == LIMIT:
            return True
        if self.only is not None and workload.name not in self.only:
            return False
        return (
            workload.role in self.roles
            and (self.can_compress or not workload.compression)
            and (self.can_secure or not workload.tls)
        )

    @property
    def is_installed(self) -> bool:
        """Whether what it needs is there."""
        return self.needs is None or self.needs.exists()

    @property
    def whole_environment(self) -> dict[str, str]:
        """The environment that it is started in."""
        path = os.pathsep.join(map(str, (ROOT / "src", ROOT / "examples", ROOT)))
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("SENNIT_")
        }
        return {**inherited, "PYTHONPATH": path, "BENCH_NODE": str(NODE), **self.environment}


# -- commands --------------------------------------------------------------------------------------


def _limit(stage: Stage) -> Sequence[str]:
    keys = (str(stage.certificate.certificate), str(stage.certificate.key))
    command = (str(stage.native.limit), stage.role, str(stage.port))
    return (*command, *keys) if stage.tls else command


def _options(stage: Stage) -> tuple[str, ...]:
    """Return the options that ``bench.peer.command`` knows."""
    compression = ("--compression",) if stage.compression else ()
    if not stage.tls:
        return (stage.role, str(stage.port), *compression)
    certificate, key = stage.certificate.certificate, stage.certificate.key
    secure = (f"--certificate={certificate}", f"--key={key}")
    return (stage.role, str(stage.port), *compression, *secure)


def _peer(name: str) -> Callable[[Stage], Sequence[str]]:
    def command(stage: Stage) -> Sequence[str]:
        return (str(PYTHON / "bin" / "python"), "-m", f"bench.peer.{name}", *_options(stage))

    return command


def _node(stage: Stage) -> Sequence[str]:
    return (shutil.which("node") or "node", str(BENCH / "peer" / "ws_peer.mjs"), *_options(stage))


def _example(reactor: str) -> Callable[[Stage], Sequence[str]]:
    def command(stage: Stage) -> Sequence[str]:
        if stage.role == "protocol":
            return _serve(reactor, stage)
        if stage.tls:
            module = ("-m", "bench.peer.sennit_peer")
            return (sys.executable, *module, *_options(stage), f"--reactor={reactor}")
        return (
            sys.executable,
            str(ROOT / "examples" / f"{stage.role}.py"),
            f"--port={stage.port}",
            f"--reactor={reactor}",
            f"--compression={'on' if stage.compression else 'off'}",
        )

    return command


def _serve(reactor: str, stage: Stage) -> Sequence[str]:
    configuration = BUILD / f"sennit-{stage.port}.toml"
    lines = ["log_level = 'warn'", "page = 'none'"]
    if stage.compression:
        lines += ["[limits]", "compression = true"]
    configuration.write_text("\n".join(lines))
    where = (f"--port={stage.port}", f"--reactor={reactor}", f"--config={configuration}")
    return (sys.executable, "-m", "sennit", "serve", "bench.app:app", *where)


def _coroutine(stage: Stage) -> Sequence[str]:
    module = ("-m", "bench.peer.sennit_peer", "coroutine", str(stage.port))
    return (sys.executable, *module, "--reactor=epoll")


def _centrifugo(stage: Stage) -> Sequence[str]:
    """Start Centrifugo with what the app of ours has: history, recovery, anybody may."""
    namespace = {
        "name": CHANNEL.partition(":")[0],
        "history_size": 100,
        "history_ttl": "300s",
        "force_recovery": True,
        "force_positioning": True,
        "allow_subscribe_for_client": True,
        "allow_subscribe_for_anonymous": True,
        "allow_publish_for_client": True,
        "allow_publish_for_anonymous": True,
    }
    configuration = {
        "http_server": {"address": "127.0.0.1", "port": stage.port},
        "log": {"level": "error"},
        "client": {"allow_anonymous_connect_without_token": True, "allowed_origins": ["*"]},
        "channel": {"namespaces": [namespace]},
        "websocket": {"compression": stage.compression},
        "usage_stats": {"disabled": True},
    }
    path = BUILD / f"centrifugo-{stage.port}.json"
    path.write_text(json.dumps(configuration))
    return (str(PROGRAMS / "centrifugo"), "--config", str(path))


# -- the programs ----------------------------------------------------------------------------------

_PLAIN: frozenset[Role] = frozenset({"echo", "broadcast"})
_ALL: frozenset[Role] = frozenset({"echo", "broadcast", "protocol"})
_PACKAGES = PYTHON / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


def _python_peer(name: str, title: str, *, package: str, can_compress: bool = True) -> Program:
    return Program(
        name,
        title,
        _peer(f"{name}_peer"),
        _PLAIN,
        can_compress=can_compress,
        needs=_PACKAGES / package,
    )


def _ours(
    name: str, title: str, reactor: str, *, is_drawn: bool = True, **environment: str
) -> Program:
    return Program(
        name,
        title,
        _example(reactor),
        _ALL,
        environment=environment,
        is_ours=True,
        is_drawn=is_drawn,
    )


PROGRAMS_MEASURED = (
    Program(LIMIT, "bare C", _limit, _PLAIN, can_compress=False),
    _ours("sennit", "Sennit, epoll reactor", "epoll"),
    _ours("sennit-uvloop", "Sennit, asyncio reactor on uvloop", "uvloop"),
    _ours("sennit-reactor", "Sennit, its own reactor", "sennit"),
    _ours("sennit-asyncio", "Sennit, asyncio reactor", "asyncio", is_drawn=False),
    _ours(
        "sennit-pure",
        "Sennit without extensions",
        "epoll",
        is_drawn=False,
        SENNIT_NO_EXTENSIONS=BUILDS["pure"],
    ),
    Program(
        "sennit-stream",
        "Sennit, stream transport",
        _example("epoll"),
        _PLAIN,
        environment={"SENNIT_NO_EXTENSIONS": BUILDS["stream"]},
        is_ours=True,
        is_drawn=False,
    ),
    Program(
        "sennit-coroutine",
        "Sennit, coroutine style",
        _coroutine,
        frozenset({"echo"}),
        can_compress=False,
        can_secure=False,
        is_ours=True,
        only=frozenset({"echo64", "pipe64", "idle5000"}),
        is_drawn=False,
    ),
    _python_peer("picows", "picows on uvloop", package="picows", can_compress=False),
    _python_peer("websockets", "websockets on uvloop", package="websockets"),
    _python_peer("aiohttp", "aiohttp on uvloop", package="aiohttp"),
    _python_peer("starlette", "Starlette on uvicorn", package="starlette"),
    _python_peer("autobahn", "Autobahn on Twisted", package="autobahn"),
    _python_peer("twisted", "twisted.web.websocket", package="wsproto", can_compress=False),
    Program("ws", "ws on Node", _node, _PLAIN, needs=NODE / "node_modules" / "ws"),
    Program(
        "centrifugo",
        "Centrifugo",
        _centrifugo,
        frozenset({"protocol"}),
        can_secure=False,
        needs=PROGRAMS / "centrifugo",
    ),
)
"""All of them; the limit first, and Sennit beside it."""


def choose(names: str) -> list[Program]:
    """Return the limit and the programs of these names; all for an empty string.

    Raises:
        UnknownProgramError: a name is of none.
    """
    if not names:
        return list(PROGRAMS_MEASURED)
    wanted = {LIMIT, *(name.strip() for name in names.split(","))}
    unknown = sorted(wanted - {program.name for program in PROGRAMS_MEASURED})
    if unknown:
        there = ", ".join(program.name for program in PROGRAMS_MEASURED)
        raise UnknownProgramError(f"{unknown[0]!r} is no program; there are {there}")
    return [program for program in PROGRAMS_MEASURED if program.name in wanted]
