"""Retention removes old rows of every shop, and keeps newer rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from include.outcomes import Outcome, PipelineName, Reason
from include.report import Report
from include.state import (
    PurchaseOutcome,
    PurchaseToPost,
    RecordOutcome,
    StateStore,
    SubscriptionChange,
    retention,
)
from include.state.database import READ, engine_for, parse_url, transaction
from include.state.tables import claim, taken_event
from tests.unit.state.conftest import SHOP, Clock, Opener

DAY = timedelta(days=1)


def keep(state: StateStore, name: str, now) -> None:
    """Write an outcome, a purchase and a report of that name."""
    state.records.save(
        PipelineName.CONTACTS,
        name,
        [RecordOutcome(name, Outcome.REJECTED, Reason.EMAIL_INVALID, "no address")],
    )
    state.purchases.record(name, [PurchaseOutcome(name, Outcome.SENT, None, "", [f"{name}-01"], now)])
    report = Report(pipeline=PipelineName.CONTACTS, mode="window")
    state.reports.save(
        report, PipelineName.CONTACTS, dag_id="sync_contacts", run_id=name,
        clear_number=0, run_key=name, state="success", started_at=now, finished_at=now,
    )  # fmt: skip


def kept(state: StateStore) -> tuple[set[str], set[str], set[str]]:
    """The names of outcomes, purchases and reports."""
    return (
        {row.key for row in state.records.outcomes(PipelineName.CONTACTS)},
        set(state.purchases.recorded(["old", "young"])),
        {report.run_id for report in state.reports.latest(PipelineName.CONTACTS, limit=9)},
    )


def test_retention__removes_old_rows_and_keeps_new_ones(opened: Opener, clock: Clock) -> None:
    """It also removes rows of a shop whose key was changed long ago: no run of that shop would do it."""
    state, abandoned = opened(), opened(replace(SHOP, name="other", folder=""))
    for one in (state, abandoned):
        keep(one, "old", clock.now)
    clock.advance(60 * DAY)
    keep(state, "young", clock.now)
    clock.advance(40 * DAY)
    assert state.retention.remove_outcomes(clock.now - 100 * DAY) == 0  # last seen at that instant: it stays
    assert state.retention.remove_outcomes(clock.now - 90 * DAY) == 4
    assert state.retention.remove_reports(clock.now - 400 * DAY) == 0
    assert kept(state) == ({"young"}, {"young"}, {"old", "young"})
    assert state.retention.remove_reports(clock.now - 90 * DAY) == 2
    assert kept(state) == ({"young"}, {"young"}, {"young"})
    assert kept(abandoned) == (set(), set(), set())


def test_retention__removes_rows_of_interrupted_runs(state: StateStore, clock: Clock) -> None:
    ana = state.hashed("ana@example.com")
    state.post_marks.mark("old", [PurchaseToPost("old", ana)])
    state.newsletter.add_pending("ana@example.com", True, clock.now, clock.now, 1)
    state.newsletter.take_due("old", clock.now)
    state.newsletter.claim({ana: SubscriptionChange(clock.now, unsubscribed=False)}, "old")
    clock.advance(60 * DAY)
    state.post_marks.mark("young", [PurchaseToPost("young", ana)])
    clock.advance(40 * DAY)
    assert state.retention.remove_outcomes(clock.now - 90 * DAY) == 0, "no outcome of a record"
    assert [mark.run_key for mark in state.post_marks.marks()] == ["young"]
    engine = state._database.engine
    with transaction(engine, READ) as connection:
        left = [connection.execute(sa.select(table)).all() for table in (taken_event, claim)]
    assert left == [[], []]


def test_retention__an_outcome_seen_again_is_kept(state: StateStore, clock: Clock) -> None:
    keep(state, "old", clock.now)
    clock.advance(100 * DAY)
    state.records.save(
        PipelineName.CONTACTS, "again", [RecordOutcome("old", Outcome.REJECTED, Reason.EMAIL_INVALID)]
    )
    state.retention.remove_outcomes(clock.now - 90 * DAY)
    assert [(row.key, row.attempts) for row in state.records.outcomes(PipelineName.CONTACTS)] == [("old", 2)]


def test_retention__uses_small_transactions(
    state: StateStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [RecordOutcome(f"r{n}", Outcome.REJECTED, Reason.EMAIL_INVALID) for n in range(7)]
    state.records.save(PipelineName.CONTACTS, "run", rows)
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 3)
    deleted: list[int] = []

    @sa.event.listens_for(state._database.engine, "after_cursor_execute")
    def _count(_connection, cursor, statement, *_rest) -> None:
        if statement.startswith("DELETE FROM sync_record"):
            deleted.append(cursor.rowcount)

    assert state.retention.remove_outcomes(clock.now + DAY) == 7
    assert deleted == [3, 3, 1]


def test_retention__stops_after_its_time_and_continues_the_next_day(
    state: StateStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [RecordOutcome(f"r{n}", Outcome.REJECTED, Reason.EMAIL_INVALID) for n in range(7)]
    state.records.save(PipelineName.CONTACTS, "run", rows)
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(retention, "_MAX_SECONDS", -1.0)
    assert [state.retention.remove_outcomes(clock.now + DAY) for _ in range(2)] == [0, 0]
    monkeypatch.setattr(retention, "_MAX_SECONDS", 60.0)
    assert state.retention.remove_outcomes(clock.now + DAY) == 7


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("sync_record", "last_seen"),
        ("sync_purchase", "last_seen"),
        ("sync_run", "started_at"),
        ("sync_task_failure", "failed_at"),
        ("sync_posting", "marked_at"),
        ("sync_taken_event", "taken_at"),
        ("sync_claim", "claimed_at"),
    ],
)
def test_retention__has_an_index_on_each_age(url: str, table: str, column: str) -> None:
    engine = engine_for(parse_url(url))
    with transaction(engine, READ) as connection:
        indexes = sa.inspect(connection).get_indexes(table)
    engine.dispose()
    assert [column] in [index["column_names"] for index in indexes]
