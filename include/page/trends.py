"""The trends of a pipeline: one value for each of the last days, from the reports of its runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median, quantiles
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

from include.outcomes import Outcome, PipelineName
from include.report import Report, Tracking
from include.state import AppliedChange, StateStore, StoredReport
from include.values.wording import duration, number, percent, plural
from include.window import subtracted

DAYS = 30
LATENCY = "Latency, median"
MOST_CHANGES = 50_000
_SENT_ONCE = (PipelineName.PURCHASES, PipelineName.NEWSLETTER)
"""Their runs send a record only once, so that the sum of a day's runs counts each record once."""


@dataclass(frozen=True)
class Trend:
    """One value per day; None if no run started on that day. `summary` sums the values up."""

    title: str
    values: tuple[float | None, ...]
    shown: Callable[[float], str]
    summary: str


@dataclass(frozen=True)
class Span:
    """The days that the page shows, by the clock of the shop."""

    days: tuple[date, ...]
    zone: ZoneInfo
    since: datetime
    now: datetime

    @classmethod
    def until(cls, now: datetime, zone: ZoneInfo) -> Self:
        """The last days, with today."""
        today = now.astimezone(zone).date()
        days = tuple(today - timedelta(days=back) for back in range(DAYS - 1, -1, -1))
        return cls(days, zone, datetime.combine(days[0], datetime.min.time(), zone), now)

    def day_of(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()

    def by_day(self, values: Iterable[tuple[datetime, float]]) -> dict[date, list[float]]:
        """The values of each day, in their order."""
        found = defaultdict[date, list[float]](list)
        for instant, value in values:
            found[self.day_of(instant)].append(value)
        return found


def is_regular(run: StoredReport) -> bool:
    """Whether the run shows the state of the schedule: no dry run, no chosen records."""
    return not run.report.dry_run and run.report.mode not in ("only", "replay")


def trends_of(
    state: StateStore, pipeline: PipelineName, runs: Sequence[StoredReport], span: Span
) -> Iterator[Trend]:
    """The trends of a pipeline from its `runs`, the newest first."""
    if pipeline is PipelineName.RECONCILE:
        yield _sum("To look at", runs, span, lambda r: sum(one.to_look_at for one in r.compared.values()))
        yield _sum("Repaired", runs, span, lambda r: sum(one.repaired for one in r.compared.values()))
    else:
        once = counted_once(pipeline, runs, span)
        yield _sum("Sent", once, span, lambda r: r.counts.outcomes[Outcome.SENT])
        yield _sum("Rejected", once, span, lambda r: r.counts.outcomes[Outcome.REJECTED])
    yield _sum("Calls", runs, span, lambda r: sum(calls.made for calls in r.counts.calls.values()))
    yield _durations(runs, span)
    if pipeline is PipelineName.PURCHASES:
        yield _tracking_loss(tracking_by_day(runs, span), span)
    if pipeline is PipelineName.NEWSLETTER:
        yield _latency(state.figures.changes_applied_since(span.since, MOST_CHANGES), span)


def counted_once(pipeline: PipelineName, runs: Sequence[StoredReport], span: Span) -> list[StoredReport]:
    """The runs whose records count, so that each record counts once a day.

    A run is left out if newer runs of its day took its whole window again, or if a newer run of its day was a
    full load. Dry runs and single records (`only`) do not count.
    """
    counted = [run for run in runs if not run.report.dry_run and run.report.mode != "only"]
    if pipeline in _SENT_ONCE:
        return counted
    kept = defaultdict[date, list[StoredReport]](list)
    for run in counted:
        newer = kept[span.day_of(run.started_at)]
        if not _is_repeated(run, newer):
            newer.append(run)
    return [run for of_day in kept.values() for run in of_day]


def _is_repeated(run: StoredReport, newer: Iterable[StoredReport]) -> bool:
    reports = [one.report for one in newer]
    if any(report.mode == "full" for report in reports):
        return True
    windows = [report.window for report in reports if report.window]
    return run.report.window is not None and not subtracted([run.report.window], windows)


def failed_days(runs: Iterable[StoredReport], span: Span) -> frozenset[date]:
    """The days on which a regular run failed."""
    return frozenset(
        span.day_of(run.started_at) for run in runs if is_regular(run) and run.state != "success"
    )


def tracking_by_day(runs: Sequence[StoredReport], span: Span) -> dict[date, Tracking]:
    """The tracking loss of each day, from the newest report about that day, which counts all runs so far."""
    known: dict[str, Tracking] = {}
    for run in reversed(runs):
        known |= run.report.counts.tracking
    return {day: known[str(day)] for day in span.days if str(day) in known}


def _sum(title: str, runs: Iterable[StoredReport], span: Span, value: Callable[[Report], float]) -> Trend:
    by_day = span.by_day((run.started_at, value(run.report)) for run in runs)
    sums = tuple(sum(by_day[day]) if day in by_day else None for day in span.days)
    return Trend(title, sums, number, f"{number(sum(one or 0 for one in sums))} in {DAYS} days")


def _durations(runs: Iterable[StoredReport], span: Span) -> Trend:
    took = [(run.started_at, sum(run.report.counts.seconds.values())) for run in runs if is_regular(run)]
    summary = f"{duration(median(seconds for _, seconds in took))} a run" if took else "no regular run"
    return Trend("Duration, median", _medians(span.by_day(took), span), duration, summary)


def _medians(by_day: dict[date, list[float]], span: Span) -> tuple[float | None, ...]:
    return tuple(median(by_day[day]) if day in by_day else None for day in span.days)


def total_of(known: Mapping[date, Tracking]) -> Tracking:
    """The tracking loss of all these days together."""
    days = known.values()
    return Tracking(
        tracked=sum(day.tracked for day in days),
        added=sum(day.added for day in days),
        unknown=sum(day.unknown for day in days),
    )


def _tracking_loss(known: Mapping[date, Tracking], span: Span) -> Trend:
    total = total_of(known)
    values = tuple(
        known[day].lost_percent if day in known and known[day].is_known else None for day in span.days
    )
    summary = f"{percent(total.lost_percent)} of {plural(total.tracked + total.added, 'purchase')}"
    summary += f", unknown: {number(total.unknown)}" if total.unknown else ""
    return Trend("Lost by the web tag", values, percent, summary)


def _latency(changes: Sequence[AppliedChange], span: Span) -> Trend:
    """The median time per day from the subscription change (Connectif's call) to VTEX."""
    took = [(change.applied_at, _seconds(change)) for change in changes]
    return Trend(LATENCY, _medians(span.by_day(took), span), duration, _spread(changes))


class Latency(NamedTuple):
    """Seconds within which half and 95 % of the subscription changes were applied at VTEX."""

    half: float
    most: float


def latency_of(changes: Sequence[AppliedChange]) -> Latency | None:
    """The latency of these changes; None if there is none."""
    seconds = [_seconds(change) for change in changes]
    if len(seconds) < 2:
        return Latency(seconds[0], seconds[0]) if seconds else None
    cuts = quantiles(seconds, n=20)
    return Latency(cuts[9], cuts[18])


def _seconds(change: AppliedChange) -> float:
    return max((change.applied_at - change.instant).total_seconds(), 0.0)


def _spread(changes: Sequence[AppliedChange]) -> str:
    found = latency_of(changes)
    if found is None:
        return "no subscription change was applied"
    if len(changes) == 1:
        return duration(found.half)
    return f"half within {duration(found.half)}, 95 % within {duration(found.most)}"
