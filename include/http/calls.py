"""Calls of a client: how many run at once, and how many were made."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


def in_parallel(
    ask: Callable[[Question], Answer], questions: Iterable[Question], *, workers: int
) -> Iterator[tuple[Question, Answer]]:
    """Ask `workers` questions at once and yield (question, answer) in order.

    At most twice as many questions are running or finished but not yet yielded, so memory does not grow with
    the number of questions. The first error is raised to the caller, and no further question is started.
    """
    questions = iter(questions)
    waiting: deque[tuple[Question, Future[Answer]]] = deque()
    with ThreadPoolExecutor(max_workers=workers) as pool:
        try:
            for question in questions:
                waiting.append((question, pool.submit(ask, question)))
                if len(waiting) >= 2 * workers:
                    oldest, answer = waiting.popleft()
                    yield oldest, answer.result()
            while waiting:
                oldest, answer = waiting.popleft()
                yield oldest, answer.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class CallCounter:
    """Thread-safe counts of one client: calls by route name, answers with 429, repeated calls."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.by_route: Counter[str] = Counter()
        self.throttled = 0
        self.repeated = 0

    def count(self, route: str, status: int | None, *, repeated: bool) -> None:
        """Count one call; `status` is None when no answer arrived."""
        with self._lock:
            self.by_route[route] += 1
            self.throttled += status == 429
            self.repeated += repeated

    @property
    def calls(self) -> int:
        """All calls, including repeated ones."""
        return self.by_route.total()
