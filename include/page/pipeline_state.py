"""The state of a pipeline of a shop: what its last regular run and the failed tasks since then tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from include.outcomes import PipelineName
from include.page.differences import has_differences
from include.page.newsletter_answer import AirflowFacts, NewsletterAnswer, NewsletterFacts, newsletter_answer
from include.page.rendering import Level
from include.page.trends import Span, is_regular
from include.pipelines import CALLBACK_RUN, NEWSLETTER, PIPELINES
from include.setting_types import Settings
from include.shops import base_of, dag_id_of
from include.state import StateStore, StoredFailure, StoredReport

RUNS_CHECKED = 200
"""How many runs are searched for a regular one."""
_REPORT_TASK = "report"


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
class PipelineState:
    """`failures` are the tasks that failed in the last regular run or in a newer one, also if that one has no
    report. `since` is the age of the last run."""

    state: State
    is_paused: bool
    last: StoredReport | None
    since: timedelta
    failures: tuple[StoredFailure, ...]

    @property
    def level(self) -> Level:
        return _LEVELS.get(self.state, Level.WARNING)


@dataclass(frozen=True)
class Sources:
    """What the states of a shop's pipelines are read from. `section` is the shop's in the ids of its DAGs."""

    state: StateStore
    settings: Settings
    span: Span
    airflow: AirflowFacts
    section: str = ""

    def dag_id(self, pipeline: PipelineName) -> str:
        """The id of the shop's DAG of a pipeline."""
        return dag_id_of(PIPELINES[pipeline].dag_id, self.section)

    def last_regular(self, pipeline: PipelineName, runs: Iterable[StoredReport]) -> StoredReport | None:
        """The newest regular run, of these or of older ones.

        A dry run, a single record or a replay must not turn a red card green.
        """
        regular = next(filter(shows_the_state, runs), None)
        return regular or next(
            filter(shows_the_state, self.state.reports.latest(pipeline, RUNS_CHECKED)), None
        )

    def state_of(
        self, pipeline: PipelineName, last: StoredReport | None, runs: Iterable[StoredReport]
    ) -> PipelineState:
        """The state after the last regular run; `runs` are all runs since then, and maybe older ones."""
        failures = self._failures(self.dag_id(pipeline), last, runs)
        is_paused = self.dag_id(pipeline) in self.airflow.paused
        state = self._state(pipeline, last, failures, is_paused=is_paused)
        return PipelineState(state, is_paused, last, self._age(last), failures)

    def newsletter(self, last: StoredReport | None, latency: str) -> NewsletterAnswer:
        """Whether the newsletter works. `latency` is a text."""
        recorded = self.state.figures.last_run_named(CALLBACK_RUN, PipelineName.NEWSLETTER)
        facts = NewsletterFacts(
            airflow=self.airflow,
            waiting=self.state.figures.waiting_events(),
            last_callback=max(filter(None, (recorded, self.airflow.last_callback)), default=None),
            last_failed=None if last is None else last.state != "success",
            latency=latency,
            dag_id=self.dag_id(PipelineName.NEWSLETTER),
        )
        return newsletter_answer(facts, self.span)

    def _age(self, last: StoredReport | None) -> timedelta:
        return self.span.now - (last.finished_at or last.started_at) if last else timedelta()

    def _state(
        self,
        pipeline: PipelineName,
        last: StoredReport | None,
        failures: Iterable[StoredFailure],
        *,
        is_paused: bool,
    ) -> State:
        has_failed = last is not None and last.state != "success"
        if has_failed or any(not one.failure.retried for one in failures):
            return State.FAILED
        if is_paused:
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


def is_empty_resolve(run: StoredReport) -> bool:
    """Whether it is the newsletter task of a daily contact run that had no change to apply."""
    is_resolve = run.pipeline is PipelineName.NEWSLETTER and base_of(run.dag_id) != NEWSLETTER.dag_id
    return is_resolve and run.state == "success" and not run.report.counts.read


def shows_the_state(run: StoredReport) -> bool:
    """Whether the state of the pipeline is that of such a run."""
    return is_regular(run) and not is_empty_resolve(run)
