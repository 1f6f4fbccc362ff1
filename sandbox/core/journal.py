"""Every call to a vendor's API: the last ones in full, all of them as counts."""

import threading
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

KEPT_CALLS = 5_000
KEPT_BODY_BYTES = 10_000
RESET = "reset"
"""Stands where a status would, when the connection was cut without an answer."""


@dataclass(slots=True)
class Call:
    time: str
    method: str
    route: str
    path: str
    query: str
    status: int | str
    bytes_in: int
    bytes_out: int
    seconds: float
    request_body: str | None = None
    answer_body: str | None = None


class Journal:
    """Thread-safe. The calls are bounded, the counts are not."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._calls: deque[Call] = deque(maxlen=KEPT_CALLS)
            self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, call: Call) -> None:
        with self._lock:
            self._calls.append(call)
            self._counts[call.route, str(call.status)] += 1

    def counts(self) -> dict[str, dict[str, int]]:
        """`{route: {status: calls}}`."""
        with self._lock:
            items = sorted(self._counts.items())
        found: dict[str, dict[str, int]] = {}
        for (route, status), number in items:
            found.setdefault(route, {})[status] = number
        return found

    def calls(self, *, route: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """The latest calls, oldest first."""
        with self._lock:
            kept = [call for call in self._calls if route in (None, call.route)]
        return [asdict(call) for call in kept[-limit:]] if limit else []

    @property
    def total(self) -> int:
        with self._lock:
            return self._counts.total()
