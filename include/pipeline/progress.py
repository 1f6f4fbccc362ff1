"""Log the progress of a long job every few seconds: records done, rate, and time left."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable


class Progress:
    """Counts the finished records and logs the number, at most every `every_seconds`.

    >>> "orders: 1,200 of 20,000, 19.8/s, 15 min left"
    """

    def __init__(
        self,
        log: logging.Logger,
        what: str,
        total: int | None = None,
        *,
        every_seconds: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log, self._what, self._total = log, what, total
        self._every, self._clock = every_seconds, clock
        self._started_at = self._logged_at = clock()
        self._lock = threading.Lock()
        self.done = 0

    def expect(self, count: int) -> None:
        """Add `count` to the expected total."""
        with self._lock:
            self._total = (self._total or 0) + count

    def add(self, count: int = 1) -> None:
        """Add `count` finished records; safe to call from any thread."""
        with self._lock:
            self.done += count
            now = self._clock()
            if now - self._logged_at >= self._every:
                self._logged_at = now
                self._log.info("%s", self.line())

    def line(self) -> str:
        """The progress in one line."""
        seconds = max(self._clock() - self._started_at, 1e-6)
        rate = self.done / seconds
        if not self._total:
            return f"{self._what}: {self.done:,}, {rate:,.1f}/s"
        left = f", {_duration((self._total - self.done) / rate)} left" if 0 < self.done < self._total else ""
        return f"{self._what}: {self.done:,} of {self._total:,}, {rate:,.1f}/s{left}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
