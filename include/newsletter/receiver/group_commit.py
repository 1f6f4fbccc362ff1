"""Group commit, as databases do it: what arrives while a commit is under way goes together in the next."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from include.errors import TemporaryError

Item = TypeVar("Item")


class Rate:
    """At most `at_once` in a row without a wait, and then one every `seconds`."""

    def __init__(self, at_once: int, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._saved_seconds, self._seconds, self._clock = (at_once - 1) * seconds, seconds, clock
        self._due = float("-inf")

    def seconds_to_wait(self) -> float:
        """Count one more; after how many seconds it may go."""
        now = self._clock()
        self._due = max(self._due, now - self._saved_seconds)
        wait = max(0.0, self._due - now)
        self._due += self._seconds
        return wait


@dataclass(eq=False)
class _Waiting(Generic[Item]):
    item: Item
    since: float
    done: asyncio.Future[None]


class GroupCommit(Generic[Item]):
    """Makes items durable by `commit`, which is called in a thread, once at a time, with at most `at_once`.

    An item goes out at once when nothing is under way and the `rate` of commits allows it. Belongs to one
    event loop; several processes have one each.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], None],
        *,
        at_once: int,
        most_waiting: int,
        rate: Rate,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._commit, self._at_once, self._most_waiting, self._clock = commit, at_once, most_waiting, clock
        self._rate = rate
        self._queue: deque[_Waiting[Item]] = deque()
        self._under_way: list[_Waiting[Item]] = []
        self._worker: asyncio.Task[None] | None = None

    async def submit(self, item: Item, *, within_seconds: float) -> None:
        """Returns once the item is durable. Raises what the commit raised, or TemporaryError when it takes
        too long or too many are waiting. An item given up on may still be committed.
        """
        if self.is_full:
            raise TemporaryError("too many events are waiting to be written down", retry_after_seconds=10)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(item, self._clock(), done))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        try:
            await asyncio.wait_for(done, within_seconds)
        except TimeoutError:
            raise TemporaryError(
                f"the event was not written down within {within_seconds:g} s", retry_after_seconds=10
            ) from None

    @property
    def oldest_seconds(self) -> float | None:
        """For how long the oldest item has been waiting; None when none is."""
        waiting = [*self._under_way[:1], *list(self._queue)[:1]]
        return self._clock() - waiting[0].since if waiting else None

    @property
    def is_full(self) -> bool:
        """Whether the next item would be refused."""
        return len(self._queue) >= self._most_waiting

    async def _work(self) -> None:
        while self._queue:
            await asyncio.sleep(self._rate.seconds_to_wait())
            size = min(len(self._queue), self._at_once)
            self._under_way = [self._queue.popleft() for _ in range(size)]
            try:
                await asyncio.to_thread(self._commit, [waiting.item for waiting in self._under_way])
            except Exception as error:  # noqa: BLE001 - each who waits for this commit gets to hear of it
                self._tell(error)
            else:
                self._tell(None)
        self._worker = None

    def _tell(self, error: Exception | None) -> None:
        for waiting in self._under_way:
            if waiting.done.done():  # given up on
                continue
            if error is None:
                waiting.done.set_result(None)
            else:
                waiting.done.set_exception(error)
        self._under_way = []
