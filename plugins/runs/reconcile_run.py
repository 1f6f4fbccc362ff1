"""The run of `reconcile` for the current task: its comparisons, the repair and their report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from airflow.sdk import ObjectStoragePath, get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from include.outcomes import PipelineName
from include.pipeline.comparison import finish_comparison, plan_comparison
from include.pipeline.run import SyncRun, require_complete, run_stage
from include.pipeline.staging_retention import remove_old
from include.pipelines import DAILY_PIPELINES
from include.plan import RunPlan, RunRequest
from include.purchases.reconcile import repair
from include.setting_types import Settings
from include.staging import Staging
from include.state import StateStore
from plugins.runs.open_run import RunOptions, open_run, run_type_of, staging_base
from plugins.runs.params import check_repair
from plugins.runs.run_key import run_identity
from plugins.runs.run_signals import announce
from plugins.runs.shop_of_run import shop_of_run

REPAIR = "repair"
_OPTIONS = RunOptions(
    backfill=True,
    allow_empty=True,  # comparing an empty shop is a valid result
)


def compare_pipeline(pipeline: str) -> ObjectStoragePath:
    """Compare one pipeline and return the folder of differences. Skip it if it is not in `pipelines`."""
    if pipeline not in get_current_context()["params"]["pipelines"]:
        raise AirflowSkipException(f"{pipeline} are not in the parameter pipelines")
    name = PipelineName(pipeline)
    with _reconcile_run(name) as run:
        return ObjectStoragePath(str(run_stage(run, _stage(name), DAILY_PIPELINES[name].code().compare)))


def repair_purchases(purchases: ObjectStoragePath) -> ObjectStoragePath:
    """Send the missing purchases. Skip this unless `repair` is set, or `repair_weekly` for a weekly run."""
    context = get_current_context()
    weekly = run_type_of(context["dag_run"]) == "scheduled"
    if not context["params"]["repair"] and not (weekly and shop_of_run().settings.reconcile.repair_weekly):
        raise AirflowSkipException("nothing is sent without the parameter repair")
    with _reconcile_run(PipelineName.PURCHASES) as run:
        return ObjectStoragePath(str(run_stage(run, REPAIR, repair, source=Staging(purchases))))


def report_run(*references: ObjectStoragePath | None) -> str:
    """Report on the tasks and return the summary line. Raises UnsafeChange if the run must not pass.

    `references` are the folders that the tasks returned (None: the task was skipped or did not finish).
    """
    pipelines = get_current_context()["params"]["pipelines"]
    with _reconcile_run(PipelineName.RECONCILE) as run:
        require_complete(run.settings, references)
        known = {reference.name: Staging(reference) for reference in references if reference}
        names = [PipelineName(pipeline) for pipeline in pipelines]
        folders = {name: _folder(run, known, _stage(name)) for name in names}
        repaired = _folder(run, known, REPAIR)
        try:
            report = finish_comparison(run, run_identity(), folders, repaired, announce)
            return report.summary_line(run.settings.schedule.zone)
        finally:
            remove_old(run.state, staging_base(run.settings), run.settings, run.now())


def _folder(run: SyncRun, known: Mapping[str, Staging], stage: str) -> Staging:
    """The folder that the task returned. If only later tasks were cleared, it is from the earlier attempt."""
    return known.get(stage) or run.staging.within(stage)


def _stage(pipeline: PipelineName) -> str:
    return f"compare_{pipeline}"


@contextmanager
def _reconcile_run(pipeline: PipelineName) -> Iterator[SyncRun]:
    def plan(_state: StateStore, settings: Settings, _staging: Staging, _dry_run: bool) -> RunPlan:
        return _plan(pipeline, settings)

    with open_run(pipeline, plan, _OPTIONS) as run:
        yield run


def _plan(pipeline: PipelineName, settings: Settings) -> RunPlan:
    """Make the plan: the same for all tasks and attempts, because it depends on the run's `run_after`."""
    context = get_current_context()
    run, params = context["dag_run"], context["params"]
    request = RunRequest(
        run_type=run_type_of(run),
        run_after=run.run_after,
        window_start=params["window_start"],
        window_end=params["window_end"],
        zone=settings.schedule.zone,
    )
    check_repair(params["repair"], params["pipelines"])
    return plan_comparison(request, pipeline, settings)
