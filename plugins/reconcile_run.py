"""What Airflow knows of a run of `reconcile` becomes the comparisons, the repair and their report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from airflow.sdk import ObjectStoragePath, get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from include.outcomes import Area
from include.plan import RunPlan, RunRequest
from include.settings import Settings, load_settings
from include.staging import Staging
from include.sync.cleaning import remove_old
from include.sync.finish import RunIdentity
from include.sync.reconcile.plan import plan_of
from include.sync.reconcile.report import finish_comparison
from include.sync.run import KEPT, SyncRun, run_stage, safe_name
from plugins.accounts import pair_of
from plugins.connectif_hook import ConnectifHook
from plugins.parameters import check_repair
from plugins.run_key import run_key
from plugins.run_signals import announce
from plugins.sync_run import pair_folder, staging_base
from plugins.sync_store import open_sync_store
from plugins.vtex_hook import VtexHook

if TYPE_CHECKING:
    from types import ModuleType

REPAIR = "repair"


def compare_area(area: str) -> ObjectStoragePath:
    """Compare one area; returns the folder with what was found. Skips one that was not asked for."""
    if area not in get_current_context()["params"]["areas"]:
        raise AirflowSkipException(f"{area} were not asked for")
    with _run_of(Area(area)) as run:
        return ObjectStoragePath(str(run_stage(run, _stage(area), _flow(area).compare)))


def repair_purchases(purchases: ObjectStoragePath) -> ObjectStoragePath:
    """Send what was found missing; skips where neither the run nor, in the weekly one, a setting wants it."""
    context = get_current_context()
    weekly = _run_type() == "scheduled"
    if not context["params"]["repair"] and not (weekly and load_settings().reconcile.repair_weekly):
        raise AirflowSkipException("nothing is sent without the parameter repair")
    flow = _flow(Area.PURCHASES)
    with _run_of(Area.PURCHASES) as run:
        source = Staging(purchases)
        done = run_stage(run, REPAIR, lambda run, target: flow.repair(run, target, source=source))
        return ObjectStoragePath(str(done))


def report_run() -> str:
    """Keep the report of the run; returns its summary line. UnsafeChange when the run must not pass."""
    context = get_current_context()
    airflow_run = context["dag_run"]
    with _run_of(Area.RECONCILE) as run:
        identity = RunIdentity(
            airflow_run.dag_id,
            airflow_run.run_id,
            airflow_run.clear_number or 0,
            airflow_run.start_date or airflow_run.run_after,
        )
        folders = {Area(area): run.staging.within(_stage(area)) for area in context["params"]["areas"]}
        repaired = run.staging.within(REPAIR)
        try:
            return finish_comparison(run, identity, folders, repaired, announce).summary_line()
        finally:
            remove_old(run.store, staging_base(run.settings), run.settings, run.now())


def _stage(area: str) -> str:
    return f"compare_{Area(area).value}"


def _flow(area: str) -> ModuleType:
    """The area's comparison: `include.sync.reconcile.contacts` and so on."""
    return import_module(f"include.sync.reconcile.{Area(area).value}")


@contextmanager
def _run_of(area: Area) -> Iterator[SyncRun]:
    """The run that the current task belongs to, with clients and store; they are closed at the end."""
    airflow_run = get_current_context()["dag_run"]
    settings = load_settings()
    vtex, connectif = VtexHook().client, ConnectifHook().client
    with open_sync_store(pair_of(vtex.account, connectif.account)) as store:
        base = staging_base(settings) / pair_folder(vtex, connectif)
        clear = str(airflow_run.clear_number or 0)
        staging = Staging(base / airflow_run.dag_id / safe_name(airflow_run.run_id) / clear)
        yield SyncRun(
            area=area,
            run_key=run_key(airflow_run),
            plan=_plan(area, settings),
            staging=staging,
            kept=Staging(base / KEPT),
            settings=settings,
            store=store,
            vtex=vtex,
            connectif=connectif,
            backfill=True,
            allow_empty=True,  # a comparison with an empty shop is an answer
        )


def _plan(area: Area, settings: Settings) -> RunPlan:
    """The same for all tasks and attempts: it hangs on the instant for which the run was made."""
    context = get_current_context()
    run, params = context["dag_run"], context["params"]
    request = RunRequest(
        run_type=_run_type(),
        run_after=run.run_after,
        window_start=params["window_start"],
        window_end=params["window_end"],
    )
    check_repair(params["repair"], params["areas"])
    return plan_of(request, area, settings)


def _run_type() -> str:
    run_type = get_current_context()["dag_run"].run_type
    return str(getattr(run_type, "value", run_type))
