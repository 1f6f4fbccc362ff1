"""The failures of tasks in the state store."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from include.errors import TemporaryError
from include.state import StateStore, StoredFailure
from include.task_failure import task_failure
from tests.unit.state.conftest import SHOP, Clock, Opener

HOUR = timedelta(hours=1)


def failed(
    clock: Clock,
    run_id: str = "run",
    task: str = "load",
    *,
    map_index: int = -1,
    started: datetime | None = None,
) -> StoredFailure:
    failure = task_failure(
        "sync_products", run_id, task,
        map_index=map_index, try_number=2, error=TemporaryError(task), failed_at=clock.now,
    )  # fmt: skip
    return StoredFailure("sync_products", run_id, started or clock.now, failure)


def test_failures__are_read_as_they_were_saved(state: StateStore, clock: Clock) -> None:
    stored = failed(clock, map_index=7)
    state.task_failures.save(stored)
    assert state.task_failures.since("sync_products", clock.now) == [stored]
    assert state.task_failures.since("sync_contacts", clock.now) == []
    assert state.task_failures.since("sync_products", clock.now + HOUR) == []


def test_failures__of_a_run_are_in_the_order_of_time(state: StateStore, clock: Clock) -> None:
    started = clock.now
    for task in ("load", "report"):
        state.task_failures.save(failed(clock, task=task, started=started))
        clock.advance(-HOUR)
    state.task_failures.save(failed(clock, "another", started=started))
    found = state.task_failures.of_run("sync_products", "run", started)
    assert [failure.task for failure in found] == ["report", "load"]
    assert state.task_failures.of_run("sync_products", "run", started + HOUR) == []


def test_failures__belong_to_a_shop(opened: Opener, clock: Clock) -> None:
    here, other = opened(), opened(replace(SHOP, name="other", folder=""))
    here.task_failures.save(failed(clock))
    other.task_failures.remove("sync_products", "run", "load", -1)
    assert other.task_failures.since("sync_products", clock.now) == []
    assert len(here.task_failures.since("sync_products", clock.now)) == 1


def test_failures__are_removed_with_the_reports_of_their_age(state: StateStore, clock: Clock) -> None:
    state.task_failures.save(failed(clock, "old"))
    clock.advance(HOUR)
    state.task_failures.save(failed(clock, "young"))
    assert state.retention.remove_reports(clock.now) == 0, "no report"
    left = state.task_failures.since("sync_products", clock.now - HOUR)
    assert [stored.run_id for stored in left] == ["young"]
