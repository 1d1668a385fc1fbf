"""Calls from the server to one client, whose answers come back as an rpc of the client.

A call is a publication in a channel that only the server subscribes to, since that reaches an
application through every SDK; the protocol's own messages do not, in some of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import msgspec
from msgspec import Meta, Raw, Struct
from twisted.internet import defer
from twisted.internet.defer import Deferred, fail

from sennit.errors import ConnectionClosedError, ReplyError
from sennit.hub.payload import decode_payload, encode_payload
from sennit.model.code import ErrorCode, reply_error
from sennit.model.publication import Publication

if TYPE_CHECKING:
    from sennit.hub.hub import Hub
    from sennit.hub.session import Session

__all__ = ["ANSWER", "CALLS", "Calls"]

CALLS = "@sennit:call"
"""The channel that brings a client its calls. No namespace can have such a name."""

ANSWER = "@sennit:answer"
"""The rpc method by which a client answers."""


class _Call(Struct):
    """What a client is sent."""

    id: int
    method: str
    data: Raw


class _Error(Struct):
    """What a client says where it cannot answer."""

    # Of an application's own: what a handler lets through reaches another client as it is.
    code: Annotated[int, Meta(ge=400, le=1999)]
    message: str = ""
    temporary: bool = False


class _Answer(Struct):
    """What a client sends back: the one or the other."""

    id: int
    data: Raw = Raw(b"null")
    error: _Error | None = None


class _Question(Deferred[Any]):
    """One call that waits for its answer.

    Args:
        form: the type of the answer.
        forget: called when nobody waits any more.
    """

    def __init__(self, form: Any, forget: Any) -> None:
        super().__init__(lambda _: forget())
        self.form = form


class Calls:
    """The calls to one client that wait for their answers.

    Args:
        hub: the hub.
        session: the client.
    """

    __slots__ = ("_hub", "_number", "_open", "_session", "_waiting")

    def __init__(self, hub: Hub, session: Session) -> None:
        self._hub = hub
        self._session = session
        self._open = False
        self._number = 0
        self._waiting: dict[int, _Question] = {}

    def call(self, method: str, data: Any, timeout: float, form: Any) -> Deferred[Any]:
        """Call the client; see :meth:`sennit.hub.session.Session.call`."""
        if not timeout > 0 or timeout == float("inf"):
            raise ValueError(f"a call's timeout is more than 0 seconds, and an end, not {timeout}")
        session = self._session
        payload = encode_payload(data, binary=False)
        if session.ended or not session.connected:
            return fail(ConnectionClosedError(1006, "the client is not connected"))
        if len(self._waiting) >= self._hub.settings.call_limit:
            return fail(reply_error(ErrorCode.LIMIT_EXCEEDED, "too many calls wait for the client"))
        if not self._reach():
            return fail(reply_error(ErrorCode.NOT_AVAILABLE))
        if session.ended:  # by what was written
            return fail(ConnectionClosedError(1006, "the client does not read"))
        self._number = number = self._number + 1
        question = _Question(form, lambda: self._waiting.pop(number, None))
        self._waiting[number] = question
        question.addTimeout(timeout, self._hub.clock, _too_late(method))
        body = msgspec.json.encode(_Call(number, method, Raw(payload)))
        words = session.codec.encode_publication(CALLS, Publication(body, channel=CALLS))
        if words is not None:
            session.write(words)  # which may end the session, and with it this call
        return question

    def answer(self, data: bytes) -> bytes:
        """Take an answer of the client, and return what to tell it.

        Raises:
            ReplyError: 107, it is not an answer, or to no call that waits, or not of the type
                that the call wants; in the last case the call fails with the same error.
        """
        answer = decode_payload(data, _Answer)
        question = self._waiting.pop(answer.id, None)
        if question is None:
            raise reply_error(ErrorCode.BAD_REQUEST, f"no call {answer.id} waits for an answer")
        if answer.error is not None:
            error = answer.error
            question.errback(ReplyError(error.code, error.message, error.temporary))
            return b"null"
        try:
            value = decode_payload(bytes(answer.data), question.form)
        except ReplyError as error:
            question.errback(ReplyError(error.code, error.message))
            raise
        question.callback(value)
        return b"null"

    def close(self) -> None:
        """Fail what waits: the connection is over."""
        waiting, self._waiting = self._waiting, {}
        for question in waiting.values():
            question.errback(ConnectionClosedError(1006, "the client went before it answered"))

    def _reach(self) -> bool:
        """Open the channel at the first call; return whether the protocol has words for it."""
        if not self._open:
            words = self._session.codec.encode_subscribe(CALLS, None, False, None)
            if words is None:
                return False
            self._open = True
            self._session.write(words)
        return True


def _too_late(method: str) -> Any:
    def said(value: Any, timeout: float) -> Any:
        if cast("Any", value).check(defer.CancelledError):
            raise TimeoutError(f"the client has not answered {method} within {timeout} s")
        return value

    return said
