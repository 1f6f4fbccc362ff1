"""The run report: counts that add up, one line for people, and the reasons why a run fails."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.outcomes import Cause, Drop, Outcome, PipelineName, Reason
from include.plan import Gap
from include.report import Calls, Compared, Limits, Report, StageCounts, Tracking
from include.window import Window

LIMITS = Limits(reject_limit_percent=5.0, reject_limit_minimum=20)
WINDOW = Window(datetime(2026, 11, 22, 6, tzinfo=UTC), datetime(2026, 11, 23, 6, tzinfo=UTC))


def counted(read: int, **outcomes: int) -> StageCounts:
    counts = StageCounts(read=read)
    for word, number in outcomes.items():
        counts.count(Reason(word) if word in set(Reason) else Outcome(word), number)
    return counts


def report(counts: StageCounts, **more: object) -> Report:
    return Report.model_validate(
        {"pipeline": PipelineName.CONTACTS, "mode": "full", "counts": counts, **more}
    )


def test_count__a_reason_counts_its_outcome() -> None:
    counts = counted(10, sent=5, email_missing=2, duplicate_email=3)
    assert counts.outcomes == {Outcome.SENT: 5, Outcome.REJECTED: 2, Outcome.DUPLICATE: 3}
    assert counts.reasons == {Reason.EMAIL_MISSING: 2, Reason.DUPLICATE_EMAIL: 3}
    assert report(counts).missing == 0


def test_summary_line__has_all_counts() -> None:
    counts = counted(30, sent=20, email_missing=2, email_masked=3, duplicate_email=5)
    counts.drops[Drop.PHONE_INVALID] += 4
    counts.written = 20
    counts.calls = {"vtex": Calls(made=12, throttled=2, retried=3), "connectif": Calls(made=7)}
    counts.seconds = {"extract": 1.25, "load": 2.0}
    counts.notes = ["2 files"]
    gap = Gap(WINDOW, "airflow backfill create …")
    assert report(counts, mode="window", window=WINDOW, dry_run=True, gaps=[gap]).summary_line() == (
        "contacts, 2026-11-22 06:00 to 2026-11-23 06:00 UTC, dry run: "
        "30 read = 20 would be sent + 5 duplicate (duplicate_email 5) "
        "+ 5 rejected (email_masked 3, email_missing 2); "
        "20 written; dropped fields: phone_invalid 4; 7 calls to connectif; "
        "12 calls to vtex (2 answered 429, 3 repeated); 3.2 s; "
        "not covered: 2026-11-22 06:00 to 2026-11-23 06:00 UTC, "
        "close it with: airflow backfill create …; 2 files"
    )


def test_summary_line__of_an_empty_run_and_of_a_missing_record() -> None:
    assert report(StageCounts()).summary_line() == "contacts, full: 0 read = 0; 0 written; 0.0 s"
    assert "3 read = 2 sent + 1 unexplained" in report(counted(3, sent=2)).summary_line()


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        (counted(0), []),
        (counted(100, sent=100), []),
        (counted(100, sent=95, email_invalid=5), []),
        (counted(10, sent=1, email_invalid=9), []),  # a large share, but few
        (counted(400, sent=380, email_invalid=20), []),  # exactly the allowed share
        (
            counted(399, sent=379, email_invalid=15, email_missing=5),
            ["20 of 399 records (5.0 %) were rejected; the limit is 5 %: email_invalid 15, email_missing 5"],
        ),
        (counted(3, sent=2), ["the counts do not add up: 3 read, 2 with an outcome (+1 unexplained)"]),
        (counted(2, sent=3), ["the counts do not add up: 2 read, 3 with an outcome (-1 unexplained)"]),
    ],
)
def test_problems__name_the_reason_of_a_failure(counts: StageCounts, says: list[str]) -> None:
    assert report(counts).problems(LIMITS) == says


def test_problems__may_be_two() -> None:
    assert len(report(counted(50, sent=9, url_missing=40)).problems(LIMITS)) == 2


numbers = st.integers(0, 1000)
stages = st.builds(
    StageCounts,
    read=numbers,
    outcomes=st.dictionaries(st.sampled_from(Outcome), numbers),
    reasons=st.dictionaries(st.sampled_from(Reason), numbers),
    drops=st.dictionaries(st.sampled_from(Drop), numbers),
    written=numbers,
    calls=st.dictionaries(
        st.sampled_from(["vtex", "connectif"]),
        st.builds(Calls, made=numbers, throttled=numbers, retried=numbers),
    ),
    seconds=st.dictionaries(st.sampled_from(["extract", "load"]), st.integers(1, 99).map(float)),
    notes=st.lists(st.text(max_size=5), max_size=2),
)


@given(stages)
def test_report__survives_json(counts: StageCounts) -> None:
    original = report(counts, window=WINDOW, gaps=[Gap(WINDOW, "airflow …")])
    stored = json.loads(json.dumps(original.model_dump(mode="json")))
    again = Report.model_validate(stored)
    assert again.counts + StageCounts() == original.counts + StageCounts()
    assert (again.window, again.gaps) == (WINDOW, original.gaps)
    assert again.summary_line() == original.summary_line()


@given(stages, stages, stages)
def test_stages__add_up_in_any_grouping(one: StageCounts, two: StageCounts, three: StageCounts) -> None:
    total = (one + two) + three
    assert total == one + (two + three)
    assert total.read == one.read + two.read + three.read
    assert total.outcomes.total() == sum(stage.outcomes.total() for stage in (one, two, three))
    assert one + StageCounts() == StageCounts() + one


def test_stages__read_from_json_can_count_on() -> None:
    again = StageCounts.model_validate_json(counted(1, sent=1).model_dump_json())
    again.count(Reason.EMAIL_MISSING)
    assert again.outcomes == {Outcome.SENT: 1, Outcome.REJECTED: 1}


def test_summary_line__has_plural_forms_and_thousands_separators() -> None:
    counts = counted(12_345, sent=12_344, email_missing=1)
    counts.calls = {"vtex": Calls(made=1), "connectif": Calls(made=1_234)}
    counts.tracking = {"2026-11-22": Tracking(tracked=1, added=0)}
    line = report(counts).summary_line()
    assert "12,345 read = 12,344 sent + 1 rejected (email_missing 1)" in line
    assert "1,234 calls to connectif; 1 call to vtex; 2026-11-22: 1 purchase by the web tag" in line


def test_summary_line__has_windows_on_the_clock_of_the_shop() -> None:
    line = report(StageCounts(), window=WINDOW).summary_line(ZoneInfo("America/Sao_Paulo"))
    assert line.startswith("contacts, 2026-11-22 03:00 to 2026-11-23 03:00 America/Sao_Paulo: 0 read")


# --- what both sides have


def compared(**changes: Any) -> Compared:
    causes = Counter({Cause.GONE: 1, Cause.HELD: 3})
    found = Compared(at_vtex=9, at_connectif=8, compared=10, same=6, causes=causes)
    return found.model_copy(update=changes)


def test_reconcile__lists_the_differences_in_one_line() -> None:
    report = Report(
        pipeline=PipelineName.RECONCILE, mode="compare", compared={PipelineName.PURCHASES: compared()}
    )
    assert report.summary_line() == (
        "reconcile, compare: purchases: 9 at VTEX, 8 at Connectif, "
        "10 compared = 6 same + 4 different (held 3, gone 1), 1 to look at; 0.0 s"
    )
    assert Report.model_validate(report.model_dump(mode="json")) == report


def test_reconcile__that_does_not_add_up_is_a_problem() -> None:
    report = Report(
        pipeline=PipelineName.RECONCILE, mode="compare", compared={PipelineName.PRODUCTS: compared(same=5)}
    )
    assert report.problems(Limits(5, 20)) == ["the comparison of products does not add up (+1 unexplained)"]
