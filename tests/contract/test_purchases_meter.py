"""The tracking-loss meter: whole days, although no run holds one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from include.outcomes import Area, Outcome
from include.report import Report, Tracking
from tests.builders import Office, World
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

PURCHASES = Area.PURCHASES
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ALIAS = "0123456789abcdef0123456789abcdefb@ct.vtex.com.br"
PROFILE = "11111111-2222-4333-8444-555555555555"
MIDNIGHT = MORNING.replace(hour=3)
"""Of the shop, in São Paulo (UTC-3)."""
CUT = MIDNIGHT + 4 * HOUR
"""Where the nightly runs begin and end."""


@pytest.fixture(autouse=True)
def quiet_shop(world: World) -> None:
    without_baskets(world)
    put_buyer(world)
    put_product(world)


def added(world: World, purchase_id: str, at: datetime, **fields: str) -> None:
    put_order(world, f"{purchase_id}-01", at, **fields)


def tracked(world: World, purchase_id: str, at: datetime) -> None:
    put_order(world, f"{purchase_id}-01", at)
    put_purchase(world, purchase_id, at)


def nightly(office: Office, end: datetime) -> Report:
    return office.sync(PURCHASES, day_of(end - DAY), f"until {end}")


def metered(report: Report) -> dict[str, tuple[int, int, bool]]:
    return {day: (one.tracked, one.added, one.whole) for day, one in report.counts.tracking.items()}


def test_meter__counts_by_the_shops_own_days(office: Office, world: World) -> None:
    added(world, "1", MIDNIGHT - timedelta(minutes=1))
    added(world, "2", MIDNIGHT)
    tracked(world, "3", MIDNIGHT + timedelta(minutes=1))
    report = office.sync(PURCHASES, day_of(MIDNIGHT - 2 * HOUR, hours=4), "run")
    assert metered(report) == {"2026-11-22": (0, 1, False), "2026-11-23": (1, 1, False)}
    said = "2026-11-23, in part: 1 purchases by the web tag, 1 added (50 % lost by the tag)"
    assert said in report.summary_line()


def test_meter__a_day_is_whole_in_the_report_of_the_night_after(office: Office, world: World) -> None:
    """Each of three days has one purchase of the tag and one of ours, before and after the cut."""
    for number in (1, 2, 3):
        day = MIDNIGHT - number * DAY
        added(world, f"{number}1", day)
        tracked(world, f"{number}2", day + 3 * HOUR)
        added(world, f"{number}3", day + 4 * HOUR)
        tracked(world, f"{number}4", day + DAY - timedelta(milliseconds=1))
    first, second, third = (nightly(office, CUT - number * DAY) for number in (2, 1, 0))
    assert metered(first) == {"2026-11-20": (1, 1, False), "2026-11-21": (1, 1, False)}
    assert metered(second) == {"2026-11-21": (2, 2, True), "2026-11-22": (1, 1, False)}
    assert metered(third) == {"2026-11-22": (2, 2, True)}
    assert "2026-11-22: 2 purchases by the web tag, 2 added (50 % lost" in third.summary_line()


def test_meter__the_hour_that_two_runs_read_is_counted_once(office: Office, world: World) -> None:
    tracked(world, "1", CUT - DAY - HOUR / 2)
    added(world, "2", CUT - DAY - HOUR / 2)
    nightly(office, CUT - DAY)
    added(world, "3", CUT - DAY - HOUR / 3)  # indexed late
    tracked(world, "4", CUT - DAY)
    report = nightly(office, CUT)
    assert metered(report) == {"2026-11-22": (2, 2, True)}
    assert report.counts.read == 2, "what is done is not read again"


def test_meter__a_run_again_says_the_same(office: Office, world: World) -> None:
    added(world, "1", CUT - DAY)
    tracked(world, "2", CUT - DAY)
    first = nightly(office, CUT)
    assert office.sync(PURCHASES, day_of(CUT - DAY), "again").counts.tracking == first.counts.tracking


def test_meter__a_purchase_that_waited_belongs_to_its_own_day(office: Office, world: World) -> None:
    added(world, "1", CUT - 2 * DAY, email=ALIAS, profile_id=PROFILE)
    tracked(world, "2", CUT - 2 * DAY)
    assert metered(nightly(office, CUT - DAY)) == {"2026-11-21": (1, 0, False)}
    world.on_vtex("PUT", "documents/late", {"email": "Late@example.com", "userId": PROFILE})
    report = nightly(office, CUT)
    assert set(purchases(world)) == {"1", "2"}
    assert metered(report) == {"2026-11-21": (1, 1, False)}


def test_meter__who_is_rejected_is_nobodys(office: Office, world: World) -> None:
    tracked(world, "1", CUT - DAY)
    added(world, "2", CUT - DAY)
    world.fault_at_connectif("create purchase", calls=1, status=422, body={"status": 422, "title": "no"})
    report = nightly(office, CUT)
    assert report.counts.outcomes[Outcome.REJECTED] == 1
    assert report.counts.tracking == {"2026-11-22": Tracking(tracked=1, added=0, whole=False)}


@pytest.mark.parametrize(("hours", "day"), [(23, "2026-03-29"), (25, "2026-10-25")])
def test_meter__a_day_of_a_clock_change_is_whole_with_its_own_hours(
    hours: int, day: str, office: Office, world: World
) -> None:
    """Madrid, where the clocks change in the night."""
    office.change("schedule", time_zone="Europe/Madrid")
    midnight = (
        datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=ZoneInfo("Europe/Madrid")).astimezone(UTC)
    )
    tracked(world, "1", midnight)
    added(world, "2", midnight + timedelta(hours=hours) - timedelta(milliseconds=1))
    added(world, "3", midnight + timedelta(hours=hours))
    report = office.sync(PURCHASES, day_of(midnight, hours=hours + 4), "run")
    whole, begun = metered(report).items()
    assert whole == (day, (1, 1, True))
    assert begun[1] == (0, 1, False)
