"""A queue that is worked off in the background, one job after the other."""

from __future__ import annotations

from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE_SECONDS = 0.02


class Worker:
    """Runs `run_next` until it says that nothing is left, in a thread that lives only as long.

    `run_next(stopping)` does the oldest job and returns whether there was one; it gives up once told to stop.
    """

    def __init__(self, name: str, run_next: Callable[[Event], bool], paused: Callable[[], bool]) -> None:
        self._name = name
        self._run_next = run_next
        self._paused = paused
        self._lock = Lock()
        self._thread: Thread | None = None
        self._stopping = Event()
        self._asked = False

    def wake(self) -> None:
        """There is a new job."""
        with self._lock:
            self._asked = True
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Gives up the current job and waits for the thread's end; `wake` starts anew."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            self._thread = None
            self._asked = False
            self._stopping.clear()

    def _work(self) -> None:
        while not self._stopping.is_set():
            if self._paused():
                self._stopping.wait(PAUSE_SECONDS)
            elif not self._run_next(self._stopping) and self._is_done():
                return

    def _is_done(self) -> bool:
        """Nothing was asked since the last look; the thread ends before the next `wake` can see it alive."""
        with self._lock:
            if self._asked:
                self._asked = False
                return False
            self._thread = None
            return True
