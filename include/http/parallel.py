"""Sends a limited number of calls at once and returns the answers in the order of the questions."""

from __future__ import annotations

from collections import deque
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
