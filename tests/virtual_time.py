"""Clocks for code that waits: hours of waiting take no time."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from itertools import count


class ManualTime:
    """A clock for one thread. It moves only by `sleep`, or if a test sets `now`."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class VirtualTime:
    """A clock for several threads. One runs at a time.

    When it waits, the clock jumps to the earliest wake-up of all threads.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self._lock = threading.Lock()
        self._waiting: list[tuple[float, int, threading.Event]] = []
        self._order = count()

    def clock(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        wake_up = threading.Event()
        with self._lock:
            heapq.heappush(self._waiting, (self._now + seconds, next(self._order), wake_up))
            self._wake_next()
        wake_up.wait()

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Replace `Condition.wait`. Only the clock wakes the thread; it returns after a second at most."""
        condition.release()
        self.sleep(min(seconds, 1.0))
        condition.acquire()

    def run(self, *works: Callable[[], None]) -> None:
        """Run each work in its own thread, until all have ended."""
        threads = []
        for work in works:
            start = threading.Event()
            heapq.heappush(self._waiting, (self._now, next(self._order), start))
            threads.append(threading.Thread(target=self._run, args=(work, start), daemon=True))
            threads[-1].start()
        with self._lock:
            self._wake_next()
        for thread in threads:
            thread.join()

    def _run(self, work: Callable[[], None], start: threading.Event) -> None:
        start.wait()
        try:
            work()
        finally:
            with self._lock:
                self._wake_next()

    def _wake_next(self) -> None:
        if self._waiting:
            self._now, _, event = heapq.heappop(self._waiting)
            event.set()
