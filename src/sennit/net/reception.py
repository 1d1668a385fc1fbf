"""Who decides about handshakes: the checks, the bounds, the mount, in its own time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from sennit.engine.handshake import Request
from sennit.errors import HandshakeError
from sennit.interfaces import Accepted, Mount
from sennit.model.request import ConnectionRequest
from sennit.net.limit import RETRY_AFTER, Limits
from sennit.net.opening import (
    Handshake,
    check_handshake,
    check_page,
    check_refusal,
    describe_request,
    open_stream,
)
from sennit.net.peer import Peer, counted_address, describe_address, parse_proxies
from sennit.net.roster import Closable, Roster
from sennit.net.setting import WebSocketSettings
from sennit.net.stream_transport import StreamTransport

__all__ = ["Reception", "Visit", "going_away"]

_log = Logger(namespace="sennit.net")


def going_away() -> HandshakeError:
    """Return what a client hears that comes while the server closes."""
    return HandshakeError(503, "the server is going away", (RETRY_AFTER,))


class Visit(NamedTuple):
    """A connection that is no WebSocket, and has a place as if it were one.

    Attributes:
        request: how it began.
        leave: gives the place back; to be called once.
    """

    request: ConnectionRequest
    leave: Callable[[], None]


class Reception:
    """Opens connections, for a port or for a resource: every way in behaves alike.

    Args:
        clock: the time.
        settings: bounds and times.
        pages: whether pages are served on the same port.

    Attributes:
        limits: how many there are, and were refused.
        streams: the open connections.
        responses: the connections that are no WebSockets; whoever lets one in adds it.
        closing: whether nobody is let in any more.
        is_simple: whether everybody is who they seem to be, and none is counted by address.
    """

    def __init__(
        self, clock: IReactorTime, settings: WebSocketSettings, *, pages: bool = False
    ) -> None:
        self.clock = clock
        self.settings = settings
        self.limits = Limits(settings, pages=pages)
        self.streams: Roster[StreamTransport] = Roster()
        self.responses: Roster[Closable] = Roster()
        self.closing = False
        proxies = tuple(settings.trusted_proxies)
        self._proxies = parse_proxies(proxies) if proxies else None
        self._counting = settings.max_per_address is not None
        self.is_simple = self._proxies is None and not self._counting
        self._undecided: dict[_Decision, None] = {}
        self._on_end = self._ended

    def counted(self, address: object) -> bytes | None:
        """Return what stands for a connection's own address, if it is counted by address.

        A trusted proxy's is not: its connections are those of many.
        """
        if not self._counting or (self._proxies is not None and self._proxies.trusts(address)):
            return None
        return counted_address(address)

    def open(
        self, mount: Mount, request: Request, *, address: object, secure: bool, fresh: bool = False
    ) -> StreamTransport | Deferred[StreamTransport]:
        """Check a handshake, ask the mount, and return the connection, not connected yet.

        Args:
            mount: what decides and handles.
            request: the head.
            address: the peer's, as Twisted has it, or as text.
            secure: whether TLS protects the connection.
            fresh: whether nothing was written to the transport before.

        Returns:
            The connection; from a mount that takes its time a Deferred, which may fail with
            :class:`HandshakeError`, and should be cancelled when the client goes away.

        Raises:
            HandshakeError: it is refused; with 500 if the mount failed, which is logged.
        """
        peer = self._peer(request, address, secure)
        handshake = check_handshake(request, self.settings, peer)
        if self.closing:
            raise going_away()
        counted = peer.counted
        self.limits.admit(counted)
        try:
            answer = mount.open(handshake.request)
            if not isinstance(answer, Deferred):
                return self._accept(handshake, fresh, counted, answer)
        except Exception as error:
            self.limits.release(counted)
            raise self.refusal(error) from error
        accept = partial(self._accept, handshake, fresh, counted)
        return _Decision(self, answer, accept, partial(self.limits.release, counted)).outcome()

    def check_page(self, request: Request, *, address: object, secure: bool) -> None:
        """Check where a request comes from that opens no connection.

        Raises:
            HandshakeError: 403, its origin is not allowed.
        """
        check_page(request, self.settings, self._peer(request, address, secure))

    def admit(self, request: Request, *, address: object, secure: bool) -> Visit:
        """Check a request for a connection that is no WebSocket, and give it a place.

        Args:
            request: the head.
            address: the peer's, as Twisted has it.
            secure: whether TLS protects the connection.

        Raises:
            HandshakeError: it is refused: 403 for its origin, 429 or 503 for want of room.
        """
        peer = self._peer(request, address, secure)
        check_page(request, self.settings, peer)
        if self.closing:
            raise going_away()
        counted = peer.counted
        self.limits.admit(counted)
        self.limits.accepted += 1
        return Visit(describe_request(request, peer), partial(self.limits.release, counted))

    def close(self) -> None:
        """Let nobody in any more: whose handshake is not decided about gets 503."""
        self.closing = True
        for decision in tuple(self._undecided):
            decision.refuse(going_away())

    def refusal(
        self, error: BaseException | None, failure: Failure | None = None
    ) -> HandshakeError:
        """Return how a client is refused whose mount refused it, or failed, which is logged.

        Args:
            error: what the mount raised.
            failure: with its traceback; ``None`` for the exception that is being handled.
        """
        if isinstance(error, HandshakeError):
            try:
                check_refusal(error)
            except Exception:
                failure = Failure()
            else:
                return error
        _log.failure("a handshake failed on our side", failure)
        return HandshakeError(500, "internal server error")

    def _peer(self, request: Request, address: object, secure: bool) -> Peer:
        proxies = self._proxies
        if proxies is not None and proxies.trusts(address):
            return proxies.peer(address, request, secure=secure)
        counted = counted_address(address) if self._counting else None
        text = address if isinstance(address, str) else describe_address(address)
        return Peer(text, counted, secure)

    def _accept(
        self, handshake: Handshake, fresh: bool, counted: bytes | None, accepted: Accepted
    ) -> StreamTransport:
        # A connection that is not counted by address needs no memory for it.
        on_end = self._on_end if counted is None else partial(self._ended, counted=counted)
        stream = open_stream(
            self.clock, handshake, accepted, self.settings, fresh=fresh, on_end=on_end
        )
        self.streams.add(stream)
        self.limits.accepted += 1
        return stream

    def _ended(self, stream: StreamTransport, counted: bytes | None = None) -> None:
        self.limits.release(counted)
        self.streams.discard(stream)


class _Decision:
    """A mount's answer that may take its time: it has a deadline, and may be called off.

    Args:
        reception: whose it is.
        answer: the mount's.
        accept: makes the connection of what the mount answers.
        release: gives the client's place back, if there is no connection.
    """

    def __init__(
        self,
        reception: Reception,
        answer: Deferred[Accepted],
        accept: Callable[[Accepted], StreamTransport],
        release: Callable[[], None],
    ) -> None:
        self._reception = reception
        self._answer = answer
        self._accept = accept
        self._release = release
        self._done = False
        self._result: StreamTransport | HandshakeError | None = None
        self._opened: Deferred[StreamTransport] = Deferred(self._call_off)
        self._awaited = False
        self._timer: IDelayedCall | None = None
        answer.addCallbacks(self._taken, self._failed)

    def outcome(self) -> StreamTransport | Deferred[StreamTransport]:
        """Return the connection if it is there already, else what will bring it.

        Raises:
            HandshakeError: it is refused already.
        """
        if isinstance(self._result, HandshakeError):
            raise self._result
        if self._result is not None:
            return self._result
        reception = self._reception
        settings = reception.settings
        self._awaited = True
        reception._undecided[self] = None  # noqa: SLF001 - one module, one trade
        self._timer = reception.clock.callLater(settings.handshake_timeout, self._too_slow)
        return self._opened

    def refuse(self, error: HandshakeError) -> None:
        """Refuse the client, whatever the mount would have said."""
        self._end()
        self._opened.errback(error)
        self._answer.cancel()

    def _taken(self, accepted: Accepted) -> None:
        if self._done:
            return  # Too late.
        try:
            stream = self._accept(accepted)
        except Exception as error:
            self._conclude(self._reception.refusal(error))
        else:
            self._conclude(stream)

    def _failed(self, failure: Failure) -> None:
        if not self._done:
            self._conclude(self._reception.refusal(failure.value, failure))
        elif not failure.check(CancelledError, HandshakeError):
            _log.failure("a handshake that was called off failed on our side", failure)

    def _conclude(self, result: StreamTransport | HandshakeError) -> None:
        self._result = result
        self._end()
        if not self._awaited:
            return
        if isinstance(result, HandshakeError):
            self._opened.errback(result)
        else:
            self._opened.callback(result)

    def _end(self) -> None:
        self._done = True
        self._reception._undecided.pop(self, None)  # noqa: SLF001 - one module, one trade
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not isinstance(self._result, StreamTransport):
            self._release()

    def _too_slow(self) -> None:
        self._timer = None
        reception = self._reception
        reception.limits.count_refusal("handshake_timeout")
        seconds = reception.settings.handshake_timeout
        _log.warn("a handshake was not decided about in {seconds} seconds", seconds=seconds)
        self.refuse(HandshakeError(503, "the server took too long to decide", (RETRY_AFTER,)))

    def _call_off(self, _opened: Deferred[StreamTransport]) -> None:
        """The client is gone."""
        if not self._done:
            self._end()
            self._answer.cancel()
