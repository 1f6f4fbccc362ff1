"""The sandbox's time: the real one plus an offset, or standing still."""

import threading
from datetime import UTC, datetime, timedelta


class Clock:
    """Thread-safe; every instant is aware and in UTC. Limits, expiries and index lags follow it."""

    def __init__(self, start: datetime | None = None) -> None:
        self._lock = threading.Lock()
        self._offset = timedelta(0)
        self._frozen_at: datetime | None = None
        if start is not None:
            self.set(start)

    def now(self) -> datetime:
        with self._lock:
            return self._frozen_at or datetime.now(UTC) + self._offset

    def set(self, instant: datetime) -> None:
        """Jump to `instant` (aware) and run on from there, or stand there when frozen."""
        if instant.tzinfo is None:
            raise ValueError("The clock needs an instant with an offset.")
        with self._lock:
            self._offset = instant - datetime.now(UTC)
            if self._frozen_at is not None:
                self._frozen_at = instant.astimezone(UTC)

    def advance(self, seconds: float) -> None:
        self.set(self.now() + timedelta(seconds=seconds))

    def freeze(self, frozen: bool = True) -> None:
        """Stop the time where it is, or let it run on from where it stood."""
        now = self.now()
        with self._lock:
            self._offset = now - datetime.now(UTC)
            self._frozen_at = now if frozen else None

    @property
    def frozen(self) -> bool:
        return self._frozen_at is not None
