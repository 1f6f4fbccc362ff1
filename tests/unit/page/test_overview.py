"""The content of the status page: states, sums by day, reasons, tracking loss, latency."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.outcomes import Outcome, PipelineName, Reason
from include.page.newsletter_answer import AirflowFacts, Receiver
from include.page.overview import Overview, PipelineStatus, overview
from include.page.pipeline_state import State
from include.page.questions import OriginLoss, loss_by_origin
from include.page.rendering import Level
from include.page.trends import DAYS
from include.pipelines import PIPELINES
from include.report import Calls, CatalogueChange, Report, StageCounts, Tracking
from include.settings import load_settings
from include.state import (
    PurchaseOutcome,
    RecordOutcome,
    Shop,
    StateStore,
    StoredFailure,
    SubscriptionChange,
    open_state_store,
    upgrade,
)
from include.state.figures import OriginCount
from include.task_failure import TaskFailure
from include.window import Window

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
    dag_id: str = "",
    run_id: str = "",
) -> None:
    started = NOW - ago
    state.reports.save(
        report or Report(pipeline=pipeline, mode="full"),
        pipeline,
        dag_id=dag_id or PIPELINES[pipeline].dag_id,
        run_id=run_id or str(started),
        clear_number=0,
        run_key=f"{started}{dag_id}",
        state=run_state,
        started_at=started,
        finished_at=started,
    )


def shown(state: StateStore, pipeline: PipelineName, **airflow: Any) -> Overview:
    return overview(state, (pipeline,), load_settings(), NOW, AirflowFacts(**airflow))


def status(state: StateStore, pipeline: PipelineName, **airflow: Any) -> PipelineStatus:
    (one,) = shown(state, pipeline, **airflow).pipelines
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
    assert (shown.to_fix, shown.left_out, shown.catalogue) == ((), (), None)


def sent(
    number: int,
    pipeline: PipelineName = PipelineName.CONTACTS,
    *,
    window: Window | None = None,
    seconds: float = 2.0,
    **more: Any,
) -> Report:
    counts = StageCounts(calls={"vtex": Calls(made=7)}, seconds={"load": seconds})
    counts.count(Outcome.SENT, number)
    counts.count(Reason.EMAIL_MISSING, 2)
    mode = "window" if window else "full"
    return Report.model_validate(
        {"pipeline": pipeline, "mode": mode, "window": window, "counts": counts, **more}
    )


def hours_ago(first: int, last: int) -> Window:
    return Window(NOW - timedelta(hours=first), NOW - timedelta(hours=last))


def test_trends__count_calls_of_all_runs_and_a_record_once_a_day(state: StateStore) -> None:
    for hours, number in ((1, 5), (2, 4), (26, 3)):
        save(state, PipelineName.CONTACTS, sent(number), ago=timedelta(hours=hours))
    dry = sent(100, dry_run=True)
    save(state, PipelineName.CONTACTS, dry, ago=timedelta(hours=3), run_state="failed")
    shown = status(state, PipelineName.CONTACTS)
    trends = by_title(shown)
    assert (trends["Sent"][-2:], trends["Rejected"][-2:]) == ([3, 5], [2, 2])
    assert trends["Calls"][-2:] == [7, 21]
    assert trends["Sent"][:-2] == [None] * (DAYS - 2)
    assert (shown.runs, shown.failed, shown.failed_days) == (4, 1, frozenset()), "a failed dry run is no mark"


def test_sent__of_a_day_adds_windows_but_not_their_repetition_or_the_time_before_a_full_load(
    state: StateStore,
) -> None:
    def sent_today() -> float | None:
        return by_title(status(state, PipelineName.CONTACTS))["Sent"][-1]

    save(state, PipelineName.CONTACTS, sent(10, window=hours_ago(30, 6)), ago=timedelta(hours=6))
    save(state, PipelineName.CONTACTS, sent(9, window=hours_ago(29, 7)), ago=timedelta(hours=7))
    assert sent_today() == 10, "the newer run took the whole window of the older one"
    save(state, PipelineName.CONTACTS, sent(3, window=hours_ago(6, 5)), ago=timedelta(hours=5))
    save(state, PipelineName.CONTACTS, sent(2, mode="replay"), ago=timedelta(hours=4))
    save(state, PipelineName.CONTACTS, sent(1, mode="only"), ago=timedelta(hours=3))
    assert sent_today() == 15
    save(state, PipelineName.CONTACTS, sent(400), ago=timedelta(hours=2))
    save(state, PipelineName.CONTACTS, sent(1, window=hours_ago(2, 1)), ago=timedelta(hours=1))
    assert sent_today() == 401


def test_sent__of_purchases_is_a_sum_because_a_purchase_is_sent_once(state: StateStore) -> None:
    for hours, number in ((1, 5), (2, 60)):
        report = sent(number, PipelineName.PURCHASES, window=hours_ago(30, 6))
        save(state, PipelineName.PURCHASES, report, ago=timedelta(hours=hours))
    assert by_title(status(state, PipelineName.PURCHASES))["Sent"][-1] == 65


def test_durations__are_medians_of_regular_runs(state: StateStore) -> None:
    for hours, seconds in ((1, 10.0), (2, 30.0), (3, 500.0)):
        save(state, PipelineName.CONTACTS, sent(1, seconds=seconds), ago=timedelta(hours=hours))
    save(state, PipelineName.CONTACTS, sent(1, seconds=0.1, mode="only"), ago=timedelta(hours=4))
    (trend,) = [t for t in status(state, PipelineName.CONTACTS).trends if t.title == "Duration, median"]
    assert (trend.values[-1], trend.summary) == (30.0, "30 s a run")


def test_failed_days__are_days_of_failed_regular_runs(state: StateStore) -> None:
    save(state, PipelineName.CONTACTS, ago=timedelta(days=2), run_state="failed")
    save(state, PipelineName.CONTACTS, ago=timedelta(hours=1))
    found = status(state, PipelineName.CONTACTS)
    assert (found.state, found.failed_days) == (State.PASSED, {NOW.date() - timedelta(days=2)})


def test_paused__is_said_and_is_the_state_unless_the_last_run_failed(state: StateStore) -> None:
    paused = {"paused": frozenset({"sync_contacts"})}
    assert status(state, PipelineName.CONTACTS, **paused).state is State.PAUSED
    save(state, PipelineName.CONTACTS)
    found = status(state, PipelineName.CONTACTS, **paused)
    assert (found.state, found.level, found.is_paused) == (State.PAUSED, Level.WARNING, True)
    save(state, PipelineName.CONTACTS, ago=timedelta(0), run_state="failed")
    found = status(state, PipelineName.CONTACTS, **paused)
    assert (found.state, found.level, found.is_paused) == (State.FAILED, Level.BAD, True)
    assert not status(state, PipelineName.CONTACTS).is_paused


def events(number: int = 1) -> Report:
    counts = StageCounts(read=number)
    counts.count(Outcome.SENT, number)
    return Report(pipeline=PipelineName.NEWSLETTER, mode="events", counts=counts)


def test_newsletter__does_not_count_daily_runs_without_a_change(state: StateStore) -> None:
    empty = {"report": events(0), "dag_id": "sync_contacts"}
    save(state, PipelineName.NEWSLETTER, **empty)
    found = status(state, PipelineName.NEWSLETTER)
    assert (found.last, found.runs, found.trends) == (None, 0, ())
    save(state, PipelineName.NEWSLETTER, events(2), ago=timedelta(hours=2), dag_id="sync_contacts")
    found = status(state, PipelineName.NEWSLETTER)
    assert found.last is not None
    assert (found.runs, found.last.report.counts.read) == (1, 2)


@pytest.mark.parametrize(
    ("airflow", "word", "level", "says"),
    [
        ({}, "up", Level.GOOD, "Yes: the receiver is up, the last call from Connectif came 2 h ago"),
        ({"last_callback": NOW - timedelta(minutes=3)}, "up", Level.GOOD, "came 3 min ago"),
        ({"paused": frozenset({"update_newsletter"})}, "paused", Level.BAD, "Unpause update_newsletter now."),
        (
            {"receiver": Receiver.DOWN, "receiver_problem": "no connection"},
            "receiver down",
            Level.BAD,
            "refuses Connectif's calls: no connection.",
        ),
        ({"oldest_run": NOW - timedelta(minutes=6)}, "late", Level.BAD, "a run has waited for 6 min"),
        ({"oldest_run": NOW - timedelta(minutes=4)}, "up", Level.GOOD, "Yes"),
        (
            {"receiver": Receiver.NOT_SET_UP, "receiver_problem": "no secret"},
            "not set up",
            Level.WARNING,
            "no secret",
        ),
    ],
)
def test_newsletter__is_judged_by_receiver_and_runs(
    state: StateStore, airflow: dict[str, Any], word: str, level: Level, says: str
) -> None:
    save(state, PipelineName.NEWSLETTER, events(), ago=timedelta(hours=2), run_id="connectif__1")
    save(state, PipelineName.NEWSLETTER, events(), ago=timedelta(hours=1), run_id="connectifx")
    found = shown(state, PipelineName.NEWSLETTER, **airflow)
    assert found.newsletter is not None
    condition = found.newsletter.condition
    assert (condition.word, condition.level) == (word, level)
    assert says in condition.sentence
    assert (found.pipelines[0].word, found.pipelines[0].level) == (word, level)


def test_newsletter__without_any_call_and_over_rest_only(state: StateStore) -> None:
    def word(**airflow: Any) -> str:
        found = shown(state, PipelineName.NEWSLETTER, **airflow).newsletter
        assert found is not None
        return found.condition.word

    unset = {"receiver": Receiver.NOT_SET_UP}
    assert (word(), word(**unset)) == ("no call yet", "not set up")
    save(state, PipelineName.NEWSLETTER, events())
    assert word(**unset) == "passed"
    save(state, PipelineName.NEWSLETTER, events(), ago=timedelta(0), run_state="failed")
    assert (word(), word(**unset)) == ("failed", "failed")


def test_newsletter__says_how_many_events_wait_and_since_when(state: StateStore, clock: Clock) -> None:
    for hours, email in ((3, "a@example.com"), (1, "b@example.com")):
        clock.now = NOW - timedelta(hours=hours)
        state.newsletter.add_pending(email, True, clock.now, NOW, 1)
    found = shown(state, PipelineName.NEWSLETTER).newsletter
    assert found is not None
    assert (
        dict(found.facts)["Events that wait for VTEX"] == "2 events, the oldest since 2026-11-23 09:00 (3 h)"
    )
    assert found.brief == "2 waiting"
    assert "example.com" not in repr(found)


def bought(number: str, outcome: Outcome, payment: str | None, channel: str = "1") -> PurchaseOutcome:
    return PurchaseOutcome(
        number, outcome, None, "", [number], NOW, payment_method=payment, sales_channel=channel
    )


def test_tag__is_counted_by_payment_method_and_sales_channel(state: StateStore) -> None:
    rows = [
        bought("1", Outcome.SENT, "Pix"),
        bought("2", Outcome.ALREADY_THERE, "Pix", "2"),
        bought("3", Outcome.HELD, "Pix"),
        bought("4", Outcome.REJECTED, "Visa"),
        bought("5", Outcome.EXCLUDED, None),
    ]
    state.purchases.record("run", rows)
    tag = shown(state, PipelineName.PURCHASES).tag
    assert tag is not None
    assert tag.by_payment == (
        OriginLoss("Pix", tracked=1, added=1, unknown=1),
        OriginLoss("Visa", tracked=0, added=0, unknown=1),
        OriginLoss("not recorded", tracked=0, added=0, unknown=0),
    )
    assert [one.lost_percent for one in tag.by_payment[:2]] == [50.0, None]
    assert {one.name: one.tracked for one in tag.by_channel} == {"1": 0, "2": 1}


def test_tag__shows_ten_origins_and_the_others_together() -> None:
    counts = [OriginCount(f"p{n:02}", Outcome.SENT, 100 - n) for n in range(15)]
    found = loss_by_origin(counts)
    assert [one.name for one in found] == [*(f"p{n:02}" for n in range(10)), "others"]
    assert found[-1].added == sum(100 - n for n in range(10, 15))


def test_catalogue__is_that_of_the_last_regular_run_that_compared(state: StateStore) -> None:
    def report(new: int | None, **more: Any) -> Report:
        change = None if new is None else CatalogueChange(new=new)
        return Report.model_validate(
            {"pipeline": "products", "mode": "full", "counts": {"catalogue": change}, **more}
        )

    save(state, PipelineName.PRODUCTS, report(1), ago=timedelta(days=2))
    save(state, PipelineName.PRODUCTS, report(2), ago=timedelta(days=1))
    save(state, PipelineName.PRODUCTS, report(3, dry_run=True), ago=timedelta(hours=2))
    save(state, PipelineName.PRODUCTS, report(None), ago=timedelta(hours=1))
    found = shown(state, PipelineName.PRODUCTS).catalogue
    assert found is not None
    assert found.change.new == 2


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
