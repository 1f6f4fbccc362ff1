"""Something to be done once a key, by several threads that come upon the same keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock


class OncePerKey:
    """Tells a thread which keys are still to be done, while threads with one of these keys wait."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._locks: dict[str, Lock] = {}
        self._done: set[str] = set()

    @contextmanager
    def left_of(self, keys: Iterable[str]) -> Iterator[list[str]]:
        """Those of `keys` that are not done, each once; they are the block's own until it ends."""
        wanted = sorted(set(keys))  # one order for all threads, or two would wait for each other
        with self._guard:
            locks = [self._locks.setdefault(key, Lock()) for key in wanted]
        with ExitStack() as held:
            for lock in locks:
                held.enter_context(lock)
            yield [key for key in wanted if key not in self._done]

    def mark_done(self, key: str) -> None:
        """To be called within the block that has the key."""
        self._done.add(key)
