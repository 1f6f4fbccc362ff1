"""The content of the status page as plain values: the last run of each pipeline, 30 days of runs, reasons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from statistics import median, quantiles
from zoneinfo import ZoneInfo

from include.outcomes import Outcome, PipelineName
from include.page.rendering import duration, number, percent
from include.pipelines import PIPELINES
from include.report import Limits, Report, Tracking
from include.settings import Settings
from include.state import AppliedChange, ReasonCount, StateStore, StoredFailure, StoredReport

DAYS = 30
MOST_RUNS = 5_000
"""The limit of runs per pipeline: each newsletter call can be a run. The page says if days are incomplete."""
MOST_CHANGES = 50_000


class State(StrEnum):
    """The result of a pipeline's last run; overdue: it passed, but the next run is missing."""

    NONE = "no run yet"
    PASSED = "passed"
    FAILED = "failed"
    OVERDUE = "overdue"


@dataclass(frozen=True)
class Trend:
    """One value per day; None if no run started on that day. `summary` sums the values up."""

    title: str
    values: tuple[float | None, ...]
    shown: Callable[[float], str]
    summary: str


@dataclass(frozen=True)
class PipelineStatus:
    """One pipeline: its last regular run, the problems of that run, and its trends.

    `failures` are the tasks that failed in that run or in a newer one, also if that one has no report.
    """

    pipeline: PipelineName
    dag_id: str
    state: State
    last: StoredReport | None
    since: timedelta
    problems: tuple[str, ...]
    failures: tuple[StoredFailure, ...]
    trends: tuple[Trend, ...]
    runs: int
    failed: int

    @property
    def capped(self) -> bool:
        """Whether there are more runs than the page reads."""
        return self.runs == MOST_RUNS


@dataclass(frozen=True)
class Overview:
    """The page's content. `waiting` is the number of waiting newsletter events."""

    days: tuple[date, ...]
    pipelines: tuple[PipelineStatus, ...]
    to_fix: tuple[ReasonCount, ...]
    left_out: tuple[ReasonCount, ...]
    waiting: int


def overview(
    state: StateStore, pipelines: Sequence[PipelineName], settings: Settings, now: datetime
) -> Overview:
    """Read the state store for these pipelines. Days are days of the shop's time zone."""
    zone = ZoneInfo(settings.schedule.time_zone)
    today = now.astimezone(zone).date()
    days = tuple(today - timedelta(days=back) for back in range(DAYS - 1, -1, -1))
    since = datetime.combine(days[0], datetime.min.time(), zone)
    reasons = state.figures.reasons(pipelines)
    return Overview(
        days=days,
        pipelines=tuple(
            _status(state, pipeline, _Span(days, zone, since, now), settings) for pipeline in pipelines
        ),
        to_fix=tuple(one for one in reasons if one.outcome in _TO_FIX),
        left_out=tuple(one for one in reasons if one.outcome not in _TO_FIX),
        waiting=state.figures.waiting_events() if PipelineName.NEWSLETTER in pipelines else 0,
    )


_RUNS_CHECKED = 50
_REPORT_TASK = "report"
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
    runs = state.reports.latest(pipeline, MOST_RUNS, since=span.since)
    last = _last(runs) or _last(state.reports.latest(pipeline, _RUNS_CHECKED))
    age = span.now - (last.finished_at or last.started_at) if last else timedelta()
    failures = _failures(state, PIPELINES[pipeline].dag_id, last, runs, span)
    return PipelineStatus(
        pipeline=pipeline,
        dag_id=PIPELINES[pipeline].dag_id,
        state=_state(last, age, PIPELINES[pipeline].overdue_after(settings.schedule), failures),
        last=last,
        since=age,
        problems=_problems(last, settings, failures),
        failures=failures,
        trends=tuple(_trends(state, pipeline, runs, span)) if runs else (),
        runs=len(runs),
        failed=sum(run.state != "success" for run in runs),
    )


def _last(runs: Iterable[StoredReport]) -> StoredReport | None:
    """The newest regular run. A dry run, a single record or a replay does not show the state of the schedule,
    and must not turn a red card green."""
    return next((run for run in runs if _is_regular(run.report)), None)


def _is_regular(report: Report) -> bool:
    return not report.dry_run and report.mode not in ("only", "replay")


def _state(
    last: StoredReport | None,
    age: timedelta,
    overdue_after: timedelta | None,
    failures: Iterable[StoredFailure],
) -> State:
    if any(not one.failure.retried for one in failures):
        return State.FAILED
    if last is None:
        return State.NONE
    if last.state != "success":
        return State.FAILED
    return State.OVERDUE if overdue_after and age > overdue_after else State.PASSED


def _failures(
    state: StateStore,
    dag_id: str,
    last: StoredReport | None,
    runs: Iterable[StoredReport],
    span: _Span,
) -> tuple[StoredFailure, ...]:
    """The recorded failures since the last regular run started, without those of runs that are not regular.

    If a stage of the last run failed, its task `report` failed only because of that, and is left out.
    """
    irregular = {(run.run_id, run.started_at) for run in runs if not _is_regular(run.report)}
    recorded = state.task_failures.since(dag_id, last.started_at if last else span.since)
    regular = [one for one in recorded if (one.run_id, one.run_started_at) not in irregular]
    if last is None or (failure := last.report.failure) is None:
        return tuple(regular)
    known = {(last.run_id, failure.task), (last.run_id, _REPORT_TASK)}
    others = (one for one in regular if (one.run_id, one.failure.task) not in known)
    return (StoredFailure(last.dag_id, last.run_id, last.started_at, failure), *others)


def _problems(
    last: StoredReport | None, settings: Settings, failures: Iterable[StoredFailure]
) -> tuple[str, ...]:
    """The problems of the last run that no failure of a task explains, in sentences."""
    if last is None:
        return ()
    limits = Limits(settings.run.reject_limit_percent, settings.run.reject_limit_minimum)
    is_explained = last.state == "success" or any(one.run_id == last.run_id for one in failures)
    found = [] if is_explained else last.report.problems(limits)
    if not is_explained and not found:
        found = ["a task of this run did not finish: the last lines of that task's log say why"]
    return (*found, *(f"not covered: {gap.window}; close it with: {gap.command}" for gap in last.report.gaps))


def _trends(
    state: StateStore, pipeline: PipelineName, runs: Sequence[StoredReport], span: _Span
) -> Iterable[Trend]:
    def sum_up(title: str, value: Callable[[Report], float], shown: Callable[[float], str] = number) -> Trend:
        sums = _sums(((span.day_of(run.started_at), value(run.report)) for run in runs), span.days)
        total = sum(one or 0 for one in sums)
        return Trend(title, sums, shown, f"{shown(total)} in {DAYS} days")

    if pipeline is PipelineName.RECONCILE:
        yield sum_up("To look at", lambda r: sum(one.to_look_at for one in r.compared.values()))
        yield sum_up("Repaired", lambda r: sum(one.repaired for one in r.compared.values()))
    else:
        yield sum_up("Sent", lambda r: 0 if r.dry_run else r.counts.outcomes[Outcome.SENT])
        yield sum_up("Rejected", lambda r: 0 if r.dry_run else r.counts.outcomes[Outcome.REJECTED])
    yield sum_up("Calls", lambda r: sum(calls.made for calls in r.counts.calls.values()))
    yield sum_up("Duration", lambda r: sum(r.counts.seconds.values()), duration)
    if pipeline is PipelineName.PURCHASES:
        yield _tracking_loss(runs, span)
    if pipeline is PipelineName.NEWSLETTER:
        yield _latency(state.figures.changes_applied_since(span.since, MOST_CHANGES), span)


def _sums(values: Iterable[tuple[date, float]], days: Sequence[date]) -> tuple[float | None, ...]:
    by_day: dict[date, float] = {}
    for day, value in values:
        by_day[day] = by_day.get(day, 0) + value
    return tuple(by_day.get(day) for day in days)


def _tracking_loss(runs: Sequence[StoredReport], span: _Span) -> Trend:
    """Each day's value comes from the newest report about that day, which counts all runs so far."""
    known: dict[str, Tracking] = {}
    for run in reversed(runs):
        known |= run.report.counts.tracking
    found = [known.get(str(day)) for day in span.days]
    added = sum(one.added for one in found if one)
    total = Tracking(tracked=sum(one.tracked for one in found if one), added=added)
    summary = f"{percent(total.lost_percent)} of {number(total.tracked + added)} purchases"
    return Trend(
        "Lost by the web tag", tuple(one.lost_percent if one else None for one in found), percent, summary
    )


def _latency(changes: Sequence[AppliedChange], span: _Span) -> Trend:
    """The median time per day from the subscription change (Connectif's call) to VTEX."""
    by_day: dict[date, list[float]] = defaultdict(list)
    for change in changes:
        seconds = (change.applied_at - change.instant).total_seconds()
        by_day[span.day_of(change.applied_at)].append(max(seconds, 0.0))
    values = tuple(median(by_day[day]) if day in by_day else None for day in span.days)
    return Trend(
        "Latency, median", values, duration, _spread([one for day in by_day.values() for one in day])
    )


def _spread(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return duration(seconds[0]) if seconds else "no subscription change was applied"
    cuts = quantiles(seconds, n=20)
    return f"half within {duration(cuts[9])}, 95 % within {duration(cuts[18])}"
