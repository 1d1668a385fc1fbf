"""A new connection on which one thing is asked before somebody else has it."""

# ruff: noqa: N802 - Twisted calls these methods
from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IStreamClientEndpoint, ITransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from sennit.errors import HandshakeError
from sennit.net.answer import AnswerReader
from sennit.net.outlet import abort
from sennit.net.tls import explain

__all__ = ["Exchange"]

A = TypeVar("A")
R = TypeVar("R")


class Exchange(Protocol, Generic[A, R]):
    """Connects, asks, reads the answer, and hands the connection on.

    Whatever comes of it, nothing is left behind: neither an attempt to connect nor a connection.

    Args:
        question: written first.
        answer: reads what comes back.
        take_over: called with what the reader made of the answer. Returns the protocol that has
            the connection from then on, and what the Deferred fires with.
    """

    def __init__(
        self,
        question: bytes,
        answer: AnswerReader[A],
        take_over: Callable[[A], tuple[IProtocol, R]],
    ) -> None:
        self._question = question
        self._answer = answer
        self._take_over = take_over
        self._done: Deferred[R] | None = None
        self._attempt: Deferred[Any]
        self._heir: IProtocol | None = None

    @property
    def refusal(self) -> HandshakeError | None:
        """The refusal that was read, with what there is of its body."""
        return self._answer.refusal

    def begin(self, endpoint: IStreamClientEndpoint) -> Deferred[R]:
        """Connect and ask.

        Returns:
            Fires when the connection was handed on. Cancelling it before lets go of everything.
            Fails with what connecting failed with, or with :class:`HandshakeError`.
        """
        done: Deferred[R] = Deferred(lambda _: self._let_go())
        self._done = done
        factory = Factory[Any].forProtocol(lambda: self)
        factory.noisy = False
        self._attempt = endpoint.connect(factory)
        self._attempt.addCallbacks(lambda _: None, self._fail)
        return done

    # -- Twisted's side --------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Ask."""
        transport: Any = self.transport
        if self._done is None:  # It was given up in the meantime.
            abort(transport)
            return
        if hasattr(transport, "setTcpNoDelay"):
            transport.setTcpNoDelay(True)
        transport.write(self._question)

    def dataReceived(self, data: bytes) -> None:
        """Read the answer."""
        if self._heir is not None:
            self._heir.dataReceived(data)  # An exchange below this one calls this method still.
            return
        if self._done is None:
            return
        try:
            complete = self._answer.receive(data)
        except HandshakeError:
            self._refuse(Failure())
        else:
            if complete is not None:
                self._hand_on(*complete)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        if self._heir is not None:
            self._heir.connectionLost(reason)
            return
        error = self._answer.refusal
        if error is None:
            who, why = self._answer.who, explain(reason)
            error = HandshakeError(0, f"the connection ended before {who}'s answer: {why}")
            error.__cause__ = reason.value
        self._fail(Failure(error))

    # -- what comes of it ------------------------------------------------------------------------

    def _hand_on(self, result: A, rest: bytes) -> None:
        done, self._done = self._done, None
        try:
            heir, outcome = self._take_over(result)
            self._heir = heir
            self.dataReceived = heir.dataReceived  # type: ignore[method-assign]  # no detour
            heir.makeConnection(cast("ITransport", self.transport))
        except Exception:
            self._heir, self._done = None, done
            self._refuse(Failure())
            return
        if done is not None and not done.called:  # The heir may have had it cancelled.
            done.callback(outcome)
        if rest:
            heir.dataReceived(rest)

    def _refuse(self, failure: Failure) -> None:
        self._fail(failure)
        abort(self.transport)

    def _fail(self, failure: Failure) -> None:
        done, self._done = self._done, None
        if done is not None:
            done.errback(failure)

    def _let_go(self) -> None:
        self._done = None
        if self.transport is not None:
            abort(self.transport)
        else:
            self._attempt.cancel()
