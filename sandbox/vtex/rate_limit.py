"""VTEX's rate limits as token buckets by the sandbox's clock, and the 429 of each API."""

import math
import threading
from datetime import datetime

from sandbox.core.answers import retry_after
from sandbox.core.clock import Clock
from sandbox.core.errors import VendorError
from sandbox.vtex.errors import message_error, oms_error
from sandbox.vtex.knobs import VtexKnobs


class VtexRateLimit:
    """One bucket for each class of routes. It starts full; an empty bucket fills in a minute (a knob)."""

    def __init__(self, clock: Clock, knobs: VtexKnobs) -> None:
        self._clock, self._knobs = clock, knobs
        self._lock = threading.Lock()
        self._levels: dict[str, tuple[float, datetime]] = {}

    def reset(self) -> None:
        with self._lock:
            self._levels = {}

    def take(self, name: str, limit: int) -> dict[str, str]:
        """Takes one call from the bucket `name`. Returns Pricing's headers, or raises 429 if it is empty."""
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
        level, updated = self._levels.get(name, (float(limit), now))
        gained = max((now - updated).total_seconds(), 0) * limit / self._knobs.rate_window_seconds
        return min(level + gained, float(limit))

    def _headers(self, left: float, limit: int) -> dict[str, str]:
        full_in = (limit - max(left, 0)) * self._knobs.rate_window_seconds / limit
        return {
            "Ratelimit-Limit": str(limit),
            "Ratelimit-Remaining": str(max(int(left), 0)),
            "Ratelimit-Reset": str(math.ceil(full_in)),
        }

    def _refusal(self, name: str, seconds: float, headers: dict[str, str]) -> VendorError:
        form = oms_error if name.startswith("order") else message_error
        error = form(429, "Too many requests")
        if name == "pricing":
            error.headers |= headers
        if self._knobs.retry_after != "none":
            wait = max(math.ceil(seconds), 1)
            error.headers["Retry-After"] = retry_after(wait, self._knobs.retry_after, self._clock)
        return error
