"""Threads that wait on a clock which jumps to the next one's turn: hours of waiting in no time."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from itertools import count


class VirtualTime:
    """One thread runs at a time; when it waits, the clock jumps to whoever waits the shortest."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self._lock = threading.Lock()
        self._waiting: list[tuple[float, int, threading.Event]] = []
        self._order = count()

    def clock(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        mine = threading.Event()
        with self._lock:
            heapq.heappush(self._waiting, (self._now + seconds, next(self._order), mine))
            self._wake_the_next()
        mine.wait()

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """In place of `Condition.wait`; it wakes by the clock alone, so it looks again every second."""
        condition.release()
        self.sleep(min(seconds, 1.0))
        condition.acquire()

    def run(self, *works: Callable[[], None]) -> None:
        """Run all works, each in a thread of its own, to their end."""
        threads = []
        for work in works:
            begin = threading.Event()
            heapq.heappush(self._waiting, (self._now, next(self._order), begin))
            threads.append(threading.Thread(target=self._work, args=(work, begin), daemon=True))
            threads[-1].start()
        with self._lock:
            self._wake_the_next()
        for thread in threads:
            thread.join()

    def _work(self, work: Callable[[], None], begin: threading.Event) -> None:
        begin.wait()
        try:
            work()
        finally:
            with self._lock:
                self._wake_the_next()

    def _wake_the_next(self) -> None:
        if self._waiting:
            self._now, _, event = heapq.heappop(self._waiting)
            event.set()
