"""A back-fill of several days sends the same as the daily runs, without workflows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from include.outcomes import Outcome, PipelineName
from include.report import Report
from tests.builders import NOON, SimulatedShop, SyncRunner
from tests.orders import (
    calls,
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
FIRST_DAY = NOON.replace(hour=7) - 7 * DAY
DAYS = [day_of(FIRST_DAY + number * DAY) for number in range(7)]
KEPT = (
    "purchase_id",
    "cart_id",
    "contact_email",
    "purchase_date",
    "total_price",
    "total_quantity",
    "products",
)


@dataclass
class Week:
    """The result of seven runs."""

    reports: list[Report]
    purchases: dict[str, dict[str, Any]]
    fired: set[str]
    again: Report
    """One run over all seven days, afterwards."""


@pytest.fixture(scope="module")
def weeks(shared_shop: SimulatedShop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Week]:
    """The same week by daily runs and by a back-fill, once for all tests."""
    return {
        kind: week(shared_shop, tmp_path_factory.mktemp(kind), backfill=kind == "back-fill")
        for kind in ("daily", "back-fill")
    }


def week(shop: SimulatedShop, folder: Path, *, backfill: bool) -> Week:
    shop.reset()
    without_baskets(shop)
    put_buyer(shop)
    put_product(shop)
    for number in range(7):
        orders_of_a_day(shop, number)
    runner = SyncRunner(shop, folder)
    reports = [runner.sync(PURCHASES, day, f"{n}", backfill=backfill) for n, day in enumerate(DAYS)]
    fired = {one["purchaseId"] for one in shop.on_connectif("GET", "workflows")}
    together = runner.sync(PURCHASES, day_of(FIRST_DAY, hours=7 * 24), "together", backfill=backfill)
    runner.close()
    return Week(reports, sent(shop), fired, together)


def orders_of_a_day(shop: SimulatedShop, number: int) -> None:
    """Put two tracked orders, a canceled one and three missing ones.

    The missing ones are at the first and the last instant of the day, and a checkout with one part on the
    next day.
    """
    start, end = FIRST_DAY + number * DAY, FIRST_DAY + (number + 1) * DAY
    for place in (1, 2):
        put_order(shop, f"{number}{place}-01", start + place * HOUR)
        put_purchase(shop, f"{number}{place}", start + place * HOUR)
    put_order(shop, f"{number}3-01", start + 3 * HOUR, fixed_status="canceled")
    put_order(shop, f"{number}4-01", start)
    put_order(shop, f"{number}5-01", end - timedelta(milliseconds=1))
    put_order(shop, f"{number}6-01", end - timedelta(minutes=1))
    put_order(shop, f"{number}6-02", end + timedelta(minutes=1))


def sent(shop: SimulatedShop) -> dict[str, dict[str, Any]]:
    """The purchases and their contacts, without the ids that Connectif assigns."""
    found = {key: {column: row[column] for column in KEPT} for key, row in purchases(shop).items()}
    for row in found.values():
        row["products"] = [{**line, "id": None} for line in json.loads(row["products"])]
    return found


def test_back_fill__of_a_week_sends_the_same_as_seven_daily_runs(weeks: dict[str, Week]) -> None:
    daily, backfill = weeks["daily"], weeks["back-fill"]
    assert backfill.purchases == daily.purchases
    assert len(daily.purchases) == 7 * 5
    for one, another in zip(daily.reports, backfill.reports, strict=True):
        assert one.counts.written == another.counts.written == 3
        assert one.counts.tracking == another.counts.tracking
        assert one.counts.outcomes == another.counts.outcomes


@pytest.mark.parametrize("kind", ["daily", "back-fill"])
def test_daily_runs__read_each_order_once(kind: str, weeks: dict[str, Week]) -> None:
    """A run over the whole week reads as many orders as the seven runs, and sends nothing."""
    found = weeks[kind]
    assert sum(report.counts.read for report in found.reports) == found.again.counts.read == 7 * 7
    assert found.again.counts.outcomes == {Outcome.ALREADY_THERE: 7 * 6, Outcome.EXCLUDED: 7}
    assert found.again.counts.written == 0


def test_back_fill__triggers_no_workflow(weeks: dict[str, Week]) -> None:
    assert weeks["back-fill"].fired == set()


def test_daily_run__triggers_workflows_for_recent_purchases_only(weeks: dict[str, Week]) -> None:
    """All days run at noon of the last day; purchases trigger workflows for 48 hours."""
    assert weeks["daily"].fired == {"55", "56", "64", "65", "66"}


@pytest.mark.parametrize("hours", [23, 25])
def test_daily_runs__have_no_gap_or_overlap_at_clock_changes(
    hours: int, runner: SyncRunner, shop: SimulatedShop
) -> None:
    """A day of 23 or 25 hours is between two normal days; an order on a border belongs to the later day."""
    borders = [NOON - timedelta(days=5)]
    for length in (24, hours, 24):
        borders.append(borders[-1] + timedelta(hours=length))
    without_baskets(shop)
    put_buyer(shop)
    put_product(shop)
    for number, border in enumerate(borders):
        put_order(shop, f"{number}1-01", border - timedelta(milliseconds=1))
        put_order(shop, f"{number}2-01", border)
    taken = []
    for number, (start, end) in enumerate(pairwise(borders)):
        length = (end - start).total_seconds() / 3600
        before = set(purchases(shop))
        runner.sync(PURCHASES, day_of(start, hours=length), f"day {number}", backfill=True)
        taken.append(set(purchases(shop)) - before)
    assert taken == [{"02", "11"}, {"12", "21"}, {"22", "31"}]
    assert calls(shop, "create purchase") == 6
