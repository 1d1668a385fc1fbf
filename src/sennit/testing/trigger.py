"""What is called when a reactor stops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.python.failure import Failure

__all__ = ["Triggers"]

PHASES = ("before", "during", "after")


class Triggers:
    """A reactor's system events: what was asked to be called at each, in three phases.

    Args:
        failed: told of what a trigger has raised; the others are called all the same.
    """

    def __init__(self, failed: Callable[[Failure], None]) -> None:
        self._failed = failed
        self._calls: dict[int, tuple[str, str, Callable[[], Any]]] = {}
        self._serial = 0

    def add(self, phase: str, event: str, call: Callable[[], Any]) -> int:
        """Note what to call, and return what takes it back.

        Raises:
            KeyError: there is no such phase.
        """
        if phase not in PHASES:
            raise KeyError(f"{phase!r} is not a phase of a system event: {', '.join(PHASES)}")
        self._serial += 1
        self._calls[self._serial] = (phase, event, call)
        return self._serial

    def remove(self, handle: int) -> None:
        """Take it back.

        Raises:
            ValueError: it was called, or taken back, before.
        """
        if self._calls.pop(handle, None) is None:
            raise ValueError(f"{handle!r} is not a system event's trigger that still waits")

    def fire(self, event: str, during: Callable[[], None] = lambda: None) -> Deferred[None]:
        """Call what waits for this event; the second phase once the first one's Deferreds fired.

        Args:
            event: which one.
            during: called last in the second phase.

        Returns:
            Fires when all is called.
        """
        before = DeferredList(
            [maybeDeferred(call).addErrback(self._failed) for call in self._take("before", event)]
        )

        def go_on(_: object) -> None:
            for call in (*self._take("during", event), during, *self._take("after", event)):
                maybeDeferred(call).addErrback(self._failed)

        return before.addCallback(go_on)

    def _take(self, phase: str, event: str) -> list[Callable[[], Any]]:
        taken = [key for key, (p, e, _) in self._calls.items() if (p, e) == (phase, event)]
        return [self._calls.pop(key)[2] for key in taken]
