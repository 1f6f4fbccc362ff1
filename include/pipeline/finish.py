"""The end of a daily run: its report, its records' outcomes, what it has covered; and whether it may pass."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from include.errors import TooManyRejected, UnsafeChange
from include.outcomes import Outcome, Reason
from include.pipeline.empty_load import is_empty_first_load, not_found
from include.pipeline.run import (
    SENT_AT_LAST,
    SyncRun,
    counts_of,
    files_gone,
    has_finished,
    outcomes_in,
    stage_started_at,
)
from include.report import Limits, Report, StageCounts
from include.run_name import RunIdentity
from include.staging import Staging
from include.state import RecordOutcome

log = logging.getLogger(__name__)


NOTHING_WENT = (
    "no record of the first full load can be sent, so the pipeline is not activated. Correct what the reason "
    "codes say, or trigger the DAG with allow_empty"
)

Announce = Callable[[Report, bool], None]
"""Told of a report once it is kept, and whether its run may pass."""


def announce_nothing(_report: Report, _passed: bool) -> None:
    """For who has nobody to tell."""


def finish(
    run: SyncRun, identity: RunIdentity, stages: Mapping[str, Staging], announce: Announce = announce_nothing
) -> Report:
    """Write the report and the outcomes of a run, whatever became of its `stages` (by name, in order).

    Raises UnsafeChange, after all is written and announced, when a stage did not finish, the counts do not
    add up or too many records were rejected; StagingError, before, when a file of theirs is gone or damaged.
    """
    with files_gone(run.settings):
        unfinished = unfinished_among(stages)
        report = _report(run, stages)
        rows = [row for folder in stages.values() for row in outcome_rows(folder)]
    limits = _limits(run)
    empty = not unfinished and is_empty_first_load(run, report, counts_of(stages["load"]))
    problems = [*_problems(run, report, limits, unfinished), *([NOTHING_WENT] if empty else [])]
    run.state.save_outcomes(run.pipeline, run.run_key, rows)
    if not unfinished and not empty:
        _remember_coverage(run, report, stage_started_at(stages["extract"]))
    run.state.save_report(
        report,
        run.pipeline,
        dag_id=identity.dag_id,
        run_id=identity.run_id,
        clear_number=identity.clear_number,
        run_key=run.run_key,
        state="failed" if problems else "success",
        started_at=identity.started_at,
        finished_at=run.now(),
    )
    log.info("%s", report.summary_line())
    announce(report, not problems)
    if problems:
        rejected = not unfinished and report.too_many_rejected(limits)
        raise (TooManyRejected if rejected else UnsafeChange)(f"{run.pipeline}: {'; '.join(problems)}")
    return report


def unfinished_among(stages: Mapping[str, Staging]) -> list[str]:
    """The stages that did not finish; StagingError when one left a file that is gone or damaged since."""
    for folder in stages.values():
        folder.check()
    return [name for name, folder in stages.items() if not has_finished(folder)]


def _report(run: SyncRun, stages: Mapping[str, Staging]) -> Report:
    return Report(
        pipeline=run.pipeline,
        mode=run.plan.mode,
        window=run.plan.window,
        dry_run=run.dry_run,
        gaps=list(run.plan.gaps),
        counts=sum((counts_of(folder) for folder in stages.values()), StageCounts()),
    )


def _limits(run: SyncRun) -> Limits:
    """Of what was rejected before, much may be rejected again: that is an answer, no alarm."""
    limits = run.settings.run
    percent = 100.0 if run.plan.replay else limits.reject_limit_percent
    return Limits(percent, limits.reject_limit_minimum)


def _problems(run: SyncRun, report: Report, limits: Limits, unfinished: list[str]) -> list[str]:
    if unfinished:
        return [f"the run ended in {unfinished[0]}: the last lines of that task's log say why"]
    if run.plan.only and not report.counts.read:
        return [not_found(run.plan.only)]
    return report.problems(limits)


def outcome_rows(folder: Staging) -> Iterator[RecordOutcome]:
    """What the store has to know of a stage: records that were not sent, and those that are at last."""
    for outcomes in outcomes_in(folder):
        for key, outcome, reason, detail in outcomes.itertuples(index=False, name=None):
            yield RecordOutcome(key, Outcome(outcome), Reason(reason), detail)
    if folder.has(SENT_AT_LAST):
        for key in folder.read_frame(SENT_AT_LAST)["key"]:
            yield RecordOutcome(key, Outcome.SENT)


def _remember_coverage(run: SyncRun, report: Report, began: datetime) -> None:
    """A finished full load activates the pipeline; a window is covered as far as it lay in the past. Where
    records perhaps did not arrive, the next run takes them again."""
    if run.dry_run or run.plan.is_partial or report.counts.reasons[Reason.TARGET_UNCONFIRMED]:
        return
    if run.plan.window is None:
        run.state.mark_activated(run.pipeline, run.run_key, began)
    elif covered := run.plan.window.until(began):
        run.state.cover(run.pipeline, covered)
