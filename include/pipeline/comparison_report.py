"""The end of a run of `reconcile`: its report, and whether it may pass."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from include.errors import UnsafeChange
from include.outcomes import PipelineName
from include.pipeline.differences import found_in
from include.pipeline.finish import Announce, announce_nothing, outcome_rows, unfinished_among
from include.pipeline.run import SyncRun, counts_of, files_gone, has_finished
from include.report import Limits, Report, StageCounts
from include.run_name import RunIdentity
from include.staging import Staging

log = logging.getLogger(__name__)


def finish_comparison(
    run: SyncRun,
    identity: RunIdentity,
    compared: Mapping[PipelineName, Staging],
    repaired: Staging,
    announce: Announce = announce_nothing,
) -> Report:
    """Write the report of a run, whatever became of its comparisons (folders by pipeline) and its repair.

    Differences do not fail a run: they are what it was made for. Raises UnsafeChange, after all is
    written and announced, when a task did not finish, or something does not add up.
    """
    with files_gone(run.settings):
        unfinished = unfinished_among(
            {f"compare_{pipeline}": folder for pipeline, folder in compared.items()}
        )
        repaired.check()
        repair_began = bool(repaired.names())
        if repair_began and not has_finished(repaired):
            unfinished.append("repair")
        report = _report(run, compared, repaired)
        rows = list(outcome_rows(repaired))
    limits = run.settings.run
    problems = report.problems(Limits(limits.reject_limit_percent, limits.reject_limit_minimum))
    problems += [f"the run ended in {name}: the last lines of that task's log say why" for name in unfinished]
    if repair_began:
        run.state.save_outcomes(PipelineName.PURCHASES, run.run_key, rows)
    run.state.save_report(
        report,
        PipelineName.RECONCILE,
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
        raise UnsafeChange(f"{PipelineName.RECONCILE}: {'; '.join(problems)}")
    return report


def _report(run: SyncRun, compared: Mapping[PipelineName, Staging], repaired: Staging) -> Report:
    counts = sum((counts_of(folder) for folder in (*compared.values(), repaired)), StageCounts())
    found = {pipeline: found for pipeline, folder in compared.items() if (found := found_in(folder))}
    if PipelineName.PURCHASES in found:
        found[PipelineName.PURCHASES] = found[PipelineName.PURCHASES].model_copy(
            update={"repaired": counts.written}
        )
    window = run.plan.window if PipelineName.PURCHASES in compared else None
    return Report(
        pipeline=PipelineName.RECONCILE, mode="compare", window=window, counts=counts, compared=found
    )
