"""The tracking loss of whole days, although each run has parts of two days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from include.outcomes import Outcome, PipelineName
from include.report import Report, Tracking
from tests.builders import SimulatedShop, SyncRunner
from tests.orders import (
    MORNING,
    day_of,
    purchases,
    put_buyer,
    put_order,
    put_product,
    put_purchase,
    without_baskets,
)

PURCHASES = PipelineName.PURCHASES
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ALIAS = "0123456789abcdef0123456789abcdefb@ct.vtex.com.br"
PROFILE = "11111111-2222-4333-8444-555555555555"
MIDNIGHT = MORNING.replace(hour=3)
"""Of the shop, in São Paulo (UTC-3)."""
CUT = MIDNIGHT + 4 * HOUR
"""Where the nightly runs begin and end."""


@pytest.fixture(autouse=True)
def undisturbed_shop(shop: SimulatedShop) -> None:
    without_baskets(shop)
    put_buyer(shop)
    put_product(shop)


def added(shop: SimulatedShop, purchase_id: str, at: datetime, **fields: str) -> None:
    put_order(shop, f"{purchase_id}-01", at, **fields)


def tracked(shop: SimulatedShop, purchase_id: str, at: datetime) -> None:
    put_order(shop, f"{purchase_id}-01", at)
    put_purchase(shop, purchase_id, at)


def nightly(runner: SyncRunner, end: datetime) -> Report:
    return runner.sync(PURCHASES, day_of(end - DAY), f"until {end}")


def tracking_by_day(report: Report) -> dict[str, tuple[int, int, bool]]:
    return {day: (one.tracked, one.added, one.whole) for day, one in report.counts.tracking.items()}


def test_tracking_loss__is_counted_by_days_of_the_shops_time_zone(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    added(shop, "1", MIDNIGHT - timedelta(minutes=1))
    added(shop, "2", MIDNIGHT)
    tracked(shop, "3", MIDNIGHT + timedelta(minutes=1))
    report = runner.sync(PURCHASES, day_of(MIDNIGHT - 2 * HOUR, hours=4), "run")
    assert tracking_by_day(report) == {"2026-11-22": (0, 1, False), "2026-11-23": (1, 1, False)}
    line = "2026-11-23, in part: 1 purchase by the web tag, 1 added (50 % lost by the tag)"
    assert line in report.summary_line()


def test_tracking_loss__of_a_day_is_complete_in_the_report_of_the_next_night(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    """Each of three days has one purchase from the tag and one from the sync, before and after 04:00."""
    for number in (1, 2, 3):
        day = MIDNIGHT - number * DAY
        added(shop, f"{number}1", day)
        tracked(shop, f"{number}2", day + 3 * HOUR)
        added(shop, f"{number}3", day + 4 * HOUR)
        tracked(shop, f"{number}4", day + DAY - timedelta(milliseconds=1))
    first, second, third = (nightly(runner, CUT - number * DAY) for number in (2, 1, 0))
    assert tracking_by_day(first) == {"2026-11-20": (1, 1, False), "2026-11-21": (1, 1, False)}
    assert tracking_by_day(second) == {"2026-11-21": (2, 2, True), "2026-11-22": (1, 1, False)}
    assert tracking_by_day(third) == {"2026-11-22": (2, 2, True)}
    assert "2026-11-22: 2 purchases by the web tag, 2 added (50 % lost" in third.summary_line()


def test_tracking_loss__counts_the_hour_of_two_runs_once(runner: SyncRunner, shop: SimulatedShop) -> None:
    tracked(shop, "1", CUT - DAY - HOUR / 2)
    added(shop, "2", CUT - DAY - HOUR / 2)
    nightly(runner, CUT - DAY)
    added(shop, "3", CUT - DAY - HOUR / 3)  # VTEX indexed it late
    tracked(shop, "4", CUT - DAY)
    report = nightly(runner, CUT)
    assert tracking_by_day(report) == {"2026-11-22": (2, 2, True)}
    assert report.counts.read == 2, "a sent order is not repeated"


def test_tracking_loss__of_a_repeated_run_is_the_same(runner: SyncRunner, shop: SimulatedShop) -> None:
    added(shop, "1", CUT - DAY)
    tracked(shop, "2", CUT - DAY)
    first = nightly(runner, CUT)
    assert runner.sync(PURCHASES, day_of(CUT - DAY), "again").counts.tracking == first.counts.tracking


def test_tracking_loss__counts_a_held_purchase_on_its_own_day(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    added(shop, "1", CUT - 2 * DAY, email=ALIAS, profile_id=PROFILE)
    tracked(shop, "2", CUT - 2 * DAY)
    assert tracking_by_day(nightly(runner, CUT - DAY)) == {"2026-11-21": (1, 0, False)}
    shop.on_vtex("PUT", "documents/late", {"email": "Late@example.com", "userId": PROFILE})
    report = nightly(runner, CUT)
    assert set(purchases(shop)) == {"1", "2"}
    assert tracking_by_day(report) == {"2026-11-21": (1, 1, False)}


def test_tracking_loss__of_a_rejected_purchase_is_unknown(runner: SyncRunner, shop: SimulatedShop) -> None:
    tracked(shop, "1", CUT - DAY)
    added(shop, "2", CUT - DAY)
    shop.fault_at_connectif("create purchase", calls=1, status=422, body={"status": 422, "title": "no"})
    report = nightly(runner, CUT)
    assert report.counts.outcomes[Outcome.REJECTED] == 1
    assert report.counts.tracking == {"2026-11-22": Tracking(tracked=1, unknown=1, whole=False)}


@pytest.mark.parametrize(("hours", "day"), [(23, "2026-03-29"), (25, "2026-10-25")])
def test_tracking_loss__of_a_day_with_a_clock_change_is_complete(
    hours: int, day: str, runner: SyncRunner, shop: SimulatedShop
) -> None:
    """Madrid, where the clocks change at night."""
    runner.change("schedule", time_zone="Europe/Madrid")
    midnight = (
        datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=ZoneInfo("Europe/Madrid")).astimezone(UTC)
    )
    tracked(shop, "1", midnight)
    added(shop, "2", midnight + timedelta(hours=hours) - timedelta(milliseconds=1))
    added(shop, "3", midnight + timedelta(hours=hours))
    report = runner.sync(PURCHASES, day_of(midnight, hours=hours + 4), "run")
    whole, begun = tracking_by_day(report).items()
    assert whole == (day, (1, 1, True))
    assert begun[1] == (0, 1, False)


def test_tracking_loss__is_also_counted_by_payment_method_and_sales_channel(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    at = CUT - DAY
    put_order(shop, "1-01", at, payments=["Pix"])
    put_order(shop, "2-01", at, payments=["Pix", "Visa"], channel=2)
    tracked(shop, "3", at)
    put_order(shop, "4-01", at, email=ALIAS, profile_id=PROFILE, payments=["Pix"], channel=2)
    nightly(runner, CUT)
    figures = runner.state.figures
    payments = {tuple(one) for one in figures.purchases_by("payment_method", at - DAY)}
    assert payments == {
        ("Pix", Outcome.SENT, 1),
        ("Pix", Outcome.HELD, 1),
        ("Pix, Visa", Outcome.SENT, 1),
        ("Visa", Outcome.ALREADY_THERE, 1),
    }
    channels = {tuple(one) for one in figures.purchases_by("sales_channel", at - DAY)}
    assert channels == {
        ("1", Outcome.SENT, 1),
        ("1", Outcome.ALREADY_THERE, 1),
        ("2", Outcome.SENT, 1),
        ("2", Outcome.HELD, 1),
    }
