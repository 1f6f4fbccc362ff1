"""Repeats a short piece of work in a thread while a stage works."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from include.errors import SyncError

log = logging.getLogger(__name__)


@contextmanager
def repeated(work: Callable[[], None], every_seconds: float) -> Iterator[None]:
    """Call `work` every `every_seconds` during the block, in a thread, and once more when the block ends.

    A SyncError of the thread is logged, because the next call may succeed. The last call raises its errors.
    """
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(every_seconds):
            try:
                work()
            except SyncError as error:
                log.warning("%s", error)

    thread = threading.Thread(target=repeat, name="repeated", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        work()
