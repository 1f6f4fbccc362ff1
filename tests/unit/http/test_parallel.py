"""A limited number of calls at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from include.http.calls import in_parallel


def test_in_parallel__yields_answers_in_the_order_of_the_questions() -> None:
    late = threading.Event()

    def ask(number: int) -> int:
        if number == 0:
            assert late.wait(5)
        if number == 3:
            late.set()
        return number * number

    answers = list(in_parallel(ask, range(20), workers=4))
    assert answers == [(number, number * number) for number in range(20)]


def test_in_parallel__no_questions() -> None:
    assert list(in_parallel(str, [], workers=4)) == []


def test_in_parallel__runs_at_most_one_call_a_worker() -> None:
    lock, both = threading.Lock(), threading.Barrier(3, timeout=5)
    running = most = 0

    def ask(number: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait()
        with lock:
            running -= 1

    list(in_parallel(ask, range(12), workers=3))
    assert most == 3


def test_in_parallel__reads_only_a_few_questions_ahead() -> None:
    taken = 0

    def questions() -> Iterator[int]:
        nonlocal taken
        for number in range(1_000):
            taken += 1
            yield number

    answers = in_parallel(str, questions(), workers=3)
    for number in range(100):
        assert next(answers) == (number, str(number))
        assert taken <= number + 6
    answers.close()  # type: ignore[attr-defined]  # it is a generator


def test_in_parallel__raises_the_first_error_and_starts_no_further_call() -> None:
    asked: list[int] = []

    def ask(number: int) -> int:
        asked.append(number)
        if number == 5:
            raise LookupError("five")
        return number

    answers = in_parallel(ask, range(1_000), workers=2)
    assert [next(answers) for _ in range(5)] == [(number, number) for number in range(5)]
    with pytest.raises(LookupError, match="five"):
        next(answers)
    assert len(asked) <= 5 + 1 + 2 * 2


def test_in_parallel__leaves_no_thread_when_the_caller_stops() -> None:
    before = threading.active_count()
    answers = in_parallel(str, range(1_000), workers=4)
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
