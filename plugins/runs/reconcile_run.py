"""What Airflow knows of a run of `reconcile` becomes the comparisons, the repair and their report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from airflow.sdk import ObjectStoragePath, get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from include.outcomes import PipelineName
from include.pipeline.comparison_plan import plan_of
from include.pipeline.comparison_report import finish_comparison
from include.pipeline.finish import RunIdentity
from include.pipeline.run import SyncRun, kept_in, require_complete, run_stage
from include.pipeline.staging_retention import remove_old
from include.plan import RunPlan, RunRequest
from include.settings import Settings, load_settings
from include.staging import Staging
from plugins.hooks.accounts import shop_of
from plugins.hooks.connectif_hook import ConnectifHook
from plugins.hooks.vtex_hook import VtexHook
from plugins.runs.params import check_repair
from plugins.runs.run_key import run_folder, run_key
from plugins.runs.run_signals import announce
from plugins.runs.sync_run import installation, shop_folder, staging_base
from plugins.state import open_state

if TYPE_CHECKING:
    from types import ModuleType

REPAIR = "repair"


def compare_pipeline(pipeline: str) -> ObjectStoragePath:
    """Compare one pipeline; returns the folder with what was found. Skips one that was not asked for."""
    if pipeline not in get_current_context()["params"]["pipelines"]:
        raise AirflowSkipException(f"{pipeline} were not asked for")
    with _run_of(PipelineName(pipeline)) as run:
        return ObjectStoragePath(str(run_stage(run, _stage(pipeline), _flow(pipeline).compare)))


def repair_purchases(purchases: ObjectStoragePath) -> ObjectStoragePath:
    """Send what was found missing; skips where neither the run nor, in the weekly one, a setting wants it."""
    context = get_current_context()
    weekly = _run_type() == "scheduled"
    if not context["params"]["repair"] and not (weekly and load_settings().reconcile.repair_weekly):
        raise AirflowSkipException("nothing is sent without the parameter repair")
    flow = _flow(PipelineName.PURCHASES)
    with _run_of(PipelineName.PURCHASES) as run:
        return ObjectStoragePath(str(run_stage(run, REPAIR, flow.repair, source=Staging(purchases))))


def report_run(*references: ObjectStoragePath | None) -> str:
    """Report on the tasks, given by the folders that they returned (None: skipped, or not finished).

    Returns the summary line. Raises UnsafeChange when the run must not pass.
    """
    context = get_current_context()
    airflow_run = context["dag_run"]
    with _run_of(PipelineName.RECONCILE) as run:
        identity = RunIdentity(
            airflow_run.dag_id,
            airflow_run.run_id,
            airflow_run.clear_number or 0,
            airflow_run.start_date or airflow_run.run_after,
        )
        require_complete(run.settings, references)
        known = {reference.name: Staging(reference) for reference in references if reference}
        folders = {
            PipelineName(pipeline): _folder(run, known, _stage(pipeline))
            for pipeline in context["params"]["pipelines"]
        }
        repaired = _folder(run, known, REPAIR)
        try:
            return finish_comparison(run, identity, folders, repaired, announce).summary_line()
        finally:
            remove_old(run.state, staging_base(run.settings), run.settings, run.now())


def _folder(run: SyncRun, known: Mapping[str, Staging], stage: str) -> Staging:
    """The folder that the task returned: after a clear of later tasks it is that of an earlier clear."""
    return known.get(stage) or run.staging.within(stage)


def _stage(pipeline: str) -> str:
    return f"compare_{PipelineName(pipeline).value}"


def _flow(pipeline: str) -> ModuleType:
    """The pipeline's comparison: `include.contacts.reconcile` and so on."""
    return import_module(f"include.{PipelineName(pipeline).value}.reconcile")


@contextmanager
def _run_of(pipeline: PipelineName) -> Iterator[SyncRun]:
    """The run that the current task belongs to, with clients and store; they are closed at the end."""
    airflow_run = get_current_context()["dag_run"]
    settings = load_settings()
    vtex, connectif = VtexHook().client, ConnectifHook().client
    with open_state(shop_of(vtex.account, connectif.account)) as state:
        base = staging_base(settings) / shop_folder(vtex, connectif)
        params = get_current_context()["params"]
        yield SyncRun(
            pipeline=pipeline,
            run_key=run_key(airflow_run, params),
            plan=_plan(pipeline, settings),
            staging=Staging(run_folder(base, airflow_run, params)),
            kept=kept_in(base),
            settings=settings,
            state=state,
            vtex=vtex,
            connectif=connectif,
            backfill=True,
            allow_empty=True,  # a comparison with an empty shop is an answer
            installation=installation(),
        )


def _plan(pipeline: PipelineName, settings: Settings) -> RunPlan:
    """The same for all tasks and attempts: it hangs on the instant for which the run was made."""
    context = get_current_context()
    run, params = context["dag_run"], context["params"]
    request = RunRequest(
        run_type=_run_type(),
        run_after=run.run_after,
        window_start=params["window_start"],
        window_end=params["window_end"],
    )
    check_repair(params["repair"], params["pipelines"])
    return plan_of(request, pipeline, settings)


def _run_type() -> str:
    run_type = get_current_context()["dag_run"].run_type
    return str(getattr(run_type, "value", run_type))
