"""A newsletter run plans the next one if events are left, and for events that are tried again soon."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from airflow.sdk.exceptions import DagRunTriggerException

from include.newsletter import NewsletterRules, NewsletterSync
from include.shops import DEFAULT, load_shops
from include.state import Shop, StateStore, SubscriptionChange, open_state_store, upgrade
from plugins.runs.newsletter_run import next_run_at, trigger_later_run

RULES = NewsletterRules(timedelta(minutes=5), timedelta(minutes=10))
CALLBACK, PLANNED = "connectif__2026-11-29T12:00:00Z__a1", "again__2026-11-29T12:00:00Z__a1"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateStore]:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    upgrade(url)
    with open_state_store(url, "k" * 32, Shop("shop", "http://v", "http://c", "key")) as opened:
        yield opened


def next_at(state: StateStore, run_id: str, *, postponed: bool = False) -> datetime | None:
    sync = cast(NewsletterSync, SimpleNamespace(retry_soon=["an event"] if postponed else []))
    return next_run_at(sync, state, RULES, run_id)


def postpone(state: StateStore, minutes: int) -> datetime:
    due = datetime.now(UTC) + timedelta(minutes=minutes)
    state.newsletter.add_pending(f"{minutes}@example.com", False, due - timedelta(hours=1), due, 1)
    return due


def test_next_run__is_not_needed_if_nothing_waits(state: StateStore) -> None:
    assert next_at(state, CALLBACK) is None
    postpone(state, minutes=24 * 60)
    assert next_at(state, CALLBACK, postponed=True) is None, "the contact run retries it"


@pytest.mark.parametrize("run_id", [CALLBACK, PLANNED, "manual__2026-11-29"])
def test_next_run__is_now_if_events_are_left(state: StateStore, run_id: str) -> None:
    state.newsletter.keep({"ana@example.com": SubscriptionChange(datetime.now(UTC), unsubscribed=True)})
    at = next_at(state, run_id)
    assert at is not None
    with pytest.raises(DagRunTriggerException) as planned:
        trigger_later_run(at, load_shops().get(DEFAULT))
    assert (planned.value.trigger_dag_id, planned.value.conf) == ("update_newsletter", {})
    assert planned.value.run_after is not None
    assert abs(planned.value.run_after - datetime.now(UTC)) < timedelta(seconds=5)


def test_next_run__retries_what_this_run_has_postponed(state: StateStore) -> None:
    due = postpone(state, minutes=9)
    assert next_at(state, CALLBACK) is None, "the run that postponed it has planned a run"
    assert next_at(state, CALLBACK, postponed=True) == due
    with pytest.raises(DagRunTriggerException) as planned:
        trigger_later_run(due, load_shops().get(DEFAULT))
    assert planned.value.run_after is not None
    assert timedelta(0) < planned.value.run_after - due < timedelta(minutes=1)


def test_next_run__a_planned_run_plans_for_the_one_before_it(state: StateStore) -> None:
    """The one before it had events left, so it planned a run at once and none for its postponed events."""
    due = postpone(state, minutes=9)
    assert next_at(state, PLANNED) == due
