"""How long to wait before another try."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Backoff"]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double, each a random part of its bound, so that clients do not come all at once.

    A wait is anything between nothing and the bound ("full jitter"): after a restart of a server
    its clients spread over all of that time.

    Attributes:
        first: seconds that the first wait takes at most.
        most: seconds that any wait takes at most.
        factor: how much longer than the one before a wait may be.
        most_asked: seconds that a server may ask for (``Retry-After``); if it asks for more, it
            gets these.

    Raises:
        ValueError: the numbers are no such thing.
    """

    first: float = 0.5
    most: float = 30.0
    factor: float = 2.0
    most_asked: float = 300.0

    def __post_init__(self) -> None:
        numbers = (self.first, self.most, self.factor, self.most_asked)
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError("a backoff is made of finite numbers")
        if not 0 < self.first <= self.most:
            raise ValueError("the first wait is over 0 seconds and not longer than the longest")
        if self.factor < 1 or self.most_asked < 0:
            raise ValueError("waits do not get shorter, and a server cannot ask for less than 0")

    def bound(self, failures: int) -> float:
        """Return the seconds that the wait after so many failures takes at most."""
        try:
            return min(self.most, self.first * self.factor ** (failures - 1))
        except OverflowError:
            return self.most

    def delay(self, failures: int, random: Callable[[], float], asked: float = 0.0) -> float:
        """Return the seconds to wait.

        Args:
            failures: how many there were in a row, at least 1.
            random: returns a number from 0 to 1.
            asked: seconds that the server has asked for. The wait is longer than these, by as
                much as it would be without.
        """
        return min(max(asked, 0.0), self.most_asked) + random() * self.bound(failures)
