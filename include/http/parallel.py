"""A bounded number of calls at once, their results in the order of the questions."""

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

    At most twice as many are under way or waiting to be taken, so that memory stays flat however many
    questions there are. The first error travels to the caller; what has not begun by then is not begun.
    """
    questions = iter(questions)
    waiting: deque[tuple[Question, Future[Answer]]] = deque()
    with ThreadPoolExecutor(max_workers=workers) as pool:
        try:
            for question in questions:
                waiting.append((question, pool.submit(ask, question)))
                if len(waiting) >= 2 * workers:
                    asked, answer = waiting.popleft()
                    yield asked, answer.result()
            while waiting:
                asked, answer = waiting.popleft()
                yield asked, answer.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
