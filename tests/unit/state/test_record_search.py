"""Search in the outcomes of records: filters, pages that add up, and downloads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.outcomes import Outcome, PipelineName, Reason
from include.state import (
    RecordFilter,
    RecordOrder,
    RecordOutcome,
    RunRecords,
    Seen,
    Shop,
    StateStore,
    open_state_store,
    upgrade,
)
from include.state.tables import record

ALL = tuple(PipelineName)
HOUR = timedelta(hours=1)
START = datetime(2026, 11, 23, tzinfo=UTC)
SHOP = Shop("shop", "http://v", "http://c", "key")


def row(key: str, reason: Reason = Reason.EMAIL_MISSING, detail: str = "") -> RecordOutcome:
    return RecordOutcome(key, reason.outcome, reason, detail)


def keys(state: StateStore, wanted: RecordFilter, order: RecordOrder = RecordOrder.KEY) -> list[str]:
    return [found.stored.key for found in state.record_search.page(wanted, order, limit=100, offset=0)]


def test_filters__select_by_each_field(state: StateStore, clock: Any) -> None:
    start = clock.now
    state.records.save(PipelineName.CONTACTS, "sync_contacts/a/0-x", [row("c1"), row("c2", Reason.ERASED)])
    clock.advance(HOUR)
    state.records.save(
        PipelineName.PURCHASES, "sync_purchases/a/0-x", [row("1-01", Reason.TARGET_REJECTED, "E0301: 100 %")]
    )
    state.records.save(PipelineName.PURCHASES, "sync_purchases/ab/0-x", [RecordOutcome("2-01", Outcome.SENT)])
    for wanted, found in (
        (RecordFilter(ALL), ["1-01", "2-01", "c1", "c2"]),
        (RecordFilter((PipelineName.CONTACTS,)), ["c1", "c2"]),
        (RecordFilter(()), []),
        (RecordFilter(ALL, outcome=Outcome.SENT), ["2-01"]),
        (RecordFilter(ALL, reason=Reason.ERASED), ["c2"]),
        (RecordFilter(ALL, run="sync_purchases/a"), ["1-01"]),
        (RecordFilter(ALL, run="sync_purchases/a/0-x"), ["1-01"]),
        (RecordFilter(ALL, run="sync_purchases/_"), []),
        (RecordFilter(ALL, text="C"), ["c1", "c2"]),
        (RecordFilter(ALL, text="e03"), ["1-01"]),
        (RecordFilter(ALL, text="%"), ["1-01"]),
        (RecordFilter(ALL, since=start + HOUR), ["1-01", "2-01"]),
        (RecordFilter(ALL, until=start + HOUR), ["c1", "c2"]),
        (RecordFilter(ALL, since=start, until=start), []),
    ):
        assert keys(state, wanted) == found, wanted
        assert state.record_search.count(wanted) == len(found), wanted
        downloaded = chain.from_iterable(state.record_search.all(wanted, batch=1))
        assert sorted(one.stored.key for one in downloaded) == found, wanted


def test_filters__of_time_apply_to_the_first_or_the_last_instant(state: StateStore, clock: Any) -> None:
    state.records.save(PipelineName.CONTACTS, "run 1", [row("c1")])
    clock.advance(HOUR)
    state.records.save(PipelineName.CONTACTS, "run 2", [row("c1")])
    for seen, found in ((Seen.LAST, ["c1"]), (Seen.FIRST, [])):
        assert keys(state, RecordFilter(ALL, seen=seen, since=clock.now)) == found


def test_orders__are_by_time_attempts_or_key(state: StateStore, clock: Any) -> None:
    for run, of_run in enumerate((["b"], ["a", "c"], ["c"])):
        state.records.save(PipelineName.CONTACTS, f"run {run}", [row(key) for key in of_run])
        clock.advance(HOUR)
    orders = {order: keys(state, RecordFilter(ALL), order) for order in RecordOrder}
    assert orders == {
        RecordOrder.LAST_SEEN: ["c", "a", "b"],
        RecordOrder.FIRST_SEEN: ["b", "a", "c"],
        RecordOrder.ATTEMPTS: ["c", "a", "b"],
        RecordOrder.KEY: ["a", "b", "c"],
    }


def test_search__sees_only_its_own_shop(state: StateStore, opened: Any) -> None:
    state.records.save(PipelineName.CONTACTS, "run", [row("c1")])
    other = opened(Shop("other", "http://v", "http://c", "key"))
    assert other.record_search.count(RecordFilter(ALL)) == 0
    assert other.record_search.runs(ALL) == []
    assert list(other.record_search.all(RecordFilter(ALL))) == []


def test_runs__are_those_that_saw_records_last(state: StateStore, clock: Any) -> None:
    for run, of_run in (("old", ["a", "b"]), ("new", ["b"])):
        state.records.save(PipelineName.CONTACTS, run, [row(key) for key in of_run])
        clock.advance(HOUR)
    assert state.record_search.runs(ALL) == [RunRecords("new", 1), RunRecords("old", 1)]
    assert state.record_search.runs(ALL, limit=1) == [RunRecords("new", 1)]
    assert state.record_search.runs((PipelineName.PRODUCTS,)) == []


def test_download__continues_while_records_are_written(state: StateStore) -> None:
    """A slow reader holds no lock, and gets each key once."""
    state.records.save(PipelineName.CONTACTS, "run", [row(f"c{n}") for n in range(6)])
    found = []
    for batch in state.record_search.all(RecordFilter(ALL), batch=2):
        found += [one.stored.key for one in batch]
        state.records.save(PipelineName.CONTACTS, "run 2", [row(f"c{n}") for n in range(6)])
    assert found == [f"c{n}" for n in range(6)]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StateStore]:
    """120 records that share instants, attempts and keys."""
    url = f"sqlite:///{tmp_path_factory.mktemp('state')}/state.db"
    upgrade(url)
    now = [START]
    with open_state_store(url, "k" * 32, SHOP, clock=lambda: now[0]) as state:
        reasons = (Reason.EMAIL_MISSING, Reason.ERASED, Reason.CONTACT_UNRESOLVED)
        for number in range(120):
            now[0] = START + HOUR * (number % 7)
            pipeline = (PipelineName.CONTACTS, PipelineName.PURCHASES)[number % 2]
            detail = f"detail {number % 4}"
            state.records.save(
                pipeline, f"dag/run {number % 5}/0", [row(f"k{number // 2}", reasons[number % 3], detail)]
            )
        yield state


FILTERS = st.builds(
    RecordFilter,
    pipelines=st.sampled_from(
        [ALL, (PipelineName.CONTACTS,), (PipelineName.PURCHASES, PipelineName.CONTACTS)]
    ),
    outcome=st.sampled_from([None, Outcome.REJECTED, Outcome.HELD]),
    reason=st.sampled_from([None, Reason.ERASED, Reason.EMAIL_MISSING]),
    run=st.sampled_from(["", "dag/run 1", "dag/run 2/0", "dag/run"]),
    text=st.sampled_from(["", "k1", "DETAIL 2", "_", "5"]),
    seen=st.sampled_from(Seen),
    since=st.sampled_from([None, START + 2 * HOUR]),
    until=st.sampled_from([None, START + 5 * HOUR]),
)


def matches(found: Any, wanted: RecordFilter) -> bool:
    """The filter in plain Python, to compare the database with."""
    one = found.stored
    seen = one.last_seen if wanted.seen is Seen.LAST else one.first_seen
    return (
        found.pipeline in wanted.pipelines
        and wanted.outcome in {None, one.outcome}
        and wanted.reason in {None, one.reason}
        and (not wanted.run or f"{one.run_key}/".startswith(f"{wanted.run}/"))
        and (wanted.text.lower() in one.key or wanted.text.lower() in one.detail)
        and (wanted.since is None or seen >= wanted.since)
        and (wanted.until is None or seen < wanted.until)
    )


@given(wanted=FILTERS, order=st.sampled_from(RecordOrder), size=st.integers(1, 40))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages__together_are_the_filtered_set_without_loss_or_duplicates(
    mixed: StateStore, wanted: RecordFilter, order: RecordOrder, size: int
) -> None:
    search = mixed.record_search
    everything = search.page(RecordFilter(ALL), RecordOrder.KEY, limit=1_000, offset=0)
    assert len(everything) == 120
    expected = {one for one in everything if matches(one, wanted)}
    pages = [search.page(wanted, order, limit=size, offset=at) for at in range(0, 121, size)]
    listed = list(chain.from_iterable(pages))
    assert len(listed) == len(expected) == search.count(wanted)
    assert set(listed) == expected
    assert listed == search.page(wanted, order, limit=1_000, offset=0)
    downloaded = list(chain.from_iterable(search.all(wanted, batch=size)))
    assert len(downloaded) == len(expected)
    assert set(downloaded) == expected


def test_search__of_100_000_records_takes_well_under_a_second(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    upgrade(url)
    with open_state_store(url, "k" * 32, SHOP) as state:
        rows = (row(f"{n * 7_919 % 100_003:08x}", Reason.ORDER_CANCELED, "canceled") for n in range(100_000))
        state.records.save(PipelineName.PURCHASES, "sync_purchases/run/0", rows)
        search, wanted = state.record_search, RecordFilter(ALL, text="ab")
        started = time.process_time()
        assert search.count(RecordFilter(ALL)) == 100_000
        assert search.count(wanted) > 0
        assert len(search.page(RecordFilter(ALL), RecordOrder.LAST_SEEN, limit=50, offset=99_950)) == 50
        assert len(search.page(wanted, RecordOrder.ATTEMPTS, limit=50, offset=0)) == 50
        assert len(search.runs(ALL)) == 1
        assert time.process_time() - started < 4, "five queries: each under a second on a slow machine"


def test_download__reads_rows_in_the_order_of_the_primary_key(state: StateStore) -> None:
    """Otherwise SQLite sorts all rows of a reason for each batch."""
    database = state.record_search._database
    if database.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL has statistics, and chooses its own plan")
    statements: list[tuple[str, Any]] = []
    sa.event.listen(
        database.engine, "before_cursor_execute", lambda *args: statements.append((args[2], args[3]))
    )
    wanted = RecordFilter((PipelineName.PURCHASES,), reason=Reason.ORDER_CANCELED, run="a/b", text="x")
    assert list(state.record_search.all(wanted)) == []
    statement, parameters = statements[-1]
    with database.engine.connect() as connection:
        plan = [line[3] for line in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    assert [line for line in plan if "SORT" in line or "TEMP B-TREE" in line] == [], plan
    assert record.name in plan[0]
    assert "PRIMARY KEY" in plan[0]
