"""Rate limits for calls: a token bucket for the limits that the settings choose."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol


class RateLimiter(Protocol):
    """A transport calls `acquire` before each call and `learn` after it."""

    def acquire(self) -> None:
        """Wait until one more call is allowed."""

    def learn(self, status: int | None, headers: Mapping[str, str]) -> None:
        """Adapt to an answer; `status` is None when no answer arrived."""


class TokenBucket:
    """Allows `rate_per_second` calls a second, evenly spaced. Each 429 halves the rate; it recovers slowly.

    Unused tokens are not saved: with a burst as large as the rate, 300 calls at "100 a second" were measured
    at 149 a second.
    """

    RESTORE_SHARE = 0.02
    SLOWEST_SHARE = 1 / 16

    def __init__(
        self,
        rate_per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._full_rate = rate_per_second
        self._rate = rate_per_second
        self._next_at = 0.0
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()

    @property
    def rate_per_second(self) -> float:
        """The current rate: the configured rate, or a lower one after a 429."""
        return self._rate

    def acquire(self) -> None:
        """Wait for this caller's turn. Callers wait in the order in which they arrive."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._next_at)
            self._next_at = turn + 1.0 / self._rate
        if turn > now:
            self._sleep(turn - now)

    def learn(self, status: int | None, headers: Mapping[str, str]) -> None:
        """Halve the rate on 429; otherwise each answer restores a fiftieth of the full rate."""
        with self._lock:
            if status == 429:
                self._rate = max(self._rate / 2, self._full_rate * self.SLOWEST_SHARE)
            elif status is not None:
                self._rate = min(self._full_rate, self._rate + self._full_rate * self.RESTORE_SHARE)


class Unlimited:
    """No rate limit: for calls whose number the pool of threads already limits."""

    def acquire(self) -> None:
        """Return at once."""

    def learn(self, status: int | None, headers: Mapping[str, str]) -> None:
        """Ignore the answer."""
