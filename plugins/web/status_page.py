"""The page "VTEX ↔ Connectif" in Airflow's api-server: the state of the syncs, with Airflow's permissions.

The page reads only the state store; it does not call VTEX or Connectif.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp

from include.errors import SyncError
from include.outcomes import PipelineName, Reason
from include.page.overview import overview
from include.page.status import PER_PAGE, Reader, RecordsPage, message_page, records_page, status_page
from include.pipelines import DAILY_PIPELINES, PIPELINES, pipeline_of
from include.settings import load_settings
from include.state import StateStore
from plugins.airflow_links import page_of_dag, page_of_run
from plugins.hooks.accounts import shop_of_connections
from plugins.state import open_state
from plugins.web.page_app import form_token, may_read_runs, page_app

OTHER_DAG = (
    "The runs of this DAG have no records of customers, products, purchases or newsletter changes. "
    "Browse > VTEX ↔ Connectif shows all syncs"
)


def build() -> ASGIApp:
    """The application that the plugin mounts under `/vtex-connectif-status`."""
    return page_app({("GET", "/"): status, ("GET", "/records"): records, ("GET", "/open"): open_from_airflow})


def allowed_pipelines(user: GetUserDep) -> tuple[PipelineName, ...]:
    """The pipelines of the DAGs whose runs this user may read; 403 if there is none."""
    pipelines = tuple(each.name for each in PIPELINES.values() if may_read_runs(user, each.dag_id))
    if not pipelines:
        raise HTTPException(403, "you may not read the runs of any of these DAGs")
    return pipelines


AllowedPipelines = Annotated[tuple[PipelineName, ...], Depends(allowed_pipelines)]


def status(pipelines: AllowedPipelines, request: Request) -> HTMLResponse:
    """Show all pipelines that the user may see."""
    now = datetime.now(UTC)

    def page(state: StateStore, reader: Reader) -> str:
        return status_page(overview(state, pipelines, load_settings(), now), reader, now)

    return _answer(page, pipelines, request)


def records(
    pipelines: AllowedPipelines,
    request: Request,
    pipeline: PipelineName,
    code: Reason,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """List the records of a pipeline that were not sent for one reason."""
    if pipeline not in pipelines:
        raise HTTPException(403, f"you may not read the runs of {PIPELINES[pipeline].dag_id}")

    def listed(state: StateStore, reader: Reader) -> str:
        found = state.records.outcomes(
            pipeline, reason=code, limit=PER_PAGE + 1, offset=(page - 1) * PER_PAGE
        )
        more = len(found) > PER_PAGE
        return records_page(RecordsPage(pipeline, code, found[:PER_PAGE], page, more), reader)

    return _answer(listed, pipelines, request)


def open_from_airflow(dag_id: str, run_id: str = "") -> Response:
    """Lead from a tab in Airflow's UI to the records of the run, or without a run to the part about the DAG.

    Airflow knows the ids of the DAG and of the run, but not our pipeline.
    """
    if pipeline_of(dag_id) is None:
        return HTMLResponse(message_page(OTHER_DAG))
    path = page_of_run(dag_id, run_id) if run_id else page_of_dag(dag_id)
    return RedirectResponse(f"../{path}")


def _answer(
    page: Callable[[StateStore, Reader], str], pipelines: tuple[PipelineName, ...], request: Request
) -> HTMLResponse:
    try:
        with _state() as (state, account):
            zone = ZoneInfo(load_settings().schedule.time_zone)
            may_explain = any(pipeline in DAILY_PIPELINES for pipeline in pipelines)
            text = page(state, Reader(zone, account, may_explain, form_token(request)))
    except SyncError as problem:
        return HTMLResponse(message_page(str(problem)), status_code=503)
    return HTMLResponse(text)


@contextmanager
def _state() -> Iterator[tuple[StateStore, str]]:
    """Open the state store of the shop of the connections; yield it with the shop's VTEX account."""
    shop = shop_of_connections()
    with open_state(shop) as state:
        yield state, shop.vtex_account
