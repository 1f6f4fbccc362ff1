"""The page "VTEX ↔ Connectif" in Airflow's api-server: how the syncs stand, behind Airflow's own permissions.

Everything on it comes from the store; neither VTEX nor Connectif is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from starlette.types import ASGIApp

from include.errors import SyncError
from include.explain import KIND_OF
from include.outcomes import Area, Reason
from include.page.overview import DAG_OF, overview
from include.page.status import PER_PAGE, Reader, RecordsPage, message_page, records_page, status_page
from include.settings import load_settings
from include.store import Store
from plugins.accounts import named_pair
from plugins.form_token import form_token
from plugins.page_app import may_read_runs, page_app
from plugins.sync_store import open_sync_store


def build() -> ASGIApp:
    """The application that the plugin mounts under `/vtex-connectif-status`."""
    return page_app({("GET", "/"): status, ("GET", "/records"): records})


def allowed_areas(user: GetUserDep) -> tuple[Area, ...]:
    """The areas whose DAG's runs this user may read; 403 when there is none."""
    areas = tuple(area for area, dag_id in DAG_OF.items() if may_read_runs(user, dag_id))
    if not areas:
        raise HTTPException(403, "you may not read the runs of any of these DAGs")
    return areas


AllowedAreas = Annotated[tuple[Area, ...], Depends(allowed_areas)]


def status(areas: AllowedAreas, request: Request) -> HTMLResponse:
    """All areas that the reader may see."""
    now = datetime.now(UTC)

    def page(store: Store, reader: Reader) -> str:
        return status_page(overview(store, areas, load_settings(), now), reader, now)

    return _answer(page, areas, request)


def records(
    areas: AllowedAreas,
    request: Request,
    area: Area,
    code: Reason,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """The records of an area that were not sent for a reason."""
    if area not in areas:
        raise HTTPException(403, f"you may not read the runs of {DAG_OF[area]}")

    def listed(store: Store, reader: Reader) -> str:
        found = store.outcomes(area, reason=code, limit=PER_PAGE + 1, offset=(page - 1) * PER_PAGE)
        more = len(found) > PER_PAGE
        return records_page(RecordsPage(area, code, found[:PER_PAGE], page, more), reader)

    return _answer(listed, areas, request)


def _answer(page: Callable[[Store, Reader], str], areas: tuple[Area, ...], request: Request) -> HTMLResponse:
    try:
        with _store() as (store, account):
            zone = ZoneInfo(load_settings().schedule.time_zone)
            may_explain = any(area in KIND_OF for area in areas)
            text = page(store, Reader(zone, account, may_explain, form_token(request)))
    except SyncError as problem:
        return HTMLResponse(message_page(str(problem)), status_code=503)
    return HTMLResponse(text)


@contextmanager
def _store() -> Iterator[tuple[Store, str]]:
    """The store of the pair of accounts that the connections name, and the shop's name."""
    pair = named_pair()
    with open_sync_store(pair) as store:
        yield store, pair.vtex_account
