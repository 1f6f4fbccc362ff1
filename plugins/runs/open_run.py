"""Opens clients, state store and folders: for the run of the current task, and to explain a record."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from airflow.sdk import ObjectStoragePath, get_current_context
from airflow.sdk.configuration import conf

from include.connectif.client import ConnectifClient
from include.connectif.store import read_store_id
from include.http.retry import RetryPolicy
from include.live import is_dry_run, is_live
from include.outcomes import PipelineName
from include.pipeline.explain_context import ExplainContext
from include.pipeline.run import SyncRun, kept_in
from include.plan import RunPlan
from include.setting_types import Settings
from include.shops import DEFAULT, ConfiguredShop, load_shops
from include.staging import Staging
from include.state import StateStore
from include.vtex.client import VtexClient
from plugins.executor import require_one_machine
from plugins.hooks.accounts import connectif_account, shop_of, vtex_account
from plugins.hooks.airflow_connections import connectif_connection, vtex_connection
from plugins.hooks.connectif_hook import ConnectifHook
from plugins.hooks.state_store import open_state
from plugins.hooks.vtex_hook import VtexHook
from plugins.runs.run_key import run_folder, run_key
from plugins.runs.shop_of_run import shop_of_run
from plugins.runs.staging_path import open_staging

_TWO_ATTEMPTS = RetryPolicy(attempts=2)
"""Few attempts: a user waits for the answer."""


@dataclass(frozen=True)
class RunOptions:
    """What the parameters of the run allow, and how the run was started; see `SyncRun`."""

    dry_run: bool = False
    backfill: bool = False
    full_asked: bool = False
    allow_mass_change: bool = False
    allow_empty: bool = False


PlanOf = Callable[[StateStore, Settings, Staging, bool], RunPlan]
"""Makes the plan of a run from the state store, the settings, the run's folder, and whether it is a dry run.
"""


@contextmanager
def open_run(pipeline: PipelineName, plan_of: PlanOf, options: RunOptions) -> Iterator[SyncRun]:
    """Open the run of the current task with its clients and state store; close them at the end."""
    context = get_current_context()
    airflow_run, params = context["dag_run"], context["params"]
    configured = shop_of_run()
    settings = configured.settings
    vtex = VtexHook(configured.vtex_connection).client
    connectif = ConnectifHook(configured.connectif_connection).client
    shop = shop_of(vtex.account, connectif.account, configured.section)
    live = is_live(settings.run.live, shop.vtex_host, shop.connectif_host)
    dry_run = is_dry_run(options.dry_run, live=live, section=configured.section)
    with open_state(shop, read_store_id=partial(read_store_id, connectif)) as state:
        base = staging_base(settings) / state.shop.folder
        staging = Staging(run_folder(base, airflow_run, params))
        yield SyncRun(
            pipeline=pipeline,
            run_key=run_key(airflow_run, params),
            plan=plan_of(state, settings, staging, dry_run),
            staging=staging,
            kept=kept_in(base),
            settings=settings,
            state=state,
            vtex=vtex,
            connectif=connectif,
            dry_run=dry_run,
            live=live,
            backfill=options.backfill,
            full_asked=options.full_asked,
            allow_mass_change=options.allow_mass_change,
            allow_empty=options.allow_empty,
            installation=installation(),
        )


def run_type_of(airflow_run: Any) -> str:
    """Airflow's `scheduled`, `manual`, `backfill`, … as text; Airflow passes an enum or a text."""
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
    """The public address of this Airflow; empty if it is not configured."""
    return str(conf.get("api", "base_url", fallback="") or "")


def staging_base(settings: Settings) -> ObjectStoragePath:
    """The folder or bucket of staged files; ConfigurationError if it cannot be opened.

    By default it is in Airflow's home, which works on one machine only. With workers on other machines raise
    ConfigurationError, before anything is read.
    """
    if settings.run.staging_path:
        return open_staging(settings.run.staging_path)
    require_one_machine(
        "staged files", "set SYNC_RUN__STAGING_PATH to a folder or bucket that all workers can use"
    )
    home = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
    return ObjectStoragePath(f"file://{home}/staging")


@contextmanager
def open_explain_context(configured: ConfiguredShop | None = None) -> Iterator[ExplainContext]:
    """Open clients and state store for the explain page and `make explain`; close them at the end.

    By default for the shop without a section. SyncError if a connection is missing or wrong.
    """
    configured = configured or load_shops().get(DEFAULT)
    settings = configured.settings
    vtex = VtexClient(vtex_account(vtex_connection(configured.vtex_connection)), retry=_TWO_ATTEMPTS)
    connectif = ConnectifClient(
        connectif_account(connectif_connection(configured.connectif_connection)),
        keep_free_percent=settings.connectif.keep_free_percent,
        retry=_TWO_ATTEMPTS,
    )
    shop = shop_of(vtex.account, connectif.account, configured.section)
    with (
        vtex.transport.session,
        connectif.transport.session,
        vtex.transport.reading_only(),
        connectif.transport.reading_only(),
        open_state(shop) as state,
    ):
        kept = kept_in(staging_base(settings) / state.shop.folder)
        yield ExplainContext(settings, state, vtex, connectif, kept, section=configured.section)
