"""How often something may happen: token buckets."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from sennit.errors import ConfigurationError

__all__ = ["Bucket", "Buckets", "Rate"]

_WORDS = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|min|h)(?:\s+burst\s+(\d+))?")
_SECONDS = {"s": 1, "min": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in a second, and so many at once.

    Attributes:
        per_second: how many in the long run.
        burst: how many at once, after a rest.

    Raises:
        ConfigurationError: one of them is not positive.
    """

    per_second: float
    burst: int

    def __post_init__(self) -> None:
        if not self.per_second > 0 or self.burst < 1:
            raise ConfigurationError("a rate, and its burst, are more than 0")

    @classmethod
    @lru_cache(maxsize=256)  # a channel's words are read at each of its commands
    def parse(cls, words: str) -> Self | None:
        """Return the rate that words like ``"100/s burst 20"`` say; ``None`` for no words.

        The units are ``s``, ``min`` and ``h``. Without a burst it is the number itself.

        Raises:
            ConfigurationError: they say none.
        """
        if not words:
            return None
        found = _WORDS.fullmatch(words.strip())
        if found is None:
            raise ConfigurationError(f'a rate is like "100/s burst 20" or "5/min", not {words!r}')
        count, unit, burst = found.groups()
        return cls(float(count) / _SECONDS[unit], int(burst or max(1, int(float(count)))))


class Bucket:
    """What is left of one rate.

    Args:
        rate: the rate.
        now: the time; the bucket is full.

    Attributes:
        refused: how many were refused since it was full.
    """

    __slots__ = ("_at", "_left", "_rate", "refused")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._left: float = rate.burst
        self._at = now
        self.refused = 0

    def take(self, now: float) -> bool:
        """Return whether one more may happen now."""
        self.is_full(now)
        if self._left < 1:
            self.refused += 1
            return False
        self._left -= 1
        return True

    def is_full(self, now: float) -> bool:
        """Return whether it is as good as new."""
        rate = self._rate
        # What is missing by rounding alone is not missing.
        left = self._left + max(0.0, now - self._at) * rate.per_second
        self._left = min(float(rate.burst), round(left, 9))
        self._at = now
        if self._left < rate.burst:
            return False
        self.refused = 0
        return True


class Buckets:
    """Buckets by key. One that is full again is forgotten sooner or later.

    Args:
        most: how many there may be; for one more the oldest goes, full or not.
    """

    __slots__ = ("_buckets", "_most", "_sweep_at")

    def __init__(self, most: int) -> None:
        self._buckets: dict[Hashable, Bucket] = {}
        self._most = most
        self._sweep_at = min(64, most)

    def __len__(self) -> int:
        return len(self._buckets)

    def bucket(self, key: Hashable, rate: Rate, now: float) -> Bucket:
        """Return the bucket of a key, made if it is not there."""
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._sweep_at:
                self._sweep(now)
            bucket = self._buckets[key] = Bucket(rate, now)
        return bucket

    def _sweep(self, now: float) -> None:
        self._buckets = {key: it for key, it in self._buckets.items() if not it.is_full(now)}
        while len(self._buckets) >= self._most:
            del self._buckets[next(iter(self._buckets))]
        # Twice what is left, so that a sweep costs each newcomer a fixed share.
        self._sweep_at = min(self._most, max(64, 2 * len(self._buckets)))
