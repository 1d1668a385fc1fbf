"""How payloads are framed in a response without end, and sent to many at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sennit.interfaces import FanoutGroup, Transport

__all__ = ["EVENTS", "LINES", "MESSAGES", "ResponseFraming"]


class ResponseGroup:
    """A fan-out group of streamed responses: one send each, in the order they came in."""

    __slots__ = ("_members",)

    def __init__(self) -> None:
        self._members: dict[Transport, None] = {}

    def add(self, transport: Transport) -> None:
        """Make a transport a member."""
        self._members[transport] = None

    def discard(self, transport: Transport) -> None:
        """Remove a member; anything else is ignored."""
        self._members.pop(transport, None)

    def __len__(self) -> int:
        return len(self._members)

    def broadcast(self, frame: bytes) -> Sequence[Transport]:
        """Give one frame to every member and return those that refused it."""
        return [transport for transport in tuple(self._members) if not transport.send(frame)]


@dataclass(frozen=True, slots=True)
class ResponseFraming:
    """What stands before and behind each payload.

    Attributes:
        before: the bytes before it.
        behind: the bytes behind it.
        between: what stands for each of its line ends, be it LF, CR or both; ``None`` leaves them.
    """

    before: bytes = b""
    behind: bytes = b""
    between: bytes | None = None

    def prepare(self, payload: bytes) -> bytes:
        """Return the bytes that carry this payload."""
        if self.between is not None and (b"\n" in payload or b"\r" in payload):
            # Not splitlines(), which for bytes takes the same three, but drops one at the end.
            payload = payload.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            payload = payload.replace(b"\n", self.between)
        return b"%b%b%b" % (self.before, payload, self.behind)

    def group(self) -> FanoutGroup:
        """Return a new, empty group."""
        return ResponseGroup()


LINES = ResponseFraming(behind=b"\n")
"""A payload on each line."""

EVENTS = ResponseFraming(b"data: ", b"\n\n", b"\ndata: ")
"""Server-sent events (HTML standard, 9.2): a payload in each, whose lines the client joins by LF.

A payload of the application may have a lone CR between its tokens, which ends a line here.
"""

MESSAGES = ResponseFraming()
"""Payloads that tell their length themselves."""
