"""What was last seen too long ago goes, of every pair of accounts; what is younger stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from include.outcomes import Area, Outcome, Reason
from include.report import Report
from include.store import OutcomeRow, PurchaseAnswer, Store, retention
from include.store.database import READ, engine_for, parsed, transaction
from tests.unit.store.conftest import SHOP, Clock, Opener

DAY = timedelta(days=1)


def keep(store: Store, name: str, now) -> None:
    """An outcome, an answer to a purchase and a report of that name."""
    store.save_outcomes(
        Area.CONTACTS, name, [OutcomeRow(name, Outcome.REJECTED, Reason.EMAIL_INVALID, "no address")]
    )
    store.record_purchases(name, [PurchaseAnswer(name, Outcome.SENT, None, "", [f"{name}-01"], now)])
    store.save_report(
        Report(area=Area.CONTACTS, mode="window"), Area.CONTACTS, dag_id="sync_contacts", run_id=name,
        clear_number=0, run_key=name, state="success", started_at=now, finished_at=now,
    )  # fmt: skip


def kept(store: Store) -> tuple[set[str], set[str], set[str]]:
    """The names of outcomes, purchases and reports."""
    return (
        {row.key for row in store.outcomes(Area.CONTACTS)},
        set(store.recorded_purchases(["old", "young"])),
        {report.run_id for report in store.reports(Area.CONTACTS, limit=9)},
    )


def test_retention__takes_the_old_and_leaves_the_young(opened: Opener, clock: Clock) -> None:
    """Of a pair whose key was changed long ago as well: nobody else would ever clean up after it."""
    store, abandoned = opened(), opened(replace(SHOP, connectif_key_id="the key before"))
    for one in (store, abandoned):
        keep(one, "old", clock.now)
    clock.advance(60 * DAY)
    keep(store, "young", clock.now)
    clock.advance(40 * DAY)
    assert store.remove_outcomes(clock.now - 100 * DAY) == 0  # seen just then: it stays
    assert store.remove_outcomes(clock.now - 90 * DAY) == 4
    assert store.remove_reports(clock.now - 400 * DAY) == 0
    assert kept(store) == ({"young"}, {"young"}, {"old", "young"})
    assert store.remove_reports(clock.now - 90 * DAY) == 2
    assert kept(store) == ({"young"}, {"young"}, {"young"})
    assert kept(abandoned) == (set(), set(), set())


def test_retention__what_is_seen_again_begins_anew(store: Store, clock: Clock) -> None:
    keep(store, "old", clock.now)
    clock.advance(100 * DAY)
    store.save_outcomes(Area.CONTACTS, "again", [OutcomeRow("old", Outcome.REJECTED, Reason.EMAIL_INVALID)])
    store.remove_outcomes(clock.now - 90 * DAY)
    assert [(row.key, row.attempts) for row in store.outcomes(Area.CONTACTS)] == [("old", 2)]


def test_retention__goes_in_small_transactions(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [OutcomeRow(f"r{n}", Outcome.REJECTED, Reason.EMAIL_INVALID) for n in range(7)]
    store.save_outcomes(Area.CONTACTS, "run", rows)
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 3)
    deleted: list[int] = []

    @sa.event.listens_for(store._database.engine, "after_cursor_execute")
    def _count(_connection, cursor, statement, *_rest) -> None:
        if statement.startswith("DELETE FROM sync_record"):
            deleted.append(cursor.rowcount)

    assert store.remove_outcomes(clock.now + DAY) == 7
    assert deleted == [3, 3, 1]


def test_retention__stops_after_its_time_and_goes_on_the_next_day(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [OutcomeRow(f"r{n}", Outcome.REJECTED, Reason.EMAIL_INVALID) for n in range(7)]
    store.save_outcomes(Area.CONTACTS, "run", rows)
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(retention, "_LONGEST_SECONDS", -1.0)
    assert [store.remove_outcomes(clock.now + DAY) for _ in range(2)] == [0, 0]
    monkeypatch.setattr(retention, "_LONGEST_SECONDS", 60.0)
    assert store.remove_outcomes(clock.now + DAY) == 7


@pytest.mark.parametrize(
    ("table", "column"),
    [("sync_record", "last_seen"), ("sync_purchase", "last_seen"), ("sync_run", "started_at")],
)
def test_retention__finds_the_old_by_an_index(url: str, table: str, column: str) -> None:
    engine = engine_for(parsed(url))
    with transaction(engine, READ) as connection:
        indexes = sa.inspect(connection).get_indexes(table)
    engine.dispose()
    assert [column] in [index["column_names"] for index in indexes]
