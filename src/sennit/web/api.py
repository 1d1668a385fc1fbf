"""The HTTP API (protocol, section 13): ``POST /api/<method>`` for whoever holds a key."""

# ruff: noqa: N802, N815 - Twisted calls these methods, and reads this attribute
from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from sennit.errors import ConfigurationError, HandshakeError, ReplyError
from sennit.model.code import ErrorCode, reply_error
from sennit.web.answer import answer
from sennit.web.api_message import REQUESTS, ErrorAnswer
from sennit.web.api_method import ApiMethods
from sennit.web.body import read_body

__all__ = ["Api", "ApiSettings", "ErrorMode"]

_log = Logger(namespace="sennit.api")

ErrorMode = Literal["body", "transport"]

_STATUSES = {
    ErrorCode.INTERNAL: 500,
    ErrorCode.UNKNOWN_CHANNEL: 404,
    ErrorCode.METHOD_NOT_FOUND: 404,
    ErrorCode.TOO_MANY_REQUESTS: 429,
    ErrorCode.UNRECOVERABLE_POSITION: 416,
    ErrorCode.CONCURRENT_PAGINATION: 409,
}
"""Statuses of errors in the mode ``transport``; 400 for any other."""
_SERVER_ERROR = 500
_JSON = "application/json"
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """Who may use the HTTP API, and how it says what went wrong.

    Attributes:
        keys: any of these opens it; several, so that they can be changed one after the other.
            Without one there is no API.
        error_mode: how a failed call is answered: ``"body"``, status 200 and the error in the
            body, or ``"transport"``, by the status. A request can choose the second by the header
            ``X-Centrifugo-Error-Mode: transport``.

    Raises:
        ConfigurationError: a key is empty, or cannot be said in a header.
    """

    keys: tuple[str, ...] = ()
    error_mode: ErrorMode = "body"

    def __post_init__(self) -> None:
        for key in self.keys:
            if not key:
                raise ConfigurationError("an api key is not empty")
            if not (key.isascii() and key.isprintable()) or key != key.strip():
                # No header could carry it. It is a secret, so it is not repeated here.
                raise ConfigurationError("an api key is printable ASCII, with no space around it")


class Api(Resource):
    """Everything below ``/api/``.

    Args:
        settings: the keys.
        methods: what can be called.
        max_body: bytes of a request's body.
        check_open: raises ``HandshakeError`` as long as nothing can be called.
        describe: makes the OpenAPI description.
    """

    def __init__(
        self,
        settings: ApiSettings,
        methods: ApiMethods,
        max_body: int,
        check_open: Callable[[], None],
        describe: Callable[[], bytes],
    ) -> None:
        Resource.__init__(self)
        self.putChild(b"openapi.json", _Description(describe))
        self._settings = settings
        self._methods = methods
        self._max_body = max_body
        self._check_open = check_open

    def getChild(self, path: bytes, request: Request) -> Resource:  # noqa: ARG002 - Twisted's form
        """Return one method, whatever its name."""
        return self._method(path.decode("latin-1"))

    def render(self, request: Request) -> bytes | int:
        """Answer as to a method of no name: there is none."""
        return self._method("").render(request)

    def _method(self, name: str) -> _Method:
        return _Method(name, self._settings, self._methods, self._max_body, self._check_open)


class _Description(Resource):
    """Answers with the OpenAPI description; there is nothing secret in it."""

    isLeaf = True

    def __init__(self, describe: Callable[[], bytes]) -> None:
        Resource.__init__(self)
        self._describe = describe

    def render_GET(self, request: Request) -> bytes:
        """Answer GET and HEAD."""
        return answer(request, self._describe(), kind=_JSON)


class _Method(Resource):
    """One call."""

    isLeaf = True

    def __init__(
        self,
        name: str,
        settings: ApiSettings,
        methods: ApiMethods,
        max_body: int,
        check_open: Callable[[], None],
    ) -> None:
        Resource.__init__(self)
        self._name = name
        self._settings = settings
        self._methods = methods
        self._max_body = max_body
        self._check_open = check_open

    def render(self, request: Request) -> bytes | int:
        """Check the request, and call."""
        if not self._is_allowed(request):
            return answer(request, b"", status=401, kind=_JSON)
        try:
            asked = self._read(request)
        except HandshakeError as error:
            return _refuse(request, error)
        except ReplyError as error:
            return self._finish(request, ErrorAnswer.of(error))
        gone = request.notifyFinish()
        gone.addErrback(lambda _: None)

        def done(outcome: Any) -> None:
            # What was begun is brought to its end; who does not wait for it is not told.
            if not gone.called:
                body = self._finish(request, outcome)
                request.responseHeaders.setRawHeaders("Content-Length", [str(len(body))])
                request.write(body)
                request.finish()

        Deferred.fromCoroutine(self._methods.call(self._name, asked)).addCallback(done)
        return NOT_DONE_YET

    def _read(self, request: Request) -> Any:
        """Return what is asked.

        Raises:
            HandshakeError: it is no call, with the HTTP status.
            ReplyError: 104, there is no such method; 107, it is not asked like this.
        """
        if request.method != b"POST":
            raise HandshakeError(405, "a method is called by POST", (("Allow", "POST"),))
        self._check_open()
        body = read_body(request, self._max_body)
        form = REQUESTS.get(self._name)
        if form is None or request.postpath:
            raise reply_error(ErrorCode.METHOD_NOT_FOUND)
        try:
            body.decode()  # Of a payload, which is passed on as it is, the decoder leaves it out.
            return msgspec.json.decode(body or b"{}", type=form)
        except msgspec.ValidationError as error:
            raise reply_error(ErrorCode.BAD_REQUEST, f"bad request: {error}") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise HandshakeError(400, f"the body is not JSON: {error}") from error

    def _is_allowed(self, request: Request) -> bool:
        headers = request.requestHeaders
        given = headers.getRawHeaders(b"X-API-Key", [b""])[0]
        scheme, _, credentials = headers.getRawHeaders(b"Authorization", [b""])[0].partition(b" ")
        if not given and scheme.lower() == b"apikey":
            given = credentials.strip()
        given = given or (request.args or {}).get(b"api_key", [b""])[0]
        # All of them, so that the time says nothing of which one is nearly right.
        matches = [hmac.compare_digest(key.encode(), given) for key in self._settings.keys]
        return any(matches)

    def _finish(self, request: Request, outcome: Any) -> bytes:
        """Set the head of the answer to a call, and return its body."""
        if not isinstance(outcome, ErrorAnswer):
            # A batch is answered without the envelope.
            whole = outcome if self._name == "batch" else {"result": outcome}
            return self._write(request, whole)
        asked = request.requestHeaders.getRawHeaders(b"X-Centrifugo-Error-Mode", [b""])[0]
        if asked == b"transport" or self._settings.error_mode == "transport":
            status = _STATUSES.get(outcome.code, 400)  # type: ignore[call-overload]
            return self._write(request, outcome, status)
        return self._write(request, {"error": outcome})

    def _write(self, request: Request, whole: Any, status: int = 200) -> bytes:
        try:
            body = _encoder.encode(whole)
        except UnicodeEncodeError:
            # The application has a text with half a character in it. Nobody is to wait for ever.
            _log.failure("the answer of the api method {name} is no JSON", name=self._name)
            return self._finish(request, ErrorAnswer.of(reply_error(ErrorCode.INTERNAL)))
        return answer(request, body, status=status, kind=_JSON)


def _refuse(request: Request, error: HandshakeError) -> bytes:
    """Answer a request that is no call."""
    for name, value in error.headers:
        request.responseHeaders.setRawHeaders(name, [value])
    code = ErrorCode.INTERNAL if error.status >= _SERVER_ERROR else ErrorCode.BAD_REQUEST
    body = _encoder.encode(ErrorAnswer(code, error.reason))
    return answer(request, body, status=error.status, kind=_JSON)
