"""Counts the calls of a client by route and by result, for the report of a run."""

from __future__ import annotations

import threading
from collections import Counter


class CallCounter:
    """Thread-safe counts of one client: calls by route name, answers with 429, repeated calls."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.by_route: Counter[str] = Counter()
        self.throttled = 0
        self.repeated = 0

    def count(self, route: str, status: int | None, *, repeated: bool) -> None:
        """Count one call; `status` is None when no answer arrived."""
        with self._lock:
            self.by_route[route] += 1
            self.throttled += status == 429
            self.repeated += repeated

    @property
    def calls(self) -> int:
        """All calls, including repeated ones."""
        return self.by_route.total()
