"""Missing answers: those of a failing record, and those of an outage."""

from __future__ import annotations

import pytest

from include.errors import InfrastructureError, TemporaryError
from include.http.transport import UnreadableAnswer
from include.pipeline.outage import OUTAGE_AFTER, OutageWatch, Unanswered


@pytest.fixture(params=[TemporaryError, UnreadableAnswer], autouse=True)
def silence(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer, or an unreadable answer."""
    monkeypatch.setitem(SILENCE, "kind", request.param)


SILENCE: dict[str, type[Exception]] = {}


def outcome(answers: str, *, is_up: bool = True, known: str = "") -> str:
    """`answers` has a letter for each record: a small letter gets an answer, a capital letter never does."""

    def check() -> None:
        if not is_up:
            raise TemporaryError("VTEX is down")

    def ask(letter: str) -> str:
        if letter.isupper():
            raise SILENCE["kind"](letter)
        return letter

    watch = OutageWatch(check, known=known.__contains__)
    try:
        found = list(watch.in_parallel(ask, answers, workers=3))
    except (TemporaryError, UnreadableAnswer) as error:
        return f"outage: {error}"
    assert [question for question, _ in found] == list(answers)
    return "".join("-" if isinstance(answer, Unanswered) else answer for _, answer in found)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("", ""),
        ("abc", "abc"),
        ("aBc", "a-c"),
        ("aB", "a-"),
        ("B", "-"),
        ("ABCDe", "----e"),
        ("ABCDeABCD", "----e----"),
        ("aBCDEF", "outage: F"),
        ("AB", "outage: B"),
    ],
)
def test_outage__is_assumed_after_several_in_a_row_or_all(answers: str, expected: str) -> None:
    assert OUTAGE_AFTER == 5
    assert outcome(answers) == expected


@pytest.mark.parametrize(("answers", "is_checked"), [("aB", True), ("B", True), ("aBc", False), ("", False)])
def test_outage__of_the_last_records_is_checked_by_a_call(answers: str, is_checked: bool) -> None:
    assert (outcome(answers, is_up=False) == "outage: VTEX is down") is is_checked


@pytest.mark.parametrize(
    ("answers", "expected"), [("XXXXXXX", "-------"), ("aBCXDE", "a--X--"), ("aBCXDEF", "outage: F")]
)
def test_outage__ignores_records_that_failed_before(answers: str, expected: str) -> None:
    assert outcome(answers, known="X") == expected.replace("X", "-")


def test_outage__counts_across_several_rounds() -> None:
    watch = OutageWatch(lambda: None, known=lambda _: False)

    def silent(number: int) -> int:
        if number:
            raise SILENCE["kind"]("silent")
        return number

    assert len(list(watch.in_parallel(silent, [0, 1, 2, 3], workers=2))) == 4
    with pytest.raises(SILENCE["kind"]):
        list(watch.in_parallel(silent, [1, 2], workers=2))


def test_infrastructure_error__is_raised_at_once() -> None:
    def ask(_: str) -> str:
        raise InfrastructureError("sync_state: locked")

    watch = OutageWatch(lambda: None, known=lambda _: True)
    with pytest.raises(InfrastructureError, match="locked"):
        list(watch.in_parallel(ask, "a", workers=1))
