"""The content of the status page as plain values: the last run of each pipeline, 30 days of runs, reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from include.outcomes import Outcome, PipelineName
from include.page.newsletter_answer import AirflowFacts, NewsletterAnswer
from include.page.pipeline_state import Sources, State, is_empty_resolve
from include.page.questions import CatalogueAnswer, TagLoss, catalogue_answer, tag_loss
from include.page.rendering import Level
from include.page.trends import DAYS, LATENCY, Span, Trend, failed_days, trends_of
from include.report import Limits
from include.setting_types import Settings
from include.state import ReasonCount, StateStore, StoredFailure, StoredReport

MOST_RUNS = 5_000
"""The limit of runs per pipeline: each newsletter call can be a run. The page says if days are incomplete."""


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
    section: str = "",
) -> Overview:
    """Read the state store for these pipelines of the shop with this section. Days are of its time zone."""
    span = Span.until(now, settings.schedule.zone)
    page = _Page(Sources(state, settings, span, airflow or AirflowFacts(), section))
    found = {pipeline: page.read(pipeline) for pipeline in pipelines}
    newsletter, purchases, products = (found.get(pipeline) for pipeline in _ASKED_ABOUT)
    answer = page.newsletter(newsletter) if newsletter else None
    reasons = state.figures.reasons(pipelines)
    return Overview(
        days=span.days,
        pipelines=tuple(page.status(pipeline, one, answer) for pipeline, one in found.items()),
        to_fix=tuple(one for one in reasons if one.outcome in _TO_FIX),
        left_out=tuple(one for one in reasons if one.outcome not in _TO_FIX),
        newsletter=answer,
        tag=tag_loss(state, purchases.runs, span) if purchases else None,
        catalogue=catalogue_answer(products.runs) if products else None,
        problem=page.sources.airflow.problem,
        live=live,
    )


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
    sources: Sources

    def read(self, pipeline: PipelineName) -> _Found:
        state, span = self.sources.state, self.sources.span
        found = state.reports.latest(pipeline, MOST_RUNS, since=span.since)
        runs = [run for run in found if not is_empty_resolve(run)]
        trends = tuple(trends_of(state, pipeline, runs, span)) if runs else ()
        return _Found(runs, self.sources.last_regular(pipeline, runs), trends)

    def status(
        self, pipeline: PipelineName, found: _Found, newsletter: NewsletterAnswer | None
    ) -> PipelineStatus:
        runs, last = found.runs, found.last
        judged = self.sources.state_of(pipeline, last, runs)
        answer = newsletter if pipeline is PipelineName.NEWSLETTER else None
        return PipelineStatus(
            pipeline=pipeline,
            dag_id=self.sources.dag_id(pipeline),
            state=judged.state,
            word=answer.condition.word if answer else judged.state,
            level=answer.condition.level if answer else judged.level,
            is_paused=judged.is_paused,
            last=last,
            last_dry=_newer_dry_run(runs, last),
            since=judged.since,
            problems=_problems(last, self.sources.settings, judged.failures),
            failures=judged.failures,
            trends=found.trends,
            failed_days=failed_days(runs, self.sources.span),
            runs=len(runs),
            failed=sum(run.state != "success" for run in runs),
        )

    def newsletter(self, found: _Found) -> NewsletterAnswer:
        latency = (trend.summary for trend in found.trends if trend.title == LATENCY)
        return self.sources.newsletter(found.last, next(latency, f"no run in {DAYS} days"))


def _newer_dry_run(runs: Iterable[StoredReport], last: StoredReport | None) -> StoredReport | None:
    dry = next((run for run in runs if run.report.dry_run), None)
    return dry if dry and (last is None or dry.started_at > last.started_at) else None


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
