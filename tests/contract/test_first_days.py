"""A shop's first days: what a first run that failed leaves to the next."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.errors import ConfigurationError
from include.outcomes import Area
from include.plan import RunPlan
from include.staging import Staging
from include.window import Window
from plugins.sync_run import _plan
from tests.builders import NOON, Office, World
from tests.orders import purchases, put_buyer, put_order, put_product, without_baskets

DAY = timedelta(days=1)
PARAMS = dict.fromkeys(("window_start", "window_end", "only", "replay")) | {"mode": "auto"}


def planned(
    office: Office, start: datetime, run_type: str = "scheduled", *, dry_run: bool = False
) -> RunPlan:
    """The plan of the run for the day that begins then, as its first task makes it."""
    context: Any = {
        "dag_run": SimpleNamespace(run_type=run_type, run_after=start + DAY, dag_id="sync_purchases"),
        "data_interval_start": start,
        "data_interval_end": start + DAY,
        "params": PARAMS | {"dry_run": dry_run},
    }
    folder = Staging(Path(office.folder) / f"plan of {run_type} {start:%d}")
    return _plan(context, Area.PURCHASES, office.store, office.settings, folder)


def test_purchases__of_a_first_day_that_failed_come_with_the_second(office: Office, world: World) -> None:
    without_baskets(world)
    put_buyer(world)
    put_product(world)
    first = NOON - 2 * DAY
    put_order(world, "1-01", first + timedelta(hours=1))
    put_order(world, "2-01", first + DAY + timedelta(hours=1))
    no_right = {"route": "order detail", "calls": 50, "status": 403}
    world.on_vtex("POST", "faults", {"script": [no_right]})
    with pytest.raises(ConfigurationError):
        office.sync(Area.PURCHASES, planned(office, first), "day 1")
    world.on_vtex("DELETE", "faults")
    office.sync(Area.PURCHASES, planned(office, first + DAY), "day 2")
    assert set(purchases(world)) == {"1", "2"}


@pytest.mark.parametrize("run_type", ["manual", "backfill"])
def test_purchases__of_a_day_that_somebody_asked_for_begin_nothing(office: Office, run_type: str) -> None:
    planned(office, NOON - 9 * DAY, run_type)
    assert office.store.covered(Area.PURCHASES) == []
    assert office.store.left_edge(Area.PURCHASES) is None
    second = planned(office, NOON - DAY)
    assert second.window
    assert second.window.start == NOON - DAY


def test_purchases__of_last_year_change_nothing_for_the_next_nights(office: Office, world: World) -> None:
    without_baskets(world)
    last_year = planned(office, NOON - 365 * DAY, "backfill")
    office.sync(Area.PURCHASES, last_year, "last year")
    assert office.store.covered(Area.PURCHASES) == [last_year.window]
    for day in (3, 2, 1):
        night = planned(office, NOON - day * DAY)
        assert night.window == Window(NOON - day * DAY, NOON - (day - 1) * DAY)
        assert night.gaps == ()
        office.sync(Area.PURCHASES, night, f"{day} days ago")
        office.sync(Area.PURCHASES, planned(office, NOON - (300 + day) * DAY, "backfill"), f"old {day}")


def test_dry_run__begins_nothing(office: Office) -> None:
    planned(office, NOON - 3 * DAY, dry_run=True)
    assert office.store.left_edge(Area.PURCHASES) is None
