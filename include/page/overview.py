"""What the status page shows, as plain values: the last run of each pipeline, 30 days of it, reasons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from statistics import median, quantiles
from zoneinfo import ZoneInfo

from include.outcomes import Outcome, PipelineName
from include.page.formats import duration, number, percent
from include.pipelines import PIPELINES
from include.report import Limits, Report, Tracking
from include.settings import Settings
from include.state import AppliedChange, ReasonCount, StateStore, StoredReport

DAYS = 30
MOST_RUNS = 5_000
"""Of one pipeline: each newsletter call can be a run. Days before them have no bar, and the page says so."""
MOST_CHANGES = 50_000


class State(StrEnum):
    """How a pipeline's last run went; overdue: well, but longer ago than one comes."""

    NONE = "no run yet"
    PASSED = "passed"
    FAILED = "failed"
    OVERDUE = "overdue"


@dataclass(frozen=True)
class Trend:
    """One value for each of the days; None where nothing ran. `said` sums them up."""

    title: str
    values: tuple[float | None, ...]
    shown: Callable[[float], str]
    said: str


@dataclass(frozen=True)
class PipelineStatus:
    """One pipeline: its last regular run, what is wrong with it, and its days."""

    pipeline: PipelineName
    dag_id: str
    state: State
    last: StoredReport | None
    since: timedelta
    problems: tuple[str, ...]
    trends: tuple[Trend, ...]
    runs: int
    failed: int

    @property
    def capped(self) -> bool:
        """Whether there were more runs than were read."""
        return self.runs == MOST_RUNS


@dataclass(frozen=True)
class Overview:
    """The page's content. `waiting` are newsletter events that wait."""

    days: tuple[date, ...]
    pipelines: tuple[PipelineStatus, ...]
    to_fix: tuple[ReasonCount, ...]
    as_meant: tuple[ReasonCount, ...]
    waiting: int


def overview(
    state: StateStore, pipelines: Sequence[PipelineName], settings: Settings, now: datetime
) -> Overview:
    """Read the store for these pipelines. Days are those of the store's time zone."""
    zone = ZoneInfo(settings.schedule.time_zone)
    today = now.astimezone(zone).date()
    days = tuple(today - timedelta(days=back) for back in range(DAYS - 1, -1, -1))
    since = datetime.combine(days[0], datetime.min.time(), zone)
    reasons = state.reasons(pipelines)
    return Overview(
        days=days,
        pipelines=tuple(
            _status(state, pipeline, _Span(days, zone, since, now), settings) for pipeline in pipelines
        ),
        to_fix=tuple(one for one in reasons if one.outcome in _TO_FIX),
        as_meant=tuple(one for one in reasons if one.outcome not in _TO_FIX),
        waiting=state.waiting_events() if PipelineName.NEWSLETTER in pipelines else 0,
    )


_LOOKED_AT = 50
_TO_FIX = (Outcome.REJECTED, Outcome.HELD)


@dataclass(frozen=True)
class _Span:
    days: tuple[date, ...]
    zone: ZoneInfo
    since: datetime
    now: datetime

    def day_of(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()


def _status(state: StateStore, pipeline: PipelineName, span: _Span, settings: Settings) -> PipelineStatus:
    runs = state.reports(pipeline, MOST_RUNS, since=span.since)
    last = _last(runs) or _last(state.reports(pipeline, _LOOKED_AT))
    age = span.now - (last.finished_at or last.started_at) if last else timedelta()
    return PipelineStatus(
        pipeline=pipeline,
        dag_id=PIPELINES[pipeline].dag_id,
        state=_state(last, age, PIPELINES[pipeline].overdue_after(settings.schedule)),
        last=last,
        since=age,
        problems=_problems(last, settings),
        trends=tuple(_trends(state, pipeline, runs, span)) if runs else (),
        runs=len(runs),
        failed=sum(run.state != "success" for run in runs),
    )


def _last(runs: Iterable[StoredReport]) -> StoredReport | None:
    """The youngest that shows how the pipeline stands: a dry run, one record or a replay says nothing about the
    nights, and must not turn a red card green."""
    regular = (run for run in runs if not run.report.dry_run and run.report.mode not in ("only", "replay"))
    return next(regular, None)


def _state(last: StoredReport | None, age: timedelta, overdue_after: timedelta | None) -> State:
    if last is None:
        return State.NONE
    if last.state != "success":
        return State.FAILED
    return State.OVERDUE if overdue_after and age > overdue_after else State.PASSED


def _problems(last: StoredReport | None, settings: Settings) -> tuple[str, ...]:
    """What keeps the last run from being a good one, in sentences."""
    if last is None:
        return ()
    limits = Limits(settings.run.reject_limit_percent, settings.run.reject_limit_minimum)
    found = last.report.problems(limits) if last.state != "success" else []
    if last.state != "success" and not found:
        found = ["a task of it did not finish: the last lines of that task's log say why"]
    return (*found, *(f"not covered: {gap.window}; close it with: {gap.command}" for gap in last.report.gaps))


def _trends(
    state: StateStore, pipeline: PipelineName, runs: Sequence[StoredReport], span: _Span
) -> Iterable[Trend]:
    def summed(title: str, value: Callable[[Report], float], shown: Callable[[float], str] = number) -> Trend:
        of = _sums(((span.day_of(run.started_at), value(run.report)) for run in runs), span.days)
        total = sum(one or 0 for one in of)
        return Trend(title, of, shown, f"{shown(total)} in {DAYS} days")

    if pipeline is PipelineName.RECONCILE:
        yield summed("To look at", lambda r: sum(one.to_look_at for one in r.compared.values()))
        yield summed("Repaired", lambda r: sum(one.repaired for one in r.compared.values()))
    else:
        yield summed("Sent", lambda r: 0 if r.dry_run else r.counts.outcomes[Outcome.SENT])
        yield summed("Rejected", lambda r: 0 if r.dry_run else r.counts.outcomes[Outcome.REJECTED])
    yield summed("Calls", lambda r: sum(calls.made for calls in r.counts.calls.values()))
    yield summed("Duration", lambda r: sum(r.counts.seconds.values()), duration)
    if pipeline is PipelineName.PURCHASES:
        yield _lost(runs, span)
    if pipeline is PipelineName.NEWSLETTER:
        yield _latency(state.changes_applied_since(span.since, MOST_CHANGES), span)


def _sums(found: Iterable[tuple[date, float]], days: Sequence[date]) -> tuple[float | None, ...]:
    by_day: dict[date, float] = {}
    for day, value in found:
        by_day[day] = by_day.get(day, 0) + value
    return tuple(by_day.get(day) for day in days)


def _lost(runs: Sequence[StoredReport], span: _Span) -> Trend:
    """Of each day what the youngest report says of it: it counts all runs so far."""
    known: dict[str, Tracking] = {}
    for run in reversed(runs):
        known |= run.report.counts.tracking
    found = [known.get(str(day)) for day in span.days]
    added = sum(one.added for one in found if one)
    total = Tracking(tracked=sum(one.tracked for one in found if one), added=added)
    said = f"{percent(total.lost_percent)} of {number(total.tracked + added)} purchases"
    return Trend(
        "Lost by the web tag", tuple(one.lost_percent if one else None for one in found), percent, said
    )


def _latency(changes: Sequence[AppliedChange], span: _Span) -> Trend:
    """From the subscription change (Connectif's call) to VTEX, the median of each day."""
    by_day: dict[date, list[float]] = defaultdict(list)
    for change in changes:
        taken = (change.applied_at - change.instant).total_seconds()
        by_day[span.day_of(change.applied_at)].append(max(taken, 0.0))
    values = tuple(median(by_day[day]) if day in by_day else None for day in span.days)
    return Trend(
        "Latency, median", values, duration, _spread([one for day in by_day.values() for one in day])
    )


def _spread(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return duration(seconds[0]) if seconds else "no subscription change was applied"
    cuts = quantiles(seconds, n=20)
    return f"half within {duration(cuts[9])}, 95 % within {duration(cuts[18])}"
