"""The sandbox's clock: the real time plus an offset, or a frozen time."""

import threading
from datetime import UTC, datetime, timedelta


class Clock:
    """Limits, expiries and index lags follow this clock. Every instant is aware and in UTC. Thread-safe."""

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
        """Sets the clock to `instant` (aware). A running clock runs on; a frozen clock stays there."""
        if instant.tzinfo is None:
            raise ValueError(f"The sandbox clock cannot be set to {instant}: add an offset, such as +00:00.")
        with self._lock:
            self._offset = instant - datetime.now(UTC)
            if self._frozen_at is not None:
                self._frozen_at = instant.astimezone(UTC)

    def advance(self, seconds: float) -> None:
        self.set(self.now() + timedelta(seconds=seconds))

    def freeze(self, frozen: bool = True) -> None:
        """Stops the clock at the current time, or lets it run on from there."""
        now = self.now()
        with self._lock:
            self._offset = now - datetime.now(UTC)
            self._frozen_at = now if frozen else None

    @property
    def frozen(self) -> bool:
        return self._frozen_at is not None
