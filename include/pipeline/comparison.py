"""A run of `reconcile`: what it compares, its report, and whether the run fails."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from include.outcomes import PipelineName
from include.pipeline.differences import read_comparison
from include.pipeline.finish import (
    Announce,
    announce_nothing,
    close_run,
    failures_of,
    outcome_rows,
    unfinished_message,
    unfinished_stages,
)
from include.pipeline.run import SyncRun, counts_of, explain_staging_errors, has_finished
from include.plan import RunPlan, RunRequest
from include.report import Limits, Report, StageCounts
from include.run_name import RunIdentity, ids_of
from include.setting_types import Settings
from include.shops import section_of
from include.staging import Staging
from include.window import Window


def plan_comparison(request: RunRequest, pipeline: PipelineName, settings: Settings) -> RunPlan:
    """The plan to compare one pipeline; ConfigurationError if only one end of the window is given.

    Purchases are compared in the requested window, else in the last days. The default window ends where
    VTEX's index surely shows every order. Products and contacts have no history, so all of them are compared.
    """
    requested = request.asked_window()
    if pipeline not in {PipelineName.PURCHASES, PipelineName.RECONCILE}:
        return RunPlan("full", None, (), f"{pipeline} of both sides are compared")
    end = request.run_after - timedelta(minutes=settings.purchases.index_lag_minutes)
    window = requested or Window(end - timedelta(days=settings.reconcile.days), end)
    why = f"purchases of {window.in_zone(request.zone)} at both sides are compared"
    return RunPlan("window", window, (), why)


def finish_comparison(
    run: SyncRun,
    identity: RunIdentity,
    compared: Mapping[PipelineName, Staging],
    repaired: Staging,
    announce: Announce = announce_nothing,
) -> Report:
    """Write the report of a run, also if a comparison (folders by pipeline) or the repair failed.

    Differences do not fail a run: to find them is its purpose. If a task did not finish, or the counts do not
    add up, UnsafeChange is raised after everything is written and announced.
    """
    with explain_staging_errors(run.settings):
        unfinished = unfinished_stages(
            {f"compare_{pipeline}": folder for pipeline, folder in compared.items()}
        )
        repaired.check()
        repair_started = bool(repaired.names())
        if repair_started and not has_finished(repaired):
            unfinished.append("repair")
        report = _report(run, compared, repaired)
        failures = failures_of(run, identity, unfinished)
        report.failure = next(iter(failures), None)
        rows = list(outcome_rows(repaired))
    limits = run.settings.run
    problems = report.problems(Limits(limits.reject_limit_percent, limits.reject_limit_minimum))
    problems += map(unfinished_message, failures)
    if repair_started and not run.dry_run:
        run.state.records.save(PipelineName.PURCHASES, run.run_key, rows)
    close_run(run, report, identity, problems, announce)
    return report


def _report(run: SyncRun, compared: Mapping[PipelineName, Staging], repaired: Staging) -> Report:
    counts = sum((counts_of(folder) for folder in (*compared.values(), repaired)), StageCounts())
    results = {
        pipeline: result for pipeline, folder in compared.items() if (result := read_comparison(folder))
    }
    if PipelineName.PURCHASES in results:
        results[PipelineName.PURCHASES] = results[PipelineName.PURCHASES].model_copy(
            update={"repaired": counts.written}
        )
    window = run.plan.window if PipelineName.PURCHASES in compared else None
    return Report(
        pipeline=PipelineName.RECONCILE,
        mode="compare",
        window=window,
        dry_run=run.dry_run,
        live=run.live,
        section=section_of(ids_of(run.run_key)[0]),
        counts=counts,
        compared=results,
    )
