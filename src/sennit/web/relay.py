"""Which uplink is for whom: the sessions of this node whose clients speak by requests."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from sennit.interfaces import Forwarded, UplinkFrame
from sennit.web.stream import ResponseStream

__all__ = ["Relay"]

_SECRET_BYTES = 24


class Relay:
    """Implements ``Forwarder`` for the sessions of one node.

    A session that the server has ended takes uplinks for a while longer, which go nowhere: they
    may have crossed its last word, and an error would have the client come back that was just told
    to stay away.

    Args:
        node: this node's id.
        clock: the time.
        new_session: makes ids that nobody can guess.

    Attributes:
        node: this node's id.
    """

    LINGER = 5.0
    """Seconds for which an ended session takes uplinks."""

    def __init__(
        self,
        node: str,
        clock: IReactorTime,
        new_session: Callable[[], str] = lambda: secrets.token_urlsafe(_SECRET_BYTES),
    ) -> None:
        self.node = node
        self.new_session = new_session
        self._clock = clock
        self._streams: dict[str, ResponseStream] = {}

    def __len__(self) -> int:
        return len(self._streams)

    def add(self, session: str, stream: ResponseStream) -> None:
        """Note who has a session."""
        self._streams[session] = stream

    def discard(self, session: str, unread: bool) -> None:
        """Note that a session is over.

        Args:
            session: which.
            unread: whether its client may not know yet.
        """
        if unread:
            self._clock.callLater(self.LINGER, self._streams.pop, session, None)
        else:
            self._streams.pop(session, None)

    def forward(self, frame: UplinkFrame) -> Deferred[Forwarded]:
        """Bring a frame to its session, if that is here."""
        if frame.node != self.node:
            return succeed("unknown node")
        stream = self._streams.get(frame.session)
        if stream is None:
            return succeed("unknown session")
        return stream.receive(frame.data)
