"""What the status page shows of a store: states, sums by day, reasons, tracking loss, latency."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.outcomes import OUTCOME_OF, Area, Outcome, Reason
from include.page.overview import DAYS, AreaStatus, State, overview
from include.report import Calls, Report, StageCounts, Tracking
from include.settings import load_settings
from include.store import AccountPair, OutcomeRow, Store, Wish, open_store, upgrade

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
PAIR = AccountPair("shop", "http://v", "http://c", "key")


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path}/store.db"
    upgrade(url)
    with open_store(url, "k" * 32, PAIR, clock=clock) as opened:
        yield opened


def save(
    store: Store,
    area: Area,
    report: Report | None = None,
    *,
    ago: timedelta = timedelta(hours=1),
    state: str = "success",
) -> None:
    started = NOW - ago
    store.save_report(
        report or Report(area=area, mode="full"),
        area,
        dag_id=f"sync_{area}",
        run_id=str(started),
        clear_number=0,
        run_key=str(started),
        state=state,
        started_at=started,
        finished_at=started,
    )


def status(store: Store, area: Area) -> AreaStatus:
    (one,) = overview(store, (area,), load_settings(), NOW).areas
    return one


def by_title(status: AreaStatus) -> dict[str, list[float | None]]:
    return {trend.title: list(trend.values) for trend in status.trends}


@pytest.mark.parametrize(
    ("area", "ago", "state", "shown"),
    [
        (Area.CONTACTS, timedelta(hours=25), "success", State.PASSED),
        (Area.CONTACTS, timedelta(hours=27), "success", State.OVERDUE),
        (Area.CONTACTS, timedelta(days=60), "failed", State.FAILED),
        (Area.RECONCILE, timedelta(days=7), "success", State.PASSED),
        (Area.NEWSLETTER, timedelta(days=20), "success", State.PASSED),
    ],
)
def test_state__is_that_of_the_last_run_and_its_age(
    store: Store, area: Area, ago: timedelta, state: str, shown: State
) -> None:
    save(store, area, ago=ago, state=state)
    assert status(store, area).state is shown


@pytest.mark.parametrize(
    "between",
    [
        Report(area=Area.CONTACTS, mode="full", dry_run=True),
        Report(area=Area.CONTACTS, mode="only"),
        Report(area=Area.CONTACTS, mode="replay"),
    ],
    ids=lambda report: "dry run" if report.dry_run else report.mode,
)
def test_state__is_not_changed_by_a_run_of_chosen_records_or_a_dry_one(store: Store, between: Report) -> None:
    save(store, Area.CONTACTS, between)
    assert status(store, Area.CONTACTS).state is State.NONE
    save(store, Area.CONTACTS, ago=timedelta(days=50))
    assert status(store, Area.CONTACTS).state is State.OVERDUE
    save(store, Area.CONTACTS, ago=timedelta(hours=8), state="failed")
    assert status(store, Area.CONTACTS).state is State.FAILED


def test_empty_store__has_areas_without_runs(store: Store) -> None:
    shown = overview(store, tuple(Area), load_settings(), NOW)
    assert [one.state for one in shown.areas] == [State.NONE] * 5
    assert (shown.to_mend, shown.as_meant, shown.waiting) == ((), (), 0)


def test_trends__are_sums_by_day_and_a_dry_run_sent_nothing(store: Store) -> None:
    counts = StageCounts(calls={"vtex": Calls(made=7)}, seconds={"load": 2.0})
    counts.count(Outcome.SENT, 5)
    counts.count(Reason.EMAIL_MISSING, 2)
    for hours in (1, 2, 26):
        save(
            store,
            Area.CONTACTS,
            Report(area=Area.CONTACTS, mode="full", counts=counts),
            ago=timedelta(hours=hours),
        )
    dry = Report(area=Area.CONTACTS, mode="full", counts=counts, dry_run=True)
    save(store, Area.CONTACTS, dry, ago=timedelta(hours=3), state="failed")
    shown = status(store, Area.CONTACTS)
    trends = by_title(shown)
    assert (trends["Sent"][-2:], trends["Rejected"][-2:]) == ([5, 10], [2, 4])
    assert (trends["Calls"][-2:], trends["Duration"][-2:]) == ([7, 21], [2.0, 6.0])
    assert trends["Sent"][:-2] == [None] * (DAYS - 2)
    assert (shown.runs, shown.failed) == (4, 1)


def test_days__are_those_of_the_stores_clock(store: Store) -> None:
    save(store, Area.CONTACTS, ago=timedelta(hours=13))  # 2 o'clock in UTC is the evening before in São Paulo
    assert by_title(status(store, Area.CONTACTS))["Calls"][-2:] == [0, None]


def test_tracking_loss__of_a_day_is_what_the_youngest_report_of_it_says(store: Store) -> None:
    for ago, tracked, added in ((30, 99, 0), (2, 90, 10)):
        counts = StageCounts(tracking={"2026-11-22": Tracking(tracked=tracked, added=added)})
        save(
            store,
            Area.PURCHASES,
            Report(area=Area.PURCHASES, mode="window", counts=counts),
            ago=timedelta(hours=ago),
        )
    (lost,) = [t for t in status(store, Area.PURCHASES).trends if t.title == "Lost by the web tag"]
    assert lost.values[-2:] == (10.0, None)
    assert lost.said == "10 % of 100 purchases"


def test_latency__is_from_the_wish_to_vtex(store: Store, clock: Clock) -> None:
    save(store, Area.NEWSLETTER)
    for person, seconds in (("a", 2), ("b", 4), ("c", 60)):
        wishes = {person: Wish(NOW - timedelta(seconds=seconds), True)}
        store.claim(wishes)
        store.record_applied(wishes)
    store.claim({"d": Wish(NOW, True)})
    (latency,) = [t for t in status(store, Area.NEWSLETTER).trends if t.title == "Latency, median"]
    assert latency.values[-1] == 4.0
    assert latency.said.startswith("half within 4 s, 95 % within")


def test_reasons__are_counted_with_examples_and_split_by_what_to_do(store: Store) -> None:
    def rows(reason: Reason, how_many: int) -> list[OutcomeRow]:
        return [OutcomeRow(f"{reason}-{n}", OUTCOME_OF[reason], reason, "") for n in range(how_many)]

    store.save_outcomes(Area.CONTACTS, "run", rows(Reason.EMAIL_MISSING, 5) + rows(Reason.DUPLICATE_EMAIL, 2))
    store.save_outcomes(Area.PURCHASES, "run", rows(Reason.CONTACT_UNRESOLVED, 7))
    store.save_outcomes(Area.CONTACTS, "later", [OutcomeRow("email_missing-0", Outcome.SENT)])
    shown = overview(store, (Area.CONTACTS, Area.PURCHASES), load_settings(), NOW)
    assert [(one.reason, one.records) for one in shown.to_mend] == [
        (Reason.CONTACT_UNRESOLVED, 7),
        (Reason.EMAIL_MISSING, 4),
    ]
    assert shown.to_mend[1].examples == ("email_missing-1", "email_missing-2", "email_missing-3")
    assert [one.reason for one in shown.as_meant] == [Reason.DUPLICATE_EMAIL]
    only = overview(store, (Area.PURCHASES,), load_settings(), NOW)
    assert [one.area for one in only.to_mend] == [Area.PURCHASES], "not of areas that the reader may not see"


def test_problems__of_a_failed_run_are_its_verdict_or_where_to_look(store: Store) -> None:
    counts = StageCounts(read=100)
    counts.count(Outcome.SENT, 60)
    counts.count(Reason.EMAIL_MISSING, 40)
    save(store, Area.CONTACTS, Report(area=Area.CONTACTS, mode="full", counts=counts), state="failed")
    assert "40 of 100 records (40.0 %) were rejected" in status(store, Area.CONTACTS).problems[0]
    save(store, Area.CONTACTS, ago=timedelta(0), state="failed")
    assert "that task's log" in status(store, Area.CONTACTS).problems[0]
