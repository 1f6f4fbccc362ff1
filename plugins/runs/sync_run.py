"""The run of a daily sync for the current task: its plan, and its report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import ObjectStoragePath, get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from include.outcomes import PipelineName
from include.pipeline.finish import finish
from include.pipeline.run import SyncRun, explain_staging_errors, require_complete
from include.pipeline.staging_retention import remove_old
from include.pipelines import DAILY_PIPELINES
from include.plan import RunPlan, RunRequest, plan_run
from include.setting_types import Settings
from include.staging import Staging
from include.state import StateStore
from plugins.runs.open_run import open_run, options_of, run_type_of, staging_base
from plugins.runs.run_key import run_identity
from plugins.runs.run_signals import announce

if TYPE_CHECKING:
    from airflow.sdk import Context

STAGES = ("extract", "transform", "load")
_PLAN = "plan.json"


@contextmanager
def sync_run(pipeline: PipelineName, *, after: ObjectStoragePath | None = None) -> Iterator[SyncRun]:
    """Open the run of the current task; close its clients and state store at the end.

    `after` is the folder of the stage before this one. Its plan is valid for the whole run, even if tasks are
    retried or cleared.
    """
    context = get_current_context()

    def plan_of(state: StateStore, settings: Settings, staging: Staging, dry_run: bool) -> RunPlan:
        if after is not None:
            return _staged_plan(Staging(after.parent), settings)
        return _plan(context, pipeline, state, settings, staging, dry_run=dry_run)

    options = options_of(context["params"], run_type_of(context["dag_run"]))
    with open_run(pipeline, plan_of, options) as run:
        yield run


def report_run(pipeline: PipelineName, *references: ObjectStoragePath | None) -> str:
    """Report on the stages and return the summary line. Raises UnsafeChange if the run must not pass.

    `references` are the folders that the tasks returned (None: the task did not finish).
    """
    known = next((reference for reference in references if reference), None)
    with sync_run(pipeline, after=known) as sync:
        require_complete(sync.settings, references)
        folders = {
            name: Staging(reference) if reference else sync.staging.within(name)
            for name, reference in zip(STAGES, references, strict=True)
        }
        try:
            report = finish(sync, run_identity(), folders, announce)
            return report.summary_line(sync.settings.schedule.zone)
        finally:
            remove_old(sync.state, staging_base(sync.settings), sync.settings, sync.now())


def _staged_plan(folder: Staging, settings: Settings) -> RunPlan:
    """Read the plan that the first task of the run has staged."""
    with explain_staging_errors(settings):
        return RunPlan.from_json(folder.read_json(_PLAN))


def _plan(
    context: Context,
    pipeline: PipelineName,
    state: StateStore,
    settings: Settings,
    folder: Staging,
    *,
    dry_run: bool,
) -> RunPlan:
    with explain_staging_errors(settings):
        if folder.has(_PLAN):
            return RunPlan.from_json(folder.read_json(_PLAN))
    request = _request(context, settings)
    if request.is_backfill and not DAILY_PIPELINES[pipeline].has_history:
        raise AirflowSkipException(
            "The catalogue has no history, so a back-fill would send today's catalogue once for each day. "
            f"Trigger {request.dag_id} once instead"
        )
    plan = plan_run(
        request,
        pipeline=DAILY_PIPELINES[pipeline],
        activated=state.progress.is_activated(pipeline),
        left_edge=state.progress.left_edge(pipeline),
        covered=state.progress.covered(pipeline),
        coverage_days=settings.run.coverage_days,
    )
    if request.run_type == "scheduled" and plan.window and not dry_run:
        state.progress.begin(pipeline, plan.window.start)
    folder.write_json(_PLAN, plan.to_json())
    return plan


def _request(context: Context, settings: Settings) -> RunRequest:
    """The run in plain values. A run triggered over REST with a null logical date has no data interval."""
    run: Any = context["dag_run"]
    params = context["params"]
    return RunRequest(
        run_type=run_type_of(run),
        run_after=run.run_after,
        data_interval_start=context.get("data_interval_start"),
        data_interval_end=context.get("data_interval_end"),
        mode=params["mode"],
        window_start=params["window_start"],
        window_end=params["window_end"],
        only=params["only"],
        replay=params["replay"],
        zone=settings.schedule.zone,
        dag_id=run.dag_id,
    )
