"""100 requests a minute for the account, all its keys together (guide "Rate limit")."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.connectif.knobs import Knobs
    from sandbox.core.clock import Clock

SHOWN_WHEN_OFF = 100


@dataclass(frozen=True)
class Allowance:
    """What the three headers say, and whether the request may pass."""

    allowed: bool
    limit: int
    remaining: int
    reset: float
    seconds_left: int

    def headers(self) -> dict[str, str]:
        """`X-RateLimit-Reset` is the end of the window in Unix seconds of the sandbox clock, rounded up."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(math.ceil(self.reset)),
        }


class RateLimit:
    """Counts requests in windows of `window_seconds`: fixed ones on the clock's grid, or one that slides."""

    def __init__(self, clock: Clock, knobs: Knobs, window_seconds: float = 60.0) -> None:
        self._clock = clock
        self._knobs = knobs
        self._window = window_seconds
        self._lock = Lock()
        self._taken: deque[float] = deque()

    def reset(self) -> None:
        with self._lock:
            self._taken.clear()

    def take(self, slots: int = 1) -> Allowance:
        """Takes the slots if they are free; a refused request takes none. `slots=0` only looks."""
        now = self._clock.now().timestamp()
        with self._lock:
            self._forget(now)
            return self._decide(now, slots)

    def use_up(self, slots: int) -> Allowance:
        """Takes as many as are free: other traffic of the account, which minds no 429."""
        free = self.take(0).remaining
        return self.take(min(slots, free))

    def _decide(self, now: float, slots: int) -> Allowance:
        limit = self._knobs.rate_limit
        if limit == 0:
            return self._allowance(now, True, SHOWN_WHEN_OFF, SHOWN_WHEN_OFF)
        allowed = len(self._taken) + slots <= limit
        if allowed:
            self._taken.extend([now] * slots)
        return self._allowance(now, allowed, limit, max(0, limit - len(self._taken)))

    def _allowance(self, now: float, allowed: bool, limit: int, remaining: int) -> Allowance:
        end = self._end(now)
        return Allowance(allowed, limit, remaining, end, max(1, math.ceil(end - now)))

    def _forget(self, now: float) -> None:
        start = self._grid(now) if self._knobs.rate_window == "fixed" else now - self._window
        while self._taken and not start <= self._taken[0] <= now:
            self._taken.popleft()

    def _end(self, now: float) -> float:
        if self._knobs.rate_window == "fixed" or not self._taken:
            return self._grid(now) + self._window
        return self._taken[0] + self._window

    def _grid(self, now: float) -> float:
        return now // self._window * self._window
