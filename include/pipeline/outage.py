"""One record in trouble, told from an outage: it costs itself alone, an outage stops the task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from include.errors import InfrastructureError, TemporaryError
from include.http.parallel import in_parallel
from include.http.transport import UnreadableAnswer

Question = TypeVar("Question")
Answer = TypeVar("Answer")

Unanswered = TemporaryError | UnreadableAnswer

IN_A_ROW = 5
"""So many records that nobody answered for, one after the other, are not the records' fault."""


class OutageWatch:
    """Asks on when all tries for one record were in vain, unless it is the vendor that is out of order.

    It is when several records in a row went unanswered, or all that there were (several of them). When the
    last ones did, `is_there`, a cheap call, tells: it raises TemporaryError when it is not answered either.
    An answer that cannot be read (UnreadableAnswer) is none.
    An InfrastructureError is no record's trouble and is raised at once.
    Records that are `known` to be in trouble since an earlier run tell nothing by their silence.
    """

    def __init__(self, is_there: Callable[[], object], *, known: Callable[[Any], bool]) -> None:
        self._is_there = is_there
        self._known = known
        self._in_a_row = 0
        self._anyone_answered = False

    def in_parallel(
        self, ask: Callable[[Question], Answer], questions: Iterable[Question], *, workers: int
    ) -> Iterator[tuple[Question, Answer | Unanswered]]:
        """As `in_parallel`, with a record's error for an answer; raises that of an outage.

        Whether it was one may show at the end only: what is to be kept of errors is kept after that.
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
            self._in_a_row = self._in_a_row + 1 if last else 0
            self._anyone_answered |= last is None
            if last and self._in_a_row >= IN_A_ROW:
                raise last
            yield question, answer
        if last and self._in_a_row > 1 and not self._anyone_answered:
            raise last
        if last:
            self._is_there()
