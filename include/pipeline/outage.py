"""Tell a failing record from an outage: a failing record is skipped, an outage stops the task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from include.errors import InfrastructureError, TemporaryError
from include.http.calls import in_parallel
from include.http.transport import UnreadableAnswer

Question = TypeVar("Question")
Answer = TypeVar("Answer")

Unanswered = TemporaryError | UnreadableAnswer

OUTAGE_AFTER = 5
"""An outage is assumed if the vendor does not answer for this many records in a row."""


class OutageWatch:
    """Goes on after all attempts for one record failed, except in an outage of the vendor.

    An outage is assumed if several records in a row get no answer, or if all records (at least two) get none.
    If the last records get no answer, `check_vendor` decides: a cheap call that raises TemporaryError in an
    outage. An unreadable answer (UnreadableAnswer) counts as none. An InfrastructureError is raised at once.
    Records that are `known` to fail since an earlier run do not count.
    """

    def __init__(self, check_vendor: Callable[[], object], *, known: Callable[[Any], bool]) -> None:
        self._check_vendor = check_vendor
        self._known = known
        self._unanswered_in_a_row = 0
        self._has_answer = False

    def in_parallel(
        self, ask: Callable[[Question], Answer], questions: Iterable[Question], *, workers: int
    ) -> Iterator[tuple[Question, Answer | Unanswered]]:
        """Like `in_parallel`, but a record's error is its answer, and the error of an outage is raised.

        An outage may show only at the end, so the caller saves the errors after the last answer.
        """

        def answer_or_error(question: Question) -> Answer | Unanswered:
            try:
                return ask(question)
            except InfrastructureError:
                raise
            except (TemporaryError, UnreadableAnswer) as error:
                return error

        last: Unanswered | None = None
        for question, answer in in_parallel(answer_or_error, questions, workers=workers):
            if isinstance(answer, Unanswered) and self._known(question):
                yield question, answer
                continue
            last = answer if isinstance(answer, Unanswered) else None
            self._unanswered_in_a_row = self._unanswered_in_a_row + 1 if last else 0
            self._has_answer |= last is None
            if last and self._unanswered_in_a_row >= OUTAGE_AFTER:
                raise last
            yield question, answer
        if last and self._unanswered_in_a_row > 1 and not self._has_answer:
            raise last
        if last:
            self._check_vendor()
