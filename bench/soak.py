"""Whether anything stays behind after very many connections and messages; see README.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.certificate import make_certificate
from bench.memory import read_memory
from bench.native import CompilerMissingError, compile_native
from bench.outcome import LoadError
from bench.place import BUILD
from bench.process import StartError
from bench.program import Program, UnknownProgramError, choose
from bench.trial import Laboratory, pick_cores
from bench.workload import choose_workloads

__all__ = ["Sample", "judge", "soak"]

CONNECTIONS = 200_000
MESSAGES = 10_000_000
STINT = 2.0
"""Seconds of connections, then as many of messages, and so on."""
GROWTH = 1024 * 1024
"""Bytes of memory that may come and go: an allocator's, not one for each connection."""
WARM = 0.2
"""The share of it all after which a server has what it needs."""


@dataclass(frozen=True)
class Sample:
    """A server at rest.

    Attributes:
        connections: how many it has had so far, all of them gone.
        messages: how many it has echoed so far.
        memory: bytes of memory of its own.
        descriptors: how many files and sockets it has open.
    """

    connections: int
    messages: int
    memory: int
    descriptors: int


def soak(
    laboratory: Laboratory, program: Program, connections: int, messages: int
) -> Iterator[Sample]:
    """Load one server with both by turns, until it has had as many, and yield how it rests.

    The connections of a stint are dropped by the peer, some in their handshake; those of the
    messages with up to sixteen on their way on each.

    Args:
        laboratory: where; its ``seconds`` are those of a stint.
        program: what serves.
        connections: how many at least.
        messages: likewise.

    Raises:
        StartError: it does not start.
        LoadError: it does not do what it should, or has ended.
    """
    echo, handshake = choose_workloads("pipe64,handshake")
    opened = echoed = 0
    with laboratory.serve(program, echo) as (server, port):
        while opened < connections or echoed < messages:
            if opened < connections:
                opened += laboratory.load(handshake, server, port).operations
            if echoed < messages:
                echoed += laboratory.load(echo, server, port).operations
            server.settle()
            if not server.is_running:
                raise LoadError(f"it has ended: {server.output}")
            descriptors = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
            yield Sample(opened, echoed, read_memory(server.pid).uss, descriptors)


def judge(samples: Sequence[Sample]) -> list[str]:
    """Return what stays behind, each a sentence; nothing if all is well."""
    end = samples[-1]
    warm = [
        sample
        for sample in samples
        if sample.connections >= WARM * end.connections and sample.messages >= WARM * end.messages
    ]
    found = []
    if end.descriptors > samples[0].descriptors:
        found.append(f"{end.descriptors - samples[0].descriptors} descriptors were left open")
    if end.memory - warm[0].memory > GROWTH:
        found.append(f"memory has grown by {end.memory - warm[0].memory:,} bytes")
    return found


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--connections", type=int, default=CONNECTIONS, metavar="N")
    parser.add_argument("--messages", type=int, default=MESSAGES, metavar="N")
    parser.add_argument("--program", default="sennit", metavar="NAMES", help="sennit,sennit-pure")
    chosen = parser.parse_args(arguments)
    try:
        programs = [one for one in choose(chosen.program) if one.is_ours]
        native = compile_native()
    except UnknownProgramError as error:
        parser.error(str(error))
    except CompilerMissingError as error:
        _say(f"The load generator is in C: {error}")
        return 1
    laboratory = Laboratory(native, make_certificate(BUILD), pick_cores(), STINT, 0.1)
    status = 0
    for program in programs:
        samples: list[Sample] = []
        try:
            for sample in soak(laboratory, program, chosen.connections, chosen.messages):
                samples.append(sample)
                _say(
                    f"{program.name:15} {sample.connections:10,} connections"
                    f" {sample.messages:12,} messages {sample.memory / 1024:10,.0f} KiB"
                    f" {sample.descriptors:4} descriptors"
                )
        except (LoadError, StartError) as error:
            found = [str(error)]
        else:
            found = judge(samples)
        status |= bool(found)
        _say(f"{program.title}: {', '.join(found) or 'nothing stays behind'}")
    return status


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
