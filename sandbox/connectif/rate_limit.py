"""Connectif's rate limit: 100 requests a minute for the account, all keys together (guide "Rate limit")."""

import math
import threading
from collections import deque
from dataclasses import dataclass

from sandbox.connectif.knobs import ConnectifKnobs
from sandbox.core.clock import Clock

SHOWN_WHEN_OFF = 100


@dataclass(frozen=True)
class Allowance:
    """Whether the request may pass, and the values of the three headers."""

    allowed: bool
    limit: int
    remaining: int
    reset: float
    seconds_left: int

    def headers(self) -> dict[str, str]:
        """`X-RateLimit-Reset` is the end of the window: Unix seconds of the sandbox clock, rounded up."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(math.ceil(self.reset)),
        }


class ConnectifRateLimit:
    """Counts requests in windows of `window_seconds`: fixed windows of the clock, or a sliding window."""

    def __init__(self, clock: Clock, knobs: ConnectifKnobs, window_seconds: float = 60.0) -> None:
        self._clock, self._knobs = clock, knobs
        self._lock = threading.Lock()
        self._window = window_seconds
        self._slots: deque[float] = deque()

    def reset(self) -> None:
        with self._lock:
            self._slots.clear()

    def take(self, slots: int = 1) -> Allowance:
        """Takes the slots if they are free. A refused request takes none; `slots=0` only reads the state."""
        now = self._clock.now().timestamp()
        with self._lock:
            self._drop_expired(now)
            return self._decide(now, slots)

    def use_up(self, slots: int) -> Allowance:
        """Takes the free slots, up to `slots`, as other callers of the account do."""
        free = self.take(0).remaining
        return self.take(min(slots, free))

    def _decide(self, now: float, slots: int) -> Allowance:
        limit = self._knobs.rate_limit
        if limit == 0:
            return self._allowance(now, True, SHOWN_WHEN_OFF, SHOWN_WHEN_OFF)
        allowed = len(self._slots) + slots <= limit
        if allowed:
            self._slots.extend([now] * slots)
        return self._allowance(now, allowed, limit, max(0, limit - len(self._slots)))

    def _allowance(self, now: float, allowed: bool, limit: int, remaining: int) -> Allowance:
        end = self._window_end(now)
        return Allowance(allowed, limit, remaining, end, max(1, math.ceil(end - now)))

    def _drop_expired(self, now: float) -> None:
        start = self._window_start(now) if self._knobs.rate_window == "fixed" else now - self._window
        while self._slots and not start <= self._slots[0] <= now:
            self._slots.popleft()

    def _window_end(self, now: float) -> float:
        if self._knobs.rate_window == "fixed" or not self._slots:
            return self._window_start(now) + self._window
        return self._slots[0] + self._window

    def _window_start(self, now: float) -> float:
        return now // self._window * self._window
