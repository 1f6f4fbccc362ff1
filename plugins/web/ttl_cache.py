"""A value that is read again after some time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class TTLCache(Generic[Value]):
    """Caches a value for `ttl_seconds`; one thread at a time reads it.

    Errors are not cached. `keep_on` is an error class and a time: after such an error, the last value stays
    valid until this many seconds after it was read.
    """

    def __init__(
        self,
        read: Callable[[], Value],
        ttl_seconds: float,
        *,
        keep_on: tuple[type[Exception], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._ttl_seconds, self._clock = read, ttl_seconds, clock
        self._keep_on = keep_on
        self._lock = threading.Lock()
        self._entry: tuple[float, Value] | None = None

    def __call__(self) -> Value:
        with self._lock:
            if self._entry is None or self._age(self._entry) >= self._ttl_seconds:
                self._entry = self._refresh(self._entry)
            return self._entry[1]

    def _refresh(self, entry: tuple[float, Value] | None) -> tuple[float, Value]:
        try:
            return self._clock(), self._read()
        except Exception as error:
            if entry is None or not self._keeps_on(error, self._age(entry)):
                raise
            return entry

    def _keeps_on(self, error: Exception, age: float) -> bool:
        if self._keep_on is None:
            return False
        kind, seconds = self._keep_on
        return isinstance(error, kind) and age < seconds

    def _age(self, entry: tuple[float, Value]) -> float:
        return self._clock() - entry[0]
