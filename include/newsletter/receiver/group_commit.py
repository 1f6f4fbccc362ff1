"""Group commit, as databases do: items that arrive during a commit go together into the next commit."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from include.errors import TemporaryError

Item = TypeVar("Item")


@dataclass(eq=False)
class _QueuedItem(Generic[Item]):
    item: Item
    since: float
    done: asyncio.Future[None]


class GroupCommit(Generic[Item]):
    """Makes items durable by `commit`: one call at a time, in a thread, with at most `batch_size` items.

    If no commit runs, an item is committed immediately. An instance belongs to one event loop; each process
    has its own.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], None],
        *,
        batch_size: int,
        max_waiting: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._commit, self._batch_size, self._max_waiting, self._clock = (
            commit,
            batch_size,
            max_waiting,
            clock,
        )
        self._queue: deque[_QueuedItem[Item]] = deque()
        self._committing: list[_QueuedItem[Item]] = []
        self._worker: asyncio.Task[None] | None = None

    async def submit(self, item: Item, *, within_seconds: float) -> None:
        """Return once the item is durable.

        Raises the error of the commit, or TemporaryError if the commit takes too long or too many items wait.
        After a TemporaryError, the item may still be committed.
        """
        if self.is_full:
            raise TemporaryError("too many events wait to be saved", retry_after_seconds=10)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(_QueuedItem(item, self._clock(), done))
        if self._worker is None:
            self._worker = asyncio.create_task(self._commit_queue())
        try:
            await asyncio.wait_for(done, within_seconds)
        except TimeoutError:
            raise TemporaryError(
                f"the event was not saved within {within_seconds:g} s", retry_after_seconds=10
            ) from None

    @property
    def oldest_seconds(self) -> float | None:
        """How long the oldest item has waited; None if no item waits."""
        waiting = [*self._committing[:1], *list(self._queue)[:1]]
        return self._clock() - waiting[0].since if waiting else None

    @property
    def is_full(self) -> bool:
        """Whether the next item will be refused."""
        return len(self._queue) >= self._max_waiting

    async def _commit_queue(self) -> None:
        while self._queue:
            size = min(len(self._queue), self._batch_size)
            self._committing = [self._queue.popleft() for _ in range(size)]
            try:
                await asyncio.to_thread(self._commit, [waiting.item for waiting in self._committing])
            except Exception as error:  # noqa: BLE001 - every caller of this commit gets the error
                self._finish(error)
            else:
                self._finish(None)
        self._worker = None

    def _finish(self, error: Exception | None) -> None:
        for waiting in self._committing:
            if waiting.done.done():  # the caller no longer waits
                continue
            if error is None:
                waiting.done.set_result(None)
            else:
                waiting.done.set_exception(error)
        self._committing = []
