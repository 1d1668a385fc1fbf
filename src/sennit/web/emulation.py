"""Where clients read a response without end, and where they speak: HTTP streaming, SSE, uplinks."""

# ruff: noqa: N815 - Twisted reads this attribute
from __future__ import annotations

from typing import Any, NamedTuple

from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from sennit.errors import HandshakeError, RemoteProtocolError
from sennit.interfaces import Forwarded, Forwarder, Framing, StreamMount
from sennit.net.limit import RETRY_AFTER
from sennit.net.reception import Reception, Visit
from sennit.net.upgrade import head_of
from sennit.web.body import read_body
from sennit.web.framing import EVENTS, LINES, MESSAGES
from sennit.web.origin import (
    allow_page,
    check_fetch,
    empty,
    preflight,
    refuse_method,
    refuse_page,
)
from sennit.web.relay import Relay
from sennit.web.stream import ResponseStream

__all__ = ["EventResource", "StreamResource", "UplinkResource"]

_BINARY = "application/octet-stream"


class _Beginning(NamedTuple):
    """How a connection begins: in which format, and with which frame."""

    first: bytes
    framing: Framing
    kind: str
    binary: bool = False
    greeting: bytes = b""


class StreamResource(Resource):
    """HTTP streaming: ``POST``, whose body is the first frame; the response has all that follows.

    The body is JSON, or Protobuf where its Content-Type is ``application/octet-stream``. It has
    at most ``max_message`` bytes, and more gets 413.

    Args:
        mount: what decides and handles.
        relay: where sessions are noted for their uplinks.
        reactor: the time.
        reception: the bounds, which are those of WebSockets too.
    """

    isLeaf = True
    methods: tuple[str, ...] = ("POST",)

    def __init__(
        self, mount: StreamMount, relay: Relay, reactor: IReactorTime, reception: Reception
    ) -> None:
        Resource.__init__(self)
        self._mount = mount
        self._relay = relay
        self._clock = reactor
        self._reception = reception

    def render(self, request: Request) -> bytes | int:
        """Answer, for a long time if all is well."""
        try:
            if _check_page(self._reception, request):
                return preflight(request, self.methods)
            if request.method.decode("latin-1") not in self.methods:
                raise refuse_method(self.methods)
            self._open(request, self._begin(request))
        except HandshakeError as error:
            return refuse_page(request, error)
        return NOT_DONE_YET

    def _begin(self, request: Request) -> _Beginning:
        body = read_body(request, self._reception.settings.max_message)
        if _is_binary(request):
            return _Beginning(body, MESSAGES, _BINARY, binary=True)
        return _Beginning(body, LINES, "application/json")

    def _open(self, request: Request, beginning: _Beginning) -> None:
        if not beginning.first:
            raise HandshakeError(400, "there is no command to begin with")
        visit = self._reception.admit(
            head_of(request), address=request.getClientAddress(), secure=request.isSecure()
        )
        try:
            self._stream(request, visit, beginning)
        except HandshakeError:
            visit.leave()
            raise
        except Exception as error:
            visit.leave()
            raise self._reception.refusal(error) from error

    def _stream(self, request: Request, visit: Visit, beginning: _Beginning) -> None:
        relay, reception = self._relay, self._reception
        session = relay.new_session()
        streamed = self._mount.open_stream(
            visit.request, binary=beginning.binary, session=session, node=relay.node
        )

        def ended(stream: ResponseStream, unread: bool) -> None:
            relay.discard(session, unread)
            visit.leave()
            reception.responses.discard(stream)

        stream = ResponseStream(
            self._clock,
            request,
            streamed,
            beginning.framing,
            binary=beginning.binary,
            close_timeout=reception.settings.close_timeout,
            ended=ended,
        )
        relay.add(session, stream)
        reception.responses.add(stream)
        _set_head(request, beginning.kind)
        stream.begin(beginning.greeting, beginning.first)


class EventResource(StreamResource):
    """Server-sent events: ``GET`` with the first frame in the query's ``cf_connect``, or ``POST``.

    The format is JSON.
    """

    methods = ("GET", "POST")

    def _begin(self, request: Request) -> _Beginning:
        if request.method == b"GET":
            check_fetch(request)
            values: list[bytes] = (request.args or {}).get(b"cf_connect", [])
            first = values[0] if values else b""
        else:
            first = read_body(request, self._reception.settings.max_message)
        return _Beginning(first, EVENTS, "text/event-stream", greeting=b"\n")


class UplinkResource(Resource):
    """What clients of these say: ``POST`` of a frame, and for whom it is. The answer is 204.

    Where a session has too much to do the answer waits, and with too many that wait it is 429. An
    uplink that cannot be read gets 400, one over ``max_message`` bytes 413; 404 is for a node that
    there is not, 500 for a session: SDKs begin anew on these two.

    Args:
        mount: reads the bodies.
        forwarder: brings the frames to their sessions.
        reception: knows which pages may come.
    """

    isLeaf = True
    methods: tuple[str, ...] = ("POST",)

    def __init__(self, mount: StreamMount, forwarder: Forwarder, reception: Reception) -> None:
        Resource.__init__(self)
        self._mount = mount
        self._forwarder = forwarder
        self._reception = reception

    def render(self, request: Request) -> bytes | int:
        """Answer, now or once the session has taken the frame."""
        try:
            if _check_page(self._reception, request):
                return preflight(request, self.methods)
            if request.method != b"POST":
                raise refuse_method(self.methods)
            body = read_body(request, self._reception.settings.max_message)
            try:
                frame = self._mount.read_uplink(body, binary=_is_binary(request))
            except RemoteProtocolError as error:
                raise HandshakeError(400, error.reason) from error
        except HandshakeError as error:
            return refuse_page(request, error)
        gone: list[Failure] = []
        request.notifyFinish().addErrback(gone.append)
        self._forwarder.forward(frame).addCallback(self._answer, request, gone)
        return NOT_DONE_YET

    def _answer(self, what: Forwarded, request: Any, gone: list[Failure]) -> None:
        if gone:
            return
        if what == "taken":
            empty(request, 204)
            return
        request.write(refuse_page(request, _REFUSALS[what]))
        request.finish()


_REFUSALS: dict[Forwarded, HandshakeError] = {
    "full": HandshakeError(429, "the session has too much to do", (RETRY_AFTER,)),
    "unknown node": HandshakeError(404, "there is no such node"),
    "unknown session": HandshakeError(500, "there is no such session"),
}


def _check_page(reception: Reception, request: Request) -> bool:
    """Check where a request comes from, and return whether it only asks if it may come.

    Raises:
        HandshakeError: 403, it may not; 400, its head is not one.
    """
    reception.check_page(
        head_of(request), address=request.getClientAddress(), secure=request.isSecure()
    )
    allow_page(request)
    return bool(request.method == b"OPTIONS")


def _is_binary(request: Request) -> bool:
    kind = (request.getHeader(b"content-type") or b"").decode("latin-1")
    return kind.partition(";")[0].strip().lower() == _BINARY


def _set_head(request: Request, kind: str) -> None:
    headers = request.responseHeaders
    for name, value in (
        ("Server", "Sennit"),
        ("Content-Type", kind),
        # No one on the way may keep it, change it, or wait for more of it.
        ("Cache-Control", "no-store, no-transform"),
        ("X-Accel-Buffering", "no"),
        ("X-Content-Type-Options", "nosniff"),
    ):
        headers.setRawHeaders(name, [value])
