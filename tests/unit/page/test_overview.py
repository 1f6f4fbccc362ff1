"""The content of the status page: states, sums by day, reasons, tracking loss, latency."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.outcomes import Outcome, PipelineName, Reason
from include.page.overview import DAYS, PipelineStatus, State, overview
from include.pipelines import PIPELINES
from include.report import Calls, Report, StageCounts, Tracking
from include.settings import load_settings
from include.state import (
    RecordOutcome,
    Shop,
    StateStore,
    StoredFailure,
    SubscriptionChange,
    open_state_store,
    upgrade,
)
from include.task_failure import TaskFailure

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
SHOP = Shop("shop", "http://v", "http://c", "key")


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(tmp_path: Path, clock: Clock) -> Iterator[StateStore]:
    url = f"sqlite:///{tmp_path}/state.db"
    upgrade(url)
    with open_state_store(url, "k" * 32, SHOP, clock=clock) as opened:
        yield opened


def save(
    state: StateStore,
    pipeline: PipelineName,
    report: Report | None = None,
    *,
    ago: timedelta = timedelta(hours=1),
    run_state: str = "success",
) -> None:
    started = NOW - ago
    state.reports.save(
        report or Report(pipeline=pipeline, mode="full"),
        pipeline,
        dag_id=f"sync_{pipeline}",
        run_id=str(started),
        clear_number=0,
        run_key=str(started),
        state=run_state,
        started_at=started,
        finished_at=started,
    )


def status(state: StateStore, pipeline: PipelineName) -> PipelineStatus:
    (one,) = overview(state, (pipeline,), load_settings(), NOW).pipelines
    return one


def by_title(status: PipelineStatus) -> dict[str, list[float | None]]:
    return {trend.title: list(trend.values) for trend in status.trends}


@pytest.mark.parametrize(
    ("pipeline", "ago", "run_state", "shown"),
    [
        (PipelineName.CONTACTS, timedelta(hours=25), "success", State.PASSED),
        (PipelineName.CONTACTS, timedelta(hours=27), "success", State.OVERDUE),
        (PipelineName.CONTACTS, timedelta(days=60), "failed", State.FAILED),
        (PipelineName.RECONCILE, timedelta(days=7), "success", State.PASSED),
        (PipelineName.NEWSLETTER, timedelta(days=20), "success", State.PASSED),
    ],
)
def test_state__comes_from_the_last_run_and_its_age(
    state: StateStore, pipeline: PipelineName, ago: timedelta, run_state: str, shown: State
) -> None:
    save(state, pipeline, ago=ago, run_state=run_state)
    assert status(state, pipeline).state is shown


@pytest.mark.parametrize(
    "between",
    [
        Report(pipeline=PipelineName.CONTACTS, mode="full", dry_run=True),
        Report(pipeline=PipelineName.CONTACTS, mode="only"),
        Report(pipeline=PipelineName.CONTACTS, mode="replay"),
    ],
    ids=lambda report: "dry run" if report.dry_run else report.mode,
)
def test_state__is_not_changed_by_a_dry_run_or_a_run_of_chosen_records(
    state: StateStore, between: Report
) -> None:
    save(state, PipelineName.CONTACTS, between)
    assert status(state, PipelineName.CONTACTS).state is State.NONE
    save(state, PipelineName.CONTACTS, ago=timedelta(days=50))
    assert status(state, PipelineName.CONTACTS).state is State.OVERDUE
    save(state, PipelineName.CONTACTS, ago=timedelta(hours=8), run_state="failed")
    assert status(state, PipelineName.CONTACTS).state is State.FAILED


def test_empty_state_store__has_pipelines_without_runs(state: StateStore) -> None:
    shown = overview(state, tuple(PipelineName), load_settings(), NOW)
    assert [one.state for one in shown.pipelines] == [State.NONE] * 5
    assert (shown.to_fix, shown.left_out, shown.waiting) == ((), (), 0)


def test_trends__are_sums_by_day_and_a_dry_run_sent_nothing(state: StateStore) -> None:
    counts = StageCounts(calls={"vtex": Calls(made=7)}, seconds={"load": 2.0})
    counts.count(Outcome.SENT, 5)
    counts.count(Reason.EMAIL_MISSING, 2)
    for hours in (1, 2, 26):
        save(
            state,
            PipelineName.CONTACTS,
            Report(pipeline=PipelineName.CONTACTS, mode="full", counts=counts),
            ago=timedelta(hours=hours),
        )
    dry = Report(pipeline=PipelineName.CONTACTS, mode="full", counts=counts, dry_run=True)
    save(state, PipelineName.CONTACTS, dry, ago=timedelta(hours=3), run_state="failed")
    shown = status(state, PipelineName.CONTACTS)
    trends = by_title(shown)
    assert (trends["Sent"][-2:], trends["Rejected"][-2:]) == ([5, 10], [2, 4])
    assert (trends["Calls"][-2:], trends["Duration"][-2:]) == ([7, 21], [2.0, 6.0])
    assert trends["Sent"][:-2] == [None] * (DAYS - 2)
    assert (shown.runs, shown.failed) == (4, 1)


def test_days__are_days_of_the_shops_time_zone(state: StateStore) -> None:
    save(
        state, PipelineName.CONTACTS, ago=timedelta(hours=13)
    )  # 02:00 UTC is the evening before in São Paulo
    assert by_title(status(state, PipelineName.CONTACTS))["Calls"][-2:] == [0, None]


def test_tracking_loss__of_a_day_comes_from_the_newest_report_about_it(state: StateStore) -> None:
    for ago, tracked, added in ((30, 99, 0), (2, 90, 10)):
        counts = StageCounts(tracking={"2026-11-22": Tracking(tracked=tracked, added=added)})
        save(
            state,
            PipelineName.PURCHASES,
            Report(pipeline=PipelineName.PURCHASES, mode="window", counts=counts),
            ago=timedelta(hours=ago),
        )
    (lost,) = [t for t in status(state, PipelineName.PURCHASES).trends if t.title == "Lost by the web tag"]
    assert lost.values[-2:] == (10.0, None)
    assert lost.summary == "10 % of 100 purchases"


def test_latency__is_from_the_change_to_vtex(state: StateStore, clock: Clock) -> None:
    save(state, PipelineName.NEWSLETTER)
    for person, seconds in (("a", 2), ("b", 4), ("c", 60)):
        changes = {person: SubscriptionChange(NOW - timedelta(seconds=seconds), True)}
        state.newsletter.claim(changes)
        state.newsletter.record_applied(changes)
    state.newsletter.claim({"d": SubscriptionChange(NOW, True)})
    (latency,) = [t for t in status(state, PipelineName.NEWSLETTER).trends if t.title == "Latency, median"]
    assert latency.values[-1] == 4.0
    assert latency.summary.startswith("half within 4 s, 95 % within")


def test_reasons__are_counted_with_examples_and_split_by_need_of_action(state: StateStore) -> None:
    def rows(reason: Reason, how_many: int) -> list[RecordOutcome]:
        return [RecordOutcome(f"{reason}-{n}", reason.outcome, reason, "") for n in range(how_many)]

    state.records.save(
        PipelineName.CONTACTS, "run", rows(Reason.EMAIL_MISSING, 5) + rows(Reason.DUPLICATE_EMAIL, 2)
    )
    state.records.save(PipelineName.PURCHASES, "run", rows(Reason.CONTACT_UNRESOLVED, 7))
    state.records.save(PipelineName.CONTACTS, "later", [RecordOutcome("email_missing-0", Outcome.SENT)])
    shown = overview(state, (PipelineName.CONTACTS, PipelineName.PURCHASES), load_settings(), NOW)
    assert [(one.reason, one.records) for one in shown.to_fix] == [
        (Reason.CONTACT_UNRESOLVED, 7),
        (Reason.EMAIL_MISSING, 4),
    ]
    assert shown.to_fix[1].examples == ("email_missing-1", "email_missing-2", "email_missing-3")
    assert [one.reason for one in shown.left_out] == [Reason.DUPLICATE_EMAIL]
    only = overview(state, (PipelineName.PURCHASES,), load_settings(), NOW)
    assert [one.pipeline for one in only.to_fix] == [PipelineName.PURCHASES], (
        "a pipeline that the reader may not see is left out"
    )


def fail(
    state: StateStore,
    task: str,
    *,
    ago: timedelta,
    pipeline: PipelineName = PipelineName.CONTACTS,
    retried: bool = False,
) -> TaskFailure:
    """Record a failure of the run that `save` saves with the same age."""
    started = NOW - ago
    failure = TaskFailure(
        task=task,
        try_number=1,
        sentence=f"{task} did not work",
        failed_at=started,
        retried=retried,
        log="log",
    )
    state.task_failures.save(StoredFailure(PIPELINES[pipeline].dag_id, str(started), started, failure))
    return failure


def tasks_shown(status: PipelineStatus) -> list[str]:
    return [one.failure.task for one in status.failures]


def test_failures__of_the_last_run_explain_it_once(state: StateStore) -> None:
    hour = timedelta(hours=1)
    failure = fail(state, "load", ago=hour)
    fail(state, "report", ago=hour)
    report = Report(pipeline=PipelineName.CONTACTS, mode="full", counts=StageCounts(read=9), failure=failure)
    save(state, PipelineName.CONTACTS, report, ago=hour, run_state="failed")
    shown = status(state, PipelineName.CONTACTS)
    assert (tasks_shown(shown), shown.problems) == (["load"], ()), "the counts do not add up because of it"
    state.task_failures.remove("sync_contacts", str(NOW - hour), "load", -1)
    assert tasks_shown(status(state, PipelineName.CONTACTS)) == ["load"], "its report is not replaced yet"


def test_failures__are_shown_for_a_run_without_a_report(state: StateStore) -> None:
    fail(state, "load", ago=timedelta(days=2))
    save(state, PipelineName.CONTACTS, ago=timedelta(days=1))
    assert status(state, PipelineName.CONTACTS).state is State.PASSED, "an older failure is over"
    fail(state, "extract", ago=timedelta(hours=2), retried=True)
    shown = status(state, PipelineName.CONTACTS)
    assert (tasks_shown(shown), shown.state) == (["extract"], State.PASSED), "Airflow still tries"
    fail(state, "extract", ago=timedelta(hours=2))
    assert status(state, PipelineName.CONTACTS).state is State.FAILED
    fail(state, "apply", ago=timedelta(hours=2), pipeline=PipelineName.NEWSLETTER)
    assert status(state, PipelineName.NEWSLETTER).state is State.FAILED, "no run has a report"


def test_failures__of_a_dry_run_or_chosen_records_do_not_count(state: StateStore) -> None:
    save(state, PipelineName.CONTACTS, ago=timedelta(days=1))
    fail(state, "report", ago=timedelta(hours=1))
    save(
        state, PipelineName.CONTACTS, Report(pipeline=PipelineName.CONTACTS, mode="only"), run_state="failed"
    )
    shown = status(state, PipelineName.CONTACTS)
    assert (tasks_shown(shown), shown.state) == ([], State.PASSED)


def test_problems__of_a_failed_run_come_from_its_report_or_name_the_log(state: StateStore) -> None:
    counts = StageCounts(read=100)
    counts.count(Outcome.SENT, 60)
    counts.count(Reason.EMAIL_MISSING, 40)
    save(
        state,
        PipelineName.CONTACTS,
        Report(pipeline=PipelineName.CONTACTS, mode="full", counts=counts),
        run_state="failed",
    )
    assert "40 of 100 records (40.0 %) were rejected" in status(state, PipelineName.CONTACTS).problems[0]
    save(state, PipelineName.CONTACTS, ago=timedelta(0), run_state="failed")
    assert "that task's log" in status(state, PipelineName.CONTACTS).problems[0]
