"""Coverage, reports of runs, outcomes of records, the last catalogue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from include.outcomes import Outcome, PipelineName, Reason
from include.report import Report, StageCounts
from include.state import RecordOutcome, StateStore
from include.window import Window, merged

HOUR = timedelta(hours=1)
START = datetime(2026, 11, 1, 6, tzinfo=UTC)


def hours(first: int, last: int) -> Window:
    return Window(START + first * HOUR, START + last * HOUR)


def test_coverage__is_returned_merged_and_sorted(state: StateStore) -> None:
    windows = [hours(60, 80), hours(24, 47), hours(0, 24), hours(48, 72), hours(0, 24)]
    for window in windows:
        state.progress.cover(PipelineName.PURCHASES, window)
    assert state.progress.covered(PipelineName.PURCHASES) == merged(windows) == [hours(0, 47), hours(48, 80)]
    assert state.progress.covered(PipelineName.CONTACTS) == []
    assert all(window.start.tzinfo is UTC for window in state.progress.covered(PipelineName.PURCHASES))


def save(state: StateStore, number: int, *, run_state: str = "success", clear: int = 0) -> Report:
    counts = StageCounts(read=number)
    counts.count(Reason.EMAIL_MISSING, number)
    report = Report(pipeline=PipelineName.CONTACTS, mode="window", window=hours(0, 24), counts=counts)
    state.reports.save(
        report,
        PipelineName.CONTACTS,
        dag_id="sync_contacts",
        run_id=f"scheduled__{number}",
        clear_number=clear,
        run_key=f"scheduled__{number}/{clear}",
        state=run_state,
        started_at=START + number * HOUR,
        finished_at=None if run_state == "running" else START + (number + 1) * HOUR,
    )
    return report


def test_reports__are_returned_the_newest_first(state: StateStore) -> None:
    reports = [save(state, number) for number in (1, 3, 2)]
    found = state.reports.latest(PipelineName.CONTACTS, limit=2)
    assert [stored.report for stored in found] == [reports[1], reports[2]]
    assert found[0].run_key == "scheduled__3/0"
    assert found[0].finished_at == START + 4 * HOUR
    assert found[0].started_at.tzinfo is UTC
    assert state.reports.latest(PipelineName.PRODUCTS) == []


def test_reports__one_row_per_run_key(state: StateStore) -> None:
    save(state, 1, run_state="running")
    assert state.reports.latest(PipelineName.CONTACTS)[0].finished_at is None
    save(state, 1)
    save(state, 1, clear=1)
    assert [stored.state for stored in state.reports.latest(PipelineName.CONTACTS, limit=9)] == [
        "success",
        "success",
    ]


MISSING = RecordOutcome("CL-1", Outcome.REJECTED, Reason.EMAIL_MISSING)
REFUSED = RecordOutcome("CL-2", Outcome.REJECTED, Reason.TARGET_REJECTED, "E0001 wrong type")
DOUBLE = RecordOutcome("CL-3", Outcome.DUPLICATE, Reason.DUPLICATE_EMAIL)


def test_outcomes__are_found_by_run_outcome_and_reason(state: StateStore) -> None:
    state.records.save(PipelineName.CONTACTS, "run 1", [MISSING, REFUSED])
    state.records.save(PipelineName.CONTACTS, "run 2", [DOUBLE])
    state.records.save(
        PipelineName.PRODUCTS, "run 3", [RecordOutcome("1", Outcome.REJECTED, Reason.URL_MISSING)]
    )

    def keys(**wanted: object) -> list[str]:
        return sorted(row.key for row in state.records.outcomes(PipelineName.CONTACTS, **wanted))

    assert keys() == ["CL-1", "CL-2", "CL-3"]
    assert keys(run_key="run 1") == ["CL-1", "CL-2"]
    assert keys(reason=Reason.TARGET_REJECTED) == ["CL-2"]
    assert keys(outcome=Outcome.DUPLICATE) == ["CL-3"]
    assert len(keys(limit=2)) == 2
    [refused] = state.records.outcomes(PipelineName.CONTACTS, reason=Reason.TARGET_REJECTED)
    assert (refused.outcome, refused.detail) == (Outcome.REJECTED, "E0001 wrong type")


def test_outcomes__repeated_by_the_same_run_are_one_attempt(state: StateStore, clock) -> None:
    first = clock.now
    for _ in range(2):
        state.records.save(PipelineName.CONTACTS, "run 1", [MISSING, MISSING])
        clock.advance(HOUR)
    [row] = state.records.outcomes(PipelineName.CONTACTS)
    assert (row.attempts, row.first_seen, row.last_seen) == (1, first, first + HOUR)


def test_outcomes__another_run_is_another_attempt_until_the_record_is_sent(state: StateStore, clock) -> None:
    first = clock.now
    state.records.save(PipelineName.CONTACTS, "run 1", [MISSING])
    clock.advance(HOUR)
    state.records.save(PipelineName.CONTACTS, "run 2", [MISSING._replace(reason=Reason.EMAIL_INVALID)])
    [row] = state.records.outcomes(PipelineName.CONTACTS)
    assert (row.attempts, row.first_seen, row.reason) == (2, first, Reason.EMAIL_INVALID)
    state.records.save(PipelineName.CONTACTS, "run 3", [RecordOutcome("CL-1", Outcome.SENT)])
    assert [(row.outcome, row.reason) for row in state.records.outcomes(PipelineName.CONTACTS)] == [
        (Outcome.SENT, None)
    ]
    clock.advance(HOUR)
    state.records.save(PipelineName.CONTACTS, "run 4", [MISSING])
    [row] = state.records.outcomes(PipelineName.CONTACTS)
    assert (row.attempts, row.first_seen) == (1, first + 2 * HOUR)


def test_outcomes__of_many_batches_are_all_stored(state: StateStore) -> None:
    rows = (RecordOutcome(f"CL-{n}", Outcome.REJECTED, Reason.EMAIL_INVALID) for n in range(12_000))
    state.records.save(PipelineName.CONTACTS, "run 1", rows)
    assert len(state.records.outcomes(PipelineName.CONTACTS)) == 12_000
    state.records.save(PipelineName.CONTACTS, "run 1", [])


def test_catalogue__the_last_one_is_returned(state: StateStore) -> None:
    assert state.catalogue.last_path() is None
    state.catalogue.replace("s3://bucket/one", 10, "run 1")
    state.catalogue.replace("s3://bucket/two", 11, "run 2")
    assert state.catalogue.last_path() == "s3://bucket/two"
