"""The first days of a shop: the second run continues after a failed first run."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.errors import ConfigurationError
from include.outcomes import PipelineName
from include.plan import RunPlan
from include.staging import Staging
from include.window import Window
from plugins.runs.sync_run import _plan
from tests.builders import NOON, SimulatedShop, SyncRunner
from tests.orders import purchases, put_buyer, put_order, put_product, without_baskets

DAY = timedelta(days=1)
PARAMS = dict.fromkeys(("window_start", "window_end", "only", "replay")) | {"mode": "auto"}


def planned(
    runner: SyncRunner, start: datetime, run_type: str = "scheduled", *, dry_run: bool = False
) -> RunPlan:
    """The plan of the run of that day, as the first task makes it."""
    context: Any = {
        "dag_run": SimpleNamespace(run_type=run_type, run_after=start + DAY, dag_id="sync_purchases"),
        "data_interval_start": start,
        "data_interval_end": start + DAY,
        "params": PARAMS | {"dry_run": dry_run},
    }
    folder = Staging(Path(runner.folder) / f"plan of {run_type} {start:%d}")
    return _plan(context, PipelineName.PURCHASES, runner.state, runner.settings, folder, dry_run=dry_run)


def test_purchases__of_a_failed_first_day_are_sent_on_the_second_day(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    without_baskets(shop)
    put_buyer(shop)
    put_product(shop)
    first = NOON - 2 * DAY
    put_order(shop, "1-01", first + timedelta(hours=1))
    put_order(shop, "2-01", first + DAY + timedelta(hours=1))
    no_right = {"route": "order detail", "calls": 50, "status": 403}
    shop.on_vtex("POST", "faults", {"script": [no_right]})
    with pytest.raises(ConfigurationError):
        runner.sync(PipelineName.PURCHASES, planned(runner, first), "day 1")
    shop.on_vtex("DELETE", "faults")
    runner.sync(PipelineName.PURCHASES, planned(runner, first + DAY), "day 2")
    assert set(purchases(shop)) == {"1", "2"}


@pytest.mark.parametrize("run_type", ["manual", "backfill"])
def test_purchases__of_a_requested_day_start_no_coverage(runner: SyncRunner, run_type: str) -> None:
    planned(runner, NOON - 9 * DAY, run_type)
    assert runner.state.progress.covered(PipelineName.PURCHASES) == []
    assert runner.state.progress.left_edge(PipelineName.PURCHASES) is None
    second = planned(runner, NOON - DAY)
    assert second.window
    assert second.window.start == NOON - DAY


def test_purchases__of_last_year_do_not_change_the_next_runs(runner: SyncRunner, shop: SimulatedShop) -> None:
    without_baskets(shop)
    last_year = planned(runner, NOON - 365 * DAY, "backfill")
    runner.sync(PipelineName.PURCHASES, last_year, "last year")
    assert runner.state.progress.covered(PipelineName.PURCHASES) == [last_year.window]
    for day in (3, 2, 1):
        night = planned(runner, NOON - day * DAY)
        assert night.window == Window(NOON - day * DAY, NOON - (day - 1) * DAY)
        assert night.gaps == ()
        runner.sync(PipelineName.PURCHASES, night, f"{day} days ago")
        runner.sync(
            PipelineName.PURCHASES, planned(runner, NOON - (300 + day) * DAY, "backfill"), f"old {day}"
        )


def test_dry_run__starts_no_coverage(runner: SyncRunner) -> None:
    planned(runner, NOON - 3 * DAY, dry_run=True)
    assert runner.state.progress.left_edge(PipelineName.PURCHASES) is None
