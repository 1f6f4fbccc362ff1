"""From the current task to its run: the connections, the state store and the folders, in one place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import ObjectStoragePath, get_current_context
from airflow.sdk.configuration import conf

from include.outcomes import PipelineName
from include.pipeline.run import SyncRun, folder_of, kept_in
from include.plan import RunPlan
from include.settings import Settings, load_settings
from include.staging import Staging
from include.state import StateStore
from plugins.executor import require_one_machine
from plugins.hooks.accounts import shop_of
from plugins.hooks.connectif_hook import ConnectifHook
from plugins.hooks.vtex_hook import VtexHook
from plugins.runs.run_key import run_folder, run_key
from plugins.state import open_state

if TYPE_CHECKING:
    from include.connectif.client import ConnectifClient
    from include.vtex.client import VtexClient


@dataclass(frozen=True)
class RunOptions:
    """What the run's parameters allow, and how it came about; see `SyncRun`."""

    dry_run: bool = False
    backfill: bool = False
    full_asked: bool = False
    allow_mass_change: bool = False
    allow_empty: bool = False


PlanOf = Callable[[StateStore, Settings, Staging], RunPlan]
"""Gives the plan of a run from the state store, the settings and the run's folder."""


@contextmanager
def open_run(pipeline: PipelineName, plan_of: PlanOf, options: RunOptions) -> Iterator[SyncRun]:
    """The run that the current task belongs to, with clients and state store; they are closed at the end."""
    context = get_current_context()
    airflow_run, params = context["dag_run"], context["params"]
    settings = load_settings()
    vtex, connectif = VtexHook().client, ConnectifHook().client
    with open_state(shop_of(vtex.account, connectif.account)) as state:
        base = staging_base(settings) / shop_folder(vtex, connectif)
        staging = Staging(run_folder(base, airflow_run, params))
        yield SyncRun(
            pipeline=pipeline,
            run_key=run_key(airflow_run, params),
            plan=plan_of(state, settings, staging),
            staging=staging,
            kept=kept_in(base),
            settings=settings,
            state=state,
            vtex=vtex,
            connectif=connectif,
            dry_run=options.dry_run,
            backfill=options.backfill,
            full_asked=options.full_asked,
            allow_mass_change=options.allow_mass_change,
            allow_empty=options.allow_empty,
            installation=installation(),
        )


def run_type_of(airflow_run: Any) -> str:
    """Airflow's `scheduled`, `manual`, `backfill`, …, which comes as an enum or as text."""
    return str(getattr(airflow_run.run_type, "value", airflow_run.run_type))


def options_of(params: Mapping[str, Any], run_type: str) -> RunOptions:
    """The options of a daily run."""
    return RunOptions(
        dry_run=bool(params.get("dry_run")),
        backfill=run_type == "backfill",
        full_asked=params["mode"] == "full",
        allow_mass_change=bool(params.get("allow_mass_change")),
        allow_empty=bool(params.get("allow_empty")),
    )


def installation() -> str:
    """The address under which people know this Airflow; empty where it is not configured."""
    return str(conf.get("api", "base_url", fallback="") or "")


def shop_folder(vtex: VtexClient, connectif: ConnectifClient) -> str:
    """`myshop-1a2b3c4d`: readable, and different for every shop."""
    return folder_of(shop_of(vtex.account, connectif.account))


def staging_base(settings: Settings) -> ObjectStoragePath:
    """Where staged files are. A folder beside Airflow's home serves one machine only: with workers on others
    ConfigurationError, before anything is read.
    """
    if settings.run.staging_path:
        return ObjectStoragePath(settings.run.staging_path)
    require_one_machine("staged files", "set SYNC_RUN__STAGING_PATH to a folder or bucket that all reach")
    home = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
    return ObjectStoragePath(f"file://{home}/staging")
