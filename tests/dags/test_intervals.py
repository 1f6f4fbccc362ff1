"""The data intervals of the schedule, computed by Airflow, across both clock changes of a year."""

from __future__ import annotations

from itertools import pairwise

import pendulum
import pytest
from airflow.serialization.encoders import coerce_to_core_timetable
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction

from include.pipelines import PURCHASES
from include.settings import load_settings
from plugins.default_args import daily_timetable

ZONE = "Europe/Madrid"


@pytest.fixture(autouse=True)
def shop_in_madrid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use Madrid's time zone, because São Paulo no longer has summer time."""
    monkeypatch.setenv("SYNC_SCHEDULE__TIME_ZONE", ZONE)
    load_settings.cache_clear()
    monkeypatch.setattr("plugins.default_args.load_settings", load_settings.__wrapped__)


def intervals(first: pendulum.DateTime, number: int) -> list[DataInterval]:
    timetable = coerce_to_core_timetable(daily_timetable(PURCHASES))
    found: list[DataInterval] = []
    for _ in range(number):
        info: DagRunInfo | None = timetable.next_dagrun_info(
            last_automated_data_interval=found[-1] if found else None,
            restriction=TimeRestriction(earliest=first, latest=None, catchup=True),
        )
        assert info
        found.append(info.data_interval)
    return found


@pytest.mark.parametrize(("month", "day", "odd_hours"), [(3, 27, 23), (10, 23, 25)])
def test_intervals__have_no_gap_when_the_clocks_change(month: int, day: int, odd_hours: int) -> None:
    days = intervals(pendulum.datetime(2026, month, day, tz=ZONE), 5)
    assert all(one.end == another.start for one, another in pairwise(days))
    hours = [(one.end - one.start).total_seconds() / 3600 for one in days]
    assert sorted(set(hours)) == sorted({24.0, float(odd_hours)})
    assert {one.start.in_timezone(ZONE).hour for one in days} == {4}
