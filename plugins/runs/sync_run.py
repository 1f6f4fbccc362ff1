"""What Airflow knows of a run (context, params, connections) becomes the run that the flows work on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import ObjectStoragePath, get_current_context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowSkipException

from include.outcomes import PipelineName
from include.pipeline.run import SyncRun, files_gone, folder_of, kept_in
from include.plan import RunPlan, RunRequest, plan_run
from include.settings import Settings, load_settings
from include.staging import Staging
from include.state import StateStore
from plugins.hooks.accounts import shop_of
from plugins.hooks.connectif_hook import ConnectifHook
from plugins.hooks.vtex_hook import VtexHook
from plugins.runs.executor import require_one_machine
from plugins.runs.run_key import run_folder, run_key
from plugins.state import open_state

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.connectif.client import ConnectifClient
    from include.vtex.client import VtexClient


@contextmanager
def sync_run(pipeline: PipelineName, *, after: ObjectStoragePath | None = None) -> Iterator[SyncRun]:
    """The run that the current task belongs to, with clients and store; they are closed at the end.

    `after` is the folder of the stage before this one: its plan holds for the whole run, however often
    tasks are retried or cleared in between.
    """
    context = get_current_context()
    settings = load_settings()
    vtex, connectif = VtexHook().client, ConnectifHook().client
    with open_state(shop_of(vtex.account, connectif.account)) as state:
        base = staging_base(settings) / shop_folder(vtex, connectif)
        run, params = context["dag_run"], context["params"]
        staging = Staging(run_folder(base, run, params))
        begun = None if after is None else Staging(after.parent)
        yield SyncRun(
            pipeline=pipeline,
            run_key=run_key(run, params),
            plan=_plan_in(begun, settings) if begun else _plan(context, pipeline, state, settings, staging),
            staging=staging,
            kept=kept_in(base),
            settings=settings,
            state=state,
            vtex=vtex,
            connectif=connectif,
            dry_run=bool(params.get("dry_run")),
            backfill=run.run_type == "backfill",
            full_asked=params["mode"] == "full",
            allow_mass_change=bool(params.get("allow_mass_change")),
            allow_empty=bool(params.get("allow_empty")),
            installation=installation(),
        )


def installation() -> str:
    """The address under which people know this Airflow; "" where it is not configured."""
    return str(conf.get("api", "base_url", fallback="") or "")


def shop_folder(vtex: VtexClient, connectif: ConnectifClient) -> str:
    """`myshop-1a2b3c4d`: readable, and different for every pair."""
    return folder_of(shop_of(vtex.account, connectif.account))


def staging_base(settings: Settings) -> ObjectStoragePath:
    """Where staged files lie. A folder beside Airflow's home serves one machine only: with workers
    elsewhere ConfigurationError, before anything is read.
    """
    if settings.run.staging_path:
        return ObjectStoragePath(settings.run.staging_path)
    require_one_machine("staged files", "set SYNC_RUN__STAGING_PATH to a folder or bucket that all reach")
    home = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
    return ObjectStoragePath(f"file://{home}/staging")


def _plan_in(folder: Staging, settings: Settings) -> RunPlan:
    """The plan that the run's first task has staged."""
    with files_gone(settings):
        return RunPlan.from_json(folder.read_json(_PLAN))


def _plan(
    context: Context, pipeline: PipelineName, state: StateStore, settings: Settings, folder: Staging
) -> RunPlan:
    with files_gone(settings):
        if folder.has(_PLAN):
            return RunPlan.from_json(folder.read_json(_PLAN))
    request = _request(context)
    if pipeline is PipelineName.PRODUCTS and request.is_backfill:
        raise AirflowSkipException(
            "The catalogue has no history: a back-fill would send today's catalogue once for each day. "
            "Trigger sync_products once instead"
        )
    plan = plan_run(
        request,
        pipeline=pipeline,
        dag_id=context["dag_run"].dag_id,
        activated=state.is_activated(pipeline),
        left_edge=state.left_edge(pipeline),
        covered=state.covered(pipeline),
        coverage_days=settings.run.coverage_days,
    )
    if request.run_type == "scheduled" and plan.window and not context["params"].get("dry_run"):
        state.begin(pipeline, plan.window.start)
    folder.write_json(_PLAN, plan.to_json())
    return plan


_PLAN = "plan.json"


def _request(context: Context) -> RunRequest:
    """The run in plain values. A REST trigger with a null logical date has no data interval at all."""
    run: Any = context["dag_run"]
    params = context["params"]
    return RunRequest(
        run_type=str(getattr(run.run_type, "value", run.run_type)),
        run_after=run.run_after,
        data_interval_start=context.get("data_interval_start"),
        data_interval_end=context.get("data_interval_end"),
        mode=params["mode"],
        window_start=params["window_start"],
        window_end=params["window_end"],
        only=params["only"],
        replay=params["replay"],
    )
