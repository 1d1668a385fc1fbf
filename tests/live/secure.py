"""A peer that speaks TLS over a socket, with each of its bytes in a test's hands."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import Any, Self

from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory

from sennit.net.native import native_tls
from tests.certificate import make_certificate
from tests.double import LogKeeper
from tests.live.test_group import House, Recorder

if native_tls():
    from sennit.net._tls import adopt

__all__ = ["HOST", "SecureHouse", "SecurePeer", "client_context"]

HOST = "localhost"
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def client_context(version: str = "1.3") -> ssl.SSLContext:
    """Return the settings of a client that trusts everybody, and speaks one version."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = VERSIONS[version]
    return context


class SecurePeer:
    """A client of TLS on a socket that does not block.

    Args:
        line: the socket.
        context: its settings.
        name: whom it asks for.

    Attributes:
        heard: what it has got.
        farewell: whether the other side has said that this is all.
        ended: whether nothing more comes.
    """

    def __init__(
        self, line: socket.socket, context: ssl.SSLContext, name: str | None = None
    ) -> None:
        line.setblocking(False)
        self.line = line
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self.heard = b""
        self.farewell = self.ended = self.secured = False

    def records(self) -> bytes:
        """Take what is to be sent."""
        return self._outgoing.read()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        if data:
            assert self.line.send(data) == len(data)

    def say(self, data: bytes) -> None:
        """Send something over TLS."""
        self.tls.write(data)
        self.send(self.records())

    def take(self) -> bool:
        """Take what came on the line, and return whether anything did."""
        try:
            data = self.line.recv(1 << 16)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            data = b""
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
            self.ended = True
        return bool(data)

    def shake(self) -> bool:
        """Go on with the handshake, and return whether it is done on this side."""
        self.take()
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        else:
            self.secured = True
        self.send(self.records())
        return self.secured

    def hear(self) -> bytes:
        """Read what is there by now, and return all that was heard so far."""
        while self.take():
            pass
        try:
            while piece := self.tls.read(1 << 16):
                self.heard += piece
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            pass
        else:
            self.farewell = True
        if not self.ended:
            self.send(self.records())
        return self.heard

    def leave(self) -> None:
        """Say farewell, without waiting for an answer."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        self.send(self.records())


class SecureHouse(House):
    """A group with pairs of sockets that speak TLS."""

    @contextlib.contextmanager
    def open(self) -> Iterator[Self]:
        """Close all in the end, and see that nothing is left in the reactor."""
        with LogKeeper() as log:
            yield self
            for peer in self.peers:
                peer.close()
            for recorder in self.recorders:
                recorder.transport.abortConnection()
            self.wait(lambda: len(self.group) == 0)
        assert [failure.type for failure in log.failures()] == self.failures
        assert self.group not in self.loop.reactor.getReaders()

    def factory(self, options: Any = None) -> Any:
        """Return what makes connections of a server."""
        chosen = options or make_certificate(HOST).options()
        return TLSMemoryBIOFactory(chosen, False, Factory(), clock=self.loop.reactor)

    def silent(
        self,
        version: str = "1.3",
        *,
        kind: type[Recorder] = Recorder,
        room: int | None = None,
        options: Any = None,
        context: ssl.SSLContext | None = None,
        name: str | None = None,
    ) -> tuple[Any, SecurePeer]:
        """Return a protocol, and its peer, who has said nothing yet."""
        ours, line = socket.socketpair()
        for end in (ours, line):
            end.setblocking(False)
            if room is not None:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self.peers.append(line)
        made = adopt(self.group, ours.detach(), self.factory(options))
        self.recorders.append(kind(made))
        return self.recorders[-1], SecurePeer(line, context or client_context(version), name)

    def secure(self, version: str = "1.3", **options: Any) -> tuple[Any, SecurePeer]:
        """Return a protocol and its peer, with TLS between them."""
        recorder, peer = self.silent(version, **options)
        self.wait(peer.shake)
        if version == "1.2":
            return recorder, peer
        # The server has yet to hear the end of it.
        handle = recorder.transport.getHandle()
        self.wait(lambda: handle.get_finished() is not None and handle.get_peer_finished())
        return recorder, peer
