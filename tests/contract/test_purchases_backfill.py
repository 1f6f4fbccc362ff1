"""Days run one after the other as a back-fill come to the same as when they came by themselves, quietly."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from include.outcomes import Area, Outcome
from include.report import Report
from tests.builders import NOON, Office, World
from tests.orders import calls, day_of, purchases, put_buyer, put_order, put_product, without_baskets

PURCHASES = Area.PURCHASES
FIRST_DAY = NOON.replace(hour=7) - timedelta(days=3)
DAYS = [day_of(FIRST_DAY + timedelta(days=number)) for number in range(3)]
KEPT = (
    "purchase_id",
    "cart_id",
    "contact_email",
    "purchase_date",
    "total_price",
    "total_quantity",
    "products",
)


def run_all(office: Office, kind: str, **options: Any) -> list[Report]:
    return [office.sync(PURCHASES, day, f"{kind} {number}", **options) for number, day in enumerate(DAYS)]


def sent(world: World) -> dict[str, dict[str, Any]]:
    """What was bought by whom; without the ids that Connectif numbers by itself."""
    found = {key: {column: row[column] for column in KEPT} for key, row in purchases(world).items()}
    for row in found.values():
        row["products"] = [{**line, "id": None} for line in json.loads(row["products"])]
    return found


def test_back_fill__equals_the_daily_runs(office: Office, world: World, tmp_path: Any) -> None:
    daily = run_all(office, "daily")
    by_day = sent(world)
    world.reset()
    (tmp_path / "other").mkdir()
    other = Office(world, tmp_path / "other")
    backfill = run_all(other, "back-fill", backfill=True)
    other.close()
    assert sent(world) == by_day
    for one, another in zip(daily, backfill, strict=True):
        assert one.counts.written == another.counts.written > 5
        assert one.counts.tracking == another.counts.tracking


def test_back_fill__takes_each_order_of_its_days_once(office: Office, world: World) -> None:
    reports = run_all(office, "back-fill", backfill=True)
    together = office.sync(PURCHASES, day_of(FIRST_DAY, hours=72), "all", backfill=True)
    plainly = [report.counts.outcomes for report in reports]
    assert (
        sum(counts[Outcome.SENT] + counts[Outcome.ALREADY_THERE] for counts in plainly)
        == (together.counts.outcomes[Outcome.ALREADY_THERE])
    )
    assert together.counts.written == 0


def test_back_fill__fires_no_workflow(office: Office, world: World) -> None:
    run_all(office, "back-fill", backfill=True)
    assert world.on_connectif("GET", "workflows") == []


def test_daily_run__fires_workflows_for_fresh_purchases_only(office: Office, world: World) -> None:
    run_all(office, "daily")
    fired = {one["purchaseId"] for one in world.on_connectif("GET", "workflows")}
    added = {key: row for key, row in purchases(world).items() if row["origin"] == "api"}
    fresh = {key for key, row in added.items() if age(row) <= timedelta(hours=48)}
    assert fired == fresh
    assert 0 < len(fresh) < len(added)


def age(row: dict[str, Any]) -> timedelta:
    return NOON - datetime.fromisoformat(row["purchase_date"])


@pytest.mark.parametrize("hours", [23, 25])
def test_days__of_the_clock_changes_join_without_gap_or_overlap(
    hours: int, office: Office, world: World
) -> None:
    """A day of 23 or 25 hours between two of 24: an order on each border belongs to the later day."""
    borders = [NOON - timedelta(days=5)]
    for length in (24, hours, 24):
        borders.append(borders[-1] + timedelta(hours=length))
    without_baskets(world)
    put_buyer(world)
    put_product(world)
    for number, border in enumerate(borders):
        put_order(world, f"{number}1-01", border - timedelta(milliseconds=1))
        put_order(world, f"{number}2-01", border)
    taken = []
    for number, (start, end) in enumerate(pairwise(borders)):
        length = (end - start).total_seconds() / 3600
        before = set(purchases(world))
        office.sync(PURCHASES, day_of(start, hours=length), f"day {number}", backfill=True)
        taken.append(set(purchases(world)) - before)
    assert taken == [{"02", "11"}, {"12", "21"}, {"22", "31"}]
    assert calls(world, "create purchase") == 6
