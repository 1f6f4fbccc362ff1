"""Token buckets by the sandbox's clock, and what a refused call is told."""

import math
import threading
from datetime import datetime

from sandbox.core.clock import Clock
from sandbox.core.middleware import retry_after
from sandbox.vtex.errors import VtexError, message, oms
from sandbox.vtex.knobs import VtexKnobs


class Buckets:
    """One for each class of routes. Full at first; a minute (a knob) fills an empty one."""

    def __init__(self, clock: Clock, knobs: VtexKnobs) -> None:
        self._clock, self._knobs = clock, knobs
        self._lock = threading.Lock()
        self._levels: dict[str, tuple[float, datetime]] = {}

    def clear(self) -> None:
        with self._lock:
            self._levels = {}

    def take(self, name: str, limit: int) -> dict[str, str]:
        """Take one call from the bucket `name`; returns Pricing's headers, raises 429 when it is empty."""
        if not limit:
            return {}
        with self._lock:
            level = self._level(name, limit)
            self._levels[name] = (level - 1 if level >= 1 else level, self._clock.now())
        headers = self._headers(level - 1, limit)
        if level < 1:
            raise self._refusal(name, (1 - level) * self._knobs.rate_window_seconds / limit, headers)
        return headers

    def _level(self, name: str, limit: int) -> float:
        now = self._clock.now()
        level, seen = self._levels.get(name, (float(limit), now))
        gained = max((now - seen).total_seconds(), 0) * limit / self._knobs.rate_window_seconds
        return min(level + gained, float(limit))

    def _headers(self, left: float, limit: int) -> dict[str, str]:
        full_in = (limit - max(left, 0)) * self._knobs.rate_window_seconds / limit
        return {
            "Ratelimit-Limit": str(limit),
            "Ratelimit-Remaining": str(max(int(left), 0)),
            "Ratelimit-Reset": str(math.ceil(full_in)),
        }

    def _refusal(self, name: str, seconds: float, headers: dict[str, str]) -> VtexError:
        error = (
            oms(429, "Too many requests") if name.startswith("order") else message(429, "Too many requests")
        )
        if name == "pricing":
            error.headers |= headers
        if self._knobs.retry_after != "none":
            wait = max(math.ceil(seconds), 1)
            error.headers["Retry-After"] = retry_after(wait, self._knobs.retry_after, self._clock)
        return error
