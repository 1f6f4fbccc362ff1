"""The tracking loss: of each day's purchases, which the shop's web tag reported and which it missed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from include.outcomes import PipelineName
from include.pipeline.run import SyncRun
from include.report import Tracking
from include.window import Window, subtracted


def tracking_by_day(run: SyncRun, happened: Iterable[datetime]) -> dict[str, Tracking]:
    """The days of these instants in the store's time zone, each with all its purchases that runs have
    recorded so far: a run from 04:00 to 04:00 holds no whole day, it completes one and begins the next.

    A purchase of ours that is met again stays ours. One that Connectif has neither from the tag nor from us
    (rejected, held) is nobody's.
    """
    zone = ZoneInfo(run.settings.schedule.time_zone)
    covered = run.state.covered(PipelineName.PURCHASES) + ([run.plan.window] if run.plan.window else [])
    days = {day: _bounds(day, zone) for day in sorted({at.astimezone(zone).date() for at in happened})}
    found: dict[str, Tracking] = {}
    for day, bounds in days.items():
        added, tracked = run.state.added_and_tracked(bounds)
        found[f"{day}"] = Tracking(tracked=tracked, added=added, whole=not subtracted([bounds], covered))
    return found


def _bounds(day: date, zone: ZoneInfo) -> Window:
    """From midnight to midnight, 23 to 25 hours."""
    start, end = (datetime.combine(one, time(), zone) for one in (day, day + timedelta(days=1)))
    return Window(start, end)
