"""The end of a run: save its report, outcomes and coverage, announce the report, and fail if necessary."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from include.errors import SyncError, TooManyRejected, UnsafeChange
from include.outcomes import Outcome, Reason
from include.pipeline.guards import is_empty_first_load, not_found_message
from include.pipeline.refusals import find_common_refusal
from include.pipeline.replay import note_on_unknown_keys
from include.pipeline.run import (
    SENT_AT_LAST,
    SyncRun,
    counts_of,
    explain_staging_errors,
    has_finished,
    outcomes_in,
    stage_started_at,
)
from include.report import Limits, Report, StageCounts
from include.run_name import RunIdentity, ids_of
from include.shops import section_of
from include.staging import Staging
from include.state import RecordOutcome, StateStore
from include.task_failure import TaskFailure, unrecorded_failure

log = logging.getLogger(__name__)


NOTHING_TO_SEND = (
    "no record of the first full load can be sent, so the pipeline is not activated. Correct what the reason "
    "codes say, or trigger the DAG with allow_empty"
)

Announce = Callable[[Report, bool], None]
"""Receives each saved report, and whether its run succeeds."""


def announce_nothing(_report: Report, _succeeds: bool) -> None:
    """For callers that announce reports to no other system."""


def finish(
    run: SyncRun, identity: RunIdentity, stages: Mapping[str, Staging], announce: Announce = announce_nothing
) -> Report:
    """Write the report and the outcomes of a daily run, also if one of its `stages` (by name) failed.

    UnsafeChange is raised after everything is written and announced: if a stage did not finish, the counts do
    not add up or too many records were rejected. StagingError is raised first if a staged file is missing or
    damaged.
    """
    with explain_staging_errors(run.settings):
        unfinished = unfinished_stages(stages)
        failures = failures_of(run, identity, unfinished)
        report = _report(run, stages, failures)
        rows = [row for folder in stages.values() for row in outcome_rows(folder)]
    limits = _limits(run)
    is_empty = not unfinished and is_empty_first_load(run, report, counts_of(stages["load"]))
    common = find_common_refusal(rows, report.counts.outcomes[Outcome.SENT])
    problems = [
        *_problems(run, report, limits),
        *([str(common)] if common else []),
        *([NOTHING_TO_SEND] if is_empty else []),
    ]
    if not run.dry_run:  # a dry run is no attempt to send the records
        run.state.records.save(run.pipeline, run.run_key, rows)
    if not unfinished and not is_empty:
        _remember_coverage(run, report, stage_started_at(stages["extract"]))
    rejected = not unfinished and (common is not None or report.too_many_rejected(limits))
    close_run(run, report, identity, problems, announce, error=TooManyRejected if rejected else UnsafeChange)
    return report


def close_run(
    run: SyncRun,
    report: Report,
    identity: RunIdentity,
    problems: Sequence[str],
    announce: Announce,
    *,
    error: type[SyncError] = UnsafeChange,
) -> None:
    """Save, log and announce the report; then raise `error` if there are problems."""
    save_report(run.state, report, identity, run.run_key, run.now(), failed=bool(problems))
    log.info("%s", report.summary_line(run.settings.schedule.zone))
    announce(report, not problems)
    raise_problems(report, problems, error)


def save_report(
    state: StateStore,
    report: Report,
    identity: RunIdentity,
    run_key: str,
    finished_at: datetime,
    *,
    failed: bool,
) -> None:
    """Write the report of a finished run to the state store."""
    state.reports.save(
        report,
        report.pipeline,
        dag_id=identity.dag_id,
        run_id=identity.run_id,
        clear_number=identity.clear_number,
        run_key=run_key,
        state="failed" if failed else "success",
        started_at=identity.started_at,
        finished_at=finished_at,
    )


def raise_problems(report: Report, problems: Sequence[str], error: type[SyncError] = UnsafeChange) -> None:
    """Raise `error` with all problems of the run, if it has any."""
    if problems:
        raise error(f"{report.pipeline}: {'; '.join(problems)}")


def unfinished_stages(stages: Mapping[str, Staging]) -> list[str]:
    """The stages that did not finish; StagingError if a file of a stage is missing or damaged."""
    for folder in stages.values():
        folder.check()
    return [name for name, folder in stages.items() if not has_finished(folder)]


def failures_of(run: SyncRun, identity: RunIdentity, unfinished: Sequence[str]) -> list[TaskFailure]:
    """Why each of the unfinished tasks failed."""
    if not unfinished:
        return []
    recorded = run.state.task_failures.of_run(identity.dag_id, identity.run_id, identity.started_at)
    known = {failure.task: failure for failure in recorded}
    return [
        known.get(task) or unrecorded_failure(identity.dag_id, identity.run_id, task, run.now())
        for task in unfinished
    ]


def unfinished_message(failure: TaskFailure) -> str:
    """The problem of a run whose task did not finish."""
    return f"the run ended in {failure}"


def _report(run: SyncRun, stages: Mapping[str, Staging], failures: Sequence[TaskFailure]) -> Report:
    counts = sum((counts_of(folder) for folder in stages.values()), StageCounts())
    counts.notes += note_on_unknown_keys(stages["extract"])
    return Report(
        pipeline=run.pipeline,
        mode=run.plan.mode,
        window=run.plan.window,
        dry_run=run.dry_run,
        gaps=list(run.plan.gaps),
        live=run.live,
        section=section_of(ids_of(run.run_key)[0]),
        counts=counts,
        failure=next(iter(failures), None),
    )


def _limits(run: SyncRun) -> Limits:
    """The limits for rejected records. A replay takes records that were rejected before, so it has none."""
    limits = run.settings.run
    percent = 100.0 if run.plan.replay else limits.reject_limit_percent
    return Limits(percent, limits.reject_limit_minimum)


def _problems(run: SyncRun, report: Report, limits: Limits) -> list[str]:
    if report.failure:
        return [unfinished_message(report.failure)]
    if run.plan.only and not report.counts.read:
        return [not_found_message(run.plan.only)]
    return report.problems(limits)


def outcome_rows(folder: Staging) -> Iterator[RecordOutcome]:
    """The outcomes of a stage for the state store: unsent records, and replayed records that were sent."""
    for outcomes in outcomes_in(folder):
        for key, outcome, reason, detail in outcomes.itertuples(index=False, name=None):
            yield RecordOutcome(key, Outcome(outcome), Reason(reason), detail)
    if folder.has(SENT_AT_LAST):
        for key in folder.read_frame(SENT_AT_LAST)["key"]:
            yield RecordOutcome(key, Outcome.SENT)


def _remember_coverage(run: SyncRun, report: Report, started: datetime) -> None:
    """A finished full load activates the pipeline. A window is covered up to the start of the run.

    If Connectif did not confirm all records, the window stays uncovered: the next run sends them again.
    """
    if run.dry_run or run.plan.is_partial or report.counts.reasons[Reason.TARGET_UNCONFIRMED]:
        return
    if run.plan.window is None:
        run.state.progress.mark_activated(run.pipeline, run.run_key, started)
    elif covered := run.plan.window.until(started):
        run.state.progress.cover(run.pipeline, covered)
