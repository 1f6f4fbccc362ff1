"""The journal of calls to a vendor's API: the latest calls in full, all calls as counts."""

import threading
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

KEPT_CALLS = 5_000
KEPT_BODY_BYTES = 10_000
RESET = "reset"
"""In place of the status, if the sandbox cut the connection without an answer."""


@dataclass(slots=True)
class JournalEntry:
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
    """Keeps the latest `KEPT_CALLS` calls and counts all of them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._calls: deque[JournalEntry] = deque(maxlen=KEPT_CALLS)
            self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, call: JournalEntry) -> None:
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
