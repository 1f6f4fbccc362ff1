"""A background worker that runs the jobs of a queue one by one."""

from collections.abc import Callable
from threading import Event, Lock, Thread

PAUSE_SECONDS = 0.02


class Worker:
    """Calls `run_next` in a thread until the queue is empty; then the thread ends.

    `run_next(stopping)` runs the oldest job and returns whether the queue had one. It stops early if
    `stopping` is set.
    """

    def __init__(self, name: str, run_next: Callable[[Event], bool], paused: Callable[[], bool]) -> None:
        self._name = name
        self._run_next = run_next
        self._paused = paused
        self._lock = Lock()
        self._thread: Thread | None = None
        self._stopping = Event()
        self._has_new_job = False

    def wake(self) -> None:
        """Call it after a new job is in the queue."""
        with self._lock:
            self._has_new_job = True
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Stops the running job and waits until the thread ends. `wake` starts a new thread."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            self._thread = None
            self._has_new_job = False
            self._stopping.clear()

    def _work(self) -> None:
        while not self._stopping.is_set():
            if self._paused():
                self._stopping.wait(PAUSE_SECONDS)
            elif not self._run_next(self._stopping) and self._is_done():
                return

    def _is_done(self) -> bool:
        """Whether the thread can end: no `wake` since the last call. A later `wake` sees no thread."""
        with self._lock:
            if self._has_new_job:
                self._has_new_job = False
                return False
            self._thread = None
            return True
