"""Ends spoken for by other libraries, in processes of their own, and a certificate for TLS."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.live.process import Process, wait_for_port
from tests.live.requirement import require_node

COMPRESSION = ("off", "on")
"""What is tested; take ``on`` out to test without compression alone."""

PATIENCE = 15.0
"""Seconds for a server to tell how a connection has ended."""
JS = Path(__file__).with_name("js")
OURS = "sennit"
THEIRS = ("websockets", "aiohttp", "autobahn", "ws")
"""The libraries that speak both roles."""


@dataclass(frozen=True)
class Certificate:
    """Files of a certificate for 127.0.0.1, which has signed itself.

    Attributes:
        path: the certificate.
        key: its key.
    """

    path: Path
    key: Path


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Return a new one."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    files = Certificate(folder / "certificate.pem", folder / "key.pem")
    files.path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


class Stage:
    """Starts the ends, and ends them.

    Args:
        certificate: for those that speak TLS.
        new_port: finds ports.
    """

    def __init__(self, certificate: Certificate, new_port: Callable[[], int]) -> None:
        self._certificate = certificate
        self._new_port = new_port
        self._servers: dict[tuple[str, bool, str], tuple[str, Process]] = {}

    def server(self, name: str, tls: bool, compression: str) -> tuple[str, Process]:
        """Return a server's URL and process; it is started once and used again."""
        key = (name, tls, compression)
        if key not in self._servers:
            port = self._new_port()
            files = ["--certificate", self._certificate.path, "--key", self._certificate.key]
            process = self._start(name, str(port), compression, files if tls else [])
            self._servers[key] = (f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/", process)
            wait_for_port(port)
        return self._servers[key]

    def converse(self, name: str, url: str, compression: str) -> list[dict[str, Any]]:
        """Run a client against a server and return its reports: of the two ways to close."""
        trust = ["--certificate", self._certificate.path] if url.startswith("wss") else []
        process = self._start(name, url, compression, trust)
        try:
            status = process.wait(30)
        finally:
            process.stop()
        assert status == 0, process.output
        return [
            json.loads(line.removeprefix("report "))
            for line in process.lines
            if line.startswith("report ")
        ]

    def _start(self, name: str, where: str, compression: str, files: list[Any]) -> Process:
        if name == "ws":
            command = [str(require_node(JS).program), str(JS / "peer.mjs")]
        else:
            command = ["-m", f"tests.live.interop.peer.{name}_peer"]
        return Process([*command, where, "--compression", compression, *files])

    def close(self) -> None:
        """End the servers."""
        for _, process in self._servers.values():
            process.stop()


@pytest.fixture(scope="module")
def stage(certificate: Certificate, new_port: Callable[[], int]) -> Iterator[Stage]:
    """Return the stage of a module's tests."""
    made = Stage(certificate, new_port)
    yield made
    made.close()


def closings(process: Process, beginning: int, count: int) -> list[list[Any]]:
    """Wait for a server's words on how connections ended, and return them.

    Args:
        process: the server.
        beginning: how many it has said before.
        count: how many more to wait for.
    """
    deadline = time.monotonic() + PATIENCE
    while len(told := _closed(process)) < beginning + count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not closed {count} times:\n{process.output}")
        time.sleep(0.02)
    return told[beginning:]


def closed_before(process: Process) -> int:
    """Return how often a server has told how a connection ended."""
    return len(_closed(process))


def _closed(process: Process) -> list[list[Any]]:
    return [
        json.loads(line.removeprefix("closed "))
        for line in process.lines
        if line.startswith("closed ")
    ]
