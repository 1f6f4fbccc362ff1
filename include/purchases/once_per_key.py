"""Do something once for each key, in several threads that get the same keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock


class OncePerKey:
    """Gives each thread the keys that are not done yet; other threads with one of these keys wait."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._locks: dict[str, Lock] = {}
        self._done: set[str] = set()

    @contextmanager
    def reserve(self, keys: Iterable[str]) -> Iterator[list[str]]:
        """The `keys` that are not done, each once. They are reserved until the block ends."""
        wanted = sorted(set(keys))  # the same order in all threads avoids a deadlock
        with self._guard:
            locks = [self._locks.setdefault(key, Lock()) for key in wanted]
        with ExitStack() as held:
            for lock in locks:
                held.enter_context(lock)
            yield [key for key in wanted if key not in self._done]

    def mark_done(self, key: str) -> None:
        """Mark a key as done; call it within the block that reserves the key."""
        self._done.add(key)
