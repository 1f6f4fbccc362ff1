"""The content of the status page as plain values: the last run of each pipeline, 30 days of runs, reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from include.outcomes import Outcome, PipelineName
from include.page.differences import has_differences
from include.page.newsletter_answer import (
    AirflowFacts,
    NewsletterAnswer,
    NewsletterFacts,
    newsletter_answer,
)
from include.page.questions import CatalogueAnswer, TagLoss, catalogue_answer, tag_loss
from include.page.rendering import Level
from include.page.trends import DAYS, LATENCY, Span, Trend, failed_days, is_regular, trends_of
from include.pipelines import CALLBACK_RUN, NEWSLETTER, PIPELINES
from include.report import Limits
from include.setting_types import Settings
from include.state import ReasonCount, StateStore, StoredFailure, StoredReport

MOST_RUNS = 5_000
"""The limit of runs per pipeline: each newsletter call can be a run. The page says if days are incomplete."""


class State(StrEnum):
    """The result of a pipeline's last run; overdue: it passed, but the next run is missing; differences: it
    passed, and found some that an operator must look at."""

    NONE = "no run yet"
    PASSED = "passed"
    FAILED = "failed"
    OVERDUE = "overdue"
    DIFFERENCES = "differences"
    PAUSED = "paused"


_LEVELS = {State.NONE: Level.NONE, State.PASSED: Level.GOOD, State.FAILED: Level.BAD}


@dataclass(frozen=True)
class PipelineStatus:
    """One pipeline: its last regular run, the problems of that run, and its trends.

    `word` and `level` are the state on the card. `failures` are the tasks that failed in that run or in a
    newer one, also if that one has no report. `last_dry` is the newest dry run, if it is newer than that run.
    """

    pipeline: PipelineName
    dag_id: str
    state: State
    word: str
    level: Level
    is_paused: bool
    last: StoredReport | None
    last_dry: StoredReport | None
    since: timedelta
    problems: tuple[str, ...]
    failures: tuple[StoredFailure, ...]
    trends: tuple[Trend, ...]
    failed_days: frozenset[date]
    runs: int
    failed: int

    @property
    def capped(self) -> bool:
        """Whether there are more runs than the page reads."""
        return self.runs == MOST_RUNS


@dataclass(frozen=True)
class Overview:
    """The page's content. The answers to questions are None if the reader may not see their pipeline."""

    days: tuple[date, ...]
    pipelines: tuple[PipelineStatus, ...]
    to_fix: tuple[ReasonCount, ...]
    left_out: tuple[ReasonCount, ...]
    newsletter: NewsletterAnswer | None
    tag: TagLoss | None
    catalogue: CatalogueAnswer | None
    problem: str
    live: bool


def overview(
    state: StateStore,
    pipelines: Sequence[PipelineName],
    settings: Settings,
    now: datetime,
    airflow: AirflowFacts | None = None,
    *,
    live: bool = True,
) -> Overview:
    """Read the state store for these pipelines. Days are days of the shop's time zone."""
    page = _Page(state, settings, Span.until(now, settings.schedule.zone), airflow or AirflowFacts())
    found = {pipeline: page.read(pipeline) for pipeline in pipelines}
    newsletter, purchases, products = (found.get(pipeline) for pipeline in _ASKED_ABOUT)
    answer = page.newsletter(newsletter) if newsletter else None
    reasons = state.figures.reasons(pipelines)
    return Overview(
        days=page.span.days,
        pipelines=tuple(page.status(pipeline, one, answer) for pipeline, one in found.items()),
        to_fix=tuple(one for one in reasons if one.outcome in _TO_FIX),
        left_out=tuple(one for one in reasons if one.outcome not in _TO_FIX),
        newsletter=answer,
        tag=tag_loss(state, purchases.runs, page.span) if purchases else None,
        catalogue=catalogue_answer(products.runs) if products else None,
        problem=page.airflow.problem,
        live=live,
    )


_RUNS_CHECKED = 200
_REPORT_TASK = "report"
_TO_FIX = (Outcome.REJECTED, Outcome.HELD)
_ASKED_ABOUT = (PipelineName.NEWSLETTER, PipelineName.PURCHASES, PipelineName.PRODUCTS)


@dataclass(frozen=True)
class _Found:
    """The runs of a pipeline, the newest first, its last regular run (maybe older), and its trends."""

    runs: Sequence[StoredReport]
    last: StoredReport | None
    trends: tuple[Trend, ...]


@dataclass(frozen=True)
class _Page:
    state: StateStore
    settings: Settings
    span: Span
    airflow: AirflowFacts

    def read(self, pipeline: PipelineName) -> _Found:
        found = self.state.reports.latest(pipeline, MOST_RUNS, since=self.span.since)
        runs = [run for run in found if not _is_empty_resolve(run)]
        trends = tuple(trends_of(self.state, pipeline, runs, self.span)) if runs else ()
        return _Found(runs, self._last(pipeline, runs), trends)

    def status(
        self, pipeline: PipelineName, found: _Found, newsletter: NewsletterAnswer | None
    ) -> PipelineStatus:
        runs, last = found.runs, found.last
        failures = self._failures(PIPELINES[pipeline].dag_id, last, runs)
        state = self._state(pipeline, last, failures)
        answer = newsletter if pipeline is PipelineName.NEWSLETTER else None
        return PipelineStatus(
            pipeline=pipeline,
            dag_id=PIPELINES[pipeline].dag_id,
            state=state,
            word=answer.condition.word if answer else state,
            level=answer.condition.level if answer else _LEVELS.get(state, Level.WARNING),
            is_paused=self._is_paused(pipeline),
            last=last,
            last_dry=_newer_dry_run(runs, last),
            since=self._age(last),
            problems=_problems(last, self.settings, failures),
            failures=failures,
            trends=found.trends,
            failed_days=failed_days(runs, self.span),
            runs=len(runs),
            failed=sum(run.state != "success" for run in runs),
        )

    def newsletter(self, found: _Found) -> NewsletterAnswer:
        recorded = self.state.figures.last_run_named(CALLBACK_RUN, PipelineName.NEWSLETTER)
        latency = (trend.summary for trend in found.trends if trend.title == LATENCY)
        facts = NewsletterFacts(
            airflow=self.airflow,
            waiting=self.state.figures.waiting_events(),
            last_callback=max(filter(None, (recorded, self.airflow.last_callback)), default=None),
            last_failed=None if found.last is None else found.last.state != "success",
            latency=next(latency, f"no run in {DAYS} days"),
        )
        return newsletter_answer(facts, self.span)

    def _last(self, pipeline: PipelineName, runs: Iterable[StoredReport]) -> StoredReport | None:
        """The newest regular run. A dry run, a single record or a replay must not turn a red card green."""
        regular = next(filter(_shows_the_state, runs), None)
        return regular or next(
            filter(_shows_the_state, self.state.reports.latest(pipeline, _RUNS_CHECKED)), None
        )

    def _age(self, last: StoredReport | None) -> timedelta:
        return self.span.now - (last.finished_at or last.started_at) if last else timedelta()

    def _is_paused(self, pipeline: PipelineName) -> bool:
        return PIPELINES[pipeline].dag_id in self.airflow.paused

    def _state(
        self, pipeline: PipelineName, last: StoredReport | None, failures: Iterable[StoredFailure]
    ) -> State:
        has_failed = last is not None and last.state != "success"
        if has_failed or any(not one.failure.retried for one in failures):
            return State.FAILED
        if self._is_paused(pipeline):
            return State.PAUSED
        if last is None:
            return State.NONE
        overdue_after = PIPELINES[pipeline].overdue_after(self.settings.schedule)
        if overdue_after and self._age(last) > overdue_after:
            return State.OVERDUE
        return State.DIFFERENCES if has_differences(last.report) else State.PASSED

    def _failures(
        self, dag_id: str, last: StoredReport | None, runs: Iterable[StoredReport]
    ) -> tuple[StoredFailure, ...]:
        """The recorded failures since the last regular run started; only those of regular runs.

        If a stage of the last run failed, its task `report` failed only because of that, and is left out.
        """
        irregular = {(run.run_id, run.started_at) for run in runs if not is_regular(run)}
        recorded = self.state.task_failures.since(dag_id, last.started_at if last else self.span.since)
        regular = [one for one in recorded if (one.run_id, one.run_started_at) not in irregular]
        if last is None or (failure := last.report.failure) is None:
            return tuple(regular)
        known = {(last.run_id, failure.task), (last.run_id, _REPORT_TASK)}
        others = (one for one in regular if (one.run_id, one.failure.task) not in known)
        return (StoredFailure(last.dag_id, last.run_id, last.started_at, failure), *others)


def _shows_the_state(run: StoredReport) -> bool:
    return is_regular(run) and not _is_empty_resolve(run)


def _newer_dry_run(runs: Iterable[StoredReport], last: StoredReport | None) -> StoredReport | None:
    dry = next((run for run in runs if run.report.dry_run), None)
    return dry if dry and (last is None or dry.started_at > last.started_at) else None


def _is_empty_resolve(run: StoredReport) -> bool:
    """Whether it is the newsletter task of a daily contact run that had no change to apply."""
    is_resolve = run.pipeline is PipelineName.NEWSLETTER and run.dag_id != NEWSLETTER.dag_id
    return is_resolve and run.state == "success" and not run.report.counts.read


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
    zone = settings.schedule.zone
    gaps = (
        f"not covered: {gap.window.in_zone(zone)}; close it with: {gap.command}" for gap in last.report.gaps
    )
    return (*found, *gaps)
